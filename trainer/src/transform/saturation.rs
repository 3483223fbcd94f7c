//! Saturation: colourfulness, as an editor's slider changes it.

use image::RgbImage;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Degraded, FaultSpec, Frame, Severity, Spec, Transformation, exposed};
use crate::raster::Planes;

/// Change of saturation; magnitude is the binary logarithm of the factor by which every pixel's distance from gray
/// grows: -1 halves it, +1 doubles it.
pub(super) struct Saturation;

const SPEC: Spec = Spec {
    name: "saturation",
    title: "Colourfulness",
    unit: "log2",
    range: [-2.0, 1.0],
    view: "brightness-whole/2",
    low: Some(FaultSpec { code: "dull", severity: Severity::Fixable, advice: "Raise the saturation." }),
    high: FaultSpec { code: "oversaturated", severity: Severity::Fixable, advice: "Lower the saturation." },
    trained: [-2.0, 1.0],
    usual: [-0.8, 0.8],
    evaluated: [-2.0, 1.0],
    steps: 2000,
    widening: 1.1,
    second_look: None,
    intended_use: "How far the colours of a photo are off natural ones, as the binary logarithm of the factor by which an \
                   editor's slider would have changed them. Gray and monochrome scenes cannot be told from faded ones.",
};

impl Transformation for Saturation {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn degrade(
        &self,
        photo: &RgbImage,
        magnitude: f32,
        _range: [f32; 2],
        frame: Frame,
        rng: &mut ChaCha8Rng,
    ) -> Degraded {
        let image = exposed(photo, frame, rng);
        let mut planes = Planes::from_image(&image);
        let factor = magnitude.exp2();
        planes.map_pixels(|rgb| {
            // Gray of equal luma, ITU-R BT.601.
            let gray = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
            rgb.map(|channel| gray + (channel - gray) * factor)
        });
        let noise = if frame == Frame::Part { rng.random_range(0.0..0.012) } else { 0.0 };
        Degraded { pixels: planes.quantise(noise, rng), long_side: image.width().max(image.height()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use rand::SeedableRng;

    #[test]
    fn magnitude_is_the_logarithm_of_the_factor_of_colour() {
        let photo = RgbImage::from_pixel(300, 200, Rgb([140, 120, 110]));
        for magnitude in [-2.0f32, 0.0, 1.0] {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let found = Saturation.degrade(&photo, magnitude, [-2.0, 1.0], Frame::Whole, &mut rng).pixels;
            let [red, _, blue] = found.get_pixel(150, 100).0.map(f32::from);
            assert!((red - blue - 30.0 * magnitude.exp2()).abs() <= 2.0, "{magnitude}: {red} {blue}");
        }
    }
}
