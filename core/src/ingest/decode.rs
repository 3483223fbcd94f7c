//! Decoding behind limits: how much memory it may take and how long it may last is known before a pixel is made.

use std::borrow::Cow;
use std::io::{BufRead, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Instant;

use image::error::ImageError;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageReader};

use super::flatten::{flatten, is_transparent};
use super::heif::Heif;
use super::jpeg::{self, Markers};
use super::memory::DecodeMemory;
use super::photo::{Original, Photo};
use super::png::{self, MOST_PROFILE_BYTES};
use super::{Format, IngestError, Limits, colour, foreign, gif, scaled, sniff, traces, webp};
use crate::guard::{Panicked, guarded};

/// What decoding one upload may take.
#[derive(Clone, Copy, Debug)]
pub struct Budget<'a> {
    /// Limits on the image itself.
    pub limits: &'a Limits,
    /// Memory shared with other decodes; without it only the limits bound what is taken.
    pub memory: Option<&'a Arc<DecodeMemory>>,
    /// When to give up.
    pub until: Option<Instant>,
}

impl<'a> From<&'a Limits> for Budget<'a> {
    fn from(limits: &'a Limits) -> Self {
        Self { limits, memory: None, until: None }
    }
}

/// Bytes of a JPEG up to which its coded data are looked at though its decoder is content; takes about 15 ms for a megabyte.
const LARGEST_WALKED: usize = 1 << 20;

/// How many of a photo's pixels are wanted.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// Enough for the reference view.
    Enough,
    /// All, as scoring sees them.
    All,
    /// All, in the file's own colours, and memory to correct them.
    Original,
}

/// What an upload's header claims.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Its format.
    pub format: Format,
    /// Width and height in pixels, as they are stored.
    pub size: (u32, u32),
    /// Number of pixels.
    pub pixels: u64,
    /// Most memory in bytes that its decoding takes.
    pub peak: u64,
}

impl Claim {
    /// What a correction takes: turned upright, straightened and encoded, all pixels lie there three times more.
    #[must_use]
    pub fn of_correction(self) -> Self {
        Self { peak: self.peak + 9 * self.pixels, ..self }
    }

    /// Checks that there is as much memory.
    ///
    /// # Errors
    /// [`IngestError::TooLarge`].
    pub fn check(self, memory: &DecodeMemory) -> Result<(), IngestError> {
        let (peak, whole) = (self.peak, memory.whole());
        if peak <= whole {
            return Ok(());
        }
        let (width, height) = self.size;
        let limit = format!("it takes {peak} bytes of memory, at most {whole} are there");
        Err(IngestError::TooLarge { width, height, limit })
    }
}

/// Reads an upload's header and checks it against the limits; no pixel is made.
///
/// # Errors
/// As [`decode`], but for what only decoding finds.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<Claim, IngestError> {
    sniffed(bytes, |format| Opened::new(bytes, format, &limits.into()).map(|opened| opened.claim()))
}

/// Decodes an upload to 8-bit RGB, in as many pixels as scoring needs.
///
/// # Errors
/// [`IngestError`]: empty, unsupported, beyond the limits, not decodable, or not done in time. A panic inside a decoder is caught
/// and reported as not decodable.
pub fn decode<'a>(bytes: &[u8], budget: impl Into<Budget<'a>>) -> Result<Photo, IngestError> {
    let budget = budget.into();
    sniffed(bytes, |format| Opened::new(bytes, format, &budget)?.decode(&budget, Wanted::Enough))
        .map(|original| original.photo)
}

/// As [`decode`], in all the upload's pixels.
///
/// # Errors
/// As [`decode`].
pub fn decode_whole<'a>(bytes: &[u8], budget: impl Into<Budget<'a>>) -> Result<Photo, IngestError> {
    let budget = budget.into();
    sniffed(bytes, |format| Opened::new(bytes, format, &budget)?.decode(&budget, Wanted::All))
        .map(|original| original.photo)
}

/// Decodes an upload to 8-bit RGB in all its pixels and in its own colours.
///
/// # Errors
/// As [`decode`].
pub fn decode_original<'a>(bytes: &[u8], budget: impl Into<Budget<'a>>) -> Result<Original, IngestError> {
    let budget = budget.into();
    sniffed(bytes, |format| Opened::new(bytes, format, &budget)?.decode(&budget, Wanted::Original))
}

