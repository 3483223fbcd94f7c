//! From a degraded image to what a branch sees: compressed as clients compress, then decoded and cut to the view by the
//! very functions that serve uploads.

use clearshot_core::ingest::{self, Limits};
use clearshot_core::view::ReferenceView;
use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::transform::{Degraded, Frame};

/// Encodes as a client would: JPEG at a random quality and chroma subsampling. The source's own JPEG grid has been
/// turned or blurred by the degradation; a fresh grid over every sample keeps that from telling the magnitude.
#[must_use]
pub fn encode(image: &RgbImage, frame: Frame, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let quality = match frame {
        // Most uploads are saved well; a tail has been squeezed through messengers and old portals.
        Frame::Part if rng.random_ratio(3, 20) => rng.random_range(5..55),
        Frame::Part => rng.random_range(55..=98),
        Frame::Whole | Frame::Upload => rng.random_range(80..=95),
    };
    let sampling = match rng.random_range(0..10) {
        0..=5 => SamplingFactor::F_2_2,
        6 => SamplingFactor::F_2_1,
        _ => SamplingFactor::F_1_1,
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(sampling);
    let side = |side: u32| u16::try_from(side).expect("degraded images are at most 1600 pixels a side");
    encoder
        .encode(image.as_raw(), side(image.width()), side(image.height()), ColorType::Rgb)
        .expect("writing to a Vec cannot fail and the buffer has the image's size");
    bytes
}

/// The reference view of a degraded image after compression and decoding; one part in eight is never compressed.
#[must_use]
pub fn receive(degraded: Degraded, frame: Frame, rng: &mut ChaCha8Rng) -> ReferenceView {
    let Degraded { pixels, long_side } = degraded;
    let received = if frame == Frame::Part && rng.random_bool(0.125) {
        pixels
    } else {
        let limits = Limits { min_side: 1, ..Limits::default() };
        ingest::decode(&encode(&pixels, frame, rng), &limits).expect("our own JPEG decodes").upright()
    };
    ReferenceView::with_long_side(received, long_side)
}
