//! One tensor of a checkpoint: format, shape, and its values as numbers.

use std::fmt;
use std::path::Path;

use safetensors::Dtype;

use crate::checkpoint::CheckpointError;

/// How a tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format(pub(super) Dtype);

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A tensor as it lies in its file.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'c> {
    /// Name.
    pub name: &'c str,
    /// Its file.
    pub path: &'c Path,
    /// How it is stored.
    pub format: Format,
    /// Lengths, the outermost first.
    pub shape: &'c [usize],
    /// Row-major, little-endian.
    pub(super) bytes: &'c [u8],
}

impl<'c> TensorView<'c> {
    /// Bits of a value.
    pub fn bits(&self) -> usize {
        self.format.0.bitsize()
    }

    /// Every value as a number, in row-major order; one that is not finite comes as it is.
    ///
    /// # Errors
    /// [`CheckpointError::Format`] for anything but real numbers of 8 to 64 bits.
    pub fn numbers(&self) -> Result<Box<dyn Iterator<Item = f64> + 'c>, CheckpointError> {
        macro_rules! read {
            ($size:literal, $read:expr) => {{
                let read = $read;
                Box::new(self.bytes.as_chunks::<$size>().0.iter().map(move |bytes| read(*bytes)))
            }};
        }
        Ok(match self.format.0 {
            Dtype::F64 => read!(8, f64::from_le_bytes),
            Dtype::F32 => read!(4, |bytes| f64::from(f32::from_le_bytes(bytes))),
            Dtype::F16 => read!(2, |bytes| half::f16::from_le_bytes(bytes).to_f64()),
            Dtype::BF16 => read!(2, |bytes| half::bf16::from_le_bytes(bytes).to_f64()),
            Dtype::I64 => read!(8, |bytes| i64::from_le_bytes(bytes) as f64),
            Dtype::I32 => read!(4, |bytes| f64::from(i32::from_le_bytes(bytes))),
            Dtype::U8 | Dtype::BOOL => read!(1, |bytes: [u8; 1]| f64::from(bytes[0])),
            Dtype::I8 => read!(1, |bytes: [u8; 1]| f64::from(bytes[0] as i8)),
            _ => {
                return Err(CheckpointError::Format {
                    file: self.path.to_owned(),
                    tensor: self.name.to_owned(),
                    found: self.format.to_string(),
                    legal: "F64, F32, F16, BF16, I64, I32, I8, U8 or BOOL".to_owned(),
                });
            }
        })
    }

    /// Every value as a number that must be finite.
    ///
    /// # Errors
    /// As [`Self::numbers`], and [`CheckpointError::Value`] for the first infinity or NaN.
    pub fn finite(&self) -> Result<Vec<f64>, CheckpointError> {
        let values: Vec<f64> = self.numbers()?.collect();
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(element) => Err(self.value(element, format!("{} is not finite", values[element]))),
        }
    }

    /// An error about one element.
    pub fn value(&self, element: usize, what: String) -> CheckpointError {
        CheckpointError::Value { file: self.path.to_owned(), tensor: self.name.to_owned(), element, what }
    }
}
