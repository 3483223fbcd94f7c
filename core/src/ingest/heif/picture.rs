//! A picture of a container: one that is coded as a whole, or a grid of tiles that are coded each by itself.

use std::time::Instant;

use heic_rs::context::Context;
use heic_rs::hevc::Frame;
use heic_rs::meta::iref::RefKind;
use heic_rs::props::simple::{AuxKind, parse_auxc};

#[cfg(feature = "avif")]
use super::av1;
use super::stream::Stream;
use super::{HeifError, hevc};
use crate::ingest::Limits;

/// Tiles of a grid: of 512 pixels a side, as phones make them, these are 268 megapixels.
const MOST_TILES: usize = 1024;
/// Slices of a coded picture: few encoders make more than one.
const MOST_SLICES: u64 = 16;

/// A picture whose boxes were read.
pub(super) struct Picture {
    /// Width and height in pixels, before what is applied to them.
    pub(super) size: (u32, u32),
    /// The items that are coded: row by row those of a grid, or the picture itself.
    pub(super) tiles: Vec<u32>,
    /// What the header of the first of them says; the others are as large.
    pub(super) stream: Stream,
    /// Tiles in a row; none where it is no grid.
    columns: Option<usize>,
    /// Slices that each of the tiles may have where they are coded by HEVC.
    most_slices: usize,
}

/// The item that has the alpha plane of another.
pub(super) fn alpha_of(context: &Context, id: u32) -> Option<u32> {
    let is_alpha = |item: u32| {
        let kind = context.meta.props.find(item, b"auxC").and_then(|property| parse_auxc(property).ok());
        kind.is_some_and(|auxiliary| auxiliary.kind == AuxKind::Alpha)
    };
    let auxiliaries = context.meta.refs.iter().filter(|other| other.kind == RefKind::Auxl && other.to.contains(&id));
    auxiliaries.map(|other| other.from).find(|item| is_alpha(*item))
}

impl Picture {
    /// Reads what the container and the coded pictures' headers say of an item; sizes are checked before anything else is believed.
    pub(super) fn open(context: &Context, id: u32, limits: &Limits) -> Result<Self, HeifError> {
        let claimed = context.props(id)?.ispe.map(|claimed| (claimed.width, claimed.height));
        if let Some((width, height)) = claimed {
            limits.check_largest(width, height, 0)?;
        }
        let Some((grid, tiles)) = context.grid(id)? else {
            let (stream, _) = stream_of(context, id, limits)?;
            if claimed.is_some_and(|claimed| claimed != stream.size) {
                return Err(DIFFERENT_SIZES);
            }
            let most_slices = most_slices(&stream, 1, limits);
            return Ok(Self { size: stream.size, tiles: vec![id], stream, columns: None, most_slices });
        };
        let size = (grid.output_width, grid.output_height);
        limits.check_largest(size.0, size.1, 0)?;
        if claimed.is_some_and(|claimed| claimed != size) {
            return Err(DIFFERENT_SIZES);
        }
        if tiles.len() > MOST_TILES {
            return Err(HeifError::Unsound("it has too many tiles"));
        }
        let first = *tiles.first().ok_or(HeifError::Unsound("it has no tiles"))?;
        let (stream, mut read) = stream_of(context, first, limits)?;
        for tile in &tiles[1..] {
            let (other, bytes) = stream_of(context, *tile, limits)?;
            read += bytes;
            check_overlap(context, read)?;
            if !other.is_like(&stream) {
                return Err(HeifError::Unsound("its tiles are not alike"));
            }
        }
        // Every tile is needed, so that decoding takes about as long as the pixels are many, and they reach the edges.
        let fits = |tiles: u32, side: u32, whole: u32| {
            let [tiles, side, whole] = [tiles, side, whole].map(u64::from);
            (tiles - 1) * side < whole && whole <= tiles * side
        };
        if !fits(grid.columns, stream.size.0, size.0) || !fits(grid.rows, stream.size.1, size.1) {
            return Err(HeifError::Unsound("its tiles do not make up the picture"));
        }
        if tiles.len() > 1 && (stream.size.0 % 2 != 0 || stream.size.1 % 2 != 0) {
            return Err(HeifError::Unsound("its tiles have odd sides"));
        }
        let most_slices = most_slices(&stream, tiles.len(), limits);
        Ok(Self { size, tiles, stream, columns: Some(grid.columns as usize), most_slices })
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }

    /// Bytes of its decoded planes.
    pub(super) fn held(&self) -> u64 {
        self.pixels() * self.stream.plane_bytes()
    }

