//! Integration tests: one binary, one file an area.

mod kernels;
mod speed_tmp;
mod support;
//! Integration tests, one binary.

mod sparsity;
