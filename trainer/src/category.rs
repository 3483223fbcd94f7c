//! How much a photo counts by its category, in training and in calibration alike, and in training by its source too: the most
//! frequent category must not speak for all, nor one large site, nor a handful of photos as loud as thousands.

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

/// A weight for each item, by the names of its category and its source: categories count as in [`weights`], and within one each
/// source as a whole counts with the square root of its size.
#[must_use]
pub fn weights_by_source<'a>(items: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<f64> {
    let items: Vec<_> = items.collect();
    let mut categories = BTreeMap::<&str, BTreeMap<&str, u32>>::new();
    for (category, source) in &items {
        *categories.entry(category).or_default().entry(source).or_default() += 1;
    }
    let weight = |(category, source): (&str, &str)| {
        let sources = &categories[category];
        let all: f64 = sources.values().map(|&size| f64::from(size)).sum();
        let roots: f64 = sources.values().map(|&size| f64::from(size).sqrt()).sum();
        all.sqrt() / roots / f64::from(sources[source]).sqrt()
    };
    items.into_iter().map(weight).collect()
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

    #[test]
    fn within_a_category_sources_count_with_the_square_root_of_their_size() {
        let items = [("car", "dealer", 400), ("car", "street", 100), ("room", "", 25)];
        let each = items.into_iter().flat_map(|(category, source, count)| vec![(category, source); count]);
        let weights = weights_by_source(each);
        let total = |range: std::ops::Range<usize>| weights[range].iter().sum::<f64>();
        assert!((total(0..500) - 500f64.sqrt()).abs() < 1e-9 && (total(500..525) - 5.0).abs() < 1e-9);
        assert!((total(0..400) / total(400..500) - 2.0).abs() < 1e-9);
    }
}
