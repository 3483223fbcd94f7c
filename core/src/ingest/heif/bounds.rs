//! How much a container may list. The decoder's catalogue is made of lists that are searched for each entry of another, and an item
//! may be put together from items that are put together: what takes a microsecond for a photo would take hours for a file that is
//! made to last.

use heic_rs::boxes::BoxIter;
use heic_rs::context::Context;
use heic_rs::ftyp::{Brand, FileType};
use heic_rs::meta;
use heic_rs::meta::iloc::Construction;

use super::{Format, HeifError};

/// Bytes of the lists of items, places, references and associations together; a thousand tiles take 50 000.
const MOST_LISTED: usize = 64 << 10;
/// Properties of all items; each tile may have its own few.
const MOST_PROPERTIES: usize = 4096;
/// Properties of one item.
const MOST_OF_AN_ITEM: usize = 32;
/// Bytes of a stream's parameter sets; the longest have an encoder's settings as a text.
const MOST_CONFIGURATION: usize = 16 << 10;

/// Reads the container where its lists are as long as those of photos.
pub(super) fn open(bytes: &[u8], format: Format) -> Result<Context<'_>, HeifError> {
    check_lists(bytes)?;
    let context = if format == Format::Avif {
        // The container is the same, but the crate turns away its brand.
        let brand = Brand::Avif;
        let ftyp = FileType { major: brand, effective: brand, minor_version: 0, compatible_count: 0 };
        let context = Context { file: bytes, ftyp, meta: meta::parse(bytes)? };
        check_sizes(&context)?;
        context
    } else {
        Context::open(bytes)?
    };
    if context.meta.locations.iter().any(|location| location.construction == Construction::Item) {
        return Err(HeifError::Unsound("an item is put together from other items"));
    }
    if context.meta.props.assoc.iter().any(|(_, properties)| properties.len() > MOST_OF_AN_ITEM) {
        return Err(HeifError::Unsound("an item has too many properties"));
    }
    Ok(context)
}

/// Each picture of an AVIF says its size (ISO/IEC 23000-22, 7.3.6.3).
fn check_sizes(context: &Context) -> Result<(), HeifError> {
    let meta = &context.meta;
    let mut pictures = meta.items.iter().filter(|item| matches!(&item.item_type, b"av01" | b"grid"));
    if pictures.any(|picture| meta.props.find(picture.id, b"ispe").is_none()) {
        return Err(HeifError::Unsound("a picture in it has no size"));
    }
    Ok(())
}

fn check_lists(bytes: &[u8]) -> Result<(), HeifError> {
    let meta = BoxIter::new(bytes).require(b"meta", "meta")?;
    let (_, _, content) = meta.full_box("meta")?;
    let (mut listed, mut properties) = (0, 0);
    for child in BoxIter::new(content.rest()) {
        let child = child?;
        match &child.boxtype {
            // Places without offset and length take no bytes, however many there are.
            b"iloc" if child.payload.get(4) == Some(&0) => return Err(HeifError::Unsound("its places have no sizes")),
            b"iloc" | b"iinf" | b"iref" => listed += child.payload.len(),
            b"iprp" => {
                for part in child.children() {
                    let part = part?;
                    match &part.boxtype {
                        b"ipma" => listed += part.payload.len(),
                        b"ipco" => {
                            for property in part.children() {
                                let property = property?;
                                properties += 1;
                                if property.is(b"hvcC") && property.payload.len() > MOST_CONFIGURATION {
                                    return Err(HeifError::Unsound("its parameter sets are too long"));
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if listed > MOST_LISTED || properties > MOST_PROPERTIES {
        return Err(HeifError::Unsound("it lists more than a photo needs"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(8 + content.len()).expect("it is short").to_be_bytes();
        [&length[..], kind, content].concat()
    }

    fn file(lists: &[Vec<u8>]) -> Vec<u8> {
        let kind = boxed(b"ftyp", b"heic\0\0\0\0heic");
        [kind, boxed(b"meta", &[&[0; 4][..], &lists.concat()].concat())].concat()
    }

    /// A million items that each have one property are compared with one another by the decoder: half a trillion comparisons.
    #[test]
    fn lists_that_are_longer_than_a_photo_needs_are_refused_at_once() {
        let count: u32 = 1_000_000;
        let entries: Vec<u8> = (0..count).flat_map(|item| [&item.to_be_bytes()[..], &[0]].concat()).collect();
        let associations = [&[1, 0, 0, 0][..], &count.to_be_bytes(), &entries].concat();
        let properties: Vec<u8> = boxed(b"free", &[]).repeat(5_000);
        // Each entry has 65 535 extents that take no bytes.
        let places = [&[0, 0, 0, 0, 0, 0, 0, 9][..], &[0, 1, 0, 0, 0xFF, 0xFF].repeat(9)].concat();
        let start = Instant::now();
        for list in [
            boxed(b"iprp", &boxed(b"ipma", &associations)),
            boxed(b"iprp", &boxed(b"ipco", &properties)),
            boxed(b"iprp", &boxed(b"ipco", &boxed(b"hvcC", &vec![0; 20_000]))),
            boxed(b"iloc", &places),
            boxed(b"iref", &vec![0; 70_000]),
        ] {
            assert!(matches!(open(&file(&[list]), Format::Heic), Err(HeifError::Unsound(_))));
        }
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