/// Name of the library that decodes JPEGs in this build: its inverse transform decides the last bits of a pixel.
#[must_use]
pub fn jpeg_decoder() -> &'static str {
    if cfg!(feature = "turbojpeg") { "libjpeg-turbo" } else { "zune-jpeg" }
}

/// Works on bytes whose format is known.
fn sniffed<T>(bytes: &[u8], work: impl FnOnce(Format) -> Result<T, IngestError>) -> Result<T, IngestError> {
    if bytes.is_empty() {
        return Err(IngestError::Empty);
    }
    let format = sniff(bytes).ok_or_else(|| IngestError::UnsupportedFormat(foreign(bytes)))?;
    // Decoders meet hostile input.
    guarded(|| work(format))
        .unwrap_or_else(|Panicked| Err(IngestError::Undecodable { format, reason: "the decoder gave up".into() }))
}

/// An upload whose header was read.
struct Opened<'a> {
    /// As decoders shall see them.
    bytes: Cow<'a, [u8]>,
    format: Format,
    size: (u32, u32),
    color: ColorType,
    /// Most memory in bytes that is needed beside the pixels while they are made: the planes of a HEIC or AVIF, and what the first picture of a
    /// GIF or WebP takes.
    beside: u64,
    markers: Option<Markers>,
    profile_dropped: bool,
    /// It is too large to be decoded whole, and is a JPEG that need not be.
    scaled_only: bool,
}

impl<'a> Opened<'a> {
    fn new(bytes: &'a [u8], format: Format, budget: &Budget) -> Result<Self, IngestError> {
        let undecodable = |reason: &str| IngestError::Undecodable { format, reason: reason.into() };
        if format == Format::Jpeg {
            jpeg::check_head(bytes).map_err(undecodable)?;
        }
        let (bytes, profile_dropped) = match format {
            Format::Png => png::cleaned(bytes),
            Format::Jpeg => (jpeg::cleaned(bytes), false),
            _ => (Cow::Borrowed(bytes), false),
        };
        let header = match format.image_format() {
            Some(known) => Header::of(&known_decoder(&bytes, format, known, budget)?, 0),
            None => {
                let heif = Heif::open(&bytes, format, budget.limits, budget.until)?;
                Header::of(&heif, heif.peak())
            }
        };
        let Header { size, color, total, planes } = header;
        let pixels = u64::from(size.0) * u64::from(size.1);
        let scaled_only = format == Format::Jpeg
            && scaled::IS_BUILT
            && pixels > budget.limits.max_pixels
            && pixels <= budget.limits.most_scaled();
        if scaled_only {
            budget.limits.check_scaled(size.0, size.1)?;
        } else {
            budget.limits.check(size.0, size.1, total)?;
        }
        let beside = planes + of_first_picture(&bytes, format, size, color, budget.limits)?;
        let markers = (format == Format::Jpeg).then(|| Markers::read(&bytes).map_err(undecodable)).transpose()?;
        if markers.as_ref().is_some_and(|markers| markers.size() != size) {
            return Err(undecodable("its headers contradict each other"));
        }
        Ok(Self { bytes, format, size, color, beside, markers, profile_dropped, scaled_only })
    }

    fn claim(&self) -> Claim {
        Claim { format: self.format, size: self.size, pixels: self.pixels(), peak: self.peak() }
    }

    fn pixels(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }

    /// Most memory in bytes that decoding takes beside the upload itself, measured for each decoder (tests/decode_memory.rs).
    fn peak(&self) -> u64 {
        /// Tables, windows, rows, and what scaling to the reference view takes.
        const WORKING: u64 = 16 << 20;
        // What the decoder gives; gray is spread to RGB behind it.
        let own = u64::from(self.color.bytes_per_pixel());
        let buffer = if own < 3 { own + 3 } else { own };
        let within = match self.format {
            Format::Jpeg | Format::Png | Format::Gif | Format::Bmp | Format::Heic | Format::Avif => 0,
            // The planes of a lossy image or the pixels of a lossless one, and its alpha.
            Format::Webp if self.color.has_alpha() => 10,
            Format::Webp => 5,
        };
        let coefficients = self.markers.as_ref().map_or(0, Markers::coefficient_bytes);
        // One decoder reads the file into a buffer of its own, a file that lacks its end is copied to get it, and so is one that decoders
        // shall not see as it came.
        let copies = if matches!(self.bytes, Cow::Owned(_)) { 3 } else { 2 };
        let files = copies * self.bytes.len() as u64;
        if self.scaled_only {
            // A quarter of each side is left, or less.
            return files + self.pixels() / 16 * 3 + coefficients + WORKING;
        }
        files + self.pixels() * (buffer + within) + self.beside + coefficients + WORKING
    }

