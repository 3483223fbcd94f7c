//! What a blur score means for showing a photo: where it is blurred, and how large it may be shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calibration::{Calibration, RawOutput};
use crate::rounding::thousandths;
use crate::view::{LONG_SIDE, MapTile};

/// Blur in pixels of the screen, as the sigma of a Gaussian, up to which a photo looks sharp.
const LOOKS_SHARP: f32 = 0.8;
/// Blur on the reference view below which the score cannot tell; it bounds what is claimed for larger widths.
const SMALLEST_TOLD: f32 = 0.2;

/// Largest width in pixels at which a photo still looks sharp: there its blur is 0.8 pixels of the screen. Never more than the
/// photo's own width, and never more than four times that of the reference view, where the score was taken. On the view, a picture that was
/// enlarged by repeating pixels has `enlarged` of them for each of its own.
#[must_use]
pub fn max_usable_width(width: u32, height: u32, sigma: f32, enlarged: f32) -> u32 {
    let view_width = width as f32 * (LONG_SIDE as f32 / width.max(height) as f32).min(1.0);
    let usable = view_width * LOOKS_SHARP / sigma.max(SMALLEST_TOLD);
    let own = if enlarged > 1.0 { view_width / enlarged } else { width as f32 };
    width.min(usable.min(own).round() as u32)
}

/// Where a photo is blurred: a grid of tiles, row by row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BlurMap {
    /// Tiles in a row.
    #[schema(example = 6)]
    pub columns: usize,
    /// Tiles in a column.
    #[schema(example = 4)]
    pub rows: usize,
    /// The tiles, row by row from the upper left; neighbours may overlap.
    pub tiles: Vec<BlurTile>,
}

/// The blur of one tile, scored as if the photo were this tile and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BlurTile {
    /// Left edge as a share of the upload's width.
    #[schema(example = 0.175)]
    pub left: f32,
    /// Upper edge as a share of the upload's height.
    #[schema(example = 0.0)]
    pub top: f32,
    /// Width as a share of the upload's width.
    #[schema(example = 0.125)]
    pub width: f32,
    /// Height as a share of the upload's height.
    #[schema(example = 0.187)]
    pub height: f32,
    /// Calibrated blur in pixels of the reference view.
    #[schema(example = 0.6)]
    pub sigma: f32,
    /// How far `sigma` can be trusted beside the other tiles: the inverse of its expected error; all weights add up to 1. A
    /// flat tile (sky, wall) shows no blur and weighs little.
    #[schema(example = 0.06)]
    pub weight: f32,
}

impl BlurMap {
    /// From the tiles of a view and what the blur branch said of each.
    #[must_use]
    pub fn new(
        columns: usize,
        rows: usize,
        tiles: &[MapTile],
        outputs: &[RawOutput],
        calibration: &Calibration,
    ) -> Self {
        let trust = |output: &RawOutput| {
            if output.log_scale.is_finite() { (-output.log_scale.clamp(-20.0, 20.0)).exp() } else { 0.0 }
        };
        let total = outputs.iter().map(trust).sum::<f32>().max(f32::MIN_POSITIVE);
        let tile = |(tile, output): (&MapTile, &RawOutput)| {
            let [left, top, width, height] = tile.place.map(thousandths);
            let sigma = thousandths(calibration.apply(*output).value);
            BlurTile { left, top, width, height, sigma, weight: trust(output) / total }
        };
        Self { columns, rows, tiles: tiles.iter().zip(outputs).map(tile).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_may_be_shown_as_large_as_its_blur_stays_below_a_pixel() {
        // Blur of 1.6 px on a view 1024 px wide is 0.8 px when shown half as wide.
        assert_eq!(max_usable_width(4000, 3000, 1.6, 1.0), 512);
        assert_eq!(max_usable_width(3000, 4000, 1.6, 1.0), 384);
        assert_eq!(max_usable_width(4000, 3000, 0.4, 1.0), 2048);
        assert_eq!(max_usable_width(8000, 6000, 0.0, 1.0), 4096);
        assert_eq!(max_usable_width(640, 480, 0.1, 1.0), 640);
        assert_eq!(max_usable_width(640, 480, 3.2, 1.0), 160);
        // field/README.md, kind 16: pixels repeated four times are no pixels.
        assert_eq!(max_usable_width(1024, 768, 0.3, 4.0), 256);
        assert_eq!(max_usable_width(4000, 3000, 0.3, 2.0), 512);
    }
}
