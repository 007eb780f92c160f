//! Integration tests: one binary, one file an area.

mod graph;
mod kernels;
mod reference;
mod report;
mod sparsity;
mod spec;
mod spec_errors;
mod speedups;
mod support;
mod verify;
