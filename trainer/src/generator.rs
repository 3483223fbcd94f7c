//! Batches of degraded photos with known magnitudes, reproducible from a seed, made while the network trains.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use clearshot_core::view::ReferenceView;
use image::{Rgb, RgbImage};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::category;
use crate::photos::{Library, LibraryPhoto, Part};
use crate::transform::{Frame, Transformation};
use crate::upload;

/// What to generate.
#[derive(Clone, Copy)]
pub struct Recipe {
    /// The degradation.
    pub transformation: &'static dyn Transformation,
    /// Smallest and largest magnitude.
    pub range: [f32; 2],
    /// Photos in a batch.
    pub photos: usize,
    /// Magnitudes drawn for each photo of a batch; each pair of them is a ranking pair, and so is each pair across photos.
    pub magnitudes: usize,
    /// Augmented parts, or whole photos.
    pub frame: Frame,
    /// Seed of everything random.
    pub seed: u64,
}

/// A batch of samples.
pub struct Batch {
    /// View tensors, one after the other.
    pub inputs: Vec<f32>,
    /// True magnitude of each sample.
    pub magnitudes: Vec<f32>,
}

impl Recipe {
    /// The batch number `step` from the photos of a part of the library. The same recipe, part and step give the same
    /// batch, whatever was generated before.
    #[must_use]
    pub fn batch(&self, library: &Library, part: Part, step: usize) -> Batch {
        let photos = library.part(part);
        let chances = chances(&photos);
        let samples: Vec<(Vec<f32>, f32)> = (0..self.photos)
            .into_par_iter()
            .flat_map_iter(|slot| {
                let mut rng = self.rng(part, step, slot);
                let (photo, lean) = pick(&photos, &chances, &mut rng);
                if let Some(list) = self.transformation.list(&photo, self.frame, &mut rng) {
                    assert_eq!(list.len(), self.magnitudes, "a list has as many entries as a photo has magnitudes");
                    return list;
                }
                let inherent = self.transformation.inherent(lean);
                let sample = |_| {
                    let magnitude = self.transformation.draw(self.range, &mut rng);
                    (self.sample(&photo, magnitude, self.frame, &mut rng), magnitude + inherent)
                };
                (0..self.magnitudes).map(sample).collect()
            })
            .collect();
        let magnitudes = samples.iter().map(|sample| sample.1).collect();
        let inputs = samples.into_iter().flat_map(|sample| sample.0).collect();
        Batch { inputs, magnitudes }
    }

    /// The view tensor of one photo degraded by `magnitude`.
    #[must_use]
    pub fn sample(&self, photo: &RgbImage, magnitude: f32, frame: Frame, rng: &mut ChaCha8Rng) -> Vec<f32> {
        self.transformation.spec().view().tensor(&self.reference_view(photo, magnitude, frame, rng))
    }

    /// The reference view of one photo degraded by `magnitude`, compressed and decoded.
    #[must_use]
    pub fn reference_view(
        &self,
        photo: &RgbImage,
        magnitude: f32,
        frame: Frame,
        rng: &mut ChaCha8Rng,
    ) -> ReferenceView {
        let degraded = self.transformation.degrade(photo, magnitude, self.range, frame, rng);
        upload::receive(degraded, frame, rng)
    }

    /// An independent random stream for one slot of one step of one part.
    #[must_use]
    pub fn rng(&self, part: Part, step: usize, slot: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((part as u64) << 60 | (step as u64) << 20 | slot as u64);
        rng
    }

    /// Generates training batches from `first_step` on, on a thread of its own, a few steps ahead of the trainer.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn stream(self, library: Arc<Library>, first_step: usize) -> Result<Stream> {
        let (sender, receiver) = sync_channel(4);
        let pool = rayon::ThreadPoolBuilder::new()
            .thread_name(|index| format!("generator-{index}"))
            .build()
            .context("cannot start the generator's threads")?;
        let producer = std::thread::Builder::new().name("generator".into()).spawn(move || {
            for step in first_step.. {
                let batch = pool.install(|| self.batch(&library, Part::Train, step));
                // The trainer hung up: it is done.
                if sender.send(batch).is_err() {
                    break;
                }
            }
        })?;
        Ok(Stream { receiver: Some(receiver), producer: Some(producer) })
    }
}

/// Training batches in order of their steps.
pub struct Stream {
    receiver: Option<Receiver<Batch>>,
    producer: Option<JoinHandle<()>>,
}

impl Stream {
    /// The next batch.
    ///
    /// # Errors
    /// When the generator died.
    pub fn next_batch(&mut self) -> Result<Batch> {
        let receiver = self.receiver.as_ref().context("the generator has been stopped")?;
        receiver.recv().context("the generator died")
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Hanging up first lets the producer end; then wait, so that it does not outlive the library's other users.
        self.receiver.take();
        if let Some(producer) = self.producer.take() {
            let _ = producer.join();
        }
    }
}

/// A photo and its own tilt, mirrored half of the time: a mirrored upright photo is an upright photo. One in thirty is no photo at all but
/// a flat, shaded or noisy image, so that the network learns to say that it sees no evidence.
fn pick(photos: &[&LibraryPhoto], chances: &WeightedIndex<f64>, rng: &mut ChaCha8Rng) -> (RgbImage, f32) {
    if rng.random_ratio(1, 30) {
        return (no_photo(rng), 0.0);
    }
    let photo = photos[chances.sample(rng)];
    if rng.random_bool(0.5) {
        (image::imageops::flip_horizontal(&photo.pixels), -photo.tilt())
    } else {
        (photo.pixels.clone(), photo.tilt())
    }
}

/// How much more often a large photo is drawn than a small one: uploads are large, most training photos are not.
const LARGE_PHOTOS: f64 = 4.0;

/// Photos of rare categories and, within a category, of small sources are drawn more often, and so are large photos.
fn chances(photos: &[&LibraryPhoto]) -> WeightedIndex<f64> {
    let weights =
        category::weights_by_source(photos.iter().map(|photo| (photo.category.as_str(), photo.source.as_str())));
    let size = |photo: &LibraryPhoto| if photo.is_large() { LARGE_PHOTOS } else { 1.0 };
    WeightedIndex::new(weights.into_iter().zip(photos).map(|(weight, photo)| weight * size(photo)))
        .expect("there are photos, and every weight is positive")
}

fn no_photo(rng: &mut ChaCha8Rng) -> RgbImage {
    let base: [f32; 3] = std::array::from_fn(|_| rng.random_range(0.0..255.0));
    let slope: [f32; 2] =
        if rng.random_bool(0.5) { [0.0; 2] } else { std::array::from_fn(|_| rng.random_range(-0.2..0.2)) };
    let noise = if rng.random_bool(0.5) { 0.0 } else { rng.random_range(0.0..60.0f32) };
    RgbImage::from_fn(440, 330, |x, y| {
        let shade = slope[0] * (x as f32 - 220.0) + slope[1] * (y as f32 - 165.0) + noise * (rng.random::<f32>() - 0.5);
        Rgb(base.map(|channel| (channel + shade).clamp(0.0, 255.0) as u8))
    })
}
