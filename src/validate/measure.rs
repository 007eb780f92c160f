//! From a row to its simulated value: which program, how often, and what is read off it.

use crate::dtype::Dtype;
use crate::fabric::{Fault, run};
use crate::lower::kernel::chain::Axis;
use crate::program::{Program, ProgramError, VectorOp, check};
use crate::spec::wafer::WaferSpec;
use crate::validate::row::Row;
use crate::validate::spmm::{Format, Runs};
use crate::validate::{Machine, collective, gpu, kernels, params, product, scaling, training};

/// Why a row was not run.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotRun {
    /// The preset.
    #[error("no machine: {0}")]
    Machine(String),
    /// No program for it.
    #[error("no kernel for `{0}`")]
    Kernel(String),
    /// A parameter or metric that the kernel does not have.
    #[error("{0}")]
    Params(String),
    /// A program that the machine refuses.
    #[error("{0}")]
    Program(ProgramError),
    /// A program that does not end.
    #[error("{0}")]
    Fault(#[from] Fault),
}

/// Longest run that is believed.
pub(super) const LIMIT: u64 = 1 << 30;

/// That the machine takes a program.
pub(super) fn legal(program: &Program, machine: &WaferSpec) -> Result<(), NotRun> {
    check(program, machine).map_err(|faults| NotRun::Program(faults.first))
}

/// Cycles of a program from start to quiescence.
pub(super) fn cycles(program: &Program, machine: &WaferSpec) -> Result<f64, NotRun> {
    legal(program, machine)?;
    Ok(run(program, machine, LIMIT)?.counters.cycles.0 as f64)
}

/// The slope of cycles over a size, between two sizes, and the intercept.
pub(super) fn line(
    machine: &WaferSpec,
    [low, high]: [u32; 2],
    program: impl Fn(u32) -> Program,
) -> Result<(f64, f64), NotRun> {
    let (first, second) = (cycles(&program(low), machine)?, cycles(&program(high), machine)?);
    let slope = (second - first) / f64::from(high - low);
    Ok((slope, first - slope * f64::from(low)))
}

/// The simulated value of a row.
pub(super) fn measure(row: &Row, machine: &Machine, runs: &Runs) -> Result<f64, NotRun> {
    match machine {
        Machine::Wafer(machine) => on_wafer(row, machine, runs),
        Machine::Gpu(device) => gpu::measure(row, device),
    }
}

fn on_wafer(row: &Row, machine: &WaferSpec, runs: &Runs) -> Result<f64, NotRun> {
    if let Some(format) = Format::of(&row.kernel) {
        return runs.spread(format, row, machine)?.metric(&row.metric);
    }
    match row.kernel.as_str() {
        "pe_vector_op" => vector_op(row, machine),
        "pe_bank_conflict" => bank_conflict(row, machine),
        "point_to_point" => point_to_point(row, machine),
        "shared_link" => {
            let queues = machine.pe.input_queue_wavelets.len() as u32;
            let sources = params::number(row, &["sources"], queues, "input queues of a PE")? as u16;
            let one = cycles(&kernels::shared_link(1, WORDS), machine)?;
            Ok(cycles(&kernels::shared_link(sources, WORDS), machine)? / one)
        }
        "multicast_row" => {
            let words = params::elements(row, Dtype::Fp32, machine)?;
            let receivers = params::pes(row, &["receivers"], machine)?;
            let elapsed = cycles(&kernels::multicast(receivers, words, true), machine)?;
            // The SDK's clock synchronisation takes a cycle a hop for granted.
            let synchronised = row.params.get("sync").is_some_and(|sync| sync == "sdk");
            Ok(elapsed - if synchronised { f64::from(receivers - 1) } else { 0.0 })
        }
        "relay_chain" => {
            let overhead = &machine.pe.overhead;
            let stamp = overhead.time_stamp_cycles / overhead.scalar_cycles.max(1);
            let stages = params::pes(row, &["stages"], machine)?;
            let words = params::elements(row, Dtype::Fp32, machine)?;
            cycles(&kernels::relay(stages, words, stamp), machine)
        }
        "scaling" => scaling::efficiency(row, machine),
        "training_step" => training::measure(row, machine),
        other => collective::measure(row, machine)
            .or_else(|| product::measure(row, machine))
            .unwrap_or_else(|| Err(NotRun::Kernel(other.to_owned()))),
    }
}

