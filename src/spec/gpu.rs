//! A GPU with memory on the package: the machine of the baselines.
//!
//! Values come from `arch/*.toml`, where each has its source; this file says what they mean.

use serde::{Deserialize, Serialize};

use super::dram::{self, DramSpec};
use super::field::{Rule, Values, mib, section, spec};
use super::legal::Legal::{FromZero, Integer, Integers, Positive, Word};
use crate::units::{Bytes, Hertz};

/// GPUs that a step is compared with unless others are named.
pub const COMPARED: [&str; 2] = ["a100-80g", "h100-sxm"];

spec! {
    /// One GPU, resolved: every value is known and legal.
    pub struct GpuSpec where RULES {
        /// Multiprocessors and their tensor cores.
        pub compute: GpuComputeSpec,
        /// How a library multiplies matrices on it.
        pub gemm: GpuGemmSpec,
        /// How libraries multiply with weights that have zeros.
        pub sparse: GpuSparseSpec,
        /// Cache and memory.
        pub memory: GpuMemorySpec,
        /// Links to other GPUs.
        pub link: GpuLinkSpec,
        /// Power.
        pub power: GpuPowerSpec,
    }
}

section! {
    /// Multiprocessors and their tensor cores.
    pub struct GpuComputeSpec at "compute" {
        /// Streaming multiprocessors.
        pub sm_count: u32 = "sm_count", "", Integer(1, 65_536);
        /// Clock at which the dense peak holds.
        pub tensor_clock: Hertz = "tensor_clock_mhz", "MHz", Positive(100_000.0) => Hertz::from_mhz;
        /// Highest clock, at which kernels run until the power of the board limits it.
        pub boost_clock: Hertz = "boost_clock_mhz", "MHz", Positive(100_000.0) => Hertz::from_mhz;
        /// Dense bf16 operations of one multiprocessor in a cycle (a multiply-add is two).
        pub bf16_flop_per_cycle_per_sm: u32 =
            "bf16_flop_per_cycle_per_sm", "FLOP/cycle/SM", Integer(1, 1_048_576);
        /// From the end of one kernel to the start of the next.
        pub launch_overhead_us: f64 = "launch_overhead_us", "us", FromZero(1e6);
        /// The same within a graph of kernels that was launched as one.
        pub graph_launch_us: f64 = "graph_launch_us", "us", FromZero(1e6);
        /// Share of a long training run in which kernels run; else GPUs wait for the slowest, for data, for the host.
        pub training_busy_share: f64 = "training_busy_share", "", Positive(1.0);
        /// Share of the dense peak that fused causal attention reaches, half of the square counted.
        pub attention_forward_share: f64 = "attention_forward_share", "", Positive(1.0);
        /// The same backward.
        pub attention_backward_share: f64 = "attention_backward_share", "", Positive(1.0);
    }
}

section! {
    /// How a library multiplies matrices: tiles of the result, one to a thread block, each a loop over blocks of the
    /// terms of a sum.
    pub struct GpuGemmSpec at "gemm" {
        /// Sides that tiles of the result may have, as rows and as columns.
        pub tile_sides: Vec<u32> = "tile_sides", "elements", Integers(32, 1, 4096);
        /// Results that the thread blocks of a multiprocessor can keep in registers together.
        pub accumulators_per_sm: u32 = "accumulators_per_sm", "elements", Integer(1, 1_048_576);
        /// Thread blocks that run on a multiprocessor side by side, at most.
        pub blocks_per_sm: u32 = "blocks_per_sm", "", Integer(1, 64);
        /// Terms of each sum that a thread block loads at a time.
        pub k_block: u32 = "k_block", "elements", Integer(1, 4096);
        /// Share of their peak that tensor cores reach while operands are at hand.
        pub mma_share: f64 = "mma_share", "", Positive(1.0);
        /// Operands that a multiprocessor gets from the second-level cache in a cycle.
        pub operand_bytes_per_cycle: f64 = "operand_bytes_per_cycle_per_sm", "B/cycle/SM", Positive(65_536.0);
        /// Of a block of terms, to synchronise.
        pub k_block_overhead_cycles: f64 = "k_block_overhead_cycles", "cycles", FromZero(100_000.0);
        /// Of a wave of thread blocks: addresses, first operands, last sums.
        pub prologue_cycles: f64 = "prologue_cycles", "cycles", FromZero(1e6);
        /// To write an element of the result.
        pub epilogue_cycles_per_element: f64 = "epilogue_cycles_per_element", "cycles", FromZero(1000.0);
        /// Of a product beside its launch: the first and the last words of memory.
        pub ramp_us: f64 = "ramp_us", "us", FromZero(1e6);
        /// Of a product whose sums are split: to begin with adding the parts.
        pub split_us: f64 = "split_us", "us", FromZero(1e6);
        /// How well arithmetic hides memory: the time is the norm of both with this exponent (1: their sum, infinity:
        /// the longer of both).
        pub overlap_exponent: f64 = "overlap_exponent", "", Positive(64.0);
    }
}

