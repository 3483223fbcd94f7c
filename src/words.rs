//! Numbers in sentences.

/// A number and what it counts: `1 photo`, but `2 photos`.
pub(crate) fn how_many(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let said = [0, 1, 2, 11].map(|number| how_many(number, "photo"));
        assert_eq!(said, ["0 photos", "1 photo", "2 photos", "11 photos"]);
    }
}
