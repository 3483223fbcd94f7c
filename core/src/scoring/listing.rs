//! What the photos of one listing say as a set: the best to lead with, their order, which show the same, those whose brightness does
//! not fit the others, the shortest list of photos to take again, and how many are missing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::profile::Profile;
use super::verdict::{Scores, Verdict};
use crate::duplicates::groups;
use crate::scene_hash::SceneHash;

/// Difference in V from the set's median that anyone sees side by side.
const VISIBLE: f32 = 0.1;
/// Robust z-score from which on a value is an outlier (Iglewicz and Hoaglin, 1993).
const OUTLIER: f32 = 3.5;

/// A scored photo of a listing.
#[derive(Clone, Copy, Debug)]
pub struct ListedPhoto<'a> {
    /// Its place in the listing.
    pub index: usize,
    /// Its scores.
    pub scores: &'a Scores,
    /// Its quality.
    pub quality: u8,
    /// The verdict on it.
    pub verdict: Verdict,
    /// Whether it is judged as a photo: a plan has neither light nor focus.
    pub is_photo: bool,
    /// What it shows.
    pub scene_hash: Option<SceneHash>,
    /// How many pixels the image has.
    pub pixels: u64,
}

/// Photos of a listing that show the same: copies that were recompressed, resized or slightly cropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Duplicates {
    /// The best of them: of the best verdict, then of the highest quality by tens, then the one of the most pixels.
    #[schema(example = 0)]
    pub keep: usize,
    /// The others, best first.
    #[schema(example = json!([4]))]
    pub drop: Vec<usize>,
}

/// Photos as a set, each named by its `index`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listing {
    /// The photo to lead with: of the best verdict, then of the highest quality, then the sharpest, and no copy to be left out; absent
    /// where no photo was scored. Plans and other pictures that are no photos come last.
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
    /// All scored photos, best first: as `lead` is chosen, copies among them.
    #[schema(example = json!([0, 2, 1]))]
    pub order: Vec<usize>,
    /// Photos that show the same, with the one to keep.
    pub duplicates: Vec<Duplicates>,
    /// Photos much darker or brighter than the others of the set; from four photos on. Of duplicates only the one to keep counts.
    pub brightness_outliers: Vec<usize>,
    /// The shortest list of photos to replace so that none of the set fails, worst first; without those of which a better copy is there.
    pub retake: Vec<usize>,
    /// How many photos the listing lacks to the profile's `min_photos`: distinct ones that do not fail and are photos; 0 where the profile has none.
    #[schema(example = 0)]
    pub missing: usize,
}

/// Summarises scored photos.
#[must_use]
pub fn summarise(photos: &[ListedPhoto], profile: &Profile) -> Listing {
    let count = |wanted: Verdict| photos.iter().filter(|photo| photo.verdict == wanted).count();
    let mut best_first: Vec<&ListedPhoto> = photos.iter().collect();
    best_first.sort_by(|one, other| {
        let key = |photo: &ListedPhoto| (!photo.is_photo, rank(photo.verdict), std::cmp::Reverse(photo.quality));
        let blur = |photo: &ListedPhoto| photo.scores.blur.value;
        key(one).cmp(&key(other)).then(blur(one).total_cmp(&blur(other)))
    });
    let duplicates = duplicates(photos);
    let is_copy = |index: usize| duplicates.iter().any(|group| group.drop.contains(&index));
    let distinct: Vec<&ListedPhoto> = best_first.iter().copied().filter(|photo| !is_copy(photo.index)).collect();
    let mut retake: Vec<_> = distinct.iter().filter(|photo| photo.verdict == Verdict::Fail).collect();
    retake.sort_by_key(|photo| photo.quality);
    let photographed: Vec<&ListedPhoto> = distinct.iter().copied().filter(|photo| photo.is_photo).collect();
    let shown = photographed.iter().filter(|photo| photo.verdict != Verdict::Fail).count();
    Listing {
        lead: distinct.first().map(|photo| photo.index),
        pass: count(Verdict::Pass),
        fail: count(Verdict::Fail),
        unsure: count(Verdict::Unsure),
        order: best_first.iter().map(|photo| photo.index).collect(),
        brightness_outliers: brightness_outliers(&photographed),
        retake: retake.into_iter().map(|photo| photo.index).collect(),
        missing: profile.min_photos.map_or(0, |least| (least as usize).saturating_sub(shown)),
        duplicates,
    }
}

