//! A matrix product on a GPU, as a library runs it on tensor cores.
//!
//! ```text
//! shape -> candidate tiles x splits of the sum -> waves of thread blocks -> cycles  \
//!                      \-> order of tiles -> words that miss the second-level cache -> time -> the fastest
//! ```
//!
//! The tile is what makes the time jump: 768 rows of a product are one wave on an A100, 769 are two. A library has
//! many kernels and rules that choose one; here the fastest by the model is chosen.

mod blocks;
mod kernels;
mod tile;

pub use kernels::Kernels;
pub use tile::{Tile, tiles};

use crate::baseline::device::Device;
use crate::baseline::power::Load;
use crate::graph::MatmulShape;
use crate::units::{Bytes, Seconds};
use blocks::Blocks;

/// A product, as the model sees it run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Product {
    /// From its launch to its end.
    pub time: Seconds,
    /// Part of it that multiprocessors would take with all operands in the second-level cache, at the boost clock.
    pub arithmetic: Seconds,
    /// Part of it that memory would take alone.
    pub memory: Seconds,
    /// Between memory and the second-level cache.
    pub traffic: Bytes,
    /// Shape of the part of a result that a thread block makes.
    pub tile: Tile,
    /// Parts that each sum is split into, each in a thread block of its own.
    pub split: u64,
}

/// Parts that sums are split into where there are too few tiles for all multiprocessors.
const SPLITS: [u64; 9] = [1, 2, 3, 4, 6, 8, 12, 16, 24];

/// Blocks of terms that a part of a sum has at least.
const LEAST_BLOCKS: u64 = 4;

/// The product of `shape` with elements of `element` bytes, by the fastest of `kernels`.
pub fn product(
    shape: MatmulShape,
    element: Bytes,
    kernels: &Kernels<'_>,
    device: &Device,
    load: Load,
) -> Product {
    let gemm = &device.spec.gemm;
    let mut best: Option<Product> = None;
    for tile in tiles(kernels.tile_sides, gemm.accumulators_per_sm) {
        for split in SPLITS {
            if split > 1 && shape.k.div_ceil(split * u64::from(gemm.k_block)) < LEAST_BLOCKS {
                break;
            }
            let candidate = Candidate { shape, element, kernels, tile, split }.on(device, load);
            if best.is_none_or(|best| candidate.time < best.time) {
                best = Some(candidate);
            }
        }
    }
    best.expect("a spec has a tile that fits its registers, by rule")
}

/// A product, cut in one way.
#[derive(Clone, Copy, Debug)]
struct Candidate<'a> {
    shape: MatmulShape,
    element: Bytes,
    kernels: &'a Kernels<'a>,
    tile: Tile,
    split: u64,
}

impl Candidate<'_> {
    fn on(&self, device: &Device, load: Load) -> Product {
        let spec = &device.spec;
        let blocks = Blocks::new(self.shape, self.tile, self.split, spec);
        let cycles = blocks.cycles(self.element, self.kernels, spec);
        let arithmetic = cycles / spec.compute.boost_clock.0 as f64;
        let traffic = self.traffic(blocks.side_by_side().div_ceil(self.split), spec.memory.l2);
        let memory = traffic.as_f64() / device.memory.operands;
        let run = longer(arithmetic, memory, spec.gemm.overlap_exponent)
            + self.parts(device)
            + self.kernels.fixed_us * 1e-6;
        let tensor_flops = self.shape.macs().flops().as_f64() * self.kernels.energy;
        let time = spec.product_fixed_s()
            + device.throttled(run, device.dynamic_j(tensor_flops, self.element, traffic), load);
        Product {
            time: Seconds(time),
            arithmetic: Seconds(arithmetic),
            memory: Seconds(memory),
            traffic,
            tile: self.tile,
            split: self.split,
        }
    }

    /// Seconds to write the parts of split sums as fp32 and to add them up, by way of the second-level cache.
    fn parts(&self, device: &Device) -> f64 {
        if self.split == 1 {
            return 0.0;
        }
        let words = (self.split * self.shape.batch * self.shape.m * self.shape.n) as f64;
        let (written_and_read, word) = (2.0, 4.0);
        device.spec.gemm.split_us * 1e-6
            + written_and_read * word * words / (device.spec.memory.l2_bandwidth_gb_per_s * 1e9)
    }

    /// Bytes between memory and the second-level cache. What thread blocks that run side by side read is read again for
    /// the next ones, unless all operands fit the cache.
    fn traffic(&self, side_by_side: u64, l2: Bytes) -> Bytes {
        let MatmulShape { batch, m, k, n } = self.shape;
        let (element, weights) = (self.element.as_f64(), self.kernels.weights);
        let all = batch as f64 * element;
        let operands = all * ((m * k) as f64 + weights * (k * n) as f64);
        let result = all * (m * n) as f64;
        if operands <= l2.as_f64() {
            return Bytes((operands + result) as u64);
        }
        let in_a_product = side_by_side.div_ceil(batch).max(1);
        let (rows, columns) = self.kernels.raster.covers(in_a_product, self.tile, m, n);
        let tiles = m.div_ceil(self.tile.rows) * n.div_ceil(self.tile.columns);
        let times = (tiles as f64 / in_a_product as f64).max(1.0);
        let read = all * times * (rows + weights * columns) * k as f64;
        Bytes((read.max(operands) + result) as u64)
    }
}

/// `(a^p + b^p)^(1/p)`, without overflow: a little more than the longer of both.
fn longer(a: f64, b: f64, exponent: f64) -> f64 {
    let most = a.max(b);
    if most == 0.0 {
        return 0.0;
    }
    most * ((a / most).powf(exponent) + (b / most).powf(exponent)).powf(1.0 / exponent)
}
