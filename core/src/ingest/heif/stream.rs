//! What a coded picture says of itself before it is decoded, whichever way it is coded.

use heic_rs::hevc::Frame;
use heic_rs::{ChromaFormat, MatrixCoefficients, Nclx, Range};

/// The header of a coded picture.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Width and height in pixels, of what is shown.
    pub(super) size: (u32, u32),
    /// How colours are coded, as far as it says so.
    pub(super) colours: Nclx,
    pub(super) chroma: ChromaFormat,
    /// Bits of a sample.
    pub(super) depth: u8,
}

/// Limited range is what a stream means that says nothing (ITU-T H.265, E.3.1).
pub(super) const UNSAID: Nclx =
    Nclx { primaries: 2, transfer: 2, matrix: MatrixCoefficients::Unspecified, matrix_code: 2, range: Range::Limited };

/// Where no matrix is said, the one of BT.601 is meant (ISO/IEC 23000-22, 7.3.6.4; libheif does the same).
pub(super) fn with_matrix(colours: Nclx) -> Nclx {
    match colours.matrix {
        MatrixCoefficients::Unspecified => Nclx { matrix: MatrixCoefficients::Bt601, matrix_code: 6, ..colours },
        _ => colours,
    }
}

impl Stream {
    /// True where another's pictures fit beside these.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.size, self.chroma, self.depth) == (other.size, other.chroma, other.depth)
    }

    /// True for a picture that is as it says.
    pub(super) fn is_of(&self, frame: &Frame) -> bool {
        (self.size, self.chroma, self.depth) == ((frame.width, frame.height), frame.chroma, frame.bit_depth)
    }

    /// Bytes that a pixel takes in decoded planes of 16 bits.
    pub(super) fn plane_bytes(&self) -> u64 {
        match self.chroma {
            ChromaFormat::Monochrome => 2,
            ChromaFormat::Yuv420 => 3,
            ChromaFormat::Yuv422 => 4,
            ChromaFormat::Yuv444 => 6,
        }
    }

    /// An empty picture of another size and of these pixels.
    pub(super) fn blank(&self, (width, height): (u32, u32)) -> Frame {
        let (across, down) = self.chroma.chroma_size(width, height);
        let plane = |width: u32, height: u32| vec![0; width as usize * height as usize];
        Frame {
            width,
            height,
            bit_depth: self.depth,
            chroma: self.chroma,
            y: plane(width, height),
            cb: plane(across, down),
            cr: plane(across, down),
            y_stride: width,
            c_stride: across,
        }
    }
}