    /// Most bytes that decoding its planes takes: those of a tile twice with what its filters need, beside the whole.
    pub(super) fn peak(&self) -> u64 {
        let coded = u64::from(self.stream.size.0) * u64::from(self.stream.size.1);
        let whole = if self.columns.is_some() { self.held() } else { 0 };
        whole + coded * (2 * self.stream.plane_bytes() + 2)
    }

    /// Its planes.
    pub(super) fn decode(&self, context: &Context, until: Option<Instant>) -> Result<Frame, HeifError> {
        let Some(columns) = self.columns else {
            return self.tile(context, self.tiles[0]).map(|(frame, _)| frame);
        };
        let mut canvas = self.stream.blank(self.size);
        let (right, down) = (canvas.chroma.x_shift(), canvas.chroma.y_shift());
        let mut read = 0;
        for (index, tile) in self.tiles.iter().enumerate() {
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(HeifError::OutOfTime);
            }
            let (frame, bytes) = self.tile(context, *tile)?;
            read += bytes;
            check_overlap(context, read)?;
            let left = (index % columns) * frame.width as usize;
            let top = (index / columns) * frame.height as usize;
            place(&mut canvas.y, canvas.y_stride, (left, top), &frame.y, frame.y_stride);
            let at = (left >> right, top >> down);
            place(&mut canvas.cb, canvas.c_stride, at, &frame.cb, frame.c_stride);
            place(&mut canvas.cr, canvas.c_stride, at, &frame.cr, frame.c_stride);
        }
        Ok(canvas)
    }

    /// One coded item, and its length in bytes.
    fn tile(&self, context: &Context, id: u32) -> Result<(Frame, usize), HeifError> {
        let data = context.item_data(id)?;
        let frame = match Codec::of(context, id) {
            Codec::Hevc => hevc::decode(&context.props(id)?, &data, self.most_slices)?,
            #[cfg(feature = "avif")]
            Codec::Av1 => av1::decode(&data, &self.stream)?,
        };
        frame.validate()?;
        if !self.stream.is_of(&frame) {
            return Err(HeifError::Unsound("a picture is not as its header says"));
        }
        Ok((frame, data.len()))
    }
}

/// How an item is coded.
enum Codec {
    /// Or in a way that is not read, which its missing parameter sets tell.
    Hevc,
    #[cfg(feature = "avif")]
    Av1,
}

impl Codec {
    #[cfg_attr(not(feature = "avif"), expect(unused_variables, reason = "there is one alone"))]
    fn of(context: &Context, id: u32) -> Self {
        #[cfg(feature = "avif")]
        if context.meta.item(id).is_some_and(|item| &item.item_type == b"av01") {
            return Self::Av1;
        }
        Self::Hevc
    }
}

const DIFFERENT_SIZES: HeifError = HeifError::Unsound("its boxes contradict each other about its size");

/// Slices of each of so many pictures: any of them may cover all of its picture, and together they may cover as many pixels as a photo
/// may have.
fn most_slices(stream: &Stream, pictures: usize, limits: &Limits) -> usize {
    let pixels = u64::from(stream.size.0) * u64::from(stream.size.1) * pictures as u64;
    (limits.max_pixels / pixels.max(1)).clamp(1, MOST_SLICES) as usize
}

/// Tiles lie beside each other in the file: each of a thousand may not be all of it.
fn check_overlap(context: &Context, read: usize) -> Result<(), HeifError> {
    if read > 2 * context.file.len() {
        return Err(HeifError::Unsound("its tiles overlap in the file"));
    }
    Ok(())
}

/// What the header of a coded item says, and how many bytes of the item were read to know it.
fn stream_of(context: &Context, id: u32, limits: &Limits) -> Result<(Stream, usize), HeifError> {
    let (stream, read) = match Codec::of(context, id) {
        Codec::Hevc => (hevc::stream(&context.props(id)?)?, 0),
        #[cfg(feature = "avif")]
        Codec::Av1 => {
            let data = context.item_data(id)?;
            (av1::stream(&data)?, data.len())
        }
    };
    limits.check_largest(stream.size.0, stream.size.1, 0)?;
    Ok((stream, read))
}

/// Copies a tile's plane to its place in another, as far as it lies in it.
fn place(canvas: &mut [u16], width: u32, at: (usize, usize), tile: &[u16], stride: u32) {
    let (width, stride) = (width as usize, stride as usize);
    if width == 0 || stride == 0 || at.0 >= width {
        return;
    }
    let count = stride.min(width - at.0);
    for (row, source) in canvas.chunks_exact_mut(width).skip(at.1).zip(tile.chunks_exact(stride)) {
        row[at.0..at.0 + count].copy_from_slice(&source[..count]);
    }
}