section! {
    /// How libraries multiply with weights that have zeros: two of every four by tensor cores (cuSPARSELt), any by what
    /// gathers operands (Sputnik, cuSPARSE) or makes dense tiles out of sparse ones (Flash-LLM).
    pub struct GpuSparseSpec at "sparse" {
        /// Sides that tiles of the result may have with two of every four weights.
        pub two_four_tile_sides: Vec<u32> = "two_four_tile_sides", "elements", Integers(32, 1, 4096);
        /// Of the share that tensor cores reach with all weights, the share that they reach of twice the peak.
        pub two_four_mma_share: f64 = "two_four_mma_share", "", Positive(1.0);
        /// Energy of an operation, zeros counted, over that of a dense one.
        pub two_four_energy_share: f64 = "two_four_energy_share", "", Positive(1.0);
        /// Of a product, beside what a dense one takes.
        pub two_four_fixed_us: f64 = "two_four_fixed_us", "us", FromZero(1e6);
        /// Order of thread blocks.
        pub two_four_raster: Raster = "two_four_raster", "", Word(&["square", "strip"]);
        /// Operands that a multiprocessor gathers in a cycle, one row for each weight (Sputnik).
        pub sputnik_gather_bytes_per_cycle: f64 =
            "sputnik_gather_bytes_per_cycle_per_sm", "B/cycle/SM", Positive(65_536.0);
        /// Columns that a warp makes of a row of the result, at least (Sputnik).
        pub sputnik_columns: u32 = "sputnik_columns", "elements", Integer(1, 4096);
        /// Of a warp and its row, to begin and to end (Sputnik).
        pub sputnik_row_cycles: f64 = "sputnik_row_cycles", "cycles", FromZero(1e6);
        /// Operands that a multiprocessor gathers in a cycle (cuSPARSE).
        pub cusparse_gather_bytes_per_cycle: f64 =
            "cusparse_gather_bytes_per_cycle_per_sm", "B/cycle/SM", Positive(65_536.0);
        /// Columns that a warp makes of a row of the result, at least (cuSPARSE).
        pub cusparse_columns: u32 = "cusparse_columns", "elements", Integer(1, 4096);
        /// Weights, zeros included, that a multiprocessor lays out as dense tiles in a cycle (Flash-LLM).
        pub flash_llm_expand_bytes_per_cycle: f64 =
            "flash_llm_expand_bytes_per_cycle_per_sm", "B/cycle/SM", Positive(65_536.0);
    }
}

/// Order in which thread blocks go through a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Raster {
    /// Blocks side by side make a square: both operands are read little.
    Square,
    /// Blocks side by side make a strip across all columns: weights are read again for each strip.
    Strip,
}

section! {
    /// Cache and memory.
    pub struct GpuMemorySpec at "memory" {
        /// Second-level cache.
        pub l2: Bytes = "l2_mib", "MiB", Integer(1, 1_048_576) => mib;
        /// Line of it: what a miss reads from memory.
        pub l2_line: Bytes = "l2_line_bytes", "B", Integer(1, 4096) => Bytes;
        /// What all multiprocessors read from and write to it together, in 10^9 bytes per second.
        pub l2_bandwidth_gb_per_s: f64 = "l2_bandwidth_gb_per_s", "GB/s", Positive(1e9);
        /// Usable HBM, in 10^9 bytes.
        pub capacity: Bytes = "capacity_gb", "GB", Integer(1, 1_000_000) => |gb: u64| Bytes(gb * 1_000_000_000);
        /// HBM bandwidth on paper, in 10^9 bytes per second.
        pub bandwidth_gb_per_s: f64 = "bandwidth_gb_per_s", "GB/s", Positive(1e9);
    inside {
        /// Commands and banks.
        pub dram: DramSpec;
    }
    }
}

section! {
    /// Links to other GPUs.
    pub struct GpuLinkSpec at "link" {
        /// All links within a node together, each direction, in 10^9 bytes per second.
        pub bandwidth_gb_per_s: f64 = "bandwidth_gb_per_s", "GB/s", Positive(1e9);
        /// GPUs of a node.
        pub gpus_per_node: u32 = "gpus_per_node", "", Integer(1, 65_536);
        /// Network adapters of a GPU to other nodes, each direction, in 10^9 bytes per second.
        pub network_gb_per_s: f64 = "network_gb_per_s", "GB/s", Positive(1e9);
        /// Share of either that collectives reach.
        pub achieved_share: f64 = "achieved_share", "", Positive(1.0);
        /// Multiprocessors that move words while they do.
        pub channels: u32 = "channels", "", Integer(0, 1024);
    }
}

