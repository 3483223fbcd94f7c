//! How much memory the codes of a lossless picture take (RFC 9649, section 3). Each block of it may name a group of five codes, 65,536 groups at
//! most, and the decoder builds all of them: a picture of 32 pixels a side in four megabytes had it take more than one gigabyte. So they are
//! read here first, up to where the pixels begin, and none is kept.

/// Bits of a stream, the lowest of a byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn one(&mut self) -> Option<usize> {
        let byte = usize::from(*self.bytes.get(self.at / 8)?);
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Some(bit)
    }

    /// A number of so many bits, the lowest first.
    fn take(&mut self, count: u32) -> Option<usize> {
        (0..count).try_fold(0, |number, at| Some(number | self.one()? << at))
    }
}

/// A Huffman code (section 3.7.2).
struct Code {
    /// How many symbols have a code of each length.
    counts: [usize; 16],
    /// In the order of their codes. One that is alone takes no bits.
    symbols: Vec<usize>,
}

impl Code {
    fn read(bits: &mut Bits, alphabet: usize) -> Option<Self> {
        if bits.take(1)? == 0 {
            return Self::of(&lengths(bits, alphabet)?);
        }
        let is_pair = bits.take(1)? == 1;
        let width = if bits.take(1)? == 1 { 8 } else { 1 };
        let mut symbols = vec![bits.take(width)?];
        if is_pair {
            symbols.push(bits.take(8)?);
        }
        let mut counts = [0; 16];
        counts[1] = symbols.len();
        symbols.iter().all(|symbol| *symbol < alphabet).then_some(Self { counts, symbols })
    }

    /// The one of which these are the lengths, 0 where a symbol has no code.
    fn of(lengths: &[usize]) -> Option<Self> {
        let mut counts = [0usize; 16];
        for length in lengths.iter().filter(|length| **length > 0) {
            counts[*length] += 1;
        }
        let all: usize = counts.iter().sum();
        let used: usize = counts.iter().enumerate().map(|(length, count)| count << (16 - length)).sum();
        // Every code begins a symbol.
        if all == 0 || (all > 1 && used != 1 << 16) {
            return None;
        }
        // Where the symbols of each length begin.
        let (mut places, mut before) = (counts, 0);
        for place in &mut places {
            let count = *place;
            *place = before;
            before += count;
        }
        let mut symbols = vec![0; all];
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            symbols[places[*length]] = symbol;
            places[*length] += 1;
        }
        Some(Self { counts, symbols })
    }

    fn symbol(&self, bits: &mut Bits) -> Option<usize> {
        if let [alone] = self.symbols[..] {
            return Some(alone);
        }
        let (mut code, mut first, mut place) = (0usize, 0, 0);
        for &count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return self.symbols.get(place + code - first).copied();
            }
            place += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }

    /// Memory that the decoder takes for it: a table for codes of up to ten bits, and two nodes of a tree for each longer one.
    fn bytes(&self) -> u64 {
        /// Itself, and what lies around its lists.
        const ALWAYS: u64 = 128;
        if self.symbols.len() == 1 {
            return ALWAYS;
        }
        let longest = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let long: usize = self.counts[11..].iter().sum();
        ALWAYS + (4u64 << longest.min(10)) + 32 * long as u64
    }
}

/// The lengths of a code's symbols, which are themselves coded.
fn lengths(bits: &mut Bits, alphabet: usize) -> Option<Vec<usize>> {
    const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut of_lengths = [0; ORDER.len()];
    for symbol in &ORDER[..4 + bits.take(4)?] {
        of_lengths[*symbol] = bits.take(3)?;
    }
    let code = Code::of(&of_lengths)?;
    let mut left = alphabet;
    if bits.take(1)? == 1 {
        let width = 2 + 2 * bits.take(3)? as u32;
        left = 2 + bits.take(width)?;
    }
    if left > alphabet {
        return None;
    }
    let (mut lengths, mut before) = (Vec::with_capacity(alphabet), 8);
    while lengths.len() < alphabet && left > 0 {
        left -= 1;
        let (count, length) = match code.symbol(bits)? {
            16 => (3 + bits.take(2)?, before),
            17 => (3 + bits.take(3)?, 0),
            18 => (11 + bits.take(7)?, 0),
            length => (1, length),
        };
        lengths.resize(lengths.len() + count, length);
        if length > 0 {
            before = length;
        }
    }
    (lengths.len() <= alphabet).then_some(lengths)
}

/// How many symbols the five codes of a group have: greens, lengths of copies and cached colours; reds, blues, alphas; distances of copies.
fn alphabets(bits: &mut Bits) -> Option<[usize; 5]> {
    let cached = if bits.take(1)? == 1 { 1 << bits.take(4)? } else { 0 };
    Some([256 + 24 + cached, 256, 256, 256, 40])
}

/// A length or distance of a copy (section 3.6.2.2).
fn number(bits: &mut Bits, symbol: usize) -> Option<usize> {
    if symbol < 4 {
        return Some(1 + symbol);
    }
    let more = (symbol - 2) >> 1;
    Some(1 + ((2 + (symbol & 1)) << more) + bits.take(more as u32)?)
}

