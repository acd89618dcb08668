//! Element types of PyTorch's storages, and their conversion to `f32`.

/// The element type of a storage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dtype {
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

    pub(super) fn name(self) -> &'static str {
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
    pub(super) fn width(self) -> usize {
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
    pub(super) fn reader(self) -> Option<fn(&[u8], usize) -> f32> {
        match self {
            Self::Float32 => Some(|bytes, index| f32::from_le_bytes(element(bytes, index))),
            Self::Float64 => Some(|bytes, index| f64::from_le_bytes(element(bytes, index)) as f32),
            Self::Float16 => Some(|bytes, index| half(u16::from_le_bytes(element(bytes, index)))),
            // A bfloat16 is the upper half of an f32.
            Self::BFloat16 => Some(|bytes, index| {
                f32::from_bits(u32::from(u16::from_le_bytes(element(bytes, index))) << 16)
            }),
            _ => None,
        }
    }
}

fn element<const N: usize>(bytes: &[u8], index: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[index * N..][..N]);
    value
}

/// The value of an IEEE 754 binary16; every one is exact in `f32`.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    let magnitude = match exponent {
        // Zero and subnormals: fraction * 2^-24, which f32 holds as a normal number.
        0 => (fraction as f32 * f32::from_bits((127 - 24) << 23)).to_bits(),
        0x1f => 0x7f80_0000 | fraction << 13,
        _ => (exponent + 127 - 15) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    // import numpy as np; [float(np.uint16(b).view(np.float16)) for b in (...)]
    #[test]
    fn halves_are_exact() {
        let cases = [
            (0x0000, 0.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3c00, 1.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65504.0),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
            (0xc000, -2.0),
            (0x8001, -5.960_464_5e-8),
        ];
        for (bits, value) in cases {
            assert_eq!(half(bits), value, "{bits:#06x}");
        }
        assert!(half(0x8000).is_sign_negative());
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn a_half_is_the_nearest_to_its_neighbours_mean() {
        // Positive halves grow with their bits, and within one exponent by equal steps.
        for bits in 0..0x7bff_u16 {
            let step = half(bits + 1) - half(bits);
            let exponent = i32::from((bits >> 10).max(1));
            assert_eq!(step, 2_f32.powi(exponent - 25), "{bits:#06x}");
        }
    }
}
