//! Degradations of known magnitude, and what the metric of each is called and means. Adding one is one file and one line
//! in [`REGISTRY`].

mod blur;
mod brightness;
mod crop;
mod rotation;
mod saturation;
mod turn;

pub(crate) use turn::by_right_angles;

pub use clearshot_core::metric::Severity;
use clearshot_core::metric::{Fault, Metric};
use clearshot_core::name::Name;
use clearshot_core::view::{self, View};
use fast_image_resize::FilterType;
use image::RgbImage;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::raster;

/// How much of the photo a degraded image shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A part at a random scale, augmented: cheap, for training.
    Part,
    /// The whole photo as a client would upload it, degraded in the one way that figures are given for: for evaluation.
    Whole,
    /// The whole photo, degraded in the ways that uploads are: for calibration, whose intervals are to hold for these, too.
    Upload,
}

/// A degraded image, before compression.
pub struct Degraded {
    /// The pixels.
    pub pixels: RgbImage,
    /// Long side of the reference view of this image: for a part, what the part would measure in the photo's view.
    pub long_side: u32,
}

/// What a transformation is: what its metric is called and means, and how its model is trained by default.
pub struct Spec {
    /// Name in the registry, on the command line and in file names, and of its metric.
    pub name: &'static str,
    /// What the metric is, in a few words for people.
    pub title: &'static str,
    /// Unit of magnitudes and of calibrated values.
    pub unit: &'static str,
    /// Smallest and largest value that can be reported.
    pub range: [f32; 2],
    /// Name and version of the view that the model looks at, as in [`view::VIEWS`]; the network follows from it.
    pub view: &'static str,
    /// What is wrong with a photo whose value is too low; none where the range begins at zero.
    pub low: Option<FaultSpec>,
    /// What is wrong with a photo whose value is too high.
    pub high: FaultSpec,
    /// Magnitudes that are trained by default, smallest and largest.
    pub trained: [f32; 2],
    /// Magnitudes that uploads have: intervals are calibrated on these above all.
    pub usual: [f32; 2],
    /// Magnitudes that are evaluated by default.
    pub evaluated: [f32; 2],
    /// Optimiser steps by default: what two cores do in 5 to 60 minutes.
    pub steps: usize,
    /// Factor on every interval. Photos of sources that were not calibrated on err more than those of known ones, and
    /// exchangeability, which conformal prediction rests on, does not hold for them.
    pub widening: f32,
    /// Which photos are looked at twice, of a view that can be turned; see [`SecondLook`](clearshot_core::scoring::second_look::SecondLook).
    pub second_look: Option<SecondLookSpec>,
    /// What the model is for, and what it cannot do.
    pub intended_use: &'static str,
}

/// Which photos are looked at twice: both in degrees.
pub struct SecondLookSpec {
    /// Smallest tilt that the first look reads.
    pub from: f32,
    /// Largest error that the first look expects.
    pub expected_error: f32,
}

/// What is wrong with a photo beyond a threshold, see [`Fault`].
pub struct FaultSpec {
    /// Code of the reason.
    pub code: &'static str,
    /// What it takes to make the photo acceptable.
    pub severity: Severity,
    /// What to do, in a sentence; `{value}` stands for the size of the value.
    pub advice: &'static str,
}

impl Spec {
    /// The metric, as the model's card states it.
    #[must_use]
    pub fn metric(&self) -> Metric {
        let fault =
            |spec: &FaultSpec| Fault { code: name(spec.code), severity: spec.severity, advice: spec.advice.to_owned() };
        Metric {
            name: name(self.name),
            title: self.title.to_owned(),
            unit: self.unit.to_owned(),
            range: self.range,
            view: self.view.to_owned(),
            low: self.low.as_ref().map(fault),
            high: fault(&self.high),
        }
    }

    /// What the model looks at.
    #[must_use]
    pub fn view(&self) -> &'static View {
        view::find(self.view).expect("a test finds the view of every transformation in the registry of views")
    }
}

fn name(text: &str) -> Name {
    text.parse().expect("a test makes the metric of every transformation")
}

/// A degradation with one magnitude in physical units.
pub trait Transformation: Send + Sync {
    /// What it is called, what its metric means, and how it is trained by default.
    fn spec(&self) -> &'static Spec;

