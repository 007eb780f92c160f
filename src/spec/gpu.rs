//! A GPU with memory on the package: the machine of the roofline baseline.
//!
//! Values come from `arch/*.toml`, where each has its source; this file says what they mean.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Hertz};

/// One GPU, resolved: every value is known and legal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuSpec {
    /// Preset or file stem, for titles.
    pub name: String,
    /// Tensor cores, and what kernels get out of them.
    pub compute: GpuComputeSpec,
    /// Cache and memory.
    pub memory: GpuMemorySpec,
    /// Links to other GPUs.
    pub link: GpuLinkSpec,
    /// Power.
    pub power: GpuPowerSpec,
}

/// Tensor cores, and what kernels get out of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuComputeSpec {
    /// Streaming multiprocessors.
    pub sm_count: u32,
    /// Clock at which the dense peak holds.
    pub tensor_clock: Hertz,
    /// Dense bf16 operations of one multiprocessor in a cycle (a multiply-add is two).
    pub bf16_flop_per_cycle_per_sm: u32,
    /// Share of the dense peak that large matrix products reach, in (0, 1].
    pub gemm_efficiency: f64,
    /// From the end of one kernel to the start of the next, in microseconds.
    pub launch_overhead_us: f64,
}

/// Cache and memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuMemorySpec {
    /// Second-level cache.
    pub l2: Bytes,
    /// Usable HBM.
    pub capacity: Bytes,
    /// HBM bandwidth on paper, in 10^9 bytes per second.
    pub bandwidth_gb_per_s: f64,
    /// Share of it that long streams reach, in (0, 1].
    pub achieved_share: f64,
}

/// Links to other GPUs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuLinkSpec {
    /// All links together, each direction, in 10^9 bytes per second.
    pub bandwidth_gb_per_s: f64,
}

/// Power.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuPowerSpec {
    /// Whole board at its limit, in watts.
    pub board_w: f64,
}

impl GpuSpec {
    /// Dense bf16 operations per second at the tensor clock.
    pub fn peak_flop_per_s(&self) -> f64 {
        let per_cycle = f64::from(self.compute.sm_count) * f64::from(self.compute.bf16_flop_per_cycle_per_sm);
        per_cycle * self.compute.tensor_clock.0 as f64
    }
}