    fn decode(&self, budget: &Budget, wanted: Wanted) -> Result<Original, IngestError> {
        let format = self.format;
        let claim = if wanted == Wanted::Original { self.claim().of_correction() } else { self.claim() };
        let lease = |memory: &Arc<DecodeMemory>| {
            claim.check(memory)?;
            memory.lease(claim.peak, budget.until).map_err(|_| IngestError::OutOfTime)
        };
        let lease = budget.memory.map(lease).transpose()?;
        let undecodable = |reason: &str| IngestError::Undecodable { format, reason: reason.into() };
        let bytes = match &self.markers {
            Some(markers) => markers.with_end(&self.bytes).map_err(undecodable)?,
            None => Cow::Borrowed(&*self.bytes),
        };
        let mut decoder = decoder(&bytes, format, budget)?;
        let orientation = orientation(&mut *decoder, format);
        let profile = decoder.icc_profile().unwrap_or_default();
        // The pixels will be RGB, whatever they were: a profile for grays or inks would be wrong for them.
        let profile = profile.filter(|profile| profile.get(16..20) == Some(b"RGB "));
        let profile_dropped =
            self.profile_dropped || profile.as_ref().is_some_and(|profile| profile.len() > MOST_PROFILE_BYTES);
        let scaled = match &self.markers {
            Some(markers) if wanted == Wanted::Enough => scaled::decode(&bytes, self.size, markers.scans()),
            _ => None,
        };
        // Decoders warn of different things, and of none of what can be decoded and is no picture. To look takes as long as to decode,
        // which is too long for large files: there the decoder's word counts that has nothing to warn of.
        let coded = match &self.markers {
            Some(markers) if scaled.is_none() && !self.scaled_only || bytes.len() <= LARGEST_WALKED => {
                markers.damage(&bytes)
            }
            _ => 0.0,
        };
        let (mut pixels, transparent) = if let Some(pixels) = scaled {
            (pixels, false)
        } else if self.scaled_only {
            let most = budget.limits.max_pixels;
            let limit = format!("at most {most} pixels in all where it is damaged, holds inks or lies in a wide frame");
            return Err(IngestError::TooLarge { width: self.size.0, height: self.size.1, limit });
        } else {
            let mut buffer = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX)];
            decoder.read_image_boxed(&mut buffer).map_err(|error| refusal(error, format, budget.limits))?;
            let transparent = wanted == Wanted::Original && is_transparent(&buffer, self.color);
            (flatten(buffer, self.color, self.size.0, self.size.1), transparent)
        };
        let damage = if coded > 0.0 { coded } else { traces::damage(&pixels, self.size.0) };
        // An original keeps its colours, and says by its profile what they mean. Behind the look for damage: colours that are cut off to fit
        // into sRGB look alike.
        if let Some(profile) = profile.as_ref().filter(|_| wanted != Wanted::Original && !profile_dropped) {
            colour::to_srgb(&mut pixels, profile);
        }
        let mut photo = Photo::new(format, orientation, self.size, pixels, damage, lease);
        photo.jpeg_quality = self.markers.as_ref().and_then(Markers::quality);
        let lease = photo.lease.take_if(|_| wanted == Wanted::Original);
        Ok(Original { photo, icc_profile: profile.filter(|_| !profile_dropped), profile_dropped, transparent, lease })
    }
}

/// What an upload's header says.
struct Header {
    size: (u32, u32),
    color: ColorType,
    /// Bytes of its pixels.
    total: u64,
    /// Most memory in bytes that the decoded planes of a HEIC or AVIF take before they are pixels.
    planes: u64,
}

impl Header {
    fn of(decoder: &impl ImageDecoder, planes: u64) -> Self {
        let (size, color, total) = (decoder.dimensions(), decoder.color_type(), decoder.total_bytes());
        Self { size, color, total, planes }
    }
}

