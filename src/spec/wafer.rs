//! The wafer-scale machine: fabric, processing element, numbers, I/O.
//!
//! Values come from `arch/*.toml`, where each has its source; this file says what they mean.

use super::field::{Rule, eighths, kib, mib, section, spec, unless_word};
use super::legal::Legal::{Eighths, FromZero, Integer, Integers, Positive, Word};
use crate::dtype::Dtype;
use crate::units::{Bytes, EighthCycles, Hertz};

spec! {
    /// A wafer-scale dataflow machine, resolved: every value is known and legal.
    pub struct WaferSpec where RULES {
        /// Mesh and routers.
        pub fabric: FabricSpec,
        /// Compute element and SRAM of one PE.
        pub pe: PeSpec,
        /// Formats of sums.
        pub numerics: NumericsSpec,
        /// Links off the wafer and the weight store behind them.
        pub io: IoSpec,
        /// Weight store.
        pub store: StoreSpec,
        /// Power.
        pub power: PowerSpec,
        /// What joins many systems.
        pub cluster: ClusterSpec,
    }
}

section! {
    /// Mesh and routers.
    pub struct FabricSpec at "fabric" {
        /// Columns that a program may use.
        pub width_pes: u16 = "width_pes", "PEs", Integer(1, 65_535);
        /// Rows that a program may use.
        pub height_pes: u16 = "height_pes", "PEs", Integer(1, 65_535);
        /// Clock of fabric and PEs.
        pub clock: Hertz = "clock_mhz", "MHz", Positive(100_000.0) => Hertz::from_mhz;
        /// Routable colors.
        pub colors: u8 = "colors", "", Integer(1, 64);
        /// Router to neighbouring router, at least 1.
        pub hop_latency_cycles: u32 = "hop_latency_cycles", "cycles", Integer(1, 1_000);
        /// Time between two wavelets on one link.
        pub link_interval: EighthCycles =
            "link_cycles_per_wavelet", "cycles/wavelet", Eighths(1_000.0) => eighths;
        /// Wavelets that a router holds per color and input port.
        pub router_buffer_wavelets: u32 = "router_buffer_wavelets", "wavelets", Integer(1, 65_535);
        /// Compute element to router, and router to compute element.
        pub ramp_latency_cycles: u32 = "ramp_latency_cycles", "cycles", Integer(1, 1_000);
        /// Positions that a color's route can be switched through.
        pub switch_positions: u8 = "switch_positions", "", Integer(1, 64);
    }
}

impl FabricSpec {
    /// Cycles from a step of a compute element to that of the next one with what it gave: the step itself, up the ramp,
    /// over the link, down the ramp.
    pub fn stage_cycles(&self) -> u32 {
        1 + self.hop_latency_cycles + 2 * self.ramp_latency_cycles
    }
}

section! {
    /// Compute element and SRAM of one PE.
    pub struct PeSpec at "pe" {
        /// SRAM of a PE.
        pub sram: Bytes = "sram_kib", "KiB", Integer(1, 1_048_576) => kib;
        /// SRAM that program text, runtime and stack take from every kernel.
        pub reserved: Bytes = "reserved_bytes", "B", Integer(0, 1_073_741_824) => Bytes;
        /// Single-ported banks, interleaved by 32-bit word.
        pub sram_banks: u8 = "sram_banks", "", Integer(1, 128);
        /// How many times longer a vector instruction takes whose sources begin in the same bank, counted over
        /// half of the banks: two reads of one single-ported bank come one after the other.
        pub bank_conflict_factor: f64 = "bank_conflict_factor", "", Positive(1e3);
        /// The same for sources that begin a quarter of the banks apart or three: their accesses overlap.
        pub bank_overlap_factor: f64 = "bank_overlap_factor", "", Positive(1e3);
        /// Software-managed cache: reads and writes that hit it do not use the SRAM ports.
        pub cache: Bytes = "cache_bytes", "B", Integer(0, 1_073_741_824) => Bytes;
        /// Depth of each input queue, in wavelets.
        pub input_queue_wavelets: Vec<u32> = "input_queue_wavelets", "wavelets", Integers(32, 1, 65_535);
        /// Depth of each output queue, in wavelets.
        pub output_queue_wavelets: Vec<u32> = "output_queue_wavelets", "wavelets", Integers(32, 1, 65_535);
        /// Hardware threads that run one vector instruction each beside the main thread.
        pub microthreads: u8 = "microthreads", "", Integer(1, 64);
        /// Bytes per cycle that vector instructions read from SRAM; reads and writes add up, they do not overlap.
        pub sram_read_bytes_per_cycle: f64 = "sram_read_bytes_per_cycle", "B/cycle", Positive(1e6);
        /// Bytes per cycle that vector instructions write to SRAM; so large that it costs nothing: free.
        pub sram_write_bytes_per_cycle: f64 = "sram_write_bytes_per_cycle", "B/cycle", Positive(1e6);
        /// Wavelets that one step of a vector instruction takes from or gives to one queue, and that the ramp brings
        /// down in a cycle, at most one of a color.
        pub fabric_wavelets_per_cycle: u32 = "fabric_wavelets_per_cycle", "wavelets/cycle", Integer(1, 64);
    inside {
        /// Elements per cycle that the datapath can do, by operation.
        pub simd: SimdSpec;
        /// Fixed costs of instructions and tasks.
        pub overhead: OverheadSpec;
    }
    }
}

