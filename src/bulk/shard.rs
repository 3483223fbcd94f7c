//! Parts of the photos, for processes that share the work.

use std::str::FromStr;

use sha2::{Digest, Sha256};

/// One of `count` parts of the photos. Which part a photo belongs to follows from its path alone, so that processes which share the
/// work need not talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Everything.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// True for a photo of this part.
    #[must_use]
    pub fn contains(self, path: &str) -> bool {
        let digest = Sha256::digest(path.as_bytes());
        let hash = digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte));
        hash % self.count == self.index
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((index, count)) if index < count => Ok(Self { index, count }),
            _ => Err("I/N, with I from 0 to N-1".to_owned()),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_photo_belongs_to_exactly_one_shard(path in ".{0,40}", count in 1u64..40) {
            let owners = (0..count).filter(|index| Shard { index: *index, count }.contains(&path)).count();
            prop_assert_eq!(owners, 1);
        }
    }

    #[test]
    fn shards_are_of_like_size() {
        let sizes = [0, 1, 2, 3].map(|index| {
            let shard = Shard { index, count: 4 };
            (0..4000).filter(|number| shard.contains(&format!("photos/{number}.jpg"))).count()
        });
        assert!(sizes.iter().all(|size| (900..1100).contains(size)), "{sizes:?}");
    }

    #[test]
    fn a_shard_counts_from_zero() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for wrong in ["3/3", "0/0", "1", "-1/2", "a/b", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
