//! Rotation network: a learned vote over edge directions. Fixed derivative filters give every pixel an edge direction;
//! a small U-shaped CNN learns which edges to trust (posts and window frames, not branches or converging lines);
//! weighted means of the directions, as complex powers, give the angle. The network learns trust, geometry the angle.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::interpolate::{Interpolate2d, Interpolate2dConfig, InterpolateMode};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::module::{adaptive_avg_pool2d, avg_pool2d, conv2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions};
use burn::tensor::{Device, Tensor};

use super::{ConvBlock, Head, conv, plane_sum};

/// Weight maps: independent ways to trust edges.
const VOTES: usize = 10;
/// Cosine and sine of 2, 4, 8, 12 and 16 times the direction.
const DIRECTIONS: usize = 10;
/// The directions and the confidence.
const MAPS: usize = DIRECTIONS + 1;
const ENCODED: usize = 64;

/// See the module's header.
#[derive(Module, Debug)]
pub struct RotationNet {
    stem: ConvBlock,
    half: ConvBlock,
    quarter: ConvBlock,
    eighth: ConvBlock,
    bottom: ConvBlock,
    lateral_eighth: Conv2d,
    up_quarter: ConvBlock,
    lateral_quarter: Conv2d,
    up_half: ConvBlock,
    lateral_half: Conv2d,
    weights: Conv2d,
    head: Head,
}

impl RotationNet {
    pub(super) fn new(device: &Device) -> Self {
        Self {
            stem: ConvBlock::new([MAPS, 16], 3, 1, device),
            half: ConvBlock::new([16, 24], 3, 2, device),
            quarter: ConvBlock::new([24, 40], 3, 2, device),
            eighth: ConvBlock::new([40, ENCODED], 3, 2, device),
            bottom: ConvBlock::new([ENCODED, ENCODED], 3, 1, device),
            lateral_eighth: conv([ENCODED, 40], 1, 1, true, device),
            up_quarter: ConvBlock::new([40, 40], 3, 1, device),
            lateral_quarter: conv([40, 24], 1, 1, true, device),
            up_half: ConvBlock::new([24, 24], 3, 1, device),
            lateral_half: conv([24, 16], 1, 1, true, device),
            weights: conv([16, VOTES], 1, 1, true, device),
            head: Head::new(VOTES * (MAPS) + ENCODED, 96, 2, device),
        }
    }

    /// One disc a sample, `[batch, 1, side, side]`, to `[batch, 2]`.
    pub(super) fn forward(&self, disc: Tensor<4>) -> Tensor<2> {
        let [batch, _, side, _] = disc.dims();
        let device = disc.device();
        let mask = disc_mask(side / 2, &device);
        let directions = directions(disc) * mask.clone();
        let stem = self.stem.forward(directions.clone());
        let half = self.half.forward(stem.clone());
        let quarter = self.quarter.forward(half.clone());
        let bottom = self.bottom.forward(self.eighth.forward(quarter.clone()));
        let up = self.up_quarter.forward(relu(double(self.lateral_eighth.forward(bottom.clone())) + quarter));
        let up = self.up_half.forward(relu(double(self.lateral_quarter.forward(up)) + half));
        let up = relu(double(self.lateral_half.forward(up)) + stem);
        let weights = sigmoid(self.weights.forward(up)) * mask;
        // For each weight map the weighted sum of every direction map. One matrix product would do, but transposing does
        // not export.
        let sums = |vote: usize| plane_sum(directions.clone() * pick(&weights, vec![vote]));
        let sums = Tensor::cat((0..VOTES).map(sums).collect(), 1);
        let features = Tensor::cat(vec![means_and_evidence(&sums), adaptive_avg_pool2d(bottom, [1, 1])], 1);
        self.head.forward(features).reshape([batch, 2])
    }

    /// All discs of a photo, `[batch, discs, side, side]`, and their mirror images, to `[batch, 2]`. Each look counts by
    /// the inverse of its expected error; a mirrored look counts with the opposite sign.
    pub(super) fn serve(&self, discs: Tensor<4>) -> Tensor<2> {
        let [_, count, side, _] = discs.dims();
        let device = discs.device();
        let column = |outputs: &Tensor<2>, index: i64| outputs.clone().select(1, Tensor::from_data([index], &device));
        let reversed: Vec<i64> = (0..side as i64).rev().collect();
        let (mut raws, mut log_scales) = (Vec::new(), Vec::new());
        for disc in 0..count {
            let disc = pick(&discs, vec![disc]);
            let mirrored = disc.clone().select(3, Tensor::from_data(reversed.as_slice(), &device));
            let (seen, seen_mirrored) = (self.forward(disc), self.forward(mirrored));
            raws.extend([column(&seen, 0), -column(&seen_mirrored, 0)]);
            log_scales.extend([column(&seen, 1), column(&seen_mirrored, 1)]);
        }
        let looks = raws.len() as f32;
        let weight = (-Tensor::cat(log_scales, 1)).exp();
        let total = weight.clone().sum_dim(1);
        let raw = (Tensor::cat(raws, 1) * weight).sum_dim(1) / total.clone();
        let log_scale = -(total.div_scalar(looks).log());
        Tensor::cat(vec![raw, log_scale], 1)
    }
}

