//! What a model says of a photo, before it is read by its card.

use super::calibration::RawOutput;

/// Copies of a photo that a model of classes ranks: turned by no right angle, by one, two and three.
pub use crate::view::COPIES;

/// What a model says of one photo.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A ranking output and its expected error.
    Scalar(RawOutput),
    /// How upright each right-angle copy looks.
    Copies([f32; COPIES]),
    /// The logit of each label, in the order of the model's card.
    Logits(Box<[f32]>),
}

impl Output {
    /// From the numbers that a model gives for a photo; `labels` of a model of labels says how many it tells apart, of another it is 0.
    #[must_use]
    pub fn of(values: &[f32], labels: usize) -> Option<Self> {
        if labels > 0 {
            return (values.len() == labels).then(|| Self::Logits(values.into()));
        }
        match *values {
            [raw, log_scale] => Some(Self::Scalar(RawOutput { raw, log_scale })),
            [none, one, two, three] => Some(Self::Copies([none, one, two, three])),
            _ => None,
        }
    }

    /// The ranking output; of a model of classes or labels one that is no evidence.
    #[must_use]
    pub fn scalar(&self) -> RawOutput {
        match *self {
            Self::Scalar(output) => output,
            Self::Copies(_) | Self::Logits(_) => RawOutput { raw: f32::NAN, log_scale: f32::NAN },
        }
    }
}
