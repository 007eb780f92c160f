//! A GPU with memory on the package: the machine of the roofline baseline.
//!
//! Values come from `arch/*.toml`, where each has its source; this file says what they mean.

use super::field::{Rule, mib, section, spec};
use super::legal::Legal::{FromZero, Integer, Positive};
use crate::units::{Bytes, Hertz};

spec! {
    /// One GPU, resolved: every value is known and legal.
    pub struct GpuSpec where RULES {
        /// Tensor cores, and what kernels get out of them.
        pub compute: GpuComputeSpec,
        /// Cache and memory.
        pub memory: GpuMemorySpec,
        /// Links to other GPUs.
        pub link: GpuLinkSpec,
        /// Power.
        pub power: GpuPowerSpec,
    }
}

section! {
    /// Tensor cores, and what kernels get out of them.
    pub struct GpuComputeSpec at "compute" {
        /// Streaming multiprocessors.
        pub sm_count: u32 = "sm_count", "", Integer(1, 65_536);
        /// Clock at which the dense peak holds.
        pub tensor_clock: Hertz = "tensor_clock_mhz", "MHz", Positive(100_000.0) => Hertz::from_mhz;
        /// Dense bf16 operations of one multiprocessor in a cycle (a multiply-add is two).
        pub bf16_flop_per_cycle_per_sm: u32 =
            "bf16_flop_per_cycle_per_sm", "FLOP/cycle/SM", Integer(1, 1_048_576);
        /// Share of the dense peak that large matrix products reach.
        pub gemm_efficiency: f64 = "gemm_efficiency_share", "", Positive(1.0);
        /// From the end of one kernel to the start of the next.
        pub launch_overhead_us: f64 = "launch_overhead_us", "us", FromZero(1e6);
    }
}

section! {
    /// Cache and memory.
    pub struct GpuMemorySpec at "memory" {
        /// Second-level cache.
        pub l2: Bytes = "l2_mib", "MiB", Integer(1, 1_048_576) => mib;
        /// Usable HBM, in 10^9 bytes.
        pub capacity: Bytes = "capacity_gb", "GB", Integer(1, 1_000_000) => |gb: u64| Bytes(gb * 1_000_000_000);
        /// HBM bandwidth on paper, in 10^9 bytes per second.
        pub bandwidth_gb_per_s: f64 = "bandwidth_gb_per_s", "GB/s", Positive(1e9);
        /// Share of it that long streams reach.
        pub achieved_share: f64 = "achieved_share", "", Positive(1.0);
    }
}

section! {
    /// Links to other GPUs.
    pub struct GpuLinkSpec at "link" {
        /// All links together, each direction, in 10^9 bytes per second.
        pub bandwidth_gb_per_s: f64 = "bandwidth_gb_per_s", "GB/s", Positive(1e9);
    }
}

section! {
    /// Power.
    pub struct GpuPowerSpec at "power" {
        /// Whole board at its limit.
        pub board_w: f64 = "board_w", "W", Positive(1e6);
    }
}

const RULES: &[Rule] = &[Rule {
    keys: &["memory.l2_mib", "memory.capacity_gb"],
    broken: |values| {
        let l2 = mib(values.find("memory.l2_mib")?);
        let capacity = Bytes(values.find::<u64>("memory.capacity_gb")? * 1_000_000_000);
        (l2 >= capacity).then(|| {
            (
                format!("a cache of {l2} is no smaller than the memory of {capacity}"),
                "`memory.l2_mib` must be below `memory.capacity_gb`".to_owned(),
            )
        })
    },
}];

impl GpuSpec {
    /// Dense bf16 operations per second at the tensor clock.
    pub fn peak_flop_per_s(&self) -> f64 {
        let per_cycle = f64::from(self.compute.sm_count) * f64::from(self.compute.bf16_flop_per_cycle_per_sm);
        per_cycle * self.compute.tensor_clock.0 as f64
    }
}
