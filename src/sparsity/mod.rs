//! Which weights are zero, and exactly how many of them each part of the fabric holds.
//!
//! A [`Mask`] is the packed bits of one weight tensor `W[out, in]`. [`Masks`] makes the masks of a model on
//! demand, each from its own random stream, so that any of them can be had alone, in any order and on any
//! thread. [`Slices`] says which features a fabric column holds, and a [`CountMatrix`] how many non-zeros
//! every weight row has in every slice: all that the timing of a sparse matrix product depends on.

mod counts;
mod magnitude;
mod mask;
mod masks;
mod patterns;
mod permute;
mod pruned;
mod rank;
mod says;
mod slices;
mod uniform;

pub use crate::graph::Target;
pub use counts::CountMatrix;
pub use mask::Mask;
pub use masks::{DirectionCounts, Masks, MasksError, UnknownTarget};
pub use permute::Placed;
pub use pruned::{PruningMark, parameter};
pub use slices::{Slices, SlicesError};