/// Memory in bytes that the first picture of a GIF or WebP takes beside its pixels, as it says itself.
fn of_first_picture(
    bytes: &[u8],
    format: Format,
    size: (u32, u32),
    color: ColorType,
    limits: &Limits,
) -> Result<u64, IngestError> {
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    match format {
        // It may be larger than the screen: its pixels, and the numbers of their colours.
        Format::Gif => Ok(5 * gif::first_frame(bytes).map_or(0, pixels)),
        Format::Webp => {
            let picture = webp::Picture::first_of(bytes, size);
            // It would be decoded before the decoder sees that it does not fit.
            if picture.is_larger_than(size) {
                return Err(IngestError::Undecodable { format, reason: "its headers contradict each other".into() });
            }
            let codes = picture.code_bytes(limits.max_decoded_bytes);
            if codes > limits.max_decoded_bytes {
                return Err(too_large_to_decode(limits));
            }
            // The canvas has alpha even where the pixels have none.
            let canvas = if picture.moves && !color.has_alpha() { 3 * pixels(size) } else { 0 };
            Ok(codes + canvas)
        }
        _ => Ok(0),
    }
}

/// How a file asks to be turned. Broken metadata must not cost a photo that decodes.
fn orientation(decoder: &mut dyn ImageDecoder, format: Format) -> Orientation {
    /// Stands before the EXIF of a JPEG. Some programs write it into other files, too, as Pillow did into WebP up to version 9.2.
    const OF_JPEG: &[u8] = b"Exif\0\0";
    match decoder.orientation() {
        Ok(Orientation::NoTransforms) | Err(_) if format != Format::Jpeg => {
            let exif = decoder.exif_metadata().ok().flatten();
            let exif = exif.as_deref().and_then(|exif| exif.strip_prefix(OF_JPEG));
            exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
        }
        found => found.unwrap_or(Orientation::NoTransforms),
    }
}

/// The decoder of a file, its header read.
fn decoder<'b>(bytes: &'b [u8], format: Format, budget: &Budget) -> Result<Box<dyn ImageDecoder + 'b>, IngestError> {
    Ok(match format.image_format() {
        Some(known) => Box::new(known_decoder(bytes, format, known, budget)?),
        None => Box::new(Heif::open(bytes, format, budget.limits, budget.until)?),
    })
}

/// The image crate's decoder of a file, its header read.
fn known_decoder<'b>(
    bytes: &'b [u8],
    format: Format,
    known: image::ImageFormat,
    budget: &Budget,
) -> Result<impl ImageDecoder + use<'b>, IngestError> {
    let reader = Timed { inner: Cursor::new(bytes), until: budget.until };
    let mut reader = ImageReader::with_format(reader, known);
    let mut limits = image::Limits::default();
    // Of a JPEG only the header is read before its size is known, and that is checked then.
    limits.max_alloc = (format != Format::Jpeg).then_some(budget.limits.max_decoded_bytes);
    reader.limits(limits);
    reader.into_decoder().map_err(|error| refusal(error, format, budget.limits))
}

fn refusal(error: ImageError, format: Format, limits: &Limits) -> IngestError {
    match error {
        ImageError::Limits(_) => too_large_to_decode(limits),
        ImageError::IoError(error) if error.kind() == ErrorKind::TimedOut => IngestError::OutOfTime,
        other => IngestError::Undecodable { format, reason: other.to_string() },
    }
}

fn too_large_to_decode(limits: &Limits) -> IngestError {
    IngestError::TooLargeToDecode { limit: format!("at most {} bytes when decoded", limits.max_decoded_bytes) }
}

/// A file that can be read until some moment: what its decoder does then ends.
struct Timed<'a> {
    inner: Cursor<&'a [u8]>,
    until: Option<Instant>,
}

