//! Kernels: the programs that ops are lowered to.

pub mod bands;
pub mod build;
pub mod chain;
pub mod column;
pub mod feed;
pub mod held;
pub mod matmul;
pub mod rowwise;
