//! A frozen encoder with a linear head for labels of an operator's own.

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor, TensorData};

use super::{Branch, conv};

/// See the module's header.
#[derive(Module, Debug)]
pub struct LabelNet {
    branch: Branch,
    head: Conv2d,
}

impl LabelNet {
    /// A branch with a head of these weights: for each label one for each of its features, and a bias.
    ///
    /// # Panics
    /// When a label has another number of weights than the branch has features.
    #[must_use]
    pub fn new(branch: Branch, weights: &[Vec<f32>], biases: &[f32], device: &Device) -> Self {
        let (features, labels) = (branch.features(), weights.len());
        let mut head = conv([features, labels], 1, 1, true, device);
        head.weight = Param::from_data(TensorData::new(weights.concat(), [labels, features, 1, 1]), device);
        head.bias = Some(Param::from_data(TensorData::new(biases.to_vec(), [labels]), device));
        Self { branch, head }
    }

    /// View tensors `[batch, channels, height, width]` to the logits of the labels, `[batch, labels]`.
    #[must_use]
    pub fn forward(&self, input: Tensor<4>) -> Tensor<2> {
        let batch = input.dims()[0];
        let logits = self.head.forward(self.branch.encode_view(input));
        let labels = logits.dims()[1];
        logits.reshape([batch, labels])
    }
}

impl Branch {
    /// Features of view tensors, `[batch, channels, height, width]` of the view's own shape to `[batch, features]`.
    #[must_use]
    pub fn features_of(&self, input: Tensor<4>) -> Tensor<2> {
        let features = self.encode_view(input);
        let [batch, count, _, _] = features.dims();
        features.reshape([batch, count])
    }
}