section! {
    /// Power.
    pub struct GpuPowerSpec at "power" {
        /// Whole board at its limit.
        pub board_w: f64 = "board_w", "W", Positive(1e6);
        /// Whole board with kernels that do nothing.
        pub static_w: f64 = "static_w", "W", FromZero(1e6);
        /// Operation of a tensor core at the boost clock, with its operands from the second-level cache.
        pub tensor_pj_per_flop: f64 = "tensor_pj_per_flop", "pJ/FLOP", FromZero(1e6);
        /// Bit between memory and multiprocessor.
        pub memory_pj_per_bit: f64 = "memory_pj_per_bit", "pJ/bit", FromZero(1e6);
        /// Energy of an operation goes with the clock to this power: a lower clock needs a lower voltage.
        pub energy_clock_exponent: f64 = "energy_clock_exponent", "", FromZero(4.0);
        /// After so long a load the clock has come down to what the board's limit allows.
        pub throttle_us: f64 = "throttle_us", "us", Positive(1e9);
    }
}

/// Rules of the memory.
const DRAM: [Rule; 4] = dram::RULES;

const RULES: &[Rule] = &[
    DRAM[0],
    DRAM[1],
    DRAM[2],
    DRAM[3],
    Rule {
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
    },
    Rule {
        keys: &["power.static_w", "power.board_w"],
        broken: |values| {
            let (idle, limit) = (values.find::<f64>("power.static_w")?, values.find::<f64>("power.board_w")?);
            (idle >= limit).then(|| {
                (
                    format!("{idle} W without work leave nothing of {limit} W"),
                    "`power.static_w` must be below `power.board_w`".to_owned(),
                )
            })
        },
    },
    Rule {
        keys: &["gemm.tile_sides", "gemm.accumulators_per_sm"],
        broken: |values| no_tile_fits(values, "gemm.tile_sides"),
    },
    Rule {
        keys: &["sparse.two_four_tile_sides", "gemm.accumulators_per_sm"],
        broken: |values| no_tile_fits(values, "sparse.two_four_tile_sides"),
    },
    Rule {
        keys: &[
            "memory.bandwidth_gb_per_s",
            "memory.dram.pseudo_channels",
            "memory.dram.access_bytes",
            "memory.dram.command_clock_mhz",
            "memory.dram.ccd_s_cycles",
        ],
        broken: |values| {
            let stated = values.find::<f64>("memory.bandwidth_gb_per_s")?;
            let channels = values.find::<f64>("memory.dram.pseudo_channels")?;
            let access = values.find::<f64>("memory.dram.access_bytes")?;
            let clock = values.find::<f64>("memory.dram.command_clock_mhz")?;
            let peak = channels * access * clock / values.find::<f64>("memory.dram.ccd_s_cycles")? / 1e3;
            ((peak / stated - 1.0).abs() > 0.01).then(|| {
                (
                    format!("the pseudo-channels make {peak:.0} GB/s, not the stated {stated:.0}"),
                    "`memory.bandwidth_gb_per_s` is pseudo-channels x access x command clock / `ccd_s_cycles`"
                        .to_owned(),
                )
            })
        },
    },
];

/// A product needs a tile whose sums fit the registers.
fn no_tile_fits(values: &Values, key: &str) -> Option<(String, String)> {
    let sides = values.find::<Vec<u64>>(key)?;
    let least = sides.into_iter().min()?;
    let most = values.find::<u64>("gemm.accumulators_per_sm")?;
    (least * least > most).then(|| {
        (
            format!("the smallest tile, {least} x {least}, is more than {most} sums"),
            format!("raise `gemm.accumulators_per_sm`, or add a smaller side to `{key}`"),
        )
    })
}

impl GpuSpec {
    /// Dense bf16 operations per second at the tensor clock.
    pub fn peak_flop_per_s(&self) -> f64 {
        let per_cycle = f64::from(self.compute.sm_count) * f64::from(self.compute.bf16_flop_per_cycle_per_sm);
        per_cycle * self.compute.tensor_clock.0 as f64
    }

    /// Seconds of a product beside its work: launch, first and last words of memory.
    pub fn product_fixed_s(&self) -> f64 {
        (self.compute.graph_launch_us + self.gemm.ramp_us) * 1e-6
    }

    /// Multiply-accumulates of one multiprocessor in a cycle, for elements of so many bytes.
    pub fn macs_per_cycle(&self, element: Bytes) -> f64 {
        f64::from(self.compute.bf16_flop_per_cycle_per_sm) / 2.0 / self.slowdown(element)
    }

    /// How much slower tensor cores are than with bf16: twice for fp32, which they take as TF32.
    pub fn slowdown(&self, element: Bytes) -> f64 {
        (element.as_f64() / 2.0).max(1.0)
    }
}
