//! Thread blocks on multiprocessors: waves of them, and the cycles of each wave.

use super::kernels::Kernels;
use super::tile::Tile;
use crate::graph::MatmulShape;
use crate::spec::gpu::GpuSpec;
use crate::units::Bytes;

/// The thread blocks of a product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    tile: Tile,
    /// Blocks of terms in the sums of one thread block.
    k_blocks: u64,
    /// Thread blocks in all.
    count: u64,
    sm_count: u64,
    /// Thread blocks that a multiprocessor runs side by side.
    per_sm: u64,
}

impl Blocks {
    /// Those of `shape`, cut into tiles and each sum into `split` parts.
    pub(super) fn new(shape: MatmulShape, tile: Tile, split: u64, spec: &GpuSpec) -> Self {
        Self {
            tile,
            k_blocks: shape.k.div_ceil(split * u64::from(spec.gemm.k_block)),
            count: shape.batch * shape.m.div_ceil(tile.rows) * shape.n.div_ceil(tile.columns) * split,
            sm_count: spec.compute.sm_count.into(),
            per_sm: tile.blocks_per_sm(&spec.gemm),
        }
    }

    /// Thread blocks that run at a time.
    pub(super) fn side_by_side(&self) -> u64 {
        self.count.min(self.sm_count * self.per_sm)
    }

    /// Cycles of all waves: full ones, and the last, in which the fullest multiprocessor sets the pace.
    pub(super) fn cycles(&self, element: Bytes, kernels: &Kernels<'_>, spec: &GpuSpec) -> f64 {
        let slots = self.sm_count * self.per_sm;
        let (full, rest) = (self.count / slots, self.count % slots);
        let last = rest.div_ceil(self.sm_count);
        let mut cycles = full as f64 * self.wave(self.per_sm, element, kernels, spec);
        if last > 0 {
            cycles += self.wave(last, element, kernels, spec);
        }
        cycles
    }

    /// Cycles of a multiprocessor with `resident` thread blocks side by side. They share tensor cores and the way to the
    /// cache, and hide each other's waits; the slower of both resources sets the pace of a block of terms.
    fn wave(&self, resident: u64, element: Bytes, kernels: &Kernels<'_>, spec: &GpuSpec) -> f64 {
        let gemm = &spec.gemm;
        let k_block = f64::from(gemm.k_block);
        let multiply = self.tile.elements() as f64 * k_block / (spec.macs_per_cycle(element) * kernels.rate);
        let operands = self.tile.rows as f64 + kernels.weights * self.tile.columns as f64;
        let load = element.as_f64() * operands * k_block / gemm.operand_bytes_per_cycle;
        let resident = resident as f64;
        self.k_blocks as f64 * (resident * multiply.max(load) + gemm.k_block_overhead_cycles)
            + gemm.prologue_cycles
            + gemm.epilogue_cycles_per_element * self.tile.elements() as f64 * resident
    }
}
