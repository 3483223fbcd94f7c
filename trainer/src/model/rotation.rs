//! Rotation network: a learned vote over edge directions. Fixed derivative filters give every pixel an edge direction;
//! a small U-shaped CNN learns which edges to trust (posts and window frames, not branches or converging lines);
//! weighted means of the directions, as complex powers, give the angle. The network learns trust, geometry the angle.
//! Beside the vote, the encoder's deepest plane tells what is seen and where: a car has few lines but wheels and a shadow.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::interpolate::{Interpolate2d, Interpolate2dConfig, InterpolateMode};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::module::{adaptive_avg_pool2d, avg_pool2d, conv2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions};
use burn::tensor::{Device, Tensor};

use super::{ConvBlock, Head, LANES, conv, log_in_full_lanes, plane_sum};

/// Weight maps: independent ways to trust edges.
const VOTES: usize = 10;
/// Cosine and sine of 1, 2, 4, 8, 12 and 16 times the direction. The first alone tells dark above bright from bright
/// above dark: sky, ground, the shadow under a car.
const DIRECTIONS: usize = 12;
/// The directions and the confidence.
const MAPS: usize = DIRECTIONS + 1;
const ENCODED: usize = 64;
pub(super) const DEEPEST: usize = 96;
/// Channels and units of the part that knows where in the disc things lie.
const LAYOUT: usize = 32;
const LAYOUT_UNITS: usize = 64;
/// Side of the deepest plane: a sixteenth of the direction maps, which have half the resolution of the disc.
const DEEPEST_SIDE: usize = 6;

/// See the module's header.
#[derive(Module, Debug)]
pub struct RotationNet {
    half: ConvBlock,
    half_more: ConvBlock,
    quarter: ConvBlock,
    quarter_more: ConvBlock,
    eighth: ConvBlock,
    eighth_more: ConvBlock,
    sixteenth: ConvBlock,
    sixteenth_more: ConvBlock,
    sixteenth_most: ConvBlock,
    reduce: ConvBlock,
    layout: Conv2d,
    lateral_sixteenth: Conv2d,
    up_eighth: ConvBlock,
    lateral_eighth: Conv2d,
    up_quarter: ConvBlock,
    lateral_quarter: Conv2d,
    up_half: ConvBlock,
    coarse_weights: Conv2d,
    fine_weights: Conv2d,
    head: Head,
}

/// Planes of the encoder by their share of the direction maps' side.
struct Encoded {
    half: Tensor<4>,
    quarter: Tensor<4>,
    eighth: Tensor<4>,
    deepest: Tensor<4>,
}

impl RotationNet {
    pub(super) fn new(device: &Device) -> Self {
        Self {
            half: ConvBlock::new([MAPS + 1, 24], 3, 2, device),
            half_more: ConvBlock::new([24, 24], 3, 1, device),
            quarter: ConvBlock::new([24, 40], 3, 2, device),
            quarter_more: ConvBlock::new([40, 40], 3, 1, device),
            eighth: ConvBlock::new([40, ENCODED], 3, 2, device),
            eighth_more: ConvBlock::new([ENCODED, ENCODED], 3, 1, device),
            sixteenth: ConvBlock::new([ENCODED, DEEPEST], 3, 2, device),
            sixteenth_more: ConvBlock::new([DEEPEST, DEEPEST], 3, 1, device),
            sixteenth_most: ConvBlock::new([DEEPEST, DEEPEST], 3, 1, device),
            reduce: ConvBlock::new([DEEPEST, LAYOUT], 1, 1, device),
            layout: Conv2dConfig::new([LAYOUT, LAYOUT_UNITS], [DEEPEST_SIDE, DEEPEST_SIDE]).init(device),
            lateral_sixteenth: conv([DEEPEST, ENCODED], 1, 1, true, device),
            up_eighth: ConvBlock::new([ENCODED, ENCODED], 3, 1, device),
            lateral_eighth: conv([ENCODED, 40], 1, 1, true, device),
            up_quarter: ConvBlock::new([40, 40], 3, 1, device),
            lateral_quarter: conv([40, 24], 1, 1, true, device),
            up_half: ConvBlock::new([24, 24], 3, 1, device),
            coarse_weights: conv([24, VOTES], 1, 1, true, device),
            fine_weights: conv([MAPS + 1, VOTES], 1, 1, false, device),
            head: Head::new(VOTES * MAPS + DEEPEST + LAYOUT_UNITS, 96, 2, device),
        }
    }

    /// One disc a sample, `[batch, 1, side, side]`, to `[batch, 2]`.
    pub(super) fn forward(&self, disc: Tensor<4>) -> Tensor<2> {
        self.look(disc, sums_by_product)
    }

    fn look(&self, disc: Tensor<4>, weighted_sums: fn(&Tensor<4>, &Tensor<4>) -> Tensor<4>) -> Tensor<2> {
        let [batch, _, side, _] = disc.dims();
        let mask = disc_mask(side / 2, &disc.device());
        let (directions, luma) = see(disc, &mask);
        let seen = Tensor::cat(vec![directions.clone(), luma], 1);
        let Encoded { half, quarter, eighth, deepest } = self.down(seen.clone());
        let layout = relu(self.layout.forward(self.reduce.forward(deepest.clone())));
        let up = self.up_eighth.forward(relu(double(self.lateral_sixteenth.forward(deepest.clone())) + eighth));
        let up = self.up_quarter.forward(relu(double(self.lateral_eighth.forward(up)) + quarter));
        let up = self.up_half.forward(relu(double(self.lateral_quarter.forward(up)) + half));
        // What a place is worth, and within it which of its directions.
        let weights = double(self.coarse_weights.forward(up)) + self.fine_weights.forward(seen);
        let sums = weighted_sums(&sigmoid(weights), &directions);
        let pooled = adaptive_avg_pool2d(deepest, [1, 1]);
        let features = Tensor::cat(vec![means_and_evidence(&sums), pooled, layout], 1);
        self.head.forward(features).reshape([batch, 2])
    }

