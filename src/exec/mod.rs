//! Execution: the values that a training step computes.

pub mod reference;
