//! Element types of PyTorch's storages, and their conversion to `f32`.

use burn::tensor::{bf16, f16};

/// The element type of a storage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::files::pytorch) enum Dtype {
    Float32,
    Float64,
    Float16,
    BFloat16,
    Int64,
    Int32,
    Int16,
    Int8,
    UInt8,
    Bool,
}

impl Dtype {
    /// The type named by a class `torch.<name>`, such as `FloatStorage`.
    pub(super) fn of_storage_class(name: &str) -> Option<Self> {
        Some(match name.strip_suffix("Storage")? {
            "Float" => Self::Float32,
            "Double" => Self::Float64,
            "Half" => Self::Float16,
            "BFloat16" => Self::BFloat16,
            "Long" => Self::Int64,
            "Int" => Self::Int32,
            "Short" => Self::Int16,
            "Char" => Self::Int8,
            "Byte" => Self::UInt8,
            "Bool" => Self::Bool,
            _ => return None,
        })
    }

    pub(in crate::files::pytorch) fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Float16 => "float16",
            Self::BFloat16 => "bfloat16",
            Self::Int64 => "int64",
            Self::Int32 => "int32",
            Self::Int16 => "int16",
            Self::Int8 => "int8",
            Self::UInt8 => "uint8",
            Self::Bool => "bool",
        }
    }

    /// Bytes per element.
    pub(in crate::files::pytorch) fn width(self) -> usize {
        match self {
            Self::Float64 | Self::Int64 => 8,
            Self::Float32 | Self::Int32 => 4,
            Self::Float16 | Self::BFloat16 | Self::Int16 => 2,
            Self::Int8 | Self::UInt8 | Self::Bool => 1,
        }
    }

    /// Bytes of `count` elements, if that number fits.
    pub(super) fn bytes(self, count: usize) -> Option<usize> {
        count.checked_mul(self.width())
    }

    /// How to read element `index` of a storage's bytes; `None` unless the type is a float.
    /// The returned function panics on an index past the end.
    pub(in crate::files::pytorch) fn reader(self) -> Option<fn(&[u8], usize) -> f32> {
        match self {
            Self::Float32 => Some(|bytes, index| f32::from_le_bytes(element(bytes, index))),
            Self::Float64 => Some(|bytes, index| f64::from_le_bytes(element(bytes, index)) as f32),
            Self::Float16 => {
                Some(|bytes, index| f16::from_le_bytes(element(bytes, index)).to_f32())
            }
            Self::BFloat16 => {
                Some(|bytes, index| bf16::from_le_bytes(element(bytes, index)).to_f32())
            }
            _ => None,
        }
    }
}

fn element<const N: usize>(bytes: &[u8], index: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[index * N..][..N]);
    value
}
