//! What is said of one photo, and the steps around the models that lead to it: decode and view before, judge after. Every way of
//! scoring a photo, over HTTP or in bulk, takes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::area::Area;
use crate::checks::{CHECKS, Check, Evidence, NOT_A_PHOTO, UPSCALE};
use crate::digest::sha256_hex;
use crate::guard::{Panicked, guarded};
use crate::ingest::{self, Budget, Format, IngestError, Photo};
use crate::models::{ModelSet, Tensor, tensors};
use crate::rounding::thousandths;
use crate::scene_hash::SceneHash;
use crate::scoring::card::{ModelCard, Reading};
use crate::scoring::coverage::Coverage;
use crate::scoring::label::Label;
use crate::scoring::orientation::Orientation;
use crate::scoring::output::Output;
use crate::scoring::profile::Profile;
use crate::scoring::sharpness::{BlurMap, max_usable_width};
use crate::scoring::verdict::{Findings, Judgement, Measurement, Reason, Scores, Verdict, judge};
use crate::view::{self, LONG_SIDE, MapTile, ReferenceView, View};

/// The scored image.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScoredImage {
    /// Format, told from the content.
    pub format: Format,
    /// Width in pixels, upright.
    #[schema(example = 4032)]
    pub width: u32,
    /// Height in pixels, upright.
    #[schema(example = 3024)]
    pub height: u32,
    /// Size of the file.
    #[schema(example = 3_168_343)]
    pub bytes: usize,
    /// SHA-256 of the file.
    #[schema(example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub sha256: String,
    /// What the photo shows, as 144 bits: up to 26 of them differ between near-duplicates (recompressed, resized, slightly cropped).
    /// Absent where a photo has hardly any structure, and from results of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, example = "8c1e3f0f77c0e1e33870f0c1c38787c1e0f0")]
    pub scene_hash: Option<SceneHash>,
    /// Orientation that was applied, 1 to 8 as EXIF numbers them; of a HEIC or AVIF, what its container asks for.
    #[schema(example = 6, minimum = 1, maximum = 8)]
    pub orientation: u8,
    /// Where in the upload the photo is, without bars, margins and frames; what is measured is measured there.
    #[serde(default)]
    #[schema(required)]
    pub area: Area,
}

/// A photo's scores and what follows from them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Assessment {
    /// What was scored.
    pub image: ScoredImage,
    /// The scores.
    pub scores: Scores,
    /// How the scene appears to be turned by right angles; only where a model tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub orientation: Option<Orientation>,
    /// Which label fits the photo, by the name of the model that tells; absent without such models. No profile judges by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub labels: BTreeMap<String, Label>,
    /// What was measured without a model, by the name of the check.
    #[serde(default)]
    #[schema(required)]
    pub checks: BTreeMap<String, f32>,
    /// Share of photos whose true value lies inside the interval: what the models' cards state, or what `coverage` asked for.
    #[schema(example = 0.9)]
    pub coverage: f32,
    /// The worst quality of a score.
    #[schema(example = 64, minimum = 0, maximum = 100)]
    pub quality: u8,
    /// Largest width in pixels at which the photo still looks sharp on a screen.
    #[schema(example = 1600)]
    pub max_usable_width: u32,
    /// The profile judged by.
    #[schema(example = "default")]
    pub profile: String,
    /// Publish, do not, or look yourself.
    pub verdict: Verdict,
    /// Why the photo did not pass, worst first.
    pub reasons: Vec<Reason>,
    /// Where the photo is blurred; only with `detail=tiles`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tiles: Option<BlurMap>,
    /// Versions of the models that scored, by metric.
    #[schema(example = json!({"blur": "blur-0123abcd"}))]
    pub models: BTreeMap<String, String>,
}

impl Assessment {
    /// Whether it was judged as a photo: a plan, a map or a screenshot is not, unless the profile wants it to be.
    #[must_use]
    pub fn is_photo(&self) -> bool {
        self.reasons.iter().all(|reason| reason.code != NOT_A_PHOTO)
    }

