//! Share of the upload that is frame: bars, margins and fills around the photo, see [`crate::area`]. What is measured of a photo is
//! measured inside, so that a frame does no harm; whether it is wanted, a profile says.

use super::{Check, Evidence, fault};
use crate::metric::Severity;

pub(super) fn check() -> Check {
    Check {
        name: "frame",
        title: "Frame around the photo",
        unit: "share",
        low: None,
        high: Some(fault("framed", Severity::Fixable, "Send the photo without bars or a frame around it.")),
        of_photos: false,
        certainty: 1.0,
        bins: &[0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5],
        measure: |Evidence { area, .. }| Some(area.frame_share()),
    }
}
