//! Reads the tensors of a safetensors file of any program.

use std::collections::BTreeMap;

use safetensors::tensor;

use crate::error::shown::quoted;
use crate::files::model::tensors_of;
use crate::files::pytorch::state_dict::dtype::Dtype;
use crate::files::pytorch::state_dict::entry::{Array, Entry};

/// Whether `bytes` begin as safetensors do: with JSON behind its length of eight bytes.
pub(super) fn begins_so(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{')
}

/// Reads the tensors in `bytes`, as of a state_dict.
///
/// # Errors
/// If they are not a whole safetensors file, or hold values of a type that PyTorch's checkpoints
/// are not read of either.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Entry>, String> {
    let tensors = tensors_of(bytes)?.tensors().into_iter();
    tensors
        .map(|(name, view)| {
            let entry = entry(&view).map_err(|problem| format!("{}: {problem}", quoted(&name)))?;
            Ok((name, entry))
        })
        .collect()
}

fn entry(view: &tensor::TensorView<'_>) -> Result<Entry, String> {
    let shape = view.shape().to_vec();
    let dtype = dtype(view.dtype())
        .ok_or_else(|| format!("expected floats of 16, 32 or 64 bits, found {:?}", view.dtype()))?;
    let Some(read) = dtype.reader() else {
        return Ok(Entry::Other { dtype: dtype.name(), shape });
    };
    let count = view.data().len() / dtype.width();
    let values = (0..count).map(|index| read(view.data(), index)).collect();
    Ok(Entry::Floats(Array { shape, values }))
}

/// PyTorch's name of a type of the format.
fn dtype(of: tensor::Dtype) -> Option<Dtype> {
    Some(match of {
        tensor::Dtype::F32 => Dtype::Float32,
        tensor::Dtype::F64 => Dtype::Float64,
        tensor::Dtype::F16 => Dtype::Float16,
        tensor::Dtype::BF16 => Dtype::BFloat16,
        tensor::Dtype::I64 => Dtype::Int64,
        tensor::Dtype::I32 => Dtype::Int32,
        tensor::Dtype::I16 => Dtype::Int16,
        tensor::Dtype::I8 => Dtype::Int8,
        tensor::Dtype::U8 => Dtype::UInt8,
        tensor::Dtype::BOOL => Dtype::Bool,
        _ => return None,
    })
}
