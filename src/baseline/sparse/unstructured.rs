//! Libraries for weights of any pattern.

use super::{Run, Way, run};
use crate::baseline::device::Device;
use crate::baseline::power::Load;
use crate::graph::MatmulShape;
use crate::spec::gpu::GpuSpec;
use crate::units::{Bytes, Seconds};

/// A library that multiplies with unstructured weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// Gathers a row of operands for each weight; made for the sparsity of neural networks.
    Sputnik,
    /// Gathers too; made for the sparsity of simulations.
    Cusparse,
    /// What fits two of every four weights on tensor cores, the rest as Sputnik does.
    Sparta,
    /// Loads a list of weights, lays them out as dense tiles and multiplies these on tensor cores.
    FlashLlm,
}

/// Bytes that stand for the place of a weight in its row.
const INDEX: f64 = 4.0;
/// The same within a tile.
const INDEX_IN_TILE: f64 = 2.0;

/// Share of all weights that are more than two of their four, where each is kept with probability `density`.
pub fn excess_over_two_four(density: f64) -> f64 {
    let zero = 1.0 - density;
    (4.0 * density.powi(3) * zero + 2.0 * density.powi(4)) / 4.0
}

impl Library {
    /// Every library.
    pub const ALL: [Self; 4] = [Self::Sputnik, Self::Cusparse, Self::Sparta, Self::FlashLlm];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sputnik => "sputnik",
            Self::Cusparse => "cusparse",
            Self::Sparta => "sparta",
            Self::FlashLlm => "flash-llm",
        }
    }

    pub(super) fn run(
        self,
        shape: MatmulShape,
        element: Bytes,
        density: f64,
        device: &Device,
        load: Load,
    ) -> Run {
        let spec = &device.spec;
        let sparse = &spec.sparse;
        let (gather, columns, row_cycles) = match self {
            Self::Sputnik => {
                (sparse.sputnik_gather_bytes_per_cycle, sparse.sputnik_columns, sparse.sputnik_row_cycles)
            }
            Self::Cusparse => (sparse.cusparse_gather_bytes_per_cycle, sparse.cusparse_columns, 0.0),
            Self::Sparta => {
                let rest = Way::Unstructured(Self::Sputnik, excess_over_two_four(density));
                let [most, rest] = [Way::TwoFour, rest].map(|way| run(shape, element, way, device, load));
                return Run {
                    time: Seconds(most.time.0 + rest.time.0),
                    traffic: most.traffic + rest.traffic,
                };
            }
            Self::FlashLlm => return expand(shape, element, density, device, load),
        };
        // Each weight takes the row of operands that it multiplies; a warp makes some columns of one row of the result.
        let tokens = shape.m.next_multiple_of(u64::from(columns)) as f64;
        let weights = density * (shape.batch * shape.n * shape.k) as f64;
        let warps = (shape.batch * shape.n) as f64 * (tokens / f64::from(columns));
        let cycles = weights * tokens * element.as_f64() / gather + warps * row_cycles;
        let arithmetic = cycles / per_second(spec);
        let traffic = weights * (element.as_f64() + INDEX) + dense(shape, element);
        let work = arithmetic.max(traffic / device.memory.operands);
        Run { time: Seconds(first_operands(spec) + work), traffic: Bytes(traffic as u64) }
    }
}

/// Bytes of the operands that have no zeros: tokens in and out.
fn dense(shape: MatmulShape, element: Bytes) -> f64 {
    (element * (shape.batch * shape.m * (shape.k + shape.n))).as_f64()
}

/// Seconds until the first operands are there: the launch, and what a wave of thread blocks begins with.
fn first_operands(spec: &GpuSpec) -> f64 {
    spec.product_fixed_s() + spec.gemm.prologue_cycles / spec.compute.boost_clock.0 as f64
}

/// A list of weights, laid out as dense tiles on the way to tensor cores: memory and layout take turns in part.
fn expand(shape: MatmulShape, element: Bytes, density: f64, device: &Device, load: Load) -> Run {
    let all = (element * (shape.batch * shape.n * shape.k)).as_f64();
    let list = all * density * (1.0 + INDEX_IN_TILE / element.as_f64());
    let traffic = list + dense(shape, element);
    let memory = traffic / device.memory.operands;
    // Every tile of tokens has the weights laid out again.
    let times = shape.m.div_ceil(TOKENS_OF_A_TILE) as f64;
    let layout =
        times * all / (device.spec.sparse.flash_llm_expand_bytes_per_cycle * per_second(&device.spec));
    let mut work = memory.hypot(layout);
    if shape.m > TOKENS_OF_A_TILE {
        // The tensor cores still multiply everything: with many tokens they set the pace, as they do without zeros.
        let dense = run(shape, element, Way::Dense, device, load).time.0;
        work = work.max(dense - device.spec.product_fixed_s());
    }
    Run { time: Seconds(first_operands(&device.spec) + work), traffic: Bytes(traffic as u64) }
}

/// Tokens of the widest tile of a kernel that lays out weights.
const TOKENS_OF_A_TILE: u64 = 64;

/// Cycles of all multiprocessors in a second.
fn per_second(spec: &GpuSpec) -> f64 {
    f64::from(spec.compute.sm_count) * spec.compute.boost_clock.0 as f64
}
