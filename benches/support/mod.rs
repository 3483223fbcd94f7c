//! What the benchmarks share: scorers and the way of a photo through them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "each benchmark uses a part of this; benchmarks may panic"
)]

use std::path::Path;
use std::sync::Arc;

use clearshot_core::assessment::{Assessment, prepare};
use clearshot_core::ingest::Limits;
use clearshot_core::load::{Files, Loaded, load};
use clearshot_core::scorer::Scorer;
use clearshot_core::scoring::profile::Profile;
use clearshot_core::session::DeviceConfig;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

#[path = "../../tests/support/room.rs"]
mod room;

/// A scorer of the shipped models for each of `count` threads, and the default profile. ONNX Runtime can be loaded once per
/// process, so this can be called once.
pub fn scorers(count: usize) -> (Vec<Scorer>, Profile) {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let files = Files { models, profiles: None, onnxruntime: None };
    let Loaded { runtime, models, profiles } = load(&files, DeviceConfig::default()).unwrap();
    let models = Arc::new(models);
    let scorers = (0..count).map(|_| Scorer::new(&runtime, Arc::clone(&models)).unwrap()).collect();
    (scorers, profiles.find("default").unwrap().clone())
}

/// From the bytes of an upload to its judgement, without HTTP and queues.
pub fn score(bytes: &[u8], scorer: &mut Scorer, profile: &Profile) -> Assessment {
    let prepared = prepare(bytes, &Limits::default(), scorer.models().views(), false).unwrap();
    scorer.score(vec![prepared], profile).remove(0).unwrap()
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