/// The better, the smaller.
#[must_use]
pub fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Unsure => 1,
        Verdict::Fail => 2,
    }
}

/// Points of quality by which copies of a photo differ without being better or worse: scaled down, the same photo looks sharper.
const ALIKE: u8 = 10;
/// More pixels than any image has.
const MOST_PIXELS: u64 = (1 << 40) - 1;

/// How good a photo is among copies of it, in one number: the smaller, the better. Verdict, quality by tens, then pixels.
#[must_use]
pub fn rank_of_copy(verdict: Verdict, quality: u8, pixels: u64) -> u64 {
    let tens = 100u8.saturating_sub(quality) / ALIKE;
    u64::from(rank(verdict)) << 48 | u64::from(tens) << 40 | (MOST_PIXELS - pixels.min(MOST_PIXELS))
}

fn duplicates(photos: &[ListedPhoto]) -> Vec<Duplicates> {
    let mut hashed: Vec<_> = photos.iter().filter_map(|photo| Some((photo, photo.scene_hash?))).collect();
    hashed.sort_by_key(|(photo, _)| (!photo.is_photo, rank_of_copy(photo.verdict, photo.quality, photo.pixels)));
    let hashes: Vec<SceneHash> = hashed.iter().map(|(_, hash)| *hash).collect();
    let groups = groups(&hashes).into_iter();
    groups
        .map(|group| {
            let mut members = group.into_iter().map(|place| hashed[place].0.index);
            Duplicates { keep: members.next().unwrap_or_default(), drop: members.collect() }
        })
        .collect()
}

