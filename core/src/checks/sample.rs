//! Some of a view's pixels: blocks of 8x8, every other one across and down of a large view. Several checks count them, so that they
//! are read once; a quarter of the pixels tells shares to a few thousandths.

use crate::view::ReferenceView;

/// Level from which on a channel is clipped to white, and up to which to black. The two levels of tolerance are for JPEG, which leaves pixels
/// beside an edge a little short of both.
const WHITE: usize = 253;
const BLACK: u8 = 2;

/// Side of a block.
pub(super) const SIDE: usize = 8;
/// Number of blocks from which on every other one is looked at.
const MANY: usize = 4000;

/// Luma of a block's pixels, row by row, and what follows from them.
pub(super) struct Block {
    pub(super) luma: [u8; SIDE * SIDE],
    pub(super) darkest: u8,
    pub(super) brightest: u8,
    /// Mean of red, green and blue.
    pub(super) colour: [u8; 3],
}

impl Block {
    fn new(luma: [u8; SIDE * SIDE], colour: [u8; 3]) -> Self {
        let (darkest, brightest) =
            luma.iter().fold((u8::MAX, 0), |(least, most), luma| (least.min(*luma), most.max(*luma)));
        Self { luma, darkest, brightest, colour }
    }

    /// Means of 3x3 pixels; at the block's edge its own pixels count twice.
    fn smoothed(&self) -> [u8; SIDE * SIDE] {
        let around = |at: usize| [at.saturating_sub(1), at, (at + 1).min(SIDE - 1)];
        std::array::from_fn(|at| {
            let columns = around(at % SIDE);
            let row = |y: usize| columns.map(|x| u16::from(self.luma[y * SIDE + x])).iter().sum::<u16>();
            (around(at / SIDE).map(row).iter().sum::<u16>() / 9) as u8
        })
    }

    /// Difference of the brightest and the darkest pixel.
    pub(super) fn range(&self) -> u8 {
        self.brightest - self.darkest
    }
}

/// Blocks of a view.
pub(super) struct Sample {
    pub(super) blocks: Vec<Block>,
    /// Number of pixels by luma.
    pub(super) histogram: [u32; 256],
    /// Number of pixels by the smallest of red, green and blue.
    darkest: [u32; 256],
    /// Number of pixels of which red, green and blue are all black.
    black: u32,
    /// Sums over pixels of rg and yb (see `colourfulness`) and of their squares.
    opponent: [f64; 4],
}

impl Sample {
    pub(super) fn of(view: &ReferenceView) -> Self {
        let pixels = view.pixels();
        let (columns, rows) = (pixels.width() as usize / SIDE, pixels.height() as usize / SIDE);
        let step = if columns * rows > MANY { 2 } else { 1 };
        let mut sample =
            Self { blocks: Vec::new(), histogram: [0; 256], darkest: [0; 256], black: 0, opponent: [0.0; 4] };
        for row in (0..rows).step_by(step) {
            for column in (0..columns).step_by(step) {
                sample.take(view, column * SIDE, row * SIDE);
            }
        }
        sample
    }

    fn take(&mut self, view: &ReferenceView, left: usize, top: usize) {
        let stride = view.pixels().width() as usize;
        let mut luma = [0; SIDE * SIDE];
        let mut sums = [0; 3];
        let mut black = 0;
        let mut opponent = [0i32; 4];
        for (y, line) in luma.chunks_exact_mut(SIDE).enumerate() {
            let start = (top + y) * stride + left;
            line.copy_from_slice(&view.levels()[start..start + SIDE]);
            for &pixel in view.pixels().as_raw()[3 * start..3 * (start + SIDE)].as_chunks::<3>().0 {
                self.darkest[usize::from(pixel[0].min(pixel[1]).min(pixel[2]))] += 1;
                black += u32::from(pixel[0].max(pixel[1]).max(pixel[2]) <= BLACK);
                let [red, green, blue] = pixel.map(i32::from);
                sums = [sums[0] + red, sums[1] + green, sums[2] + blue];
                // Twice yb, to stay whole.
                let (rg, yb) = (red - green, red + green - 2 * blue);
                opponent = [opponent[0] + rg, opponent[1] + yb, opponent[2] + rg * rg, opponent[3] + yb * yb];
            }
        }
        self.black += black;
        luma.iter().for_each(|luma| self.histogram[usize::from(*luma)] += 1);
        for (sum, part) in self.opponent.iter_mut().zip(opponent) {
            *sum += f64::from(part);
        }
        self.blocks.push(Block::new(luma, sums.map(|sum| (sum / 64) as u8)));
    }

    /// The same with the mean of 3x3 pixels in the place of each, within its block: what is left of the levels that dots or patches of
    /// a few colours stand for.
    pub(super) fn smoothed(&self) -> Self {
        let blocks = Vec::with_capacity(self.blocks.len());
        let Self { darkest, black, opponent, .. } = *self;
        let mut smoothed = Self { blocks, histogram: [0; 256], darkest, black, opponent };
        for block in &self.blocks {
            let luma = block.smoothed();
            luma.iter().for_each(|luma| smoothed.histogram[usize::from(*luma)] += 1);
            smoothed.blocks.push(Block::new(luma, block.colour));
        }
        smoothed
    }

    /// Number of pixels.
    pub(super) fn pixels(&self) -> usize {
        self.blocks.len() * SIDE * SIDE
    }

    /// Luma that a share of the pixels do not exceed.
    pub(super) fn luma_at(&self, share: f32) -> u8 {
        self.level_at(&self.histogram, share)
    }

    /// Likewise of the smallest of red, green and blue.
    pub(super) fn darkest_at(&self, share: f32) -> u8 {
        self.level_at(&self.darkest, share)
    }

    /// Shares of the pixels of which red, green and blue are all white, and all black; none where nothing was looked at: a strip whose view is
    /// narrower than a block.
    pub(super) fn clipped(&self) -> Option<[f32; 2]> {
        let white = self.darkest[WHITE..].iter().sum();
        let share = |count: u32| count as f32 / self.pixels() as f32;
        (!self.blocks.is_empty()).then(|| [white, self.black].map(share))
    }

    fn level_at(&self, histogram: &[u32; 256], share: f32) -> u8 {
        let wanted = (share * self.pixels() as f32).ceil() as u32;
        let mut below = 0;
        let found = histogram.iter().position(|count| {
            below += count;
            below >= wanted
        });
        found.map_or(255, |level| level as u8)
    }

    /// See the check of that name.
    pub(super) fn colourfulness(&self) -> f32 {
        let count = self.pixels().max(1) as f64;
        let [rg, yb, rg_squares, yb_squares] = self.opponent.map(|sum| sum / count);
        let (yb, yb_squares) = (yb / 2.0, yb_squares / 4.0);
        let variances = (rg_squares - rg * rg) + (yb_squares - yb * yb);
        (variances.max(0.0).sqrt() + 0.3 * rg.hypot(yb)) as f32
    }
}
