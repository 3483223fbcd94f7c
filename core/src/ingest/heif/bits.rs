//! Bits of a stream's headers, the first of a byte being its highest.

use std::borrow::Cow;

/// What is left of a header to read; nothing where it ends early.
pub(super) struct Bits<'a> {
    content: Cow<'a, [u8]>,
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn of(content: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { content: content.into(), at: 0 }
    }

    /// `u(1)`.
    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = self.content.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// `u(count)`, of at most 32.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | u32::from(self.flag()?)))
    }

    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        self.at += count as usize;
        (self.at <= 8 * self.content.len()).then_some(())
    }

    /// `ue(v)`, which AV1 calls `uvlc()`; `se(v)` is as long.
    pub(super) fn code(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
        }
        if zeros > 31 {
            return None;
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }
}

/// Bits of a header, written down as they are read.
#[cfg(test)]
#[derive(Clone, Default)]
pub(super) struct Written(Vec<bool>);

#[cfg(test)]
impl Written {
    pub(super) fn bits(mut self, count: u32, value: u32) -> Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    pub(super) fn codes(mut self, values: &[u32]) -> Self {
        for value in values {
            let length = 32 - (value + 1).leading_zeros();
            self = self.bits(length - 1, 0).bits(length, value + 1);
        }
        self
    }

    /// The last is filled up with zeros.
    pub(super) fn bytes(self) -> Vec<u8> {
        let byte = |bits: &[bool]| (0..8).map(|at| u8::from(bits.get(at) == Some(&true)) << (7 - at)).sum();
        self.0.chunks(8).map(byte).collect()
    }
}
