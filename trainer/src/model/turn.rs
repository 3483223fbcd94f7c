//! Turn network: a small residual CNN that says how upright a picture looks. The same weights look at the four right-angle copies of
//! a photo; the copy that looks most upright tells how the photo is turned.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::activation::relu;
use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Tensor};
use clearshot_core::view::{COPIES, SQUARES};

use super::{ConvBlock, Residual, conv};

/// Planes of a copy: R, G, B.
pub(super) const CHANNELS: usize = 3;
pub(super) const DEEPEST: usize = 128;
/// Side of the deepest plane.
const LEFT: usize = 3;

/// See the module's header.
#[derive(Module, Debug)]
pub struct TurnNet {
    stem: ConvBlock,
    blocks: Vec<Residual>,
    dropout: Dropout,
    /// Over the whole plane: what is above and what is below is the evidence.
    photo: Conv2d,
    output: Conv2d,
}

impl TurnNet {
    pub(super) fn new(device: &Device) -> Self {
        let widths = [24, 32, 64, 112, DEEPEST];
        Self {
            stem: ConvBlock::new([CHANNELS, widths[0]], 3, 2, device),
            blocks: widths.windows(2).map(|pair| Residual::new([pair[0], pair[1]], device)).collect(),
            dropout: DropoutConfig::new(0.3).init(),
            photo: Conv2dConfig::new([DEEPEST, 96], [LEFT, LEFT]).init(device),
            output: conv([96, 2], 1, 1, true, device),
        }
    }

    /// One copy of each photo, `[batch, 3, height, width]`, to `[batch, 2]`; the first output falls the more upright it looks.
    pub(super) fn forward(&self, input: Tensor<4>) -> Tensor<2> {
        let batch = input.dims()[0];
        self.output.forward(relu(self.photo.forward(self.dropout.forward(self.planes(input))))).reshape([batch, 2])
    }

    /// All copies of both squares, `[batch, 24, height, width]`, to how upright each copy looks, the mean of the squares: `[batch, 4]`.
    pub(super) fn serve(&self, input: &Tensor<4>) -> Tensor<2> {
        let device = input.device();
        let raw = |square: usize, copy: usize| {
            let outputs = self.forward(planes(input, square, copy));
            outputs.select(1, Tensor::from_data([0i64], &device))
        };
        let upright = |copy: usize| (raw(0, copy) + raw(1, copy)).mul_scalar(-1.0 / SQUARES as f32);
        Tensor::cat((0..COPIES).map(upright).collect(), 1)
    }

    /// What is seen in the photo as it stands, the mean of both squares: `[batch, DEEPEST, 1, 1]`.
    pub(super) fn encode_view(&self, input: &Tensor<4>) -> Tensor<4> {
        let seen = |square: usize| self.encode(planes(input, square, 0));
        (seen(0) + seen(1)).mul_scalar(1.0 / SQUARES as f32)
    }

    pub(super) fn encode(&self, input: Tensor<4>) -> Tensor<4> {
        adaptive_avg_pool2d(self.planes(input), [1, 1])
    }

    fn planes(&self, input: Tensor<4>) -> Tensor<4> {
        self.blocks.iter().fold(self.stem.forward(input - 0.5), |planes, block| block.forward(planes))
    }
}

/// One copy of one square of each photo.
fn planes(view: &Tensor<4>, square: usize, copy: usize) -> Tensor<4> {
    let first = ((square * COPIES + copy) * CHANNELS) as i64;
    view.clone().select(1, Tensor::arange(first..first + CHANNELS as i64, &view.device()))
}
