//! From the training graph to programs.

pub mod job;
pub mod kernel;
pub mod local;
pub mod mapping;
pub mod memory;
pub mod plan;
pub mod shape;
pub mod timing;
