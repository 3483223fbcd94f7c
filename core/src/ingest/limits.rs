//! What an upload may claim before a single pixel is allocated.

use super::IngestError;

/// Caps on images. All are checked against the header, before any pixel buffer exists.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Limits {
    /// Largest image in pixels (width times height).
    #[cfg_attr(feature = "cli", arg(long, env = "CLEARSHOT_MAX_PIXELS", default_value_t = Limits::default().max_pixels))]
    pub max_pixels: u64,
    /// The same of a sound JPEG where it is decoded at a fraction of its size (libjpeg-turbo), which takes little memory however many
    /// pixels it has [default: 210 million, or the former limit where that is set].
    #[cfg_attr(feature = "cli", arg(long, env = "CLEARSHOT_MAX_SCALED_PIXELS"))]
    pub max_scaled_pixels: Option<u64>,
    /// Largest width or height in pixels.
    #[cfg_attr(feature = "cli", arg(long, env = "CLEARSHOT_MAX_SIDE", default_value_t = Limits::default().max_side))]
    pub max_side: u32,
    /// Smallest width or height in pixels.
    #[cfg_attr(feature = "cli", arg(long, env = "CLEARSHOT_MIN_SIDE", default_value_t = Limits::default().min_side))]
    pub min_side: u32,
    /// Largest decoded image in bytes; a 16-bit RGBA image takes eight per pixel.
    #[cfg_attr(feature = "cli", arg(long, env = "CLEARSHOT_MAX_DECODED_BYTES", default_value_t = Limits::default().max_decoded_bytes))]
    pub max_decoded_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_pixels: 64_000_000,
            max_scaled_pixels: None,
            max_side: 16_384,
            min_side: 32,
            max_decoded_bytes: 256 << 20,
        }
    }
}

/// Checks that of what flags count nothing is 0, which would let nothing in.
///
/// # Errors
/// A message that names the first flag that is.
pub fn at_least_one(counts: &[(&str, u64)]) -> Result<(), String> {
    match counts.iter().find(|(_, count)| *count == 0) {
        Some((flag, _)) => Err(format!("{flag} must be at least 1")),
        None => Ok(()),
    }
}

impl Limits {
    /// Checks that there are images which the limits let in.
    ///
    /// # Errors
    /// A message that names the flag.
    pub fn validate(&self) -> Result<(), String> {
        let Self { max_pixels, max_side, min_side, max_decoded_bytes, .. } = *self;
        let counts = [
            ("--max-pixels", max_pixels),
            ("--max-side", u64::from(max_side)),
            ("--min-side", u64::from(min_side)),
            ("--max-decoded-bytes", max_decoded_bytes),
        ];
        at_least_one(&counts)?;
        if min_side > max_side {
            return Err(format!("--min-side must be at most --max-side: {min_side} is more than {max_side}"));
        }
        let least = u64::from(min_side).pow(2);
        if max_pixels.max(self.most_scaled()) < least {
            return Err(format!("--max-pixels must be at least {least}, for a photo of {min_side} pixels a side"));
        }
        Ok(())
    }

    /// Checks the claimed size of an image.
    ///
    /// # Errors
    /// [`IngestError::TooSmall`] or [`IngestError::TooLarge`], naming the limit that was crossed.
    pub fn check(&self, width: u32, height: u32, decoded_bytes: u64) -> Result<(), IngestError> {
        if width.min(height) < self.min_side {
            return Err(IngestError::TooSmall { width, height, min_side: self.min_side });
        }
        self.check_largest(width, height, decoded_bytes)
    }

    /// Most pixels of an image that is not decoded whole.
    #[must_use]
    pub fn most_scaled(&self) -> u64 {
        /// Phones have 200 megapixels.
        const PHONES: u64 = 210_000_000;
        let by_default = if self.max_pixels == Self::default().max_pixels { PHONES } else { self.max_pixels };
        self.max_scaled_pixels.unwrap_or(by_default)
    }