    /// Judges what the models said of a photo; outputs in the order of the models. `coverage` of the intervals, where another than
    /// the cards' is wanted: it changes what is reported, and decides nothing.
    #[must_use]
    pub fn new(
        prepared: Prepared,
        outputs: &[Output],
        models: &ModelSet,
        profile: &Profile,
        coverage: Option<Coverage>,
    ) -> Self {
        let Prepared { image, checks, .. } = prepared;
        let scalar = |(card, _): &(&ModelCard, &Output)| card.reading == Reading::Scalar;
        let stated = models.cards().zip(outputs).filter(scalar).map(|(card, _)| card.calibration.coverage());
        let stated = stated.fold(1.0, f32::min);
        let label =
            |(card, output): (&ModelCard, &Output)| Some((card.metric.name.to_string(), Label::read(card, output)?));
        let findings = Findings {
            metrics: (models.cards().zip(outputs))
                .filter(scalar)
                .map(|(card, output)| {
                    let output = output.scalar();
                    Measurement {
                        metric: &card.metric,
                        raw: output.raw,
                        estimate: match coverage {
                            Some(coverage) => card.calibration.apply_at(output, coverage.share()),
                            None => card.calibration.apply(output),
                        },
                        distribution: card.calibration.distribution(output),
                    }
                })
                .collect(),
            orientation: models.cards().zip(outputs).find_map(|(card, output)| Orientation::read(card, output)),
            checks,
        };
        let Judgement { scores, quality, verdict, reasons } = judge(&findings, profile);
        Self {
            max_usable_width: usable_width(&image, scores.blur.value, &findings.checks),
            image,
            scores,
            orientation: findings.orientation,
            labels: models.cards().zip(outputs).filter_map(label).collect(),
            checks: findings.checks.iter().map(|(check, value)| (check.name.to_owned(), *value)).collect(),
            coverage: coverage.map_or(stated, Coverage::share),
            quality,
            profile: profile.name.to_string(),
            verdict,
            reasons,
            tiles: None,
            models: versions(models),
        }
    }
}

/// Largest width at which the photo still looks sharp; a frame around it is none of it, and an enlargement has the pixels that it
/// was made from.
fn usable_width(image: &ScoredImage, sigma: f32, checks: &[(&Check, f32)]) -> u32 {
    let [_, _, width, height] = image.area.pixels(image.width, image.height);
    let enlarged = checks.iter().find(|(check, _)| check.name == UPSCALE).map_or(1.0, |(_, factor)| *factor);
    max_usable_width(width, height, sigma, enlarged)
}

/// The versions of models, by metric.
#[must_use]
pub fn versions(models: &ModelSet) -> BTreeMap<String, String> {
    models.cards().map(|card| (card.metric.name.to_string(), card.version.clone())).collect()
}

/// A decoded photo, ready for the models.
pub struct Prepared {
    /// What is known of it already.
    pub image: ScoredImage,
    /// What the models look at, in the order of the views that were asked for.
    pub tensors: Vec<Tensor>,
    /// What was measured without a model.
    pub checks: Vec<(&'static Check, f32)>,
    /// Columns, rows and tiles of the blur map, if it is wanted.
    pub map: Option<(usize, usize, Vec<MapTile>)>,
}

/// Why a photo cannot be handed to the models.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It cannot be decoded.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// A step panicked on it.
    #[error("a step before the models panicked on this photo")]
    Panicked,
}

