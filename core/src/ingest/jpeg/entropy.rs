//! Are the coded data of a JPEG sound, and do they reach the image's end? Decides without making pixels (ITU-T T.81, annexes F.2 and G.2).
//!
//! Codes are short and most bits follow another: a wrong byte makes other codes that can be read all the same. What they stand for gives
//! it away. Samples lie between -128 and 127, and the transform keeps lengths, so that the coefficients of a block, dequantised, are no longer
//! than 8 * 128 = 1024, and half a step of each for its rounding. The mean of a block is coded as its difference from the one before: one
//! that is wrong shifts all that follow, sooner or later beyond white or black.

use super::{Component, DHT, DQT, DRI, Frame, Process, SOS, Segments};

/// Coefficients of a block.
const BLOCK: usize = 64;

/// Bytes that may lie behind the last block of a scan; some writers fill up.
const PADDING: usize = 16;
/// Length of a block's coefficients: the largest that samples can have, and what encoders add that let them overshoot in order to
/// hide ringing (31 levels, mozjpeg's).
const LONGEST: f32 = 8.0 * (128.0 + 31.0);
/// Largest mean of a block, times 8, and what rounding and edited coefficients may add.
const LARGEST_MEAN: f32 = 8.0 * (128.0 + 4.0);
/// Share of the picture that is told where data are wrong somewhere, but nobody can say from where on.
const SOMEWHERE: f32 = 0.02;

/// What the coded data hold.
pub(super) struct Extent {
    /// Share of the picture that is not as it was taken, from the first block on that is not there or cannot be read.
    pub(super) damage: f32,
    /// True where each coefficient of every block came, to its last bit.
    pub(super) complete: bool,
}

/// Reads the coded data of every scan.
pub(super) fn extent(bytes: &[u8], frame: &Frame) -> Extent {
    let mut damage = 0f32;
    let mut planes: Vec<Plane> = frame.components.iter().map(|component| Plane::new(*component, frame)).collect();
    let mut tables = Tables::default();
    let mut quantisers: [Option<Quantiser>; 4] = [None; 4];
    let mut restart_interval = 0;
    for segment in Segments::of(bytes) {
        let done = match segment.marker {
            DHT => tables.read(segment.payload),
            DQT => read_quantisers(segment.payload, &mut quantisers),
            DRI => segment.payload.first_chunk().map(|interval| restart_interval = u16::from_be_bytes(*interval)),
            SOS => Scan::read(segment.payload, frame.process, &planes).map(|scan| {
                let mut bits = Bits::new(segment.coded);
                for &(plane, _) in &scan.parts {
                    let plane = &mut planes[plane];
                    plane.quantiser = quantisers.get(usize::from(plane.component.quantiser)).copied().flatten();
                }
                let Walked { read, possible } = scan.walk(&mut bits, &mut planes, &tables, frame, restart_interval);
                damage = damage.max(1.0 - read.min(possible));
                if bits.left_over() > PADDING || bits.out_of_order || possible < 1.0 {
                    damage = damage.max(SOMEWHERE);
                }
            }),
            _ => Some(()),
        };
        if done.is_none() {
            return Extent { damage: 1.0, complete: false };
        }
    }
    let complete = planes.iter().all(|plane| plane.missing.iter().all(|bits| *bits == 0));
    // Scans are lacking altogether: the picture is there, but not in all its detail.
    let damage = if damage > 0.0 && !complete { damage.max(0.5) } else { damage };
    Extent { damage, complete }
}

/// A plane of the image, and how much of it came.
struct Plane {
    component: Component,
    /// Blocks that hold pixels, across and down.
    blocks: [usize; 2],
    /// Blocks with those that fill up the last unit, across.
    stride: usize,
    /// Low bits still to come, for each coefficient; none came yet at 255.
    missing: [u8; BLOCK],
    /// Which coefficients of each block are not zero; refining scans hold a bit for these.
    nonzero: Vec<u64>,
    /// As it was when the scan began; none where the file has none.
    quantiser: Option<Quantiser>,
    /// The mean of the block before, quantised.
    mean: i32,
}

