//! Quality that a JPEG was compressed with, 1 to 100: that by which libjpeg scales the luma table of ITU-T T.81, annex K.1, into the
//! one that comes closest to the file's first table (see `ingest`). Other encoders have tables of their own; for them it is the
//! libjpeg quality of about the same loss. A file that was saved again shows its last quality alone. No number for other formats.

use super::{Check, Evidence, fault};
use crate::metric::Severity;

pub(super) fn check() -> Check {
    Check {
        name: "jpeg_quality",
        title: "Quality of the JPEG compression",
        unit: "",
        low: Some(fault(
            "overcompressed",
            Severity::Fixable,
            "Send the photo as the camera saved it: this copy is compressed too much.",
        )),
        high: None,
        of_photos: false,
        certainty: 1.0,
        bins: &[50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 95.0],
        measure: |Evidence { jpeg_quality, .. }| jpeg_quality.map(f32::from),
    }
}
