//! Integration tests: one binary, one file an area.

mod kernels;
mod sparsity;
mod spec;
mod spec_errors;
//! Integration tests: one binary, a module an area.

mod report;
mod support;
