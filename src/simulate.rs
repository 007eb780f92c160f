//! Jobs to cycles: every distinct kernel is simulated, equal ones once.
//!
//! A kernel whose rows are all alike is simulated on one row of PEs and unfolded (see [`Fold`]). A kernel too
//! long to simulate whole is simulated for two parts of its rows; its time is linear in the rows once all PEs
//! are busy, so the difference gives the rest. The record says which kernels were sampled and what error a
//! third part shows.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::fabric::{Activity, Breakdown, CYCLE_LIMIT, Fault, Outcome, run};
use crate::lower::job::{Job, Kernel};
use crate::lower::timing::Timing;
use crate::program::{Fold, Program};
use crate::record::Simulated;
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;

/// What simulating a kernel gave.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelTime {
    /// Elapsed cycles.
    pub cycles: u64,
    /// PE cycles by activity of all PEs of one copy.
    pub activity: Breakdown,
    /// PEs of one copy.
    pub pes: u64,
    /// PE cycles that the engine went through.
    pub simulated: u64,
    /// Whether all of it was simulated.
    pub how: Simulated,
    /// Of a sampled kernel: rows simulated, rows in all, relative error on a part that was not used.
    pub sample: Option<Sample>,
}

/// How well a sample stands for its kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Units (rows, values) of the largest part.
    pub simulated: u64,
    /// Units of the whole.
    pub total: u64,
    /// Relative error of the line through the two smaller parts at the largest one.
    pub error: f64,
}

/// Times of all distinct kernels of `jobs`. `progress` is told after each kernel.
///
/// # Errors
/// The fault of the first program (in the order of kernels) that does not run.
pub fn simulate(
    jobs: &[Job],
    timing: Timing<'_>,
    masks: &Masks,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<BTreeMap<Kernel, KernelTime>, Fault> {
    let mut kernels: Vec<&Kernel> = jobs.iter().map(|job| &job.kernel).collect();
    kernels.sort_unstable();
    kernels.dedup();
    let total = kernels.len();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let times: Vec<Result<KernelTime, Fault>> = kernels
        .par_iter()
        .map(|kernel| {
            let time = kernel_time(kernel, timing, masks);
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            progress(done, total);
            time
        })
        .collect();
    kernels.into_iter().cloned().zip(times).map(|(kernel, time)| Ok((kernel, time?))).collect()
}

fn kernel_time(kernel: &Kernel, timing: Timing<'_>, masks: &Masks) -> Result<KernelTime, Fault> {
    let mapping = timing.mapping;
    match kernel {
        Kernel::OffWafer => Ok(KernelTime {
            cycles: 0,
            activity: Breakdown::default(),
            pes: 0,
            simulated: 0,
            how: Simulated::Whole,
            sample: None,
        }),
        Kernel::Weights(weights) => {
            let counts = timing.counts(*weights, masks);
            let shape = crate::lower::shape::weight_shape(
                *weights,
                mapping,
                crate::lower::shape::formats(timing.precision, &timing.machine.numerics),
            );
            let widest = shape.owned.iter().copied().max().unwrap_or(0);
            let units = |part: u32| shape.owned.iter().map(|&o| u64::from(o.min(part))).sum::<u64>();
            sampled(timing.machine, mapping.rows(), [1, 2, 3], widest, units, |part| {
                timing.weights(*weights, counts.as_ref(), part)
            })
        }
        Kernel::Attention(_) => {
            let units = |part: u32| u64::from(part) * u64::from(mapping.band_rows);
            let whole = mapping.tokens;
            sampled(timing.machine, mapping.band_rows, [1, 2, 3], whole, units, |part| {
                timing.other(kernel, part).unwrap_or_default()
            })
        }
        Kernel::Scatter | Kernel::Gather => {
            let whole = mapping.hidden.widest() * mapping.tokens;
            sampled(timing.machine, mapping.rows(), [8, 16, 24], whole, u64::from, |part| {
                timing.other(kernel, part).unwrap_or_default()
            })
        }
        Kernel::Rowwise { .. } | Kernel::ColumnSum(_) => {
            let program = timing.other(kernel, None).unwrap_or_default();
            whole(&program, timing.machine, mapping.rows())
        }
    }
}

/// Simulate a program and unfold it to `rows` rows of PEs.
fn whole(program: &Program, machine: &WaferSpec, rows: u16) -> Result<KernelTime, Fault> {
    let outcome = run(program, machine, CYCLE_LIMIT)?;
    Ok(unfold(program, &outcome, machine, rows))
}

fn unfold<W>(program: &Program, outcome: &Outcome<W>, machine: &WaferSpec, rows: u16) -> KernelTime {
    let fabric = &machine.fabric;
    let hop = u64::from(fabric.hop_latency_cycles);
    let shift = match program.fold {
        Fold::None | Fold::Alike => 0,
        Fold::Forwarded => hop,
        Fold::Relayed => hop + 2 * u64::from(fabric.ramp_latency_cycles) + 1,
    };
    let copies = if program.fold == Fold::None { 1 } else { u64::from(rows) };
    let cycles = outcome.counters.cycles.0 + shift * (copies - 1);
    let pes = program.pe_count() as u64 * copies;
    let mut activity = Breakdown::default();
    activity.merge(&outcome.counters.activity, copies);
    activity.add(Activity::Idle, cycles * pes - activity.total());
    let simulated = outcome.counters.cycles.0 * program.pe_count() as u64;
    KernelTime { cycles, activity, pes, simulated, how: Simulated::Whole, sample: None }
}

/// Simulate parts of a kernel and extend the line through them to the whole; a kernel not larger than the
/// largest part is simulated whole.
fn sampled(
    machine: &WaferSpec,
    rows: u16,
    parts: [u32; 3],
    most: u32,
    units: impl Fn(u32) -> u64,
    build: impl Fn(Option<u32>) -> Program,
) -> Result<KernelTime, Fault> {
    if most <= parts[2] {
        return whole(&build(None), machine, rows);
    }
    let time = |part: u32| whole(&build(Some(part)), machine, rows);
    let (first, second, third) = (time(parts[0])?, time(parts[1])?, time(parts[2])?);
    let [u0, u1, u2] = parts.map(&units);
    let total = units(most);
    let slope = (second.cycles as f64 - first.cycles as f64) / (u1 - u0) as f64;
    let predicted = second.cycles as f64 + slope * (u2 - u1) as f64;
    let extend = |low: u64, high: u64| {
        let slope = (high as f64 - low as f64) / (u2 - u0) as f64;
        (high as f64 + slope * (total - u2) as f64).max(0.0).round() as u64
    };
    let cycles = extend(first.cycles, third.cycles);
    let mut activity = Breakdown::default();
    for kind in Activity::ALL.into_iter().filter(|&kind| kind != Activity::Idle) {
        activity.add(kind, extend(first.activity.of(kind), third.activity.of(kind)));
    }
    let all = cycles * third.pes;
    activity.add(Activity::Idle, all.saturating_sub(activity.total()));
    // Where the line leaves no idle cycle at all, the excess is taken from the waiting.
    let excess = activity.total() - all;
    activity.take(Activity::WaitBuffer, excess);
    Ok(KernelTime {
        cycles,
        activity,
        pes: third.pes,
        simulated: first.simulated + second.simulated + third.simulated,
        how: Simulated::Sampled,
        sample: Some(Sample { simulated: u2, total, error: (predicted / third.cycles as f64 - 1.0).abs() }),
    })
}
