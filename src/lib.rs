//! wafersim: cycle-level simulation of sparse transformer training on a wafer-scale dataflow machine.
//!
//! The flow, and the type that passes each door:
//!
//! ```text
//! WorkloadSpec -> TrainGraph -> Masks -> Program -> { fabric: Counters | exec: Tensors } -> Timeline -> RunRecord -> report
//!                                  \-> baselines (dense wafer, GPU-DRAM) ----------------------^
//! RecipeSpec -> campaign: a step of each phase -> cluster: on many systems -> CampaignRecord -> report
//! SweepSpec -> sweep: a plan of points -> a run each, on all cores and many machines -> SweepRecord -> report
//! ```

pub mod assemble;
pub mod baseline;
pub mod bench;
pub mod bits;
pub mod campaign;
pub mod checkpoint;
pub mod cluster;
pub mod dtype;
pub mod error;
pub mod exec;
pub mod expr;
pub mod fabric;
pub mod graph;
pub mod host;
pub mod ids;
pub mod inspect;
pub mod lower;
pub mod program;
pub mod record;
pub mod report;
pub mod rng;
pub mod run;
pub mod simulate;
pub mod sparsity;
pub mod spec;
pub mod study;
pub mod sweep;
pub mod timeline;
pub mod trace;
pub mod train;
pub mod units;
pub mod validate;
pub mod values;
mod vectors;
pub mod verify;