impl Plane {
    fn new(component: Component, frame: &Frame) -> Self {
        let most = frame.most_sampled();
        let [across, down] = [(frame.width, 0), (frame.height, 1)].map(|(side, axis): (u32, usize)| {
            let own = component.sampling[axis];
            let blocks = (u64::from(side) * u64::from(own)).div_ceil(u64::from(8 * most[axis])) as usize;
            (blocks, (side.div_ceil(8 * most[axis]) * own) as usize)
        });
        let all = if frame.process == Process::Progressive { across.1 * down.1 } else { 0 };
        Self {
            component,
            blocks: [across.0, down.0],
            stride: across.1,
            missing: [255; BLOCK],
            nonzero: vec![0; all],
            quantiser: None,
            mean: 0,
        }
    }
}

/// Steps of the coefficients in their coded order, and the largest square of a block's length that they explain.
#[derive(Clone, Copy)]
struct Quantiser {
    steps: [f32; BLOCK],
    most: f32,
}

/// Reads DQT (B.2.4.1); `None` where it is not sound.
fn read_quantisers(mut payload: &[u8], quantisers: &mut [Option<Quantiser>; 4]) -> Option<()> {
    while let Some((&head, rest)) = payload.split_first() {
        let wide = head >> 4 != 0;
        let (values, rest) = rest.split_at_checked(if wide { 2 * BLOCK } else { BLOCK })?;
        let mut steps = [0.0; BLOCK];
        for (at, step) in steps.iter_mut().enumerate() {
            *step = if wide {
                f32::from(values[2 * at]) * 256.0 + f32::from(values[2 * at + 1])
            } else {
                values[at].into()
            };
        }
        let rounding = 0.5 * steps.iter().map(|step| step * step).sum::<f32>().sqrt();
        *quantisers.get_mut(usize::from(head & 15))? = Some(Quantiser { steps, most: (LONGEST + rounding).powi(2) });
        payload = rest;
    }
    Some(())
}

/// How far a scan is there.
struct Walked {
    /// Share of it before the data end or hold no code.
    read: f32,
    /// Share of it before the first block that no picture has.
    possible: f32,
}

/// Tables of Huffman codes by class (DC, AC) and number.
#[derive(Default)]
struct Tables([[Option<Table>; 4]; 2]);

impl Tables {
    /// Reads DHT (B.2.4.2); `None` where it is not sound.
    fn read(&mut self, mut payload: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = payload.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(total)?;
            *self.0.get_mut(usize::from(head >> 4))?.get_mut(usize::from(head & 15))? =
                Some(Table::new(counts, symbols));
            payload = rest;
        }
        Some(())
    }
}

/// Bits that are looked at at once: nearly all codes are as short.
const LOOK: u32 = 9;

/// Huffman codes, found by their length (F.2.2.3).
struct Table {
    /// Length (upper byte) and symbol of the code that some bits begin with; 0 where it is longer or none.
    short: [u16; 1 << LOOK],
    /// For each length the largest code, or -1, and what to add to a code for the place of its symbol.
    lengths: [(i32, i32); 16],
    symbols: Vec<u8>,
}

impl Table {
    fn new(counts: &[u8; 16], symbols: &[u8]) -> Self {
        let (mut code, mut place) = (0i32, 0i32);
        let lengths = counts.map(|count| {
            let count = i32::from(count);
            let length = if count == 0 { (-1, 0) } else { (code + count - 1, place - code) };
            place += count;
            code = (code + count) << 1;
            length
        });
        let symbols = symbols.to_vec();
        let mut table = Self { short: [0; 1 << LOOK], lengths, symbols };
        for begin in 0..1u32 << LOOK {
            let found = (1..=LOOK).find(|length| (begin >> (LOOK - length)) as i32 <= lengths[*length as usize - 1].0);
            let symbol = found.and_then(|length| Some((length, table.at(length, (begin >> (LOOK - length)) as i32)?)));
            table.short[begin as usize] = symbol.map_or(0, |(length, symbol)| (length as u16) << 8 | u16::from(symbol));
        }
        table
    }

