//! The same work on other machines: a GPU with its memory.
//!
//! ```text
//! GpuSpec -> dram (bandwidth by pattern) -> Device -> gemm, sparse (a product) -> step
//!                                          \-> power (the clock under load)
//! ```

pub mod device;
pub mod dram;
pub mod gemm;
pub mod power;
pub mod sparse;
pub mod step;
