//! wafersim: cycle-level simulation of sparse transformer training on a wafer-scale dataflow machine.
//!
//! The flow, and the type that passes each door:
//!
//! ```text
//! WorkloadSpec -> TrainGraph -> Masks -> Program -> { fabric: Counters | exec: Tensors } -> Timeline -> RunRecord -> report
//!                                  \-> baselines (dense wafer, GPU-DRAM) ----------------------^
//! ```

pub mod dtype;
pub mod fabric;
pub mod graph;
pub mod error;
pub mod ids;
pub mod lower;
pub mod program;
pub mod rng;
pub mod simulate;
pub mod sparsity;
pub mod record;
pub mod report;
pub mod spec;
pub mod units;
