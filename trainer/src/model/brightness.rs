//! Brightness network: a small CNN that sees what the photo shows, and soft histograms (of V, its local extremes and the
//! darkest channel) that see its exposure exactly.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Tensor};

use super::{ConvBlock, Head, maximum, plane_sum};

/// Planes of the view: R, G, B, smallest and largest V.
const PLANES: usize = 5;
/// Features of the CNN.
pub(super) const ENCODED: usize = 64;
const BINS: usize = 24;
const HISTOGRAMS: usize = 4;

/// See the module's header.
#[derive(Module, Debug)]
pub struct BrightnessNet {
    stem: ConvBlock,
    middle: ConvBlock,
    deep: ConvBlock,
    deepest: ConvBlock,
    head: Head,
}

impl BrightnessNet {
    pub(super) fn new(device: &Device) -> Self {
        Self {
            stem: ConvBlock::new([PLANES, 24], 3, 2, device),
            middle: ConvBlock::new([24, 48], 3, 2, device),
            deep: ConvBlock::new([48, ENCODED], 3, 2, device),
            deepest: ConvBlock::new([ENCODED, ENCODED], 3, 1, device),
            head: Head::new(ENCODED + HISTOGRAMS * BINS, 96, 2, device),
        }
    }

    /// `[batch, 5, height, width]` to `[batch, 2]`.
    pub(super) fn forward(&self, input: Tensor<4>) -> Tensor<2> {
        let histograms = histograms(&input);
        let features = Tensor::cat(vec![self.encode(input), histograms], 1);
        let output = self.head.forward(features);
        let [batch, outputs, _, _] = output.dims();
        output.reshape([batch, outputs])
    }

    /// What the CNN sees, without the histograms: `[batch, ENCODED, 1, 1]`.
    pub(super) fn encode(&self, input: Tensor<4>) -> Tensor<4> {
        let encoded = self.deepest.forward(self.deep.forward(self.middle.forward(self.stem.forward(input - 0.5))));
        adaptive_avg_pool2d(encoded, [1, 1])
    }
}

/// Share of pixels in each bin of V, of the smallest channel and of the smallest and the largest V nearby, with
/// triangular bins: `[batch, HISTOGRAMS * BINS, 1, 1]`. Scaled to a mean of one, so that the head sees numbers of the
/// size the encoder gives it.
fn histograms(input: &Tensor<4>) -> Tensor<4> {
    let device = input.device();
    let [_, _, height, width] = input.dims();
    let plane = |index: usize| input.clone().select(1, Tensor::from_data([index as i64], &device));
    let (red, green, blue) = (plane(0), plane(1), plane(2));
    let value = maximum(maximum(red.clone(), green.clone()), blue.clone());
    let darkest = -maximum(maximum(-red, -green), -blue);
    let steps = (BINS - 1) as f32;
    let centres: Vec<f32> = (0..BINS).map(|bin| bin as f32 / steps).collect();
    let centres = Tensor::<1>::from_floats(centres.as_slice(), &device).reshape([1, BINS, 1, 1]);
    let share = |plane: Tensor<4>| {
        let closeness = relu((plane - centres.clone()).abs().mul_scalar(-steps).add_scalar(1.0));
        plane_sum(closeness).mul_scalar(BINS as f32 / (height * width) as f32)
    };
    Tensor::cat(vec![share(value), share(darkest), share(plane(3)), share(plane(4))], 1)
}
