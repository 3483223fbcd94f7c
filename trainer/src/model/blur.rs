//! Blur network: every tile is encoded alone, contrast taken out; tiles then vote, each with a learned trust, so that
//! flat tiles (sky, wall) and a soft background behind a sharp subject do not decide.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::module::{adaptive_avg_pool2d, max_pool2d};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};
use clearshot_core::view;

use super::{ConvBlock, Head, Residual, conv, log_in_full_lanes, plane_sum, sigmoid_in_full_lanes};

pub(super) const ENCODED: usize = 64;
/// What a tile tells, as a small plane: export can give a dimension back to the batch only if its size already stands
/// among the others (see [`BlurNet::forward`]).
const GROUPS: usize = TILES;
const GROUP: usize = 6;
const TILES: usize = view::GRID * view::GRID;
/// The last numbers of a tile are its trust in two roles, say "has texture" and "is the sharpest".
const ROLES: usize = 2;

/// See the module's header.
#[derive(Module, Debug)]
pub struct BlurNet {
    stem: ConvBlock,
    blocks: Vec<Residual>,
    attention: Conv2d,
    tile: Head,
    photo: Conv2d,
    output: Conv2d,
}

impl BlurNet {
    pub(super) fn new(device: &Device) -> Self {
        let widths = [16, 24, 40, ENCODED];
        Self {
            stem: ConvBlock::new([1, widths[0]], 5, 2, device),
            blocks: widths.windows(2).map(|pair| Residual::new([pair[0], pair[1]], device)).collect(),
            attention: conv([ENCODED, 1], 1, 1, true, device),
            tile: Head::new(2 * ENCODED + 1, 64, GROUPS * GROUP, device),
            photo: Conv2dConfig::new([ROLES, 64], [GROUPS, GROUP]).init(device),
            output: conv([64, 2], 1, 1, true, device),
        }
    }

    /// `[batch, tiles, height, width]` to `[batch, 2]`.
    pub(super) fn forward(&self, input: &Tensor<4>) -> Tensor<2> {
        let batch = input.dims()[0];
        let device = input.device();
        let pick = |tensor: &Tensor<4>, axis: usize, from: usize, count: usize| {
            tensor.clone().select(axis, Tensor::arange(from as i64..(from + count) as i64, &device))
        };
        // Tiles become items: tile by tile, all photos of the batch.
        let tiles = Tensor::cat((0..TILES).map(|tile| pick(input, 1, tile, 1)).collect(), 0);
        let Encoded { attended, strongest, contrast } = self.encode_tiles(tiles);
        let told = self.tile.forward(Tensor::cat(vec![attended, strongest, contrast], 1)); // [tiles * batch, GROUPS * GROUP, 1, 1]
        // Reshaped, not transposed: transposing does not export.
        let group = |group: usize| pick(&told, 1, group * GROUP, GROUP).reshape([TILES * batch, 1, GROUP, 1]);
        let groups = (0..GROUPS).map(group).collect();
        let told = Tensor::cat(groups, 1).reshape([TILES, batch, GROUPS, GROUP]);
        // Softmax over tiles of a bounded logit, one for each role.
        let trust = |role: usize| {
            let logit = pick(&pick(&told, 2, GROUPS - 1, 1), 3, GROUP - ROLES + role, 1); // [tiles, batch, 1, 1]
            let weight = logit.tanh().mul_scalar(4.0).exp();
            weight.clone() / weight.sum_dim(0)
        };
        let pooled =
            (0..ROLES).map(|role| (told.clone() * trust(role)).sum_dim(0).reshape([batch, 1, GROUPS, GROUP])).collect();
        let pooled = Tensor::cat(pooled, 1); // [batch, ROLES, GROUPS, GROUP]
        self.output.forward(relu(self.photo.forward(pooled))).reshape([batch, 2])
    }

    /// Tiles `[count, 1, height, width]` to what is seen in each.
    fn encode_tiles(&self, tiles: Tensor<4>) -> Encoded {
        let [_, _, height, width] = tiles.dims();
        let pixels = (height * width) as f32;
        let mean = plane_sum(tiles.clone()).div_scalar(pixels);
        let centred = tiles - mean;
        let deviation = plane_sum(centred.clone() * centred.clone()).div_scalar(pixels).add_scalar(1e-5).sqrt();
        // Blur is a ratio between frequencies; contrast is not blur, but it tells how far noise can be trusted.
        let contrast = log_in_full_lanes(deviation.clone());
        let normalised = centred / deviation.add_scalar(0.01);
        let encoded = self.blocks.iter().fold(self.stem.forward(normalised), |planes, block| block.forward(planes));
        let attention = sigmoid_in_full_lanes(self.attention.forward(encoded.clone()));
        let [_, _, height, width] = attention.dims();
        // Pooled, not summed: of one channel, ONNX Runtime sums a single photo in another order than a batch.
        let total = adaptive_avg_pool2d(attention.clone(), [1, 1]).mul_scalar((height * width) as f32);
        let strongest = max_pool2d(encoded.clone(), MaxPoolOptions::new([height, width]));
        Encoded { attended: plane_sum(encoded * attention) / total.add_scalar(1e-3), strongest, contrast }
    }

    /// What is seen in the tiles of a photo, on average: `[batch, ENCODED, 1, 1]`.
    pub(super) fn encode(&self, input: &Tensor<4>) -> Tensor<4> {
        let tile = |index: i64| input.clone().select(1, Tensor::from_data([index], &input.device()));
        let encoded = (0..TILES as i64).map(|index| self.encode_tiles(tile(index)).attended);
        let sum = encoded.reduce(|sum, encoded| sum + encoded).expect("a photo has tiles");
        sum.div_scalar(TILES as f32)
    }
}

/// What is seen in tiles.
struct Encoded {
    /// Where the network looks, on average: `[count, ENCODED, 1, 1]`.
    attended: Tensor<4>,
    /// Where each feature is strongest, `[count, ENCODED, 1, 1]`: shake leaves the edges along it sharp, and of them few may be left.
    strongest: Tensor<4>,
    /// Logarithm of the contrast, `[count, 1, 1, 1]`.
    contrast: Tensor<4>,
}