    /// The symbol of a code of that length.
    fn at(&self, length: u32, code: i32) -> Option<u8> {
        self.symbols.get(usize::try_from(code + self.lengths[length as usize - 1].1).ok()?).copied()
    }
}

/// Bits of coded data, without stuffed zeros, up to the next marker.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u64,
    held: u32,
    /// Number of the restart marker that comes next, modulo 8.
    next_restart: u8,
    /// Another one came, or data lay before it: something is lost.
    out_of_order: bool,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, buffer: 0, held: 0, next_restart: 0, out_of_order: false }
    }

    /// Reads ahead, up to the next marker.
    fn fill(&mut self) {
        // Four at once while none of them can belong to a marker.
        while self.held <= 32 {
            let Some(four) = self.data.get(self.at..).and_then(|rest| rest.first_chunk()) else { break };
            let four = u32::from_be_bytes(*four);
            // Is a byte of the complement zero? (Warren, Hacker's Delight, 6-1)
            if (!four).wrapping_sub(0x0101_0101) & four & 0x8080_8080 != 0 {
                break;
            }
            self.buffer = self.buffer << 32 | u64::from(four);
            self.held += 32;
            self.at += 4;
        }
        while self.held <= 48 {
            let Some(&byte) = self.data.get(self.at) else { return };
            if byte == 0xFF {
                // Anything but a stuffed zero is a marker.
                if self.data.get(self.at + 1) != Some(&0) {
                    return;
                }
                self.at += 1;
            }
            self.at += 1;
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.held += 8;
        }
    }

    /// Goes back to the byte behind the last one of which a bit was taken.
    fn rewind(&mut self) {
        for _ in 0..self.held / 8 {
            self.at -= 1;
            if self.data[self.at] == 0 && self.at > 0 && self.data[self.at - 1] == 0xFF {
                self.at -= 1;
            }
        }
        self.held %= 8;
    }

    /// The next bits, 16 at most; `None` where the data end.
    fn take(&mut self, count: u32) -> Option<u32> {
        if self.held < count {
            self.fill();
        }
        self.held = self.held.checked_sub(count)?;
        Some((self.buffer >> self.held) as u32 & ((1 << count) - 1))
    }

    fn symbol(&mut self, table: &Table) -> Option<u8> {
        if self.held < LOOK {
            self.fill();
        }
        if let Some(rest) = self.held.checked_sub(LOOK) {
            let found = table.short[(self.buffer >> rest) as usize & ((1 << LOOK) - 1)];
            if found > 0 {
                self.held -= u32::from(found >> 8);
                return Some(found as u8);
            }
        }
        let mut code = 0;
        for (length, (largest, _)) in (1..).zip(table.lengths) {
            code = code << 1 | self.take(1)? as i32;
            if code <= largest {
                return table.at(length, code);
            }
        }
        None
    }

    /// A number of that many bits (F.2.2.1): those that begin with 0 are negative.
    fn number(&mut self, bits: u32) -> Option<i32> {
        let value = self.take(bits)? as i32;
        Some(if bits > 0 && value < 1 << (bits - 1) { value + 1 - (1 << bits) } else { value })
    }

    /// Goes on behind the next restart marker.
    fn restart(&mut self) -> Option<()> {
        self.rewind();
        self.held = 0;
        let from = self.at;
        while let [first, second] = *self.data.get(self.at..self.at + 2)? {
            self.at += 1;
            if first == 0xFF && (0xD0..=0xD7).contains(&second) {
                self.out_of_order |= self.at - 1 - from > PADDING || second & 7 != self.next_restart;
                self.next_restart = (second + 1) & 7;
                self.at += 1;
                return Some(());
            }
        }
        None
    }

    /// Bytes that were not read; those of the same value at the very end are padding.
    fn left_over(&mut self) -> usize {
        self.rewind();
        let rest = self.data.get(self.at..).unwrap_or_default();
        match rest.last() {
            Some(last) => rest.len() - rest.iter().rev().take_while(|byte| *byte == last).count(),
            None => 0,
        }
    }
}