/// Wavelets of a stream that is long enough to forget its start.
const WORDS: u32 = 1024;

/// How many times longer an operation takes whose operands begin in the same bank.
fn bank_conflict(row: &Row, machine: &WaferSpec) -> Result<f64, NotRun> {
    let (op, dtype) = vector(row)?;
    let n = params::number_or(row, &["n"], WORDS, machine.pe.sram.0 as u32, "SRAM of a PE")?;
    let elapsed = |alignment| cycles(&kernels::vector(op, n, dtype, alignment), machine);
    Ok(elapsed(kernels::Alignment::Same)? / elapsed(kernels::Alignment::Apart)?)
}

/// The vector operation and the format that a row names.
fn vector(row: &Row) -> Result<(kernels::Vector, Dtype), NotRun> {
    let op = row.params.get("op").map_or("", String::as_str);
    Ok(match op {
        "copy_f16" => (kernels::Vector::Copy, Dtype::Fp16),
        "copy_f32" => (kernels::Vector::Copy, Dtype::Fp32),
        "fill_f16" => (kernels::Vector::Fill, Dtype::Fp16),
        "fill_f32" => (kernels::Vector::Fill, Dtype::Fp32),
        "fma_f16" => (kernels::Vector::Axpy, Dtype::Fp16),
        "fma_f32" => (kernels::Vector::Axpy, Dtype::Fp32),
        "add_f16" => (kernels::Vector::Two(VectorOp::Add), Dtype::Fp16),
        "add_f32" => (kernels::Vector::Two(VectorOp::Add), Dtype::Fp32),
        "mul_f16" => (kernels::Vector::Two(VectorOp::Mul), Dtype::Fp16),
        "mul_f32" => (kernels::Vector::Two(VectorOp::Mul), Dtype::Fp32),
        other => return Err(NotRun::Params(format!("no vector operation `{other}`"))),
    })
}

fn vector_op(row: &Row, machine: &WaferSpec) -> Result<f64, NotRun> {
    let (op, dtype) = vector(row)?;
    let apart = match row.params.get("alignment").map(String::as_str) {
        None | Some("best") => kernels::Alignment::Apart,
        Some("half" | "half_offset") => kernels::Alignment::Same,
        Some(other) => {
            let what = format!("no alignment `{other}`; there are best, half and half_offset");
            return Err(NotRun::Params(what));
        }
    };
    let program = |n: u32| kernels::vector(op, n, dtype, apart);
    match row.metric.as_str() {
        "rate" => Ok(1.0 / line(machine, [512, 2048], program)?.0),
        "setup" => Ok(line(machine, [512, 2048], program)?.1),
        "cycles" => {
            cycles(&program(params::number(row, &["n"], machine.pe.sram.0 as u32, "SRAM of a PE")?), machine)
        }
        other => Err(NotRun::Params(format!("no metric `{other}`"))),
    }
}

fn point_to_point(row: &Row, machine: &WaferSpec) -> Result<f64, NotRun> {
    let axis = match row.params.get("direction").map(String::as_str) {
        None | Some("east" | "west") => Axis::Row,
        Some("south" | "north") => Axis::Column,
        Some(other) => return Err(NotRun::Params(format!("no direction `{other}`"))),
    };
    match row.metric.as_str() {
        "latency_per_hop" => {
            Ok(line(machine, [8, 64], |hops| kernels::point_to_point(axis, hops as u16, WORDS))?.0)
        }
        "cycles_per_wavelet" => {
            Ok(line(machine, [256, 2048], |words| kernels::point_to_point(axis, 4, words))?.0)
        }
        other => Err(NotRun::Params(format!("no metric `{other}`"))),
    }
}
