//! The branch networks. Each is a CNN encoder and a fully connected block that emit two numbers for a photo: the
//! ranking output and the logarithm of its expected error.
//!
//! Only operations that ONNX export knows are used; see `export.rs`. Fully connected layers are 1x1 convolutions: ONNX
//! Runtime computes those item by item, so that a score does not depend on the batch it came in.

mod blur;
mod brightness;
mod labels;
mod rotation;
mod turn;

use anyhow::{Result, bail};
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};
use clearshot_core::view::View;

pub use labels::LabelNet;

/// A branch network.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one network per process")]
pub enum Branch {
    /// Blur from tiles.
    Blur(blur::BlurNet),
    /// Brightness from the whole photo.
    Brightness(brightness::BrightnessNet),
    /// Rotation by a learned vote over edge directions.
    Rotation(rotation::RotationNet),
    /// Uprightness of right-angle copies.
    Turn(turn::TurnNet),
}

impl Branch {
    /// The network for a view, with fresh weights.
    ///
    /// # Errors
    /// When no network looks at such a view.
    pub fn new(view: &View, device: &Device) -> Result<Self> {
        // By the name without its version: a network outlives changes of its view as long as it takes the same shape.
        match view.name.split('/').next() {
            Some("blur-tiles") => Ok(Self::Blur(blur::BlurNet::new(device))),
            Some("brightness-whole") => Ok(Self::Brightness(brightness::BrightnessNet::new(device))),
            Some("rotation-discs") => Ok(Self::Rotation(rotation::RotationNet::new(device))),
            Some("turn-copies") => Ok(Self::Turn(turn::TurnNet::new(device))),
            _ => bail!("no network looks at the view {}: add one to trainer/src/model", view.name),
        }
    }

    /// Shape of one training sample: one view tensor, or of rotation's one disc, of turn's one copy.
    #[must_use]
    pub fn training_shape(&self, view: &View) -> [usize; 3] {
        let [channels, height, width] = view.shape;
        match self {
            Self::Rotation(_) => [1, height, width],
            Self::Turn(_) => [turn::CHANNELS, height, width],
            Self::Blur(_) | Self::Brightness(_) => [channels, height, width],
        }
    }

    /// Number of features that [`Self::encode`] gives.
    fn features(&self) -> usize {
        match self {
            Self::Blur(_) => blur::ENCODED,
            Self::Brightness(_) => brightness::ENCODED,
            Self::Rotation(_) => rotation::DEEPEST,
            Self::Turn(_) => turn::DEEPEST,
        }
    }

    /// Training forward pass: view tensors `[batch, channels, height, width]` to `[batch, 2]` (raw, log scale).
    #[must_use]
    pub fn forward(&self, input: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Blur(net) => net.forward(&input),
            Self::Brightness(net) => net.forward(input),
            Self::Rotation(net) => net.forward(input),
            Self::Turn(net) => net.forward(input),
        }
    }

    /// Features of the encoder alone: `[batch, channels, height, width]` of [`Self::training_shape`] to
    /// `[batch, features]`. What a network that was trained to rank one degradation knows about photos serves other tasks, too.
    #[must_use]
    pub fn encode(&self, input: Tensor<4>) -> Tensor<2> {
        let features = match self {
            Self::Blur(net) => net.encode(&input),
            Self::Brightness(net) => net.encode(input),
            Self::Rotation(net) => net.encode(input),
            Self::Turn(net) => net.encode(input),
        };
        let [batch, count, _, _] = features.dims();
        features.reshape([batch, count])
    }

    /// Features of what serving looks at: view tensors `[batch, channels, height, width]` of the view's own shape to
    /// `[batch, features, 1, 1]`; of rotation's discs and of turn's squares, as the photo stands, the mean.
    fn encode_view(&self, input: Tensor<4>) -> Tensor<4> {
        let disc = |index: i64| input.clone().select(1, Tensor::from_data([index], &input.device()));
        match self {
            Self::Blur(net) => net.encode(&input),
            Self::Brightness(net) => net.encode(input),
            Self::Rotation(net) => (net.encode(disc(0)) + net.encode(disc(1))).mul_scalar(0.5),
            Self::Turn(net) => net.encode_view(&input),
        }
    }

    /// Serving forward pass, as exported: the same for all but rotation, which looks at one disc mirrored and weighs what
    /// it sees in each, and turn, which gives how upright each of the four copies is: `[batch, 4]`.
    #[must_use]
    pub fn serve(&self, input: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Rotation(net) => net.serve(&input),
            Self::Turn(net) => net.serve(&input),
            Self::Blur(_) | Self::Brightness(_) => self.forward(input),
        }
    }
}

