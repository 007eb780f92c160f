//! Integration tests: one binary, one file an area.

mod kernels;
mod support;
