//! Blur network: every tile is encoded alone, contrast taken out; tiles then vote, each with a learned trust, so that
//! flat tiles (sky, wall) and a soft background behind a sharp subject do not decide.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

use super::{ConvBlock, Head, conv, plane_sum};

const ENCODED: usize = 64;
const EMBEDDED: usize = 48;

/// See the module's header.
#[derive(Module, Debug)]
pub struct BlurNet {
    stem: ConvBlock,
    shallow: ConvBlock,
    middle: ConvBlock,
    deep: ConvBlock,
    deepest: ConvBlock,
    attention: Conv2d,
    tile: Head,
    trust: Conv2d,
    photo: Head,
}

impl BlurNet {
    pub(super) fn new(device: &Device) -> Self {
        Self {
            stem: ConvBlock::new([1, 12], 5, 2, device),
            shallow: ConvBlock::new([12, 24], 3, 2, device),
            middle: ConvBlock::new([24, 32], 3, 2, device),
            deep: ConvBlock::new([32, 48], 3, 1, device),
            deepest: ConvBlock::new([48, ENCODED], 3, 2, device),
            attention: conv([ENCODED, 1], 1, 1, true, device),
            tile: Head::new(ENCODED + 1, 64, EMBEDDED, device),
            trust: conv([EMBEDDED, 2], 1, 1, true, device),
            photo: Head::new(2 * EMBEDDED, 64, 2, device),
        }
    }

    /// `[batch, tiles, height, width]` to `[batch, 2]`.
    pub(super) fn forward(&self, input: Tensor<4>) -> Tensor<2> {
        let [batch, tiles, height, width] = input.dims();
        let pixels = (height * width) as f32;
        let tile = input.reshape([batch * tiles, 1, height, width]);
        let mean = plane_sum(tile.clone()).div_scalar(pixels);
        let centred = tile - mean;
        let deviation = plane_sum(centred.clone() * centred.clone()).div_scalar(pixels).add_scalar(1e-5).sqrt();
        // Blur is a ratio between frequencies; contrast is not blur, but it tells how far noise can be trusted.
        let contrast = deviation.clone().log();
        let normalised = centred / deviation.add_scalar(0.01);
        let encoded = self.shallow.forward(self.stem.forward(normalised));
        let encoded = self.deepest.forward(self.deep.forward(self.middle.forward(encoded)));
        let attention = sigmoid(self.attention.forward(encoded.clone()));
        let attended = plane_sum(encoded * attention.clone()) / plane_sum(attention).add_scalar(1e-3);
        let embedded = self.tile.forward(Tensor::cat(vec![attended, contrast], 1));
        // Two ways to weigh the tiles, say "all with texture" and "the sharpest": softmax over tiles of a bounded logit.
        let trust = self.trust.forward(embedded.clone()).tanh().mul_scalar(4.0).exp();
        let trust = trust.reshape([batch, tiles, 2, 1]).permute([0, 2, 1, 3]);
        let trust = trust.clone() / trust.sum_dim(2);
        let embedded = embedded.reshape([batch, tiles, EMBEDDED, 1]).permute([0, 3, 1, 2]);
        // [batch, 2, tiles, 1] * [batch, 1, tiles, EMBEDDED] -> [batch, 2, 1, EMBEDDED]
        let pooled = (trust * embedded).sum_dim(2);
        let output = self.photo.forward(pooled.reshape([batch, 2 * EMBEDDED, 1, 1]));
        output.reshape([batch, 2])
    }
}
