//! Rotations and mirrors of a container as one orientation, which is applied to the pixels that are wanted instead of to all.

use heic_rs::props::Transform;
use heic_rs::{Mirror, Rotation};
use image::metadata::Orientation;

/// Transforms by what they do. `imir` of axis 0 exchanges top and bottom, of axis 1 left and right (ISO/IEC 23008-12:2022, 6.5.12.3, as
/// libheif and libavif read it); the decoder names them the other way round.
pub(super) fn by_effect(transforms: &[Transform]) -> Vec<Transform> {
    let exchanged = |transform: &Transform| match transform {
        Transform::Mirror(Mirror::LeftRight) => Transform::Mirror(Mirror::TopBottom),
        Transform::Mirror(Mirror::TopBottom) => Transform::Mirror(Mirror::LeftRight),
        other => *other,
    };
    transforms.iter().map(exchanged).collect()
}

/// What has to be done to the pixels, and the turns behind it. A crop comes before any turn (ISO/IEC 23000-22, 7.3.6.7), but need not.
pub(super) fn split(transforms: &[Transform]) -> (&[Transform], &[Transform]) {
    let crop = transforms.iter().rposition(|transform| matches!(transform, Transform::Crop(_)));
    transforms.split_at(crop.map_or(0, |crop| crop + 1))
}

/// Turns, one after the other, as one. Crops are none.
pub(super) fn orientation(turns: &[Transform]) -> Orientation {
    // A mirror of left and right, or none; then so many quarter turns clockwise.
    let (mut mirrored, mut quarters) = (false, 0i32);
    for turn in turns {
        match turn {
            Transform::Rotate(rotation) => quarters -= anticlockwise(*rotation),
            Transform::Mirror(mirror) => {
                mirrored = !mirrored;
                quarters = -quarters + if *mirror == Mirror::TopBottom { 2 } else { 0 };
            }
            Transform::Crop(_) => {}
        }
    }
    match (mirrored, quarters.rem_euclid(4)) {
        (false, 0) => Orientation::NoTransforms,
        (false, 1) => Orientation::Rotate90,
        (false, 2) => Orientation::Rotate180,
        (false, _) => Orientation::Rotate270,
        (true, 0) => Orientation::FlipHorizontal,
        // To mirror and then to turn is to turn the other way and then to mirror.
        (true, 1) => Orientation::Rotate270FlipH,
        (true, 2) => Orientation::FlipVertical,
        (true, _) => Orientation::Rotate90FlipH,
    }
}

/// Quarter turns.
fn anticlockwise(rotation: Rotation) -> i32 {
    match rotation {
        Rotation::None => 0,
        Rotation::Ccw90 => 1,
        Rotation::Ccw180 => 2,
        Rotation::Ccw270 => 3,
    }
}

#[cfg(test)]
mod tests {
    use heic_rs::transform::apply_all;
    use heic_rs::{Image, PixelLayout};
    use image::{DynamicImage, GrayImage};

    use super::*;

    /// As the container's decoder applies them, one after the other.
    #[test]
    fn turns_and_mirrors_in_any_order_are_one_orientation() {
        let pixels: Vec<u8> = (0..6).collect();
        let rotations = [Rotation::None, Rotation::Ccw90, Rotation::Ccw180, Rotation::Ccw270].map(Transform::Rotate);
        let mirrors = [Mirror::LeftRight, Mirror::TopBottom].map(Transform::Mirror);
        let all: Vec<_> = rotations.into_iter().chain(mirrors).collect();
        for first in &all {
            for second in &all {
                for third in &all {
                    let turns = [*first, *second, *third];
                    let stored = Image { data: pixels.clone(), width: 3, height: 2, layout: PixelLayout::Gray8 };
                    let expected = apply_all(stored, &turns).expect("it is turned");
                    let stored = GrayImage::from_raw(3, 2, pixels.clone()).expect("six pixels");
                    let mut turned = DynamicImage::ImageLuma8(stored);
                    turned.apply_orientation(orientation(&turns));
                    assert_eq!((turned.width(), turned.height()), (expected.width, expected.height), "{turns:?}");
                    assert_eq!(turned.as_bytes(), expected.data, "{turns:?}");
                }
            }
        }
    }
}