/// A branch and, where it learns a second task beside its own, that task's head on the shared encoder. Only the branch is
/// exported.
#[derive(Module, Debug)]
pub struct MultiTask {
    /// The branch.
    pub branch: Branch,
    second: Option<Head>,
}

impl MultiTask {
    /// A branch, with a fresh head for a second task if asked for.
    #[must_use]
    pub fn new(branch: Branch, second: bool, device: &Device) -> Self {
        let features = branch.features();
        Self { branch, second: second.then(|| Head::new(features, 64, 2, device)) }
    }

    /// What the second task's head makes of view tensors: `[batch, 2]`, or nothing where there is no second task.
    #[must_use]
    pub fn forward_second(&self, input: Tensor<4>) -> Option<Tensor<2>> {
        let head = self.second.as_ref()?;
        let features = self.branch.encode(input);
        let [batch, count] = features.dims();
        Some(head.forward(features.reshape([batch, count, 1, 1])).reshape([batch, 2]))
    }
}

/// 3x3 (or other) convolution, batch normalisation, ReLU.
#[derive(Module, Debug)]
struct ConvBlock {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvBlock {
    fn new(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Self {
        Self {
            conv: conv(channels, kernel, stride, false, device),
            norm: BatchNormConfig::new(channels[1]).init(device),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        relu(self.norm.forward(self.conv.forward(input)))
    }
}

/// Two convolutions beside a projection (He et al., CVPR 2016); halves the planes.
#[derive(Module, Debug)]
struct Residual {
    first: ConvBlock,
    second: Conv2d,
    norm: BatchNorm,
    beside: Conv2d,
}

impl Residual {
    fn new(channels: [usize; 2], device: &Device) -> Self {
        let beside = Conv2dConfig::new(channels, [1, 1]).with_stride([2, 2]).with_bias(false);
        Self {
            first: ConvBlock::new(channels, 3, 2, device),
            second: conv([channels[1]; 2], 3, 1, false, device),
            norm: BatchNormConfig::new(channels[1]).init(device),
            beside: beside.init(device),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let beside = self.beside.forward(input.clone());
        relu(beside + self.norm.forward(self.second.forward(self.first.forward(input))))
    }
}

/// The fully connected block: features `[batch, features, 1, 1]` to `[batch, outputs, 1, 1]`.
#[derive(Module, Debug)]
struct Head {
    hidden: Conv2d,
    output: Conv2d,
}

impl Head {
    fn new(features: usize, hidden: usize, outputs: usize, device: &Device) -> Self {
        Self {
            hidden: conv([features, hidden], 1, 1, true, device),
            output: conv([hidden, outputs], 1, 1, true, device),
        }
    }

    fn forward(&self, features: Tensor<4>) -> Tensor<4> {
        self.output.forward(relu(self.hidden.forward(features)))
    }
}

fn conv(channels: [usize; 2], kernel: usize, stride: usize, bias: bool, device: &Device) -> Conv2d {
    let padding = kernel / 2;
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_bias(bias)
        .init(device)
}

/// Larger of two tensors, in operations that export.
fn maximum(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    a.clone() + relu(b - a)
}

/// Global sum over the plane, keeping four dimensions.
fn plane_sum(input: Tensor<4>) -> Tensor<4> {
    input.sum_dim(2).sum_dim(3)
}

/// Floats in the widest vector register of the processors we know.
const LANES: usize = 16;

/// Natural logarithm of a tensor whose second dimension is 1. ONNX Runtime takes logarithms by the register and what is left
/// over one by one, with another last bit: here each item fills a register by itself, so that it does not depend on the items
/// beside it.
fn log_in_full_lanes<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    let device = values.device();
    let mut shape = [1; D];
    shape[1] = LANES;
    let lanes = Tensor::<1>::from_floats([1.0; LANES], &device).reshape(shape);
    (values * lanes).log().select(1, Tensor::from_data([0i64], &device))
}

/// Logistic function of a tensor whose second dimension is 1, for the same reason: the values of an item's plane, four times over,
/// fill whole registers if there is a multiple of four of them.
fn sigmoid_in_full_lanes(values: Tensor<4>) -> Tensor<4> {
    let device = values.device();
    let [_, _, height, width] = values.dims();
    debug_assert_eq!(4 * height * width % LANES, 0);
    sigmoid(Tensor::cat(vec![values; 4], 1)).select(1, Tensor::from_data([0i64], &device))
}
