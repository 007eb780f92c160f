//! Families of kernels for a product: with all weights, or with two of every four.

use super::tile::Tile;
use crate::spec::gpu::{GpuSpec, Raster};

/// Bytes of weights with two of every four kept, over those of all: half of the values, and two bits for the place of each
/// (of 16 bits).
const TWO_FOUR_BYTES: f64 = 0.5 + 2.0 / 16.0 / 2.0;

/// A family of kernels, as far as time depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Kernels<'a> {
    /// Sides that its tiles may have.
    pub tile_sides: &'a [u32],
    /// Bytes of weights over those of all weights. They are the right operand: columns of the result belong to them.
    pub weights: f64,
    /// Multiply-adds a cycle over the dense peak, zeros counted.
    pub rate: f64,
    /// Energy of an operation over that of a dense one, zeros counted.
    pub energy: f64,
    /// Time before the first thread block, beside the launch.
    pub fixed_us: f64,
    /// Order of the thread blocks.
    pub raster: Raster,
}

impl<'a> Kernels<'a> {
    /// All weights, zeros included.
    pub fn dense(spec: &'a GpuSpec) -> Self {
        Self {
            tile_sides: &spec.gemm.tile_sides,
            weights: 1.0,
            rate: spec.gemm.mma_share,
            energy: 1.0,
            fixed_us: 0.0,
            raster: Raster::Square,
        }
    }

    /// Two of every four weights.
    pub fn two_four(spec: &'a GpuSpec) -> Self {
        let sparse = &spec.sparse;
        Self {
            tile_sides: &sparse.two_four_tile_sides,
            weights: TWO_FOUR_BYTES,
            rate: 2.0 * spec.gemm.mma_share * sparse.two_four_mma_share,
            energy: sparse.two_four_energy_share,
            fixed_us: sparse.two_four_fixed_us,
            raster: sparse.two_four_raster,
        }
    }
}

impl Raster {
    /// Rows and columns of the result that `count` thread blocks make side by side.
    pub(super) fn covers(self, count: u64, tile: Tile, m: u64, n: u64) -> (f64, f64) {
        match self {
            Self::Square => {
                let side = ((count * tile.elements()) as f64).sqrt();
                (side.min(m as f64), side.min(n as f64))
            }
            Self::Strip => {
                let across = n.div_ceil(tile.columns);
                let rows = m.min(count.div_ceil(across) * tile.rows);
                (rows as f64, n.min(count.min(across) * tile.columns) as f64)
            }
        }
    }
}
