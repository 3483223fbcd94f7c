//! How much a photo counts by its category, in training and in calibration alike: the most frequent category must not
//! speak for all, nor a handful of photos as loud as thousands.

use std::collections::BTreeMap;

/// A weight for each item, by the name of its category: a category as a whole counts with the square root of its size.
#[must_use]
pub fn weights<'a>(categories: impl Iterator<Item = &'a str> + Clone) -> Vec<f64> {
    let mut sizes = BTreeMap::<&str, u32>::new();
    for category in categories.clone() {
        *sizes.entry(category).or_default() += 1;
    }
    categories.map(|category| f64::from(sizes[category]).sqrt().recip()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_counts_with_the_square_root_of_its_size() {
        let categories = ["car"].repeat(4).into_iter().chain(["room"].repeat(9)).chain(["plant"]);
        let weights = weights(categories.clone());
        let of = |wanted: &str| -> f64 {
            categories.clone().zip(&weights).filter(|(category, _)| *category == wanted).map(|(_, weight)| weight).sum()
        };
        assert_eq!(["car", "room", "plant"].map(|category| of(category).round()), [2.0, 3.0, 1.0]);
    }
}