section! {
    /// Elements per cycle of the datapath, by operation (fractions are allowed: 0.5 is one every 2 cycles).
    pub struct SimdSpec at "pe.simd" {
        /// Multiply-add, 16-bit operands and sum.
        pub fma_16: f64 = "fma_16_elements_per_cycle", "elements/cycle", Positive(1024.0);
        /// Multiply-add, 16-bit operands, fp32 sum.
        pub fma_16_32: f64 = "fma_16_32_elements_per_cycle", "elements/cycle", Positive(1024.0);
        /// Multiply-add, fp32.
        pub fma_32: f64 = "fma_32_elements_per_cycle", "elements/cycle", Positive(1024.0);
        /// Add or multiply, 16-bit.
        pub add_16: f64 = "add_16_elements_per_cycle", "elements/cycle", Positive(1024.0);
        /// Add of a 16-bit value to an fp32 sum.
        pub add_16_32: f64 = "add_16_32_elements_per_cycle", "elements/cycle", Positive(1024.0);
        /// Add or multiply, fp32.
        pub add_32: f64 = "add_32_elements_per_cycle", "elements/cycle", Positive(1024.0);
        /// Move, 16-bit.
        pub move_16: f64 = "move_16_elements_per_cycle", "elements/cycle", Positive(1024.0);
        /// Move, fp32.
        pub move_32: f64 = "move_32_elements_per_cycle", "elements/cycle", Positive(1024.0);
        /// Exponential, reciprocal, root and the like, any format.
        pub special: f64 = "special_elements_per_cycle", "elements/cycle", Positive(1024.0);
    }
}

section! {
    /// Fixed costs, in cycles.
    pub struct OverheadSpec at "pe.overhead" {
        /// Before the first element of a move that software starts.
        pub move_setup_cycles: u32 = "move_setup_cycles", "cycles", Integer(0, 100_000);
        /// Before the first element of a fill that software starts.
        pub fill_setup_cycles: u32 = "fill_setup_cycles", "cycles", Integer(0, 100_000);
        /// Before the first element of an add or multiply that software starts.
        pub add_setup_cycles: u32 = "add_setup_cycles", "cycles", Integer(0, 100_000);
        /// Before the first element of a multiply-add that software starts.
        pub fma_setup_cycles: u32 = "fma_setup_cycles", "cycles", Integer(0, 100_000);
        /// Before the first element of an fp32 multiply-add that software starts.
        pub fma_32_setup_cycles: u32 = "fma_32_setup_cycles", "cycles", Integer(0, 100_000);
        /// Before the first element of an instruction whose descriptors are in registers from the one before it.
        pub dispatch_cycles: u32 = "dispatch_cycles", "cycles", Integer(0, 100_000);
        /// Before the first element of the multiply-add that an arriving weight triggers.
        pub weight_trigger_cycles: u32 = "weight_trigger_cycles", "cycles", Integer(0, 100_000);
        /// From a control wavelet at the head of a queue to the first instruction of its task.
        pub control_task_cycles: u32 = "control_task_cycles", "cycles", Integer(0, 100_000);
        /// From a data wavelet at the head of a queue to the first instruction of its task.
        pub data_task_cycles: u32 = "data_task_cycles", "cycles", Integer(0, 100_000);
        /// From the activation of a local task to its first instruction.
        pub local_task_cycles: u32 = "local_task_cycles", "cycles", Integer(0, 100_000);
        /// To hand a vector instruction to a microthread.
        pub microthread_launch_cycles: u32 = "microthread_launch_cycles", "cycles", Integer(0, 100_000);
        /// From there to its first element.
        pub microthread_start_cycles: u32 = "microthread_start_cycles", "cycles", Integer(0, 100_000);
        /// From the end of a microthread's instruction to the activation that it carries.
        pub completion_cycles: u32 = "completion_cycles", "cycles", Integer(0, 100_000);
        /// One scalar instruction.
        pub scalar_cycles: u32 = "scalar_cycles", "cycles", Integer(1, 100_000);
        /// The end of a loop's body: count, compare, branch back.
        pub loop_cycles: u32 = "loop_cycles", "cycles", Integer(1, 100_000);
        /// To read the time before and after a measurement.
        pub time_stamp_cycles: u32 = "time_stamp_cycles", "cycles", Integer(0, 100_000);
    }
}