/// Everything between the bytes and the models; blocks. A panic costs this photo only.
///
/// # Errors
/// [`PrepareError`].
pub fn prepare<'a>(
    bytes: &[u8],
    budget: impl Into<Budget<'a>>,
    views: &[&View],
    tiles: bool,
) -> Result<Prepared, PrepareError> {
    let steps = || {
        let budget = budget.into();
        let mut photo = ingest::decode(bytes, budget)?;
        let whole = ReferenceView::of(&photo, Area::WHOLE);
        let area = Area::find(whole.pixels());
        if photo.lacks(area, LONG_SIDE) {
            // The frame took most of the upload. Its memory is given back before more is asked for.
            drop(photo);
            photo = ingest::decode_whole(bytes, budget)?;
        }
        let Photo { format, orientation, width, height, damage, jpeg_quality, .. } = photo;
        let sha256 = sha256_hex(bytes);
        let reference = if area.is_whole() { whole } else { ReferenceView::of(&photo, area) };
        drop(photo);
        let scene_hash = SceneHash::of(reference.pixels());
        let image = ScoredImage { format, width, height, bytes: bytes.len(), sha256, scene_hash, orientation, area };
        let evidence = Evidence::new(&reference, area, [width, height], damage, jpeg_quality);
        let measured = |check: &'static Check| Some((check, thousandths((check.measure)(&evidence)?)));
        let checks = CHECKS.iter().filter_map(measured).collect();
        let map = tiles.then(|| {
            let (columns, rows, mut tiles) = view::blur_map(&reference);
            tiles.iter_mut().for_each(|tile| tile.place = area.to_upload(tile.place));
            (columns, rows, tiles)
        });
        Ok(Prepared { image, tensors: tensors(views, &reference), checks, map })
    };
    guarded(steps).unwrap_or_else(|Panicked| {
        tracing::error!("a step before the models panicked");
        Err(PrepareError::Panicked)
    })
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};
    use jpeg_encoder::{ColorType, Encoder};

    use super::*;
    use crate::ingest::Limits;
    use crate::ingest::samples::{linear, written_in};

    const SIDES: (u16, u16) = (2800, 1840);

    /// A photo of a third of both sides on white: of a JPEG that large a half of each side is decoded first, where libjpeg-turbo is built.
    fn upload() -> RgbImage {
        let inside = |x: u32, y: u32| (900..1900).contains(&x) && (600..1240).contains(&y);
        RgbImage::from_fn(SIDES.0.into(), SIDES.1.into(), |x, y| {
            let wave = |a: f32, b: f32| ((x as f32 * a).sin() * (y as f32 * b).cos() * 40.0 + 100.0) as u8;
            let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) % 23;
            let photo = [wave(0.031, 0.043), wave(0.017, 0.071), wave(0.053, 0.029)];
            Rgb(if inside(x, y) { photo.map(|level| level + grain as u8) } else { [255; 3] })
        })
    }

    /// How light the photo in an upload looks to a model.
    fn light(pixels: &[u8], profile: Option<&[u8]>) -> f32 {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 95);
        if let Some(profile) = profile {
            encoder.add_icc_profile(profile).expect("JPEG has a place for it");
        }
        encoder.encode(pixels, SIDES.0, SIDES.1, ColorType::Rgb).expect("it is encoded");
        let view = view::find("brightness-whole/2").expect("it is listed");
        let prepared = prepare(&bytes, &Limits::default(), &[view], false).expect("it decodes");
        assert!(prepared.image.area.frame_share() > 0.5, "{:?}", prepared.image.area);
        let colours = &prepared.tensors[0][..3 * view.len() / 5];
        colours.iter().sum::<f32>() / colours.len() as f32
    }

    #[test]
    fn a_photo_in_a_wide_frame_is_seen_in_the_colours_that_its_profile_means() {
        let (upload, profile) = (upload(), linear());
        let written = written_in(&profile, upload.as_raw());
        let profile = profile.encode().expect("a profile");
        let [plain, meant, misread] =
            [light(upload.as_raw(), None), light(&written, Some(&profile)), light(&written, None)];
        assert!((plain - meant).abs() < 0.02, "{plain} {meant}");
        assert!((plain - misread).abs() > 0.1, "the test can fail: {plain} {misread}");
    }
}
