//! Tensors in safetensors files: one file, or several with an index, memory-mapped, so that a model that is larger
//! than memory can be read tensor by tensor.
//!
//! ```text
//! path (file, index.json or folder) -> Checkpoint -> TensorView: format, shape, values
//! ```

mod error;
mod open;
mod view;

use std::collections::BTreeMap;
use std::path::PathBuf;

use memmap2::Mmap;

pub use error::CheckpointError;
pub use open::state;
pub use view::{Format, TensorView};

/// All tensors of a checkpoint, by name.
#[derive(Debug)]
pub struct Checkpoint {
    files: Vec<(PathBuf, Mmap)>,
    tensors: BTreeMap<String, Located>,
}

/// Where a tensor lies.
#[derive(Debug)]
struct Located {
    file: usize,
    format: Format,
    shape: Vec<usize>,
    /// Bytes of the file.
    bytes: std::ops::Range<usize>,
}

impl Checkpoint {
    /// Names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor, `None` if there is none of that name.
    pub fn get(&self, name: &str) -> Option<TensorView<'_>> {
        let Located { file, format, shape, bytes } = self.tensors.get(name)?;
        let (path, map) = self.files.get(*file)?;
        Some(TensorView {
            name: self.tensors.get_key_value(name)?.0,
            path,
            format: *format,
            shape,
            bytes: &map[bytes.clone()],
        })
    }

    /// A tensor that must be there, in this shape.
    ///
    /// # Errors
    /// [`CheckpointError`] that names the tensor, what was expected and what there is.
    pub fn expect(&self, name: &str, shape: &[usize]) -> Result<TensorView<'_>, CheckpointError> {
        let view = self.get(name).ok_or_else(|| self.missing(name))?;
        if view.shape == shape {
            return Ok(view);
        }
        Err(CheckpointError::Shape {
            file: view.path.to_owned(),
            tensor: name.to_owned(),
            found: view.shape.to_vec(),
            expected: shape.to_vec(),
        })
    }

    /// The error about a tensor that has not the lengths that `expected` describes, or is not there.
    pub fn unlike(&self, name: &str, expected: &str) -> CheckpointError {
        let Some(view) = self.get(name) else { return self.missing(name) };
        CheckpointError::Lengths {
            file: view.path.to_owned(),
            tensor: name.to_owned(),
            found: view.shape.to_vec(),
            expected: expected.to_owned(),
        }
    }

    /// The error about a tensor that belongs to nothing.
    pub fn extra(&self, name: &str) -> CheckpointError {
        let file = self.get(name).map_or_else(PathBuf::new, |view| view.path.to_owned());
        CheckpointError::Extra { file, tensor: name.to_owned() }
    }

    fn missing(&self, name: &str) -> CheckpointError {
        let file = self.files.first().map_or_else(PathBuf::new, |(path, _)| path.clone());
        CheckpointError::Missing { file, tensor: name.to_owned() }
    }
}
