//! Integration tests: one binary, one file an area.

mod kernels;
mod sparsity;
mod speed_tmp;
mod support;
