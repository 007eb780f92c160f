//! What can be wrong with a checkpoint.

use std::path::PathBuf;

use thiserror::Error;

/// A checkpoint that cannot be used; every message names the file.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// File.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder without anything to read.
    #[error("{}: no model.safetensors.index.json and no .safetensors file", file.display())]
    Empty {
        /// Folder.
        file: PathBuf,
    },
    /// Not a safetensors file.
    #[error("{}: not a safetensors file: {what}", file.display())]
    Header {
        /// File.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Not an index of shards.
    #[error("{}: not an index of shards: {what}", file.display())]
    Index {
        /// File.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Two shards hold tensors of one name.
    #[error("{}: tensor `{tensor}` is also in {}", file.display(), other.display())]
    Twice {
        /// File.
        file: PathBuf,
        /// The other file.
        other: PathBuf,
        /// Tensor.
        tensor: String,
    },
    /// A tensor that is not there.
    #[error("{}: tensor `{tensor}` is missing", file.display())]
    Missing {
        /// File.
        file: PathBuf,
        /// Tensor.
        tensor: String,
    },
    /// A tensor that does not belong there.
    #[error("{}: tensor `{tensor}` belongs to nothing", file.display())]
    Extra {
        /// File.
        file: PathBuf,
        /// Tensor.
        tensor: String,
    },
    /// Two mask tensors of one weight.
    #[error("{}: tensor `{tensor}` is a second mask beside `{other}`", file.display())]
    SecondMask {
        /// File.
        file: PathBuf,
        /// The second one.
        tensor: String,
        /// The first one.
        other: String,
    },
    /// A tensor of another shape than the model has.
    #[error("{}: tensor `{tensor}` has shape {found:?}; {expected:?} is expected", file.display())]
    Shape {
        /// File.
        file: PathBuf,
        /// Tensor.
        tensor: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that the model has.
        expected: Vec<usize>,
    },
    /// A tensor with other lengths than it may have.
    #[error("{}: tensor `{tensor}` has shape {found:?}; {expected} is expected", file.display())]
    Lengths {
        /// File.
        file: PathBuf,
        /// Tensor.
        tensor: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// What its lengths are.
        expected: String,
    },
    /// A tensor in a format that is not read there.
    #[error("{}: tensor `{tensor}` is {found}; {legal} is expected", file.display())]
    Format {
        /// File.
        file: PathBuf,
        /// Tensor.
        tensor: String,
        /// Format in the file.
        found: String,
        /// What is legal.
        legal: String,
    },
    /// A value that cannot be used.
    #[error("{}: tensor `{tensor}`, element {element}: {what}", file.display())]
    Value {
        /// File.
        file: PathBuf,
        /// Tensor.
        tensor: String,
        /// Index in row-major order.
        element: usize,
        /// What is wrong.
        what: String,
    },
}