/// From weighted sums `[batch, VOTES * MAPS, 1, 1]` to means of the direction maps and, in the place of the confidence's
/// sum, its logarithm.
fn means_and_evidence(sums: &Tensor<4>) -> Tensor<4> {
    let vote = |index: usize| index / MAPS;
    let confidence = pick(sums, (0..VOTES * MAPS).map(|index| vote(index) * MAPS + DIRECTIONS).collect());
    let means = sums.clone() / confidence.clone().add_scalar(1.0);
    let evidence = confidence.add_scalar(1.0).log().mul_scalar(0.2);
    let both = Tensor::cat(vec![means, evidence], 1);
    let is_mean = |index: &usize| index % MAPS != DIRECTIONS;
    pick(&both, (0..VOTES * MAPS).map(|index| if is_mean(&index) { index } else { VOTES * MAPS + index }).collect())
}

/// Channels of a tensor by index.
fn pick(tensor: &Tensor<4>, channels: Vec<usize>) -> Tensor<4> {
    let channels: Vec<i64> = channels.into_iter().map(|channel| channel as i64).collect();
    tensor.clone().select(1, Tensor::from_data(channels.as_slice(), &tensor.device()))
}

/// Direction maps at half the resolution, `[batch, MAPS, side / 2, side / 2]`: cosine and sine of multiples of
/// the gradient's direction, each times a confidence that rises with the gradient, and the confidence itself.
fn directions(disc: Tensor<4>) -> Tensor<4> {
    let device = disc.device();
    let options = ConvOptions::new([1, 1], [2, 2], [1, 1], 1);
    let gradient = conv2d(disc, derivative_kernels(&device), None, options);
    let (dx, dy) = (pick(&gradient, vec![0]), pick(&gradient, vec![1]));
    let magnitude = (dx.clone() * dx.clone() + dy.clone() * dy.clone()).add_scalar(1e-8).sqrt();
    let confidence = magnitude.clone() / magnitude.clone().add_scalar(0.04);
    let once = (dx / magnitude.clone(), dy / magnitude);
    let twice = multiply(&once, &once);
    let four = multiply(&twice, &twice);
    let eight = multiply(&four, &four);
    let twelve = multiply(&eight, &four);
    let sixteen = multiply(&eight, &eight);
    let mut maps: Vec<Tensor<4>> = [twice, four, eight, twelve, sixteen]
        .into_iter()
        .flat_map(|(cosine, sine)| [cosine * confidence.clone(), sine * confidence.clone()])
        .collect();
    maps.push(confidence);
    avg_pool2d(Tensor::cat(maps, 1), AvgPoolOptions::new([2, 2]))
}

/// Product of complex numbers given as (real, imaginary) maps.
fn multiply(a: &(Tensor<4>, Tensor<4>), b: &(Tensor<4>, Tensor<4>)) -> (Tensor<4>, Tensor<4>) {
    (a.0.clone() * b.0.clone() - a.1.clone() * b.1.clone(), a.0.clone() * b.1.clone() + a.1.clone() * b.0.clone())
}

/// Derivatives of a Gaussian in x and y, 5x5: `[2, 1, 5, 5]`, unit response to a unit slope.
fn derivative_kernels(device: &Device) -> Tensor<4> {
    const SIGMA: f32 = 0.9;
    let gauss = |offset: f32| (-0.5 * offset * offset / (SIGMA * SIGMA)).exp();
    let grid: Vec<[f32; 2]> = (0..25u8).map(|index| [f32::from(index % 5) - 2.0, f32::from(index / 5) - 2.0]).collect();
    let norm: f32 = grid.iter().map(|[x, y]| x * x * gauss(*x) * gauss(*y)).sum();
    let along = |axis: usize| grid.iter().map(move |at| at[axis] * gauss(at[0]) * gauss(at[1]) / norm);
    let values: Vec<f32> = along(0).chain(along(1)).collect();
    Tensor::<1>::from_floats(values.as_slice(), device).reshape([2, 1, 5, 5])
}

/// One inside the disc, zero outside, with a margin that the filters' reach cannot cross.
fn disc_mask(side: usize, device: &Device) -> Tensor<4> {
    let centre = (side as f32 - 1.0) / 2.0;
    let radius = side as f32 / 2.0 - 3.0;
    let inside = |x: usize, y: usize| (x as f32 - centre).hypot(y as f32 - centre) <= radius;
    let values: Vec<f32> =
        (0..side * side).map(|index| f32::from(u8::from(inside(index % side, index / side)))).collect();
    Tensor::<1>::from_floats(values.as_slice(), device).reshape([1, 1, side, side])
}

fn double(input: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = input.dims();
    let resize: Interpolate2d = Interpolate2dConfig::new()
        .with_output_size(Some([2 * height, 2 * width]))
        .with_mode(InterpolateMode::Nearest)
        .init();
    resize.forward(input)
}
