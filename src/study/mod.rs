//! Questions that take many steps to answer: which mapping, what a change of the machine would buy, how far from theory.
//!
//! Each of those steps is simulated as [`step`] does it: one block for all that are like it.

mod bottleneck;
mod mapping;
pub mod scaling;
mod step;

pub use bottleneck::{Bottleneck, CHANGES, Change, Gain, bottleneck};
pub use mapping::{Search, search};
pub use step::{StudyStep, step, step_of};