    /// Checks the claimed size of an image that is not decoded whole.
    pub(super) fn check_scaled(&self, width: u32, height: u32) -> Result<(), IngestError> {
        Self { max_pixels: self.most_scaled(), ..*self }.check(width, height, 0)
    }

    /// Checks what is decoded on the way to an image: a part of one may be small.
    pub(super) fn check_largest(&self, width: u32, height: u32, decoded_bytes: u64) -> Result<(), IngestError> {
        let too_large = |limit: String| Err(IngestError::TooLarge { width, height, limit });
        if width.max(height) > self.max_side {
            return too_large(format!("at most {} pixels a side", self.max_side));
        }
        if u64::from(width) * u64::from(height) > self.max_pixels {
            return too_large(format!("at most {} pixels in all", self.max_pixels));
        }
        if decoded_bytes > self.max_decoded_bytes {
            return too_large(format!("at most {} bytes when decoded", self.max_decoded_bytes));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_what_every_limit_allows_is_let_in(width in 0u32..300, height in 0u32..300, bytes in 0u64..60_000) {
            let limits = Limits {
                max_pixels: 10_000, max_side: 200, min_side: 32, max_decoded_bytes: 30_000, ..Limits::default() };
            let allowed = width.min(height) >= 32
                && width.max(height) <= 200
                && width * height <= 10_000
                && bytes <= 30_000;
            prop_assert_eq!(limits.check(width, height, bytes).is_ok(), allowed);
        }
    }

    #[test]
    fn limits_that_let_nothing_in_are_refused_and_name_the_flag() {
        let limits = Limits::default();
        let tightest = Limits { max_pixels: 10_000, max_side: 100, min_side: 100, ..limits };
        // What is decoded at a fraction of its size may have more pixels.
        let scaled = Limits { max_pixels: 1, max_scaled_pixels: Some(10_000), ..tightest };
        for sound in [limits, tightest, scaled] {
            assert_eq!(sound.validate(), Ok(()));
        }
        for (unsound, said) in [
            (Limits { max_pixels: 0, ..limits }, "--max-pixels must be at least 1"),
            (Limits { max_side: 0, ..limits }, "--max-side must be at least 1"),
            (Limits { min_side: 0, ..limits }, "--min-side must be at least 1"),
            (Limits { max_decoded_bytes: 0, ..limits }, "--max-decoded-bytes must be at least 1"),
            (Limits { max_side: 99, ..tightest }, "--min-side must be at most --max-side: 100 is more than 99"),
            (Limits { max_pixels: 9_999, ..tightest }, "--max-pixels must be at least 10000, for a photo"),
        ] {
            let refused = unsound.validate().expect_err("it is refused");
            assert!(refused.starts_with(said), "{refused}");
        }
    }

    #[test]
    fn who_lowers_the_limit_lowers_that_of_scaled_images_too() {
        let limits = Limits::default();
        assert_eq!(limits.most_scaled(), 210_000_000);
        assert_eq!(Limits { max_pixels: 1000, ..limits }.most_scaled(), 1000);
        assert_eq!(Limits { max_pixels: 1000, max_scaled_pixels: Some(2000), ..limits }.most_scaled(), 2000);
    }

    #[test]
    fn limits_are_exact_at_the_boundary() {
        let limits =
            Limits { max_pixels: 10_000, max_side: 200, min_side: 32, max_decoded_bytes: 30_000, ..Limits::default() };
        assert!(limits.check(100, 100, 30_000).is_ok());
        assert!(matches!(limits.check(100, 101, 1), Err(IngestError::TooLarge { .. })));
        assert!(matches!(limits.check(100, 100, 30_001), Err(IngestError::TooLarge { .. })));
        assert!(limits.check(200, 32, 1).is_ok());
        assert!(matches!(limits.check(201, 32, 1), Err(IngestError::TooLarge { .. })));
        assert!(matches!(limits.check(200, 31, 1), Err(IngestError::TooSmall { .. })));
        assert!(matches!(limits.check(0, 0, 0), Err(IngestError::TooSmall { .. })));
    }
}
