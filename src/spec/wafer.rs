//! The wafer-scale machine: fabric, processing element, numbers, I/O.
//!
//! Values come from `arch/*.toml`, where each has its source; this file says what they mean.

use serde::{Deserialize, Serialize};

use crate::dtype::Dtype;
use crate::units::{Bytes, EighthCycles, Hertz};

/// A wafer-scale dataflow machine, resolved: every value is known and legal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaferSpec {
    /// Preset or file stem, for titles.
    pub name: String,
    /// Mesh and routers.
    pub fabric: FabricSpec,
    /// Compute element and SRAM of one PE.
    pub pe: PeSpec,
    /// Formats of sums.
    pub numerics: NumericsSpec,
    /// Links off the wafer and the weight store behind them.
    pub io: IoSpec,
    /// Power.
    pub power: PowerSpec,
}

/// Mesh and routers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FabricSpec {
    /// Columns that a program may use.
    pub width_pes: u16,
    /// Rows that a program may use.
    pub height_pes: u16,
    /// Clock of fabric and PEs.
    pub clock: Hertz,
    /// Routable colors.
    pub colors: u8,
    /// Router to neighbouring router, at least 1.
    pub hop_latency_cycles: u32,
    /// Time between two wavelets on one link.
    pub link_interval: EighthCycles,
    /// Wavelets that a router holds per color and input port.
    pub router_buffer_wavelets: u32,
    /// Compute element to router, and router to compute element.
    pub ramp_latency_cycles: u32,
    /// Positions that a color's route can be switched through.
    pub switch_positions: u8,
}

/// Compute element and SRAM of one PE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeSpec {
    /// SRAM of a PE.
    pub sram: Bytes,
    /// SRAM that program text, runtime and stack take from every kernel.
    pub reserved: Bytes,
    /// Single-ported banks, interleaved by 32-bit word.
    pub sram_banks: u8,
    /// Software-managed cache: reads and writes that hit it do not use the SRAM ports.
    pub cache: Bytes,
    /// Depth of each input queue, in wavelets.
    pub input_queue_wavelets: Vec<u32>,
    /// Depth of each output queue, in wavelets.
    pub output_queue_wavelets: Vec<u32>,
    /// Hardware threads that run one vector instruction each beside the main thread.
    pub microthreads: u8,
    /// Elements per cycle that the datapath can do, by operation.
    pub simd: SimdSpec,
    /// Bytes per cycle that vector instructions read from SRAM.
    pub sram_read_bytes_per_cycle: f64,
    /// Bytes per cycle that vector instructions write to SRAM.
    pub sram_write_bytes_per_cycle: f64,
    /// Wavelets that one step of a vector instruction takes from or gives to one queue.
    pub fabric_wavelets_per_cycle: u32,
    /// Fixed costs of instructions and tasks.
    pub overhead: OverheadSpec,
}

/// Elements per cycle of the datapath, by operation (fractions are allowed: 0.5 is one every 2 cycles).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimdSpec {
    /// Multiply-add, 16-bit operands and sum.
    pub fma_16: f64,
    /// Multiply-add, 16-bit operands, fp32 sum.
    pub fma_16_32: f64,
    /// Multiply-add, fp32.
    pub fma_32: f64,
    /// Add or multiply, 16-bit.
    pub add_16: f64,
    /// Add of a 16-bit value to an fp32 sum.
    pub add_16_32: f64,
    /// Add or multiply, fp32.
    pub add_32: f64,
    /// Move, 16-bit.
    pub move_16: f64,
    /// Move, fp32.
    pub move_32: f64,
    /// Exponential, reciprocal, root and the like, any format.
    pub special: f64,
}

/// Fixed costs, in cycles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverheadSpec {
    /// Before the first element of a move that software starts.
    pub move_setup_cycles: u32,
    /// Before the first element of a fill that software starts.
    pub fill_setup_cycles: u32,
    /// Before the first element of an add or multiply that software starts.
    pub add_setup_cycles: u32,
    /// Before the first element of a multiply-add that software starts.
    pub fma_setup_cycles: u32,
    /// Before the first element of an fp32 multiply-add that software starts.
    pub fma_32_setup_cycles: u32,
    /// Before the first element of the multiply-add that an arriving weight triggers.
    pub weight_trigger_cycles: u32,
    /// From a control wavelet at the head of a queue to the first instruction of its task.
    pub control_task_cycles: u32,
    /// From a data wavelet at the head of a queue to the first instruction of its task.
    pub data_task_cycles: u32,
    /// From the activation of a local task to its first instruction.
    pub local_task_cycles: u32,
    /// To hand a vector instruction to a microthread.
    pub microthread_launch_cycles: u32,
    /// From there to its first element.
    pub microthread_start_cycles: u32,
    /// From the end of a microthread's instruction to the activation that it carries.
    pub completion_cycles: u32,
    /// One scalar instruction.
    pub scalar_cycles: u32,
}

/// Formats of sums, and of what travels between PEs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NumericsSpec {
    /// Partial sums in SRAM; `None`: the workload's precision.
    pub accumulate: Option<Dtype>,
    /// Partial sums on the fabric; `None`: the workload's precision.
    pub reduce: Option<Dtype>,
}

/// Links off the wafer and the weight store behind them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IoSpec {
    /// All links together, each direction.
    pub bandwidth_gbit_per_s: f64,
    /// First byte, one way.
    pub latency_us: f64,
    /// Weights on the wafer ahead of their use.
    pub prefetch: Bytes,
}

/// Power.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PowerSpec {
    /// Whole system under load.
    pub system_kw: f64,
}
