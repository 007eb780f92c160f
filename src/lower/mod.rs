//! From the training graph to programs.

pub mod kernel;
