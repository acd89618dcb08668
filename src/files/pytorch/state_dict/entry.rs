//! What a state_dict holds under its keys.

/// A tensor's values in row-major order; `values.len()` is the product of `shape`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::files::pytorch) struct Array {
    /// Size of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// The values, converted from the file's type to `f32`.
    pub values: Vec<f32>,
}

/// What one key of a state_dict holds.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::files::pytorch) enum Entry {
    /// A tensor of float32, float64 (rounded to nearest), float16 or bfloat16.
    Floats(Array),
    /// A tensor of another type, such as a batch norm's `num_batches_tracked`; its values aren't
    /// read.
    Other {
        /// PyTorch's name of the type: `"int64"`, `"bool"`, ...
        dtype: &'static str,
        /// Size of each dimension; empty for a scalar.
        shape: Vec<usize>,
    },
}
