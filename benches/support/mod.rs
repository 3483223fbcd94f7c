//! What the benchmarks share: sessions and the way of a photo through them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "each benchmark uses a part of this; benchmarks may panic"
)]

use std::path::Path;

use clearshot::engine::{BranchSession, Runtime};
use clearshot::ingest::{self, Limits};
use clearshot::metric::Metric;
use clearshot::scoring::card::VerifiedModel;
use clearshot::view::{self, ReferenceView};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

#[path = "../../tests/support/room.rs"]
mod room;

/// One session per branch, each with one thread. ONNX Runtime can be loaded once per process.
pub fn sessions(runtime: &Runtime) -> Vec<BranchSession> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let session = |metric| {
        let VerifiedModel { onnx, .. } = VerifiedModel::load(&models, metric).unwrap();
        BranchSession::new(runtime, metric, &onnx, 1).unwrap()
    };
    Metric::ALL.into_iter().map(session).collect()
}

/// From the bytes of an upload to the branches' outputs, without HTTP and queues.
pub fn score(bytes: &[u8], sessions: &mut [BranchSession]) {
    let view = ReferenceView::new(ingest::decode(bytes, &Limits::default()).unwrap().pixels);
    for session in sessions {
        std::hint::black_box(session.run(&[view::tensor(session.metric(), &view)]).unwrap());
    }
}

/// A room, enlarged beyond 3 megapixels: rendering a large one would take longer than the benchmark.
pub fn photo([width, height]: [u32; 2]) -> RgbImage {
    let rendered = room::room(width.min(2000), height.min(1500), 1);
    image::imageops::resize(&rendered, width, height, image::imageops::FilterType::CatmullRom)
}

pub fn jpeg(photo: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(photo).unwrap();
    bytes
}
