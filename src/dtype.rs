//! Number formats of the machine.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Bytes;

/// How a value is stored in SRAM or on a wavelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// IEEE binary16.
    Fp16,
    /// bfloat16: 8 exponent bits, 7 fraction bits.
    Bf16,
    /// IEEE binary32.
    Fp32,
}

impl Dtype {
    /// Size of one value.
    pub fn bytes(self) -> Bytes {
        match self {
            Self::Fp16 | Self::Bf16 => Bytes(2),
            Self::Fp32 => Bytes(4),
        }
    }

    /// How many values one 32-bit wavelet carries when no index travels with them.
    pub fn per_wavelet(self) -> u64 {
        4 / self.bytes().0
    }

    /// `value` rounded to this format (to nearest, ties to even) and widened back.
    #[inline]
    pub fn round(self, value: f32) -> f32 {
        match self {
            Self::Fp16 => half::f16::from_f32(value).to_f32(),
            Self::Bf16 => half::bf16::from_f32(value).to_f32(),
            Self::Fp32 => value,
        }
    }

    /// Largest relative error of one rounding (unit roundoff): half the gap between 1 and the next value.
    pub fn unit_roundoff(self) -> f64 {
        match self {
            Self::Fp16 => 2f64.powi(-11),
            Self::Bf16 => 2f64.powi(-8),
            Self::Fp32 => 2f64.powi(-24),
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp16 => "fp16",
            Self::Bf16 => "bf16",
            Self::Fp32 => "fp32",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_nearest_even() {
        assert_eq!(Dtype::Bf16.round(1.0 + 2f32.powi(-8)), 1.0);
        assert_eq!(Dtype::Bf16.round(1.0 + 3.0 * 2f32.powi(-8)), 1.0 + 4.0 * 2f32.powi(-8));
        assert_eq!(Dtype::Fp16.round(65520.0), f32::INFINITY);
        assert_eq!(Dtype::Fp32.round(0.1), 0.1);
    }
}
