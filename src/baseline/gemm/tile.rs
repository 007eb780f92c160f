//! The parts of a result that thread blocks make: what a library has kernels for.

use crate::spec::gpu::GpuGemmSpec;

/// A part of a result, made by one thread block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Rows.
    pub rows: u64,
    /// Columns.
    pub columns: u64,
}

/// Results of the smallest tile: one that four warps can still share.
const LEAST_ELEMENTS: u64 = 1024;

impl Tile {
    /// Results in it.
    pub fn elements(self) -> u64 {
        self.rows * self.columns
    }

    /// Thread blocks with such tiles that a multiprocessor runs side by side: as many as have room for their sums.
    pub fn blocks_per_sm(self, spec: &GpuGemmSpec) -> u64 {
        (u64::from(spec.accumulators_per_sm) / self.elements()).clamp(1, spec.blocks_per_sm.into())
    }
}

/// Every tile of two of the sides whose sums fit `accumulators` registers.
pub fn tiles(sides: &[u32], accumulators: u32) -> impl Iterator<Item = Tile> {
    let most = u64::from(accumulators);
    let sides = || sides.iter().map(|&side| u64::from(side));
    let least = sides().min().map_or(0, |side| (side * side).max(LEAST_ELEMENTS)).min(most);
    sides()
        .flat_map(move |rows| sides().map(move |columns| Tile { rows, columns }))
        .filter(move |tile| (least..=most).contains(&tile.elements()))
}