/// The header of a scan.
struct Scan {
    /// Number of the plane, and of its tables for DC and AC.
    parts: Vec<(usize, [usize; 2])>,
    process: Process,
    /// First and last coefficient.
    band: [usize; 2],
    /// Bits below those of the scan before this one (0 in a first scan), and below those of this one.
    bits: [u8; 2],
}

impl Scan {
    /// Reads SOS (B.2.3); `None` where it is not sound.
    fn read(payload: &[u8], process: Process, planes: &[Plane]) -> Option<Self> {
        let (&count, rest) = payload.split_first()?;
        let (parts, rest) = rest.split_at_checked(2 * usize::from(count))?;
        let part = |part: &[u8]| {
            let plane = planes.iter().position(|plane| plane.component.id == part[0])?;
            Some((plane, [usize::from(part[1] >> 4), usize::from(part[1] & 15)]))
        };
        let parts = parts.chunks_exact(2).map(part).collect::<Option<Vec<_>>>()?;
        let &[first, last, bits] = rest.first_chunk()?;
        let (band, bits) = match process {
            Process::Progressive => ([first.into(), last.into()], [bits >> 4, bits & 15]),
            // The other values mean nothing here, and some files have odd ones.
            Process::Sequential => ([0, BLOCK - 1], [0, 0]),
        };
        let sound = band[0] <= band[1] && band[1] < BLOCK && (band[0] == 0 || parts.len() == 1) && !parts.is_empty();
        sound.then_some(Self { parts, process, band, bits })
    }

    /// Goes over every block of the scan.
    fn walk(&self, bits: &mut Bits, planes: &mut [Plane], tables: &Tables, frame: &Frame, interval: u16) -> Walked {
        let mut end_of_band = 0;
        let most = frame.most_sampled();
        let [across, down] = match *self.parts {
            // A plane that comes alone has no blocks but its own (A.2.2).
            [(plane, _)] => planes[plane].blocks,
            _ => [(frame.width, most[0]), (frame.height, most[1])].map(|(side, most)| side.div_ceil(8 * most) as usize),
        };
        // A scan that is cut off is there, as far as it goes.
        for &(plane, _) in &self.parts {
            planes[plane].missing[self.band[0]..=self.band[1]].fill(self.bits[1]);
            planes[plane].mean = 0;
        }
        let share = |unit: usize| unit as f32 / (across * down).max(1) as f32;
        let mut possible = 1.0;
        for unit in 0..across * down {
            if interval > 0 && unit > 0 && unit.is_multiple_of(usize::from(interval)) {
                if bits.restart().is_none() {
                    return Walked { read: share(unit), possible };
                }
                end_of_band = 0;
                self.parts.iter().for_each(|(plane, _)| planes[*plane].mean = 0);
            }
            let (x, y) = (unit % across, unit / across);
            for &(plane, tables_of_part) in &self.parts {
                let plane = &mut planes[plane];
                let [columns, rows] =
                    if self.parts.len() == 1 { [1, 1] } else { plane.component.sampling.map(|factor| factor as usize) };
                for index in 0..columns * rows {
                    let block = (y * rows + index / columns) * plane.stride + x * columns + index % columns;
                    // Sequential files have no use for it.
                    let mut none = 0;
                    let nonzero = plane.nonzero.get_mut(block).unwrap_or(&mut none);
                    let steps = plane.quantiser.as_ref().map_or(&[0.0; BLOCK], |quantiser| &quantiser.steps);
                    let Some(square) =
                        self.block(bits, nonzero, &mut plane.mean, steps, tables, tables_of_part, &mut end_of_band)
                    else {
                        return Walked { read: share(unit), possible };
                    };
                    if square > plane.quantiser.as_ref().map_or(f32::MAX, |quantiser| quantiser.most) {
                        possible = share(unit).min(possible);
                    }
                }
            }
        }
        Walked { read: 1.0, possible }
    }

