//! The same training step on other machines.

pub mod roofline;