impl Timed<'_> {
    fn in_time(&self) -> std::io::Result<()> {
        match self.until {
            Some(until) if Instant::now() >= until => Err(ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.in_time()?;
        self.inner.read(buffer)
    }
}

impl BufRead for Timed<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        /// So that the clock is looked at from time to time.
        const PART: usize = 1 << 16;
        self.in_time()?;
        let rest = self.inner.fill_buf()?;
        Ok(&rest[..rest.len().min(PART)])
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl Seek for Timed<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use image::codecs::png::PngEncoder;
    use image::codecs::webp::WebPEncoder;
    use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};
    use moxcms::ColorProfile;

    use super::*;

    fn photo() -> RgbImage {
        RgbImage::from_fn(60, 40, |x, y| Rgb([(40 + x) as u8, (200 - 3 * y) as u8, 90]))
    }

    fn write(photo: &RgbImage, encoder: impl ImageEncoder) {
        let (width, height) = photo.dimensions();
        encoder.write_image(photo.as_raw(), width, height, ExtendedColorType::Rgb8).expect("it is encoded");
    }

    #[test]
    fn an_orientation_is_found_behind_the_name_that_exif_has_in_a_jpeg() {
        let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        for (name, orientation) in [(&b""[..], 6), (b"Exif\0\0", 6), (b"Other\0", 1)] {
            let exif = [name, exif].concat();
            let (mut webp, mut png) = (Vec::new(), Vec::new());
            let mut encoder = WebPEncoder::new_lossless(&mut webp);
            encoder.set_exif_metadata(exif.clone()).expect("WebP has a place for it");
            write(&photo(), encoder);
            let mut encoder = PngEncoder::new(&mut png);
            encoder.set_exif_metadata(exif).expect("PNG has a place for it");
            write(&photo(), encoder);
            for bytes in [webp, png] {
                let found = decode(&bytes, &Limits::default()).expect("it decodes");
                assert_eq!(found.orientation, orientation, "{:?} behind {}", found.format, name.escape_ascii());
            }
        }
    }

    #[test]
    fn what_takes_more_memory_than_there_is_is_refused_be_it_to_score_or_to_correct() {
        let mut bytes = Vec::new();
        write(&photo(), PngEncoder::new(&mut bytes));
        let limits = Limits::default();
        let claim = inspect(&bytes, &limits).expect("it is sound");
        let (scored, corrected) = (claim.peak, claim.of_correction().peak);
        let fits = |whole: u64| {
            let memory = DecodeMemory::new(whole);
            let budget = Budget { memory: Some(&memory), ..Budget::from(&limits) };
            // What is decoded keeps its memory until it is dropped.
            [
                decode(&bytes, budget).map(drop).is_ok(),
                decode_whole(&bytes, budget).map(drop).is_ok(),
                decode_original(&bytes, budget).map(drop).is_ok(),
            ]
        };
        assert_eq!(fits(scored - 1), [false; 3]);
        assert_eq!([fits(scored), fits(corrected - 1)], [[true, true, false]; 2]);
        assert_eq!(fits(corrected), [true; 3]);
    }

    /// What the file says of itself are 64 pixels a side.
    #[test]
    fn a_frame_that_is_larger_than_its_file_is_counted_or_refused() {
        let gif = b"GIF89a\x40\0\x40\0\0\0\0\x2C\0\0\0\0\x40\x1F\x40\x1F\0\x08\0;";
        let claim = inspect(gif, &Limits::default()).expect("it is sound");
        assert_eq!((claim.size, claim.peak > 5 * 8000 * 8000), ((64, 64), true));
        let webp = b"RIFF\x28\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0\x3F\0\0\x3F\0\0VP8 \x0A\0\0\0\x10\x02\0\x9D\x01\x2A\x80\x3E\x80\x3E";
        match inspect(webp, &Limits::default()) {
            Err(IngestError::Undecodable { reason, .. }) => assert_eq!(reason, "its headers contradict each other"),
            other => panic!("{other:?}"),
        }
    }

    /// See `webp::codes`, whose test tells what they are.
    #[test]
    fn the_codes_of_a_lossless_webp_count_and_have_a_limit() {
        const CODES: u64 = 41_232;
        let file = include_bytes!("../../../tests/fixtures/webp/lossless.webp");
        let claimed = |most| inspect(file, &Limits { max_decoded_bytes: most, ..Limits::default() });
        let claim = claimed(CODES).expect("it is sound");
        assert_eq!(claim.peak, 2 * file.len() as u64 + 8 * claim.pixels + CODES + (16 << 20));
        assert!(matches!(claimed(CODES - 1), Err(IngestError::TooLargeToDecode { .. })));
    }

    #[test]
    fn scoring_sees_srgb_in_all_pixels_and_an_original_keeps_its_colours() {
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut bytes);
        let profile = ColorProfile::new_display_p3().encode().expect("a profile");
        encoder.set_icc_profile(profile).expect("PNG has a place for it");
        write(&photo(), encoder);
        let limits = Limits::default();
        let upright = |decoded: Result<Photo, IngestError>| decoded.expect("it decodes").upright();
        let [few, all] = [decode(&bytes, &limits), decode_whole(&bytes, &limits)].map(upright);
        let original = upright(decode_original(&bytes, &limits).map(|original| original.photo));
        assert_eq!(few, all);
        assert_ne!(all, original);
        assert_eq!(original, photo());
    }
}
