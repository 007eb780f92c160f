//! A GPU that work is given to: its spec, and what its memory achieves.

use crate::spec::gpu::GpuSpec;

/// A GPU.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Constants.
    pub spec: GpuSpec,
    /// What its memory achieves.
    pub memory: Rates,
}

/// Bandwidth of memory by the pattern of accesses, in bytes per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Operands of a matrix product: short pieces of many rows.
    pub operands: f64,
    /// One long stream after the other, with results written.
    pub stream: f64,
}

impl Device {
    /// The GPU of a spec.
    pub fn new(spec: GpuSpec) -> Self {
        let rate = spec.memory.bandwidth_gb_per_s * 1e9 * spec.memory.achieved_share;
        Self { spec, memory: Rates { operands: rate, stream: rate } }
    }
}