fn brightness_outliers(photos: &[&ListedPhoto]) -> Vec<usize> {
    if photos.len() < 4 {
        return Vec::new();
    }
    let value = |photo: &ListedPhoto| photo.scores.brightness.value;
    let middle = median(photos.iter().map(|photo| value(photo)));
    // 1.4826 makes the median deviation of a normal distribution its standard deviation.
    let spread = 1.4826 * median(photos.iter().map(|photo| (value(photo) - middle).abs()));
    let limit = VISIBLE.max(OUTLIER * spread);
    let mut found: Vec<usize> =
        photos.iter().filter(|photo| (value(photo) - middle).abs() > limit).map(|photo| photo.index).collect();
    found.sort_unstable();
    found
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::profile::Profiles;
    use crate::scoring::verdict::Score;

    fn scores(blur: f32, brightness: f32) -> Scores {
        let score = |value| Score { value, unit: String::new(), low: value, high: value, quality: 0, raw: 0.0 };
        Scores { blur: score(blur), brightness: score(brightness), rotation: score(0.0), further: Default::default() }
    }

    fn profile(min_photos: Option<u32>) -> Profile {
        Profile { min_photos, ..Profiles::built_in().find("default").expect("it is built in").clone() }
    }

    const JUDGED: [(u8, Verdict); 5] =
        [(90, Verdict::Pass), (90, Verdict::Pass), (20, Verdict::Fail), (10, Verdict::Fail), (95, Verdict::Unsure)];

    /// Five photos; the hash of each is that of its number.
    fn summary(hashes: [u8; 5], profile: &Profile) -> Listing {
        let all = [(0.3, 0.0), (0.1, 0.02), (2.0, -0.02), (0.2, -0.3), (0.4, 0.01)].map(|(a, b)| scores(a, b));
        let photos: Vec<_> = (all.iter().zip(JUDGED).zip(hashes).enumerate())
            .map(|(index, ((scores, (quality, verdict)), hash))| {
                let scene_hash = Some(SceneHash::from([hash; crate::scene_hash::BYTES]));
                ListedPhoto { index, scores, quality, verdict, is_photo: true, scene_hash, pixels: 1 }
            })
            .collect();
        summarise(&photos, profile)
    }

    /// Hashes that differ in half of their bits.
    const DISTINCT: [u8; 5] = [0x00, 0x0f, 0x33, 0x55, 0x5a];

    #[test]
    fn the_best_leads_the_odd_one_stands_out_and_the_failed_are_taken_again() {
        let listing = summary(DISTINCT, &profile(None));
        assert_eq!(listing.lead, Some(1), "as good as the first, and sharper");
        assert_eq!((listing.pass, listing.fail, listing.unsure), (2, 2, 1));
        assert_eq!(listing.order, [1, 0, 4, 2, 3]);
        assert_eq!((listing.brightness_outliers, listing.retake), (vec![3], vec![3, 2]));
        assert_eq!((listing.duplicates, listing.missing), (vec![], 0));
    }

    #[test]
    fn of_photos_that_show_the_same_the_best_is_kept_and_a_worse_copy_is_not_taken_again() {
        let [a, b, _, d, e] = DISTINCT;
        // The blurred third one shows what the first does.
        let listing = summary([a, b, a, d, e], &profile(Some(5)));
        assert_eq!(listing.duplicates, [Duplicates { keep: 0, drop: vec![2] }]);
        assert_eq!(listing.retake, [3]);
        assert_eq!(listing.missing, 2, "three distinct ones do not fail");
        assert_eq!(summary([a, b, a, d, e], &profile(Some(3))).missing, 0);
    }

    /// Scaled down, a photo looks sharper and scores a little higher.
    #[test]
    fn a_thumbnail_takes_the_place_of_its_original_only_where_it_is_clearly_better() {
        let scores = [scores(0.4, 0.0), scores(0.1, 0.0)];
        let hash = Some(SceneHash::from([0x0f; crate::scene_hash::BYTES]));
        let of = |qualities: [u8; 2]| {
            let photo = |index: usize, pixels| ListedPhoto {
                index,
                scores: &scores[index],
                quality: qualities[index],
                verdict: Verdict::Pass,
                is_photo: true,
                scene_hash: hash,
                pixels,
            };
            summarise(&[photo(0, 1024 * 680), photo(1, 400 * 266)], &profile(None))
        };
        let listing = of([96, 98]);
        assert_eq!((listing.duplicates, listing.lead), (vec![Duplicates { keep: 0, drop: vec![1] }], Some(0)));
        assert_eq!(listing.order, [1, 0]);
        let listing = of([60, 98]);
        assert_eq!((listing.duplicates, listing.lead), (vec![Duplicates { keep: 1, drop: vec![0] }], Some(1)));
    }

    #[test]
    fn a_plan_neither_leads_nor_counts_as_a_photo_nor_says_what_light_fits() {
        let light = [0.0, 0.02, 0.3, 0.3, 0.31, 0.32].map(|brightness| scores(0.1, brightness));
        let photos: Vec<_> = (light.iter().enumerate())
            .map(|(index, scores)| {
                let (quality, verdict) = if index < 2 { (40, Verdict::Fail) } else { (100, Verdict::Unsure) };
                ListedPhoto { index, scores, quality, verdict, is_photo: index < 2, scene_hash: None, pixels: 1 }
            })
            .collect();
        let listing = summarise(&photos, &profile(Some(2)));
        assert_eq!(listing.order, [0, 1, 2, 3, 4, 5]);
        assert_eq!((listing.lead, listing.brightness_outliers, listing.missing), (Some(0), vec![], 2));
        let all_photos: Vec<_> = photos.iter().map(|photo| ListedPhoto { is_photo: true, ..*photo }).collect();
        assert_eq!(summarise(&all_photos, &profile(Some(2))).brightness_outliers, [0, 1], "the test can fail");
    }

    #[test]
    fn a_set_of_nothing_has_no_lead_and_lacks_all() {
        let listing = summarise(&[], &profile(Some(4)));
        assert_eq!((listing.lead, listing.missing), (None, 4));
    }
}