    /// Square of the length of the block's coefficients, infinite where no encoder writes such a block.
    #[expect(clippy::too_many_arguments, reason = "parts of a plane that are borrowed one by one")]
    fn block(
        &self,
        bits: &mut Bits,
        nonzero: &mut u64,
        mean: &mut i32,
        steps: &[f32; BLOCK],
        tables: &Tables,
        [dc, ac]: [usize; 2],
        end_of_band: &mut u32,
    ) -> Option<f32> {
        let table = |class: usize, number: usize| tables.0[class].get(number)?.as_ref();
        let [first, last] = self.band;
        let refines = self.bits[0] > 0;
        // What this scan's numbers are multiples of.
        let unit = f32::from(1u16 << self.bits[1].min(13));
        let mut square = 0.0;
        if first == 0 && refines {
            bits.take(1)?;
        } else if first == 0 {
            let size = bits.symbol(table(0, dc)?)?;
            *mean = mean.saturating_add(bits.number(u32::from(size.min(16)))?);
            let mean = *mean as f32 * unit * steps[0];
            square = if mean.abs() > LARGEST_MEAN + steps[0] { f32::INFINITY } else { mean * mean };
        }
        if last == 0 {
            return Some(square);
        }
        let from = first.max(1);
        if refines {
            refine(bits, nonzero, table(1, ac)?, [from, last], end_of_band).map(|()| square)
        } else {
            let runs = self.process == Process::Progressive;
            let others = coefficients(bits, nonzero, steps, table(1, ac)?, [from, last], runs, end_of_band)?;
            Some(square + unit * unit * others)
        }
    }
}

/// A block's coefficients, seen for the first time (F.2.2.2, G.1.2.2): the sum of their squares, infinite where they go beyond the last.
/// `runs`: an end of band may be that of several blocks.
fn coefficients(
    bits: &mut Bits,
    nonzero: &mut u64,
    steps: &[f32; BLOCK],
    table: &Table,
    [mut at, last]: [usize; 2],
    runs: bool,
    end_of_band: &mut u32,
) -> Option<f32> {
    if *end_of_band > 0 {
        *end_of_band -= 1;
        return Some(0.0);
    }
    let mut squares = 0.0;
    while at <= last {
        let symbol = bits.symbol(table)?;
        let (run, size) = (symbol >> 4, u32::from(symbol & 15));
        match (run, size) {
            (15, 0) => at += 16,
            (_, 0) => {
                if runs {
                    *end_of_band = (1 << run) - 1 + bits.take(u32::from(run))?;
                }
                return Some(squares);
            }
            _ => {
                at += usize::from(run);
                *nonzero |= 1u64.checked_shl(at as u32).unwrap_or(0);
                let value = bits.number(size)? as f32 * steps.get(at).copied().unwrap_or(0.0);
                squares += value * value;
                at += 1;
            }
        }
    }
    Some(if at > last + 1 { f32::INFINITY } else { squares })
}

/// One more bit of a block's coefficients (G.1.2.3).
fn refine(
    bits: &mut Bits,
    nonzero: &mut u64,
    table: &Table,
    [mut at, last]: [usize; 2],
    end_of_band: &mut u32,
) -> Option<()> {
    let is_nonzero = |nonzero: u64, at: usize| nonzero >> at & 1 == 1;
    while *end_of_band == 0 && at <= last {
        let symbol = bits.symbol(table)?;
        let (mut run, size) = (symbol >> 4, symbol & 15);
        if size > 0 {
            bits.take(1)?;
        } else if run < 15 {
            *end_of_band = (1 << run) + bits.take(u32::from(run))?;
            break;
        }
        // Zeros are counted; what was not zero has a bit of its own.
        while at <= last {
            if is_nonzero(*nonzero, at) {
                bits.take(1)?;
            } else if run == 0 {
                break;
            } else {
                run -= 1;
            }
            at += 1;
        }
        if size > 0 && at <= last {
            *nonzero |= 1 << at;
        }
        at += 1;
    }
    if *end_of_band > 0 {
        for at in at..=last {
            if is_nonzero(*nonzero, at) {
                bits.take(1)?;
            }
        }
        *end_of_band -= 1;
    }
    Some(())
}
