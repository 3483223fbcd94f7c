//! What was done to a corrected photo: the header `Clearshot-Receipt`.

use clearshot_core::assessment::Assessment;
use clearshot_core::rounding::thousandths;
use clearshot_core::scoring::verdict::Scores;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was done to a photo: JSON in the header `Clearshot-Receipt`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Names the request in the server's log.
    #[schema(example = "0b8f6a5e-6d0c-4a57-9f0e-0b6b7f5b8a11")]
    pub request_id: String,
    /// Degrees by which the photo was turned, clockwise positive.
    #[schema(example = -4.2)]
    pub rotation: f32,
    /// Share of the frame's area that is left after straightening.
    #[schema(example = 0.82)]
    pub kept: f32,
    /// Shift of the mean of V.
    #[schema(example = 0.12)]
    pub v_shift: f32,
    /// True where the upload's ICC profile was left out because it is larger than 4 MB.
    #[schema(example = false)]
    pub profile_dropped: bool,
    /// Width of the corrected photo.
    #[schema(example = 3650)]
    pub width: u32,
    /// Height of the corrected photo.
    #[schema(example = 2738)]
    pub height: u32,
    /// Scores of the upload.
    pub before: Values,
    /// Scores of the corrected photo, decoded and scored like an upload.
    pub after: Values,
}

/// Calibrated values.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Values {
    /// Blur in px.
    #[schema(example = 0.4)]
    pub blur: f32,
    /// Brightness in V.
    #[schema(example = -0.12)]
    pub brightness: f32,
    /// Rotation in degrees.
    #[schema(example = 4.2)]
    pub rotation: f32,
}

impl From<&Scores> for Values {
    fn from(scores: &Scores) -> Self {
        let Scores { blur, brightness, rotation, .. } = scores;
        Self { blur: blur.value, brightness: brightness.value, rotation: rotation.value }
    }
}

/// What was done to the pixels, see [`Receipt`].
pub(super) struct Change {
    pub(super) rotation: f32,
    pub(super) kept: f32,
    pub(super) v_shift: f32,
    pub(super) profile_dropped: bool,
}

impl Change {
    /// The receipt, but for the request's name.
    pub(super) fn receipt(self, before: &Assessment, after: &Assessment) -> Receipt {
        Receipt {
            request_id: String::new(),
            rotation: thousandths(self.rotation),
            kept: thousandths(self.kept),
            v_shift: thousandths(self.v_shift),
            profile_dropped: self.profile_dropped,
            width: after.image.width,
            height: after.image.height,
            before: Values::from(&before.scores),
            after: Values::from(&after.scores),
        }
    }
}
