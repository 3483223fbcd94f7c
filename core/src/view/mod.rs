//! What the branch models see: the reference view of a photo and the fixed-size tensors cut from it.
//!
//! Server and trainer share these functions; a difference between training and serving here would be a silent loss
//! of accuracy. [`VIEWS`] is the registry: a model card names the view its model was trained on, a model whose view is not in
//! it is refused, and models of the same view share one tensor per photo.

mod blur;
mod brightness;
mod reference;
mod resample;
mod rotation;
mod turn;

pub use blur::{GRID, MapTile, TILE, map as blur_map};
pub use reference::{LONG_SIDE, ReferenceView};
pub use resample::{resize_part, scale, shrink_part, shrink_to};
pub use turn::{COPIES, SQUARES};

/// Of a view that shows discs: a tensor of it with the scene turned clockwise by so many degrees.
type Turn = fn(&[f32], f32) -> Vec<f32>;

/// A fixed-size tensor cut from the reference view: what a branch model looks at.
pub struct View {
    /// Name and version, as model cards give them.
    pub name: &'static str,
    /// Shape of one photo's tensor, channels first.
    pub shape: [usize; 3],
    cut: fn(&ReferenceView) -> Vec<f32>,
    turn: Option<Turn>,
}

/// All views. One that changes gets a new version: a model that was trained on the old one must not be fed the new one.
pub static VIEWS: [View; 4] = [
    View { name: "blur-tiles/2", shape: blur::SHAPE, cut: blur::tensor, turn: None },
    View { name: "brightness-whole/2", shape: brightness::SHAPE, cut: brightness::tensor, turn: None },
    View { name: "rotation-discs/1", shape: rotation::SHAPE, cut: rotation::tensor, turn: Some(rotation::turned) },
    View { name: "turn-copies/3", shape: turn::SHAPE, cut: turn::tensor, turn: None },
];

/// The view of that name and version.
#[must_use]
pub fn find(name: &str) -> Option<&'static View> {
    VIEWS.iter().find(|view| view.name == name)
}

impl View {
    /// Number of values in one photo's tensor.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Never: a view shows something.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tensor of one photo, row-major in the order of [`View::shape`], values in 0..=1.
    #[must_use]
    pub fn tensor(&self, reference: &ReferenceView) -> Vec<f32> {
        let values = (self.cut)(reference);
        debug_assert_eq!(values.len(), self.len());
        values
    }

    /// Whether what it shows can be turned without asking the photo again.
    #[must_use]
    pub fn can_be_turned(&self) -> bool {
        self.turn.is_some()
    }

    /// A tensor of this view with the scene turned clockwise by `degrees`; nothing of a view that cannot be turned.
    #[must_use]
    pub fn turned(&self, tensor: &[f32], degrees: f32) -> Option<Vec<f32>> {
        self.turn.map(|turn| turn(tensor, degrees))
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Luma of ITU-R BT.601 in 0..=1, the weights JPEG uses.
fn luma(pixel: [u8; 3]) -> f32 {
    let [r, g, b] = pixel.map(f32::from);
    (0.299 * r + 0.587 * g + 0.114 * b) / 255.0
}

/// The same in whole levels, 0 to 255: to see where detail, flat areas and grids are.
pub(crate) fn level(pixel: [u8; 3]) -> u8 {
    let [red, green, blue] = pixel.map(u32::from);
    ((77 * red + 150 * green + 29 * blue) >> 8) as u8
}

/// Largest difference of a channel between two pixels, in levels.
pub(crate) fn difference(one: [u8; 3], other: [u8; 3]) -> u8 {
    one.into_iter().zip(other).map(|(one, other)| one.abs_diff(other)).max().unwrap_or(0)
}

/// Median of each channel of one or more pixels; of an even number of them the upper one.
pub(crate) fn median_colour(pixels: impl Iterator<Item = [u8; 3]>) -> [u8; 3] {
    let pixels: Vec<[u8; 3]> = pixels.collect();
    std::array::from_fn(|channel| {
        let mut levels: Vec<u8> = pixels.iter().map(|pixel| pixel[channel]).collect();
        let middle = levels.len() / 2;
        *levels.select_nth_unstable(middle).1
    })
}
