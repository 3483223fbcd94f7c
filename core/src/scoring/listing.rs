//! What the photos of one listing say as a set: the best to lead with, those whose brightness does not fit the others, and
//! the shortest list of photos to take again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::verdict::{Scores, Verdict};

/// Difference in V from the set's median that anyone sees side by side.
const VISIBLE: f32 = 0.1;
/// Robust z-score from which on a value is an outlier (Iglewicz and Hoaglin, 1993).
const OUTLIER: f32 = 3.5;

/// Photos as a set, each named by its `index`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listing {
    /// The photo to lead with: of the best verdict, then of the highest quality, then the sharpest; absent where no photo was
    /// scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0)]
    pub lead: Option<usize>,
    /// Photos that pass.
    #[schema(example = 3)]
    pub pass: usize,
    /// Photos that fail.
    #[schema(example = 1)]
    pub fail: usize,
    /// Photos to look at.
    #[schema(example = 1)]
    pub unsure: usize,
    /// Photos much darker or brighter than the others of the set; from four photos on.
    pub brightness_outliers: Vec<usize>,
    /// The shortest list of photos to replace so that none of the set fails, worst first.
    pub retake: Vec<usize>,
}

/// Summarises scored photos, given as (index, scores, quality, verdict).
#[must_use]
pub fn summarise(photos: &[(usize, &Scores, u8, Verdict)]) -> Listing {
    let count = |wanted: Verdict| photos.iter().filter(|photo| photo.3 == wanted).count();
    let rank = |verdict: Verdict| match verdict {
        Verdict::Pass => 0,
        Verdict::Unsure => 1,
        Verdict::Fail => 2,
    };
    let lead = photos.iter().min_by(|a, b| {
        let blur = |photo: &(usize, &Scores, u8, Verdict)| photo.1.blur.value;
        (rank(a.3), b.2).cmp(&(rank(b.3), a.2)).then(blur(a).total_cmp(&blur(b)))
    });
    let mut retake: Vec<_> = photos.iter().filter(|photo| photo.3 == Verdict::Fail).collect();
    retake.sort_by_key(|photo| photo.2);
    Listing {
        lead: lead.map(|photo| photo.0),
        pass: count(Verdict::Pass),
        fail: count(Verdict::Fail),
        unsure: count(Verdict::Unsure),
        brightness_outliers: brightness_outliers(photos),
        retake: retake.into_iter().map(|photo| photo.0).collect(),
    }
}

fn brightness_outliers(photos: &[(usize, &Scores, u8, Verdict)]) -> Vec<usize> {
    if photos.len() < 4 {
        return Vec::new();
    }
    let value = |photo: &(usize, &Scores, u8, Verdict)| photo.1.brightness.value;
    let middle = median(photos.iter().map(value));
    // 1.4826 makes the median deviation of a normal distribution its standard deviation.
    let spread = 1.4826 * median(photos.iter().map(|photo| (value(photo) - middle).abs()));
    let limit = VISIBLE.max(OUTLIER * spread);
    photos.iter().filter(|photo| (value(photo) - middle).abs() > limit).map(|photo| photo.0).collect()
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::verdict::Score;

    fn scores(blur: f32, brightness: f32) -> Scores {
        let score = |value| Score { value, unit: String::new(), low: value, high: value, quality: 0, raw: 0.0 };
        Scores { blur: score(blur), brightness: score(brightness), rotation: score(0.0), further: Default::default() }
    }

    #[test]
    fn the_best_leads_the_odd_one_stands_out_and_the_failed_are_taken_again() {
        let all = [(0.3, 0.0), (0.1, 0.02), (2.0, -0.02), (0.2, -0.3), (0.4, 0.01)].map(|(a, b)| scores(a, b));
        let judged =
            [(90, Verdict::Pass), (90, Verdict::Pass), (20, Verdict::Fail), (10, Verdict::Fail), (95, Verdict::Unsure)];
        let photos: Vec<_> = all
            .iter()
            .zip(judged)
            .enumerate()
            .map(|(index, (scores, (quality, verdict)))| (index, scores, quality, verdict))
            .collect();
        let listing = summarise(&photos);
        assert_eq!(listing.lead, Some(1), "as good as the first, and sharper");
        assert_eq!((listing.pass, listing.fail, listing.unsure), (2, 2, 1));
        assert_eq!((listing.brightness_outliers, listing.retake), (vec![3], vec![3, 2]));
    }

    #[test]
    fn a_set_of_nothing_has_no_lead() {
        assert_eq!(summarise(&[]).lead, None);
    }
}
