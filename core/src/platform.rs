//! What else than photo and models decides the last bits of a score: which library decodes JPEGs, and which instructions the
//! processor has, since ONNX Runtime and the scaling of images sum up in another order with wider ones.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ingest::jpeg_decoder;

/// The build and the processor. Between two that differ a score differs in its last digits; on one kind it is the same bit for bit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Platform {
    /// Library that decodes JPEGs.
    #[schema(example = "libjpeg-turbo")]
    pub jpeg_decoder: String,
    /// Architecture, and the widest vector instructions that the processor has.
    #[schema(example = "x86_64 avx2")]
    pub instruction_set: String,
}

impl Platform {
    /// The one this runs on.
    #[must_use]
    pub fn current() -> Self {
        let instruction_set = [std::env::consts::ARCH, vectors()].join(" ").trim_end().to_owned();
        Self { jpeg_decoder: jpeg_decoder().to_owned(), instruction_set }
    }
}

#[cfg(target_arch = "x86_64")]
fn vectors() -> &'static str {
    if std::is_x86_feature_detected!("avx512f") {
        "avx512"
    } else if std::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "sse"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vectors() -> &'static str {
    ""
}
