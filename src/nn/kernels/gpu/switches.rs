//! Switches for benchmarks, which compare with and without.

use std::sync::LazyLock;

/// A path of ours that burn's own operations can be taken in place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nn::kernels) enum Switch {
    /// The weights' gradients as matrix products.
    WeightGradient,
    /// Convolutions and their input gradients as matrix products, where that is not burn's choice
    /// anyway.
    MatmulConvolution,
    /// Instance norm in one launch forward and one backward.
    Norm,
    /// LeakyReLU and its gradient in one launch each.
    Activation,
    /// Few operations on much: the condition as planes beside the image, D on real and translated
    /// images at once, burn's logarithm.
    FewLaunches,
    /// Adam in one launch per parameter.
    Adam,
    /// burn's convolutions and matrix products, where it has them for tensor cores, which round to
    /// TF32. Without, CUDA computes convolutions in float32.
    TensorCores,
}

const ALL: [(&str, Switch); 7] = [
    ("weight-gradient", Switch::WeightGradient),
    ("matmul-convolution", Switch::MatmulConvolution),
    ("norm", Switch::Norm),
    ("activation", Switch::Activation),
    ("few-launches", Switch::FewLaunches),
    ("adam", Switch::Adam),
    ("tensor-cores", Switch::TensorCores),
];

/// Those that the environment variable `STARGAN_GPU_OFF` names, separated by commas.
static OFF: LazyLock<Vec<Switch>> = LazyLock::new(|| {
    let names = std::env::var("STARGAN_GPU_OFF").unwrap_or_default();
    let named = names.split(',').filter(|name| !name.is_empty());
    let switch = |name| match ALL.iter().find(|(of_switch, _)| *of_switch == name) {
        Some((_, switch)) => *switch,
        None => panic!("STARGAN_GPU_OFF names {name:?}, which is none of {ALL:?}"),
    };
    named.map(switch).collect()
});

impl Switch {
    /// Whether the path is taken.
    pub fn is_on(self) -> bool {
        !OFF.contains(&self)
    }
}
