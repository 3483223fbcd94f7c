//! A network too small to understand a photo: two convolutions over the finest detail. What it can tell is a leak.

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::LinearConfig;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::module::{adaptive_avg_pool2d, conv2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use clearshot_trainer::generator::Recipe;
use clearshot_trainer::photos::{Library, Part};
use clearshot_trainer::siamese::{self, LossSettings, Ranking};

/// Side of the middle of the view that is looked at: within the disc at every angle.
const SIDE: usize = 96;

#[derive(Module, Debug)]
struct Probe {
    first: Conv2d,
    second: Conv2d,
    output: Linear,
}

impl Probe {
    fn forward(&self, input: Tensor<4>) -> Tensor<2> {
        let laplacian = [0.0, -1.0, 0.0, -1.0, 4.0, -1.0, 0.0, -1.0, 0.0];
        let kernel = Tensor::<1>::from_floats(laplacian, &input.device()).reshape([1, 1, 3, 3]);
        let detail = conv2d(input, kernel, None, ConvOptions::new([1, 1], [0, 0], [1, 1], 1)).mul_scalar(8.0);
        let seen = relu(self.second.forward(relu(self.first.forward(detail))));
        let [batch, channels, _, _] = seen.dims();
        self.output.forward(adaptive_avg_pool2d(seen, [1, 1]).reshape([batch, channels]))
    }
}

/// Share of pairs of fresh samples that the probe, trained for `steps` batches, orders rightly by the size of their
/// magnitude.
pub fn accuracy(library: &Library, recipe: &Recipe, steps: usize, tested: usize) -> f32 {
    let device = Device::flex().autodiff();
    device.seed(1);
    let mut probe = Probe {
        first: Conv2dConfig::new([1, 12], [5, 5]).with_stride([2, 2]).init(&device),
        second: Conv2dConfig::new([12, 24], [3, 3]).with_stride([2, 2]).init(&device),
        output: LinearConfig::new(24, 2).init(&device),
    };
    let mut optimiser = AdamWConfig::new().init();
    let settings = LossSettings { ranking: Ranking::Ranknet, regression: 0.0, ..LossSettings::default() };
    for step in 0..steps {
        let (input, sizes) = batch(library, recipe, Part::Train, step, &device);
        let count = sizes.len();
        let targets = Tensor::<2>::from_data(TensorData::new(sizes, [count, 1]), &device);
        let loss = siamese::loss(&probe.forward(input), &targets, recipe.magnitudes, settings);
        let gradients = GradientsParams::from_grads(loss.backward(), &probe);
        probe = optimiser.step(1e-2, probe, gradients);
    }
    let trained = probe.valid();
    let of = |step| {
        let (input, sizes) = batch(library, recipe, Part::Test, step, &Device::flex());
        let outputs = siamese::to_pairs(trained.forward(input)).unwrap();
        siamese::pair_accuracy(&outputs.iter().map(|output| output.0).collect::<Vec<_>>(), &sizes, sizes.len())
    };
    (0..tested).map(of).sum::<f32>() / tested as f32
}

/// The middles of a batch's views, and how large their magnitudes are, 0 to 1.
fn batch(library: &Library, recipe: &Recipe, part: Part, step: usize, device: &Device) -> (Tensor<4>, Vec<f32>) {
    let batch = recipe.batch(library, part, step);
    let [_, height, width] = recipe.transformation.spec().view().shape;
    let each = batch.inputs.len() / batch.magnitudes.len();
    let [top, left] = [(height - SIDE) / 2, (width - SIDE) / 2];
    let middles: Vec<f32> = batch
        .inputs
        .chunks_exact(each)
        .flat_map(|sample| (top..top + SIDE).flat_map(move |y| &sample[y * width + left..][..SIDE]))
        .copied()
        .collect();
    let most = recipe.range[1];
    let sizes: Vec<f32> = batch.magnitudes.iter().map(|magnitude| magnitude.abs() / most).collect();
    (Tensor::from_data(TensorData::new(middles, [sizes.len(), 1, SIDE, SIDE]), device), sizes)
}
