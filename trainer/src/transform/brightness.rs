//! Brightness: a shift of HSV value V; in training also gamma and linear-light exposure changes that shift V as much.

mod backlight;

use clearshot_core::view::LONG_SIDE;
use image::RgbImage;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Degraded, FaultSpec, Frame, Severity, Spec, Transformation, exposed};
use crate::overlay;
use crate::raster::{Planes, hsv_value};

/// Shift of V; magnitude in V, which runs from 0 to 1.
pub(super) struct Brightness;

const SPEC: Spec = Spec {
    name: "brightness",
    title: "Brightness",
    unit: "V",
    range: [-0.5, 0.5],
    view: "brightness-whole/2",
    low: Some(FaultSpec { code: "too_dark", severity: Severity::Fixable, advice: "Brighten by {value:.2} of V." }),
    high: FaultSpec { code: "too_bright", severity: Severity::Fixable, advice: "Darken by {value:.2} of V." },
    trained: [-0.5, 0.5],
    usual: [-0.3, 0.3],
    evaluated: [-0.4, 0.4],
    steps: 6000,
    // Degraded by Pillow, photos were covered by 0.88 without it, by 0.91 with it: tools differ in their HSV.
    widening: 1.1,
    second_look: None,
    intended_use: "How far HSV value V of a property or car photo is off good exposure. Low-key and high-key intent cannot \
                   be told from bad exposure.",
};

impl Transformation for Brightness {
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
        // A pure V shift lifts the black point, so that a network could read it off the histogram's ends and be blind
        // to a photo that is really under- or overexposed; hence the other two.
        match (frame, rng.random_range(0..10)) {
            (Frame::Part, 0..=2) if magnitude < backlight::LEAST => backlight::darken(&mut planes, -magnitude, rng),
            (Frame::Part, 0..=2) => change_exposure(&mut planes, magnitude, gamma),
            (Frame::Part, 3..=5) => change_exposure(&mut planes, magnitude, linear_light),
            _ => shift_value(&mut planes, magnitude),
        }
        let noise = if frame == Frame::Part { rng.random_range(0.0..0.012) } else { 0.0 };
        let long_side = image.width().max(image.height());
        let mut pixels = planes.quantise(noise, rng);
        if frame == Frame::Part {
            // Parts show most of a photo; what is laid over it is not lit as it is.
            overlay::sometimes(&mut pixels, long_side as f32 / LONG_SIDE as f32, frame, rng);
        }
        Degraded { pixels, long_side }
    }
}

/// Adds to V, keeping hue and saturation: all channels of a pixel are scaled by the ratio of new to old V.
fn shift_value(planes: &mut Planes, shift: f32) {
    planes.map_pixels(|rgb| {
        let value = hsv_value(rgb);
        let shifted = (value + shift).clamp(0.0, 1.0);
        if value > 0.0 { rgb.map(|channel| channel * shifted / value) } else { [shifted; 3] }
    });
}

/// Applies `curve` with the strength whose mean change of V is `shift`; where no strength reaches it, shifts V.
fn change_exposure(planes: &mut Planes, shift: f32, curve: fn(f32, f32) -> f32) {
    let all: Vec<usize> = (0..planes.channels[0].len()).collect();
    match strength_of(planes, &all, shift, curve) {
        Some(strength) => planes.map_pixels(|rgb| rgb.map(|channel| curve(channel, strength).clamp(0.0, 1.0))),
        None => shift_value(planes, shift),
    }
}

/// The strength at which a curve changes the mean V of some pixels by `shift`, if there is one.
fn strength_of(planes: &Planes, pixels: &[usize], shift: f32, curve: fn(f32, f32) -> f32) -> Option<f32> {
    let values: Vec<f32> = pixels
        .iter()
        .step_by(7)
        .map(|&index| hsv_value(std::array::from_fn(|channel| planes.channels[channel][index])))
        .collect();
    let mean_change = |strength: f32| {
        values.iter().map(|&value| curve(value, strength).clamp(0.0, 1.0) - value).sum::<f32>() / values.len() as f32
    };
    let (mut low, mut high) = (-6.0f32, 6.0f32);
    if mean_change(low) > shift || mean_change(high) < shift {
        return None;
    }
    for _ in 0..24 {
        let middle = f32::midpoint(low, high);
        if mean_change(middle) < shift { low = middle } else { high = middle }
    }
    Some(f32::midpoint(low, high))
}

/// Gamma 2^-strength.
fn gamma(value: f32, strength: f32) -> f32 {
    value.max(0.0).powf((-strength).exp2())
}

/// Exposure by `strength` stops in linear light (IEC 61966-2-1 sRGB), highlights clip as a sensor does.
fn linear_light(value: f32, strength: f32) -> f32 {
    let linear = if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
    let exposed = (linear * strength.exp2()).min(1.0);
    if exposed <= 0.003_130_8 { exposed * 12.92 } else { 1.055 * exposed.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient() -> Planes {
        let image = RgbImage::from_fn(64, 48, |x, y| image::Rgb([(40 + 2 * x) as u8, (60 + 2 * y) as u8, 90]));
        Planes::from_image(&image)
    }

    fn mean_value(planes: &Planes) -> f32 {
        let count = planes.channels[0].len();
        (0..count).map(|i| hsv_value(std::array::from_fn(|c| planes.channels[c][i]))).sum::<f32>() / count as f32
    }

    #[test]
    fn every_kind_of_exposure_changes_the_mean_of_v_by_its_magnitude() {
        for shift in [-0.2f32, 0.0, 0.25] {
            let before = mean_value(&gradient());
            let mut shifted = gradient();
            shift_value(&mut shifted, shift);
            assert!((mean_value(&shifted) - before - shift).abs() < 0.02);
            for curve in [gamma, linear_light] {
                let mut exposed = gradient();
                change_exposure(&mut exposed, shift, curve);
                assert!((mean_value(&exposed) - before - shift).abs() < 0.02);
            }
        }
    }
}