/// Formats that a sum may have.
const SUM_FORMATS: &[&str] = &["workload", "fp16", "bf16", "fp32"];

section! {
    /// Formats of sums, and of what travels between PEs.
    pub struct NumericsSpec at "numerics" {
        /// Partial sums in SRAM; "workload" (`None`): the workload's precision.
        pub accumulate: Option<Dtype> = "accumulate", "", Word(SUM_FORMATS) => unless_word;
        /// Partial sums on the fabric; "workload" (`None`): the workload's precision.
        pub reduce: Option<Dtype> = "reduce", "", Word(SUM_FORMATS) => unless_word;
    }
}

section! {
    /// Links off the wafer and the weight store behind them.
    pub struct IoSpec at "io" {
        /// All links together, each direction.
        pub bandwidth_gbit_per_s: f64 = "bandwidth_gbit_per_s", "Gbit/s", Positive(1e9);
        /// First byte, one way.
        pub latency_us: f64 = "latency_us", "us", FromZero(1e9);
        /// Weights on the wafer ahead of their use.
        pub prefetch: Bytes = "prefetch_mib", "MiB", Integer(0, 16_777_216) => mib;
    }
}

section! {
    /// The weight store beside the wafer, where the optimizer runs.
    pub struct StoreSpec at "store" {
        /// Memory that an update of the weights reads and writes in a second.
        pub update_gbyte_per_s: f64 = "update_gbyte_per_s", "GB/s", Positive(1e9);
    }
}

section! {
    /// Power.
    pub struct PowerSpec at "power" {
        /// Whole system under load.
        pub system_kw: f64 = "system_kw", "kW", Positive(1e6);
    }
}

section! {
    /// What joins many systems: one weight store, and a tree that brings weights to all of them and adds up their
    /// gradients.
    #[derive(Copy)]
    pub struct ClusterSpec at "cluster" {
        /// Systems that one store serves.
        pub most_systems: u32 = "most_systems", "systems", Integer(1, 1_048_576);
        /// Systems or nodes below a node of the tree.
        pub tree_fanout: u32 = "tree_fanout", "", Integer(2, 65_536);
        /// What a node passes on to each one below it and, added up, to the one above.
        pub tree_bandwidth_gbit_per_s: f64 = "tree_bandwidth_gbit_per_s", "Gbit/s", Positive(1e9);
        /// What a node adds to the first byte, either way.
        pub tree_latency_us: f64 = "tree_latency_us", "us", FromZero(1e9);
    }
}

const RULES: &[Rule] = &[
    Rule {
        keys: &["pe.reserved_bytes", "pe.sram_kib"],
        broken: |values| {
            let sram = kib(values.find("pe.sram_kib")?);
            (values.find::<u64>("pe.reserved_bytes")? >= sram.0).then(|| {
                (
                    format!("nothing is left of the {sram} of SRAM"),
                    "`pe.reserved_bytes` must be below `pe.sram_kib` x 1024".to_owned(),
                )
            })
        },
    },
    Rule {
        keys: &["io.prefetch_mib", "fabric.width_pes", "fabric.height_pes", "pe.sram_kib"],
        broken: |values| {
            let pes = values.find::<u64>("fabric.width_pes")? * values.find::<u64>("fabric.height_pes")?;
            let wafer = kib(values.find("pe.sram_kib")?) * pes;
            (mib(values.find("io.prefetch_mib")?) > wafer).then(|| {
                (
                    format!("weights read ahead do not fit in the {wafer} of the wafer's SRAM"),
                    "lower `io.prefetch_mib`, or enlarge `fabric` or `pe.sram_kib`".to_owned(),
                )
            })
        },
    },
];