    /// Draws a magnitude from a range.
    fn draw(&self, range: [f32; 2], rng: &mut ChaCha8Rng) -> f32 {
        rng.random_range(range[0]..=range[1])
    }

    /// How much of it a photo has by itself, which adds to what is done to it. `lean`: the photo's own tilt.
    fn inherent(&self, _lean: f32) -> f32 {
        0.0
    }

    /// Views of a photo and their magnitudes, where those that are compared shall differ in nothing else; none where each is
    /// drawn and degraded by itself.
    fn list(&self, _photo: &RgbImage, _frame: Frame, _rng: &mut ChaCha8Rng) -> Option<Vec<(Vec<f32>, f32)>> {
        None
    }

    /// Degrades a photo by `magnitude`; `range` holds all magnitudes that will be asked for, so that what depends on the
    /// largest (the crop of a rotation) is the same for all. Magnitude 0 takes the very same path as every other.
    fn degrade(
        &self,
        photo: &RgbImage,
        magnitude: f32,
        range: [f32; 2],
        frame: Frame,
        rng: &mut ChaCha8Rng,
    ) -> Degraded;
}

/// All transformations.
pub static REGISTRY: [&dyn Transformation; 6] =
    [&blur::Blur, &brightness::Brightness, &rotation::Rotation, &turn::Turn, &saturation::Saturation, &crop::Crop];

/// Finds a transformation by name.
///
/// # Errors
/// A message that lists the names there are.
pub fn find(name: &str) -> Result<&'static dyn Transformation, String> {
    REGISTRY.iter().copied().find(|transformation| transformation.spec().name == name).ok_or_else(|| {
        let names: Vec<_> = REGISTRY.iter().map(|transformation| transformation.spec().name).collect();
        format!("unknown transformation `{name}`; there are {}", names.join(", "))
    })
}

/// A photo for what is seen in all of it (exposure, colour): small, and for training a random part at a random scale.
fn exposed(photo: &RgbImage, frame: Frame, rng: &mut ChaCha8Rng) -> RgbImage {
    match frame {
        Frame::Part => exposed_part(photo, rng),
        Frame::Whole | Frame::Upload => view::shrink_to(photo.clone(), 640, FilterType::Lanczos3),
    }
}

fn exposed_part(photo: &RgbImage, rng: &mut ChaCha8Rng) -> RgbImage {
    let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
    let share = [rng.random_range(0.7..=1.0), rng.random_range(0.7..=1.0)];
    let (cut_width, cut_height) = ((width * share[0]).floor().max(1.0), (height * share[1]).floor().max(1.0));
    let left = rng.random_range(0.0..=width - cut_width).floor();
    let top = rng.random_range(0.0..=height - cut_height).floor();
    let long = rng.random_range(192.0..512.0f64).min(cut_width.max(cut_height));
    let scale = long / cut_width.max(cut_height);
    let scaled = |side: f64| ((side * scale).round() as u32).max(1);
    view::resize_part(
        photo,
        [left, top, cut_width, cut_height],
        scaled(cut_width),
        scaled(cut_height),
        raster::any_filter(rng),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearshot_core::scoring::card::ModelCard;
    use clearshot_core::scoring::orientation::TURN;

    #[test]
    fn every_transformation_states_a_metric_that_can_be_served_and_no_two_share_a_code() {
        let mut codes = Vec::new();
        for transformation in REGISTRY {
            let spec = transformation.spec();
            let metric = spec.metric();
            // The turn is no score among others: its name stands beside theirs.
            if spec.name != TURN {
                assert_eq!(metric.check(), Ok(()));
            }
            assert_eq!(spec.view().name, metric.view);
            let own: std::collections::BTreeSet<String> = metric.codes().map(ToString::to_string).collect();
            codes.extend(own);
        }
        let count = codes.len();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), count, "{codes:?}");
    }

    #[test]
    fn the_shipped_cards_say_what_their_transformations_say() {
        let cards = [
            include_str!("../../../models/blur.json"),
            include_str!("../../../models/brightness.json"),
            include_str!("../../../models/rotation.json"),
            include_str!("../../../models/turn.json"),
        ];
        for text in cards {
            let card: ModelCard = serde_json::from_str(text).expect("a shipped card is sound");
            let spec = find(card.metric.name.as_str()).expect("it is in the registry").spec();
            assert_eq!(spec.metric(), card.metric);
            assert_eq!(spec.intended_use, card.intended_use);
        }
    }
}
