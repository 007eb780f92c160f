//! A dense matrix product on a GPU, as a library runs it.
//!
//! ```text
//! shape -> candidate tiles x splits of the sum -> waves of thread blocks -> cycles  \
//!                      \-> order of tiles -> words that miss the second-level cache -> time -> the fastest
//! ```
//!
//! The tile is what makes the time jump: 768 rows of a product are one wave on an A100, 769 are two. A library has
//! many kernels and rules that choose one; here the fastest by the model is chosen.

mod blocks;
mod tile;

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

/// The product of `shape` with elements of `element` bytes.
pub fn product(shape: MatmulShape, element: Bytes, device: &Device, load: Load) -> Product {
    let mut best: Option<Product> = None;
    for tile in tiles(&device.spec.gemm) {
        for split in SPLITS {
            if split > 1 && shape.k.div_ceil(split * u64::from(device.spec.gemm.k_block)) < LEAST_BLOCKS {
                break;
            }
            let candidate = candidate(shape, element, tile, split, device, load);
            if best.is_none_or(|best| candidate.time < best.time) {
                best = Some(candidate);
            }
        }
    }
    best.expect("a spec has a tile that fits its registers, by rule")
}

/// The product in one way of cutting it.
fn candidate(
    shape: MatmulShape,
    element: Bytes,
    tile: Tile,
    split: u64,
    device: &Device,
    load: Load,
) -> Product {
    let spec = &device.spec;
    let blocks = Blocks::new(shape, tile, split, spec);
    let arithmetic = blocks.cycles(element, spec) / spec.compute.boost_clock.0 as f64;
    let traffic = traffic(shape, element, tile, blocks.side_by_side().div_ceil(split), device);
    let memory = traffic.as_f64() / device.memory.operands;
    let exponent = spec.gemm.overlap_exponent;
    let overlapped = longer(arithmetic, memory, exponent);
    let flops = shape.macs().flops();
    let run = overlapped + parts(shape, split, device);
    let fixed = (spec.compute.graph_launch_us + spec.gemm.ramp_us) * 1e-6;
    let time = fixed + device.throttled(run, flops, element, traffic, load);
    Product {
        time: Seconds(time),
        arithmetic: Seconds(arithmetic),
        memory: Seconds(memory),
        traffic,
        tile,
        split,
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

/// Time to write the parts of split sums as fp32 and to add them up, by way of the second-level cache.
fn parts(shape: MatmulShape, split: u64, device: &Device) -> f64 {
    if split == 1 {
        return 0.0;
    }
    let words = (split * shape.batch * shape.m * shape.n) as f64;
    let (written_and_read, word) = (2.0, 4.0);
    device.spec.gemm.split_us * 1e-6
        + written_and_read * word * words / (device.spec.memory.l2_bandwidth_gb_per_s * 1e9)
}

/// Bytes between memory and the second-level cache. Thread blocks that run side by side make a square of the result as
/// near as they can; what a square reads is read again for the next one, unless all operands fit the cache.
fn traffic(shape: MatmulShape, element: Bytes, tile: Tile, side_by_side: u64, device: &Device) -> Bytes {
    let MatmulShape { batch, m, k, n } = shape;
    let operands = element * (batch * (m * k + k * n));
    let result = element * (batch * m * n);
    if operands <= device.spec.memory.l2 {
        return operands + result;
    }
    let in_a_product = side_by_side.div_ceil(batch).max(1);
    let side = ((in_a_product * tile.elements()) as f64).sqrt();
    let squares = ((m.div_ceil(tile.rows) * n.div_ceil(tile.columns)) as f64 / in_a_product as f64).max(1.0);
    let read = squares * (side.min(m as f64) + side.min(n as f64)) * (element * (batch * k)).as_f64();
    Bytes(read as u64).max(operands) + result
}