    /// What the encoder sees in a disc, `[batch, DEEPEST, 1, 1]`.
    pub(super) fn encode(&self, disc: Tensor<4>) -> Tensor<4> {
        let mask = disc_mask(disc.dims()[2] / 2, &disc.device());
        let (directions, luma) = see(disc, &mask);
        adaptive_avg_pool2d(self.down(Tensor::cat(vec![directions, luma], 1)).deepest, [1, 1])
    }

    fn down(&self, seen: Tensor<4>) -> Encoded {
        let more = |input: Tensor<4>, block: &ConvBlock| input.clone() + block.forward(input);
        let half = more(self.half.forward(seen), &self.half_more);
        let quarter = more(self.quarter.forward(half.clone()), &self.quarter_more);
        let eighth = more(self.eighth.forward(quarter.clone()), &self.eighth_more);
        let deepest = more(self.sixteenth.forward(eighth.clone()), &self.sixteenth_more);
        let deepest = more(deepest, &self.sixteenth_most);
        Encoded { half, quarter, eighth, deepest }
    }

    /// All discs of a photo, `[batch, discs, side, side]`, to `[batch, 2]`: every other disc is seen mirrored and counts with
    /// the opposite sign, so that what the network believes of left and right cancels. (Seeing each both ways costs twice as
    /// much and lowered the mean error by 2 % only.) Each look counts by the inverse of its expected error.
    pub(super) fn serve(&self, discs: &Tensor<4>) -> Tensor<2> {
        let [_, count, side, _] = discs.dims();
        let device = discs.device();
        let column = |outputs: &Tensor<2>, index: i64| outputs.clone().select(1, Tensor::from_data([index], &device));
        let reversed: Vec<i64> = (0..side as i64).rev().collect();
        let (mut raws, mut log_scales) = (Vec::new(), Vec::new());
        for index in 0..count {
            let disc = pick(discs, vec![index]);
            let mirrored = index % 2 == 1;
            let disc = if mirrored { disc.select(3, Tensor::from_data(reversed.as_slice(), &device)) } else { disc };
            let seen = self.look(disc, sums_one_by_one);
            let raw = column(&seen, 0);
            raws.push(if mirrored { -raw } else { raw });
            log_scales.push(column(&seen, 1));
        }
        let looks = raws.len() as f32;
        let weight = (-Tensor::cat(log_scales, 1)).exp();
        let total = weight.clone().sum_dim(1);
        let raw = (Tensor::cat(raws, 1) * weight).sum_dim(1) / total.clone();
        let log_scale = -log_in_full_lanes(total.div_scalar(looks));
        Tensor::cat(vec![raw, log_scale], 1)
    }
}

/// Direction maps of a disc and its luma about its mean, both at half the resolution and zero outside the disc.
fn see(disc: Tensor<4>, mask: &Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    let luma = avg_pool2d(disc.clone(), AvgPoolOptions::new([2, 2]));
    // Pooled, not summed: of one channel, ONNX Runtime sums a single photo in another order than a batch.
    let pooled = |planes: Tensor<4>| adaptive_avg_pool2d(planes, [1, 1]);
    let mean = pooled(luma.clone() * mask.clone()) / pooled(mask.clone());
    (directions(disc) * mask.clone(), (luma - mean) * mask.clone())
}

/// For each weight map the weighted sum of every direction map, `[batch, VOTES * MAPS, 1, 1]`, as one matrix product.
fn sums_by_product(weights: &Tensor<4>, directions: &Tensor<4>) -> Tensor<4> {
    let [batch, votes, height, width] = weights.dims();
    let weights = weights.clone().reshape([batch, votes, height * width]);
    let directions = directions.clone().reshape([batch, MAPS, height * width]);
    weights.matmul(directions.transpose()).reshape([batch, votes * MAPS, 1, 1])
}

/// The same one by one: several times as slow to train, but a transpose does not export.
fn sums_one_by_one(weights: &Tensor<4>, directions: &Tensor<4>) -> Tensor<4> {
    let sums = |vote: usize| plane_sum(directions.clone() * pick(weights, vec![vote]));
    Tensor::cat((0..VOTES).map(sums).collect(), 1)
}

/// From weighted sums `[batch, VOTES * MAPS, 1, 1]` to means of the direction maps and, in the place of the confidence's
/// sum, its logarithm.
fn means_and_evidence(sums: &Tensor<4>) -> Tensor<4> {
    let vote = |index: usize| index / MAPS;
    let of_votes = |count: usize| (0..count).map(|index| vote(index) % VOTES * MAPS + DIRECTIONS).collect();
    let means = sums.clone() / pick(sums, of_votes(VOTES * MAPS)).add_scalar(1.0);
    // Whole registers for each photo, see `log_in_full_lanes`.
    let confidence = pick(sums, of_votes((VOTES * MAPS).next_multiple_of(LANES)));
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
    // Each is halved before they are put together: all of them at full size do not fit a processor's cache.
    let halved = |map: Tensor<4>| avg_pool2d(map, AvgPoolOptions::new([2, 2]));
    let mut maps: Vec<Tensor<4>> = [once, twice, four, eight, twelve, sixteen]
        .into_iter()
        .flat_map(|(cosine, sine)| [halved(cosine * confidence.clone()), halved(sine * confidence.clone())])
        .collect();
    maps.push(halved(confidence));
    Tensor::cat(maps, 1)
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