/// Goes over a small picture that holds numbers, in red and green, and tells the largest. Copies and cached colours are none that was not
/// there before.
fn largest(bits: &mut Bits, pixels: usize) -> Option<usize> {
    let [green, red, blue, alpha, distance] = alphabets(bits)?.map(|alphabet| Code::read(bits, alphabet));
    let [green, red, blue, alpha, distance] = [green?, red?, blue?, alpha?, distance?];
    let (mut seen, mut largest) = (0, 0usize);
    while seen < pixels {
        match green.symbol(bits)? {
            level @ 0..256 => {
                largest = largest.max(red.symbol(bits)? << 8 | level);
                blue.symbol(bits)?;
                alpha.symbol(bits)?;
                seen += 1;
            }
            length @ 256..280 => {
                seen += number(bits, length - 256)?;
                let symbol = distance.symbol(bits)?;
                number(bits, symbol)?;
            }
            _ => seen += 1,
        }
    }
    Some(largest)
}

/// Memory in bytes that the codes of a picture take; where it is more than `most`, or the stream is malformed, that of those before.
pub(super) fn bytes(stream: &[u8], size: (u32, u32), most: u64) -> u64 {
    let mut taken = 0;
    let _ = count(&mut Bits { bytes: stream, at: 0 }, size, most, &mut taken);
    taken
}

fn count(bits: &mut Bits, (width, height): (u32, u32), most: u64, taken: &mut u64) -> Option<()> {
    let (mut width, height) = (width as usize, height as usize);
    let blocks = |width: usize, block: usize| width.div_ceil(1 << block) * height.div_ceil(1 << block);
    let mut transforms = [false; 4];
    while bits.take(1)? == 1 {
        let kind = bits.take(2)?;
        if std::mem::replace(&mut transforms[kind], true) {
            return None;
        }
        match kind {
            // Of predictions and of colours: numbers for each block.
            0 | 1 => {
                let block = 2 + bits.take(3)?;
                largest(bits, blocks(width, block))?;
            }
            // A palette; of few colours several pixels are written as one.
            3 => {
                let colours = 1 + bits.take(8)?;
                largest(bits, colours)?;
                width = match colours {
                    ..=2 => width.div_ceil(8),
                    3..=4 => width.div_ceil(4),
                    5..=16 => width.div_ceil(2),
                    _ => width,
                };
            }
            _ => {}
        }
    }
    let alphabets = alphabets(bits)?;
    let mut groups = 1;
    if bits.take(1)? == 1 {
        let block = 2 + bits.take(3)?;
        groups += largest(bits, blocks(width, block))?;
    }
    for _ in 0..groups {
        for alphabet in alphabets {
            *taken += Code::read(bits, alphabet)?.bytes();
        }
        if *taken > most {
            break;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of libwebp: three groups, a cache of 128 colours, three transforms.
    #[test]
    fn the_codes_of_a_photo_take_next_to_nothing() {
        let file = include_bytes!("../../../../tests/fixtures/webp/lossless.webp");
        let picture = super::super::Picture::first_of(file, (100, 72));
        assert_eq!(picture.code_bytes(1 << 20), 41_232);
    }

    /// Bits as they are read.
    #[derive(Clone, Default)]
    struct Written(Vec<bool>);

    impl Written {
        fn number(mut self, count: u32, number: usize) -> Self {
            self.0.extend((0..count).map(|at| number >> at & 1 == 1));
            self
        }

        /// A symbol alone.
        fn alone(self, symbol: usize) -> Self {
            self.number(3, 0b101).number(8, symbol)
        }

        /// Codes of 1 to 10 bits and another of 10, by lengths whose own codes have 3 bits up to the sixth, then 4.
        fn of_ten_bits(self) -> Self {
            let head = self.number(1, 0).number(4, 10);
            let head =
                [0, 0, 0, 3, 3, 3, 3, 3, 0, 3, 4, 4, 4, 4].into_iter().fold(head, |head, bits| head.number(3, bits));
            let head = head.number(1, 1).number(3, 1).number(4, 9);
            (1..=10).chain([10]).fold(head, |mut written, length: usize| {
                let (count, code) = if length < 7 { (3, length - 1) } else { (4, 12 + length - 7) };
                written.0.extend((0..count).rev().map(|at| code >> at & 1 == 1));
                written
            })
        }

        fn bytes(self) -> Vec<u8> {
            self.0.chunks(8).map(|bits| (0..).zip(bits).map(|(at, bit)| u8::from(*bit) << at).sum()).collect()
        }
    }

    /// A picture of one block, which names the last of so many groups; all have codes of ten bits.
    fn of_groups(groups: usize) -> Vec<u8> {
        let head = Written::default().number(2, 0).number(1, 1).number(3, 7).number(1, 0);
        let last = groups - 1;
        let named = [last & 255, last >> 8, 0, 0, 0].into_iter().fold(head, Written::alone);
        (0..5 * groups).fold(named, |written, _| written.of_ten_bits()).bytes()
    }

    #[test]
    fn every_group_that_may_be_named_counts_and_what_is_cut_off_counts_as_far_as_it_goes() {
        const OF_A_GROUP: u64 = 5 * (128 + 4096);
        for groups in [1, 2, 300] {
            let stream = of_groups(groups);
            let of = |stream: &[u8], most| bytes(stream, (32, 32), most);
            assert_eq!(of(&stream, u64::MAX), groups as u64 * OF_A_GROUP);
            assert!(of(&stream[..stream.len() / 2], u64::MAX) <= groups as u64 * OF_A_GROUP / 2);
            assert_eq!(of(&stream, 1), OF_A_GROUP, "it is beyond that");
        }
    }
}
