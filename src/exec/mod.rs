//! Execution: the values that a training step computes.
//!
//! [`mod@reference`] is the oracle: what the graph says, in f64. [`Sram`] is the machine's own arithmetic, which the
//! fabric drives word by word when it carries values.

pub mod reference;
mod sram;

pub use sram::Sram;
