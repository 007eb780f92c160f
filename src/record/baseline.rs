//! The same work on other machines.

use serde::{Deserialize, Serialize};

use crate::units::Bytes;

/// What a row models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaselineKind {
    /// This run, for comparison.
    ThisRun,
    /// The same wafer without skipping.
    DenseWafer,
    /// GPUs with DRAM.
    Gpu,
}

impl BaselineKind {
    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::ThisRun => "this run",
            Self::DenseWafer => "dense wafer",
            Self::Gpu => "GPU",
        }
    }
}

/// The same step on another machine, on this one without skipping, or this run itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineRow {
    /// Machine and way of running: "h100-sxm, 2:4".
    pub name: String,
    /// What is modelled.
    pub kind: BaselineKind,
    /// Devices that share the step.
    pub devices: u32,
    /// Time of the step, in seconds.
    pub step_seconds: f64,
    /// Sequences per second.
    pub samples_per_s: f64,
    /// Tokens per second.
    pub tokens_per_s: f64,
    /// This row's `step_seconds` over the run's.
    pub wafer_speedup: f64,
    /// DRAM traffic of the step, all devices; 0 where there is no DRAM.
    pub hbm_bytes: Bytes,
    /// Bytes that enter or leave the devices: between GPUs, or between the wafer and its weight store.
    #[serde(default)]
    pub link_bytes: Bytes,
    /// Operations that it does, in FLOP, what is run again not counted.
    pub flops: f64,
    /// Energy of the step in joules, all devices, where the model knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_j: Option<f64>,
    /// Mean absolute relative error of the model on published measurements; absent: not validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_error: Option<f64>,
    /// More of GPUs; absent for wafers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<GpuBaseline>,
    /// What a reader must know; may be empty.
    pub note: String,
}

/// GPUs in a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuBaseline {
    /// Fewest GPUs whose step takes no longer than the run's; absent where one sequence a GPU is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_match: Option<u32>,
    /// What the error of the model was found on: "6 training steps".
    pub validated_on: String,
    /// Where the time of one of them goes.
    pub kernels: Vec<GpuKernels>,
    /// What zeros are worth in the largest product of a block; empty for ways other than dense.
    pub zeros: Vec<GpuZeros>,
}

/// A way to use zeros of weights on a GPU, on one product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuZeros {
    /// "2:4", or a library for unstructured weights.
    pub way: String,
    /// Dense time over its time, at the run's share of zeros (at one half for 2:4).
    pub speedup: f64,
    /// Share of zeros from which it is faster than a dense product; absent where it never is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wins_from: Option<f64>,
}

/// Kernels of a kind on one GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuKernels {
    /// "products", "attention", "element by element", "optimizer".
    pub kind: String,
    /// Time of all of them in the step, in seconds.
    pub seconds: f64,
    /// DRAM traffic of all of them.
    pub hbm_bytes: Bytes,
    /// Their bandwidth over the peak of the memory, in [0, 1].
    pub bandwidth_share: f64,
    /// The same with nothing but their accesses: what the memory achieves for their pattern, in [0, 1].
    pub achievable_share: f64,
}
