//! A GPU that work is given to: its spec, and what its memory achieves.

use super::dram::{Pattern, bandwidth};
use crate::spec::gpu::GpuSpec;

/// A GPU.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Constants.
    pub spec: GpuSpec,
    /// What its memory achieves.
    pub memory: Rates,
}

/// Bandwidth of memory by the pattern of accesses, simulated, in bytes per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Operands of a matrix product: lines of the cache out of many rows at a time.
    pub operands: f64,
    /// As much read as written, in long streams: what goes element by element.
    pub stream: f64,
}

impl Device {
    /// The GPU of a spec; its memory is simulated for each pattern.
    pub fn new(spec: GpuSpec) -> Self {
        let rate = |pattern| bandwidth(pattern, &spec.memory.dram);
        let memory =
            Rates { operands: rate(Pattern::Random(spec.memory.l2_line)), stream: rate(Pattern::Copy) };
        Self { spec, memory }
    }
}
