//! Execution: the values that a training step computes.
//!
//! [`mod@reference`] is the oracle: what the graph says, in f64. [`Sram`] is the machine's own arithmetic.
//! [`execute`] drives it through a program without time; the fabric drives it cycle by cycle, with the same
//! values to the bit.

mod fast;
pub mod reference;
mod sram;
mod untimed;

pub use sram::Sram;
pub use untimed::{Drained, ExecError, execute};
