//! Integration tests: one binary, one file an area.
#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod bench;
mod checkpoint;
mod collectives;
mod command;
mod conservation;
mod distill;
mod dram;
mod edges;
mod engines;
mod folding;
mod golden;
mod gpu;
mod graph;
mod kernels;
mod latencies;
mod laws;
mod layout;
mod mutants;
mod patterns;
mod reference;
mod refusals;
mod report;
mod sampling;
mod sparsity;
mod spec;
mod spec_errors;
mod speedups;
mod support;
mod training;
mod validate;
mod values;
mod verify;
