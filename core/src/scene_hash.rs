//! What a photo shows, as 144 bits: of two copies of one photo, recompressed, resized or slightly cropped, hardly a bit differs; of two
//! photos about a half. A double-gradient hash ("dHash" along rows and along columns; Krawetz, "Kind of like that", 2013) of 16 x 16
//! points. Hash and distance were chosen on held-out photos, see docs/profiles.md.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use fast_image_resize::FilterType;
use image::RgbImage;
use image_hasher::{HashAlg, Hasher, HasherConfig};
use serde::{Deserialize, Serialize};

use crate::digest::hex;
use crate::view::shrink_part;

/// Bytes of a hash.
pub const BYTES: usize = 18;
/// Up to so many bits differ between the hashes of near-duplicates.
pub const NEAR: u32 = 26;

/// Of a photo with some structure more than so many bits differ from those of black, white and plain slopes of light: of 4,000 photos the
/// fewest were 27, and half of them had 62.
const STRUCTURED: u32 = NEAR;
/// Points along a side.
const SIDE: u32 = 16;
/// Long side of what is hashed: several pixels to a point, and not a hundred.
const LONG_SIDE: u32 = 128;

/// The crate makes room for 16 x 16 bits; those beyond ours stay zero.
static HASHER: LazyLock<Hasher<[u8; 32]>> = LazyLock::new(|| {
    HasherConfig::with_bytes_type().hash_alg(HashAlg::DoubleGradient).hash_size(SIDE, SIDE).to_hasher()
});

/// The hash of a photo; as text, hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SceneHash([u8; BYTES]);

impl SceneHash {
    /// Of an upright photo without a frame; none where there is hardly any structure: all that is black, or white, or one slope of light would
    /// be the same scene.
    #[must_use]
    pub fn of(photo: &RgbImage) -> Option<Self> {
        let mut bytes = [0; BYTES];
        let whole = [0, 0, photo.width(), photo.height()];
        let small = shrink_part(photo, whole, LONG_SIDE, FilterType::Bilinear);
        bytes.copy_from_slice(&HASHER.hash_image(&small).as_bytes()[..BYTES]);
        let hash = Self(bytes);
        (hash.structure() > STRUCTURED).then_some(hash)
    }

    /// In how many bits it differs from the nearest hash of something plain: in those of the rows all are alike, and in those of the columns.
    fn structure(&self) -> u32 {
        let (rows, columns) = self.0.split_at(BYTES / 2);
        let mixed = |part: &[u8]| {
            let ones: u32 = part.iter().map(|byte| byte.count_ones()).sum();
            ones.min(8 * part.len() as u32 - ones)
        };
        mixed(rows) + mixed(columns)
    }

    /// In how many bits two differ.
    #[must_use]
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(one, other)| (one ^ other).count_ones()).sum()
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl From<[u8; BYTES]> for SceneHash {
    fn from(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for SceneHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl From<SceneHash> for String {
    fn from(hash: SceneHash) -> Self {
        hash.to_string()
    }
}

impl FromStr for SceneHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a scene hash has 36 hexadecimal digits";
        let digits = text.as_bytes();
        if digits.len() != 2 * BYTES || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(WRONG);
        }
        let mut bytes = [0; BYTES];
        for (byte, place) in bytes.iter_mut().zip(0..) {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(|_| WRONG)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for SceneHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use image::imageops::{crop_imm, resize};

    /// A scene with shapes of several sizes.
    fn scene(seed: u32) -> RgbImage {
        RgbImage::from_fn(640, 480, |x, y| {
            let wave = |a: u32, b: u32| (((x * a + y * b) as f32 / 640.0 + seed as f32).sin() * 60.0) as i32;
            let level = 128 + wave(3 + seed, 5) + wave(11, 2 + seed) / 2;
            Rgb([level.clamp(0, 255) as u8; 3])
        })
    }

    #[test]
    fn copies_are_near_and_other_scenes_are_not() {
        let hash_of = |photo: &RgbImage| SceneHash::of(photo).expect("it has structure");
        let hash = hash_of(&scene(1));
        let small = resize(&scene(1), 300, 225, image::imageops::FilterType::CatmullRom);
        let cropped = crop_imm(&scene(1), 10, 8, 612, 460).to_image();
        for copy in [small, cropped] {
            assert!(hash.distance(&hash_of(&copy)) <= NEAR);
        }
        for other in 2..8 {
            let distance = hash.distance(&hash_of(&scene(other)));
            assert!(distance > NEAR, "{other}: {distance}");
        }
    }

    #[test]
    fn what_shows_nothing_is_no_scene() {
        let plain: [fn(u32, u32) -> u8; 4] =
            [|_, _| 0, |_, _| 255, |x, _| (x / 3) as u8, |x, y| (200 - x / 5 - y / 4) as u8];
        for level in plain {
            let photo = RgbImage::from_fn(640, 480, |x, y| Rgb([level(x, y); 3]));
            assert_eq!(SceneHash::of(&photo), None);
        }
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = SceneHash::of(&scene(3)).expect("it has structure");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for wrong in ["", "00", "0g", &"0".repeat(35), &"é".repeat(18)] {
            assert!(wrong.parse::<SceneHash>().is_err(), "{wrong}");
        }
    }
}
