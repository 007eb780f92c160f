//! The table of ops: what each took, where its cycles went, and how they were measured.

use std::collections::{BTreeMap, BTreeSet};

use crate::assemble::step::{Step, category};
use crate::fabric::Activity;
use crate::graph;
use crate::lower::job::{Job, Kernel};
use crate::record::{CategoryCycles, Engine, OpRow, Phase, SamplingRow, Simulated};
use crate::spec::wafer::WaferSpec;
use crate::units::{Cycles, Macs};

/// A row for each op, and for each op that runs again.
pub(super) fn op_rows(sparse: Step<'_>, dense: Step<'_>, machine: &WaferSpec) -> Vec<OpRow> {
    let mut shared: BTreeMap<&Kernel, u32> = BTreeMap::new();
    for job in sparse.jobs {
        *shared.entry(&job.kernel).or_insert(0) += 1;
    }
    let rows = sparse.runs().into_iter().map(|((at, again), count)| {
        let job = &sparse.jobs[at];
        let (time, dense_time) = (sparse.time(at), dense.time(at));
        let cycles = time.cycles * count;
        let macs_effective = job.macs_effective * count;
        let activity = sparse.activity(at);
        OpRow {
            name: if again { format!("{} (again)", job.name) } else { job.name.clone() },
            group: job.group.clone(),
            phase: phase(job.phase),
            layer: job.layer,
            count,
            kernel: kernel_name(&job.kernel),
            macs_dense: job.macs_dense * count,
            macs_effective,
            bytes_in: job.bytes_in * count,
            bytes_out: job.bytes_out * count,
            cycles: Cycles(cycles),
            dense_cycles: Cycles(dense_time.cycles * count),
            speedup: dense_time.cycles as f64 / time.cycles.max(1) as f64,
            theory_speedup: 1.0 / job.density(),
            utilization: utilization(macs_effective, cycles, sparse.pes, machine),
            simulated: if time.how == Simulated::Whole && shared[&job.kernel] > 1 {
                Simulated::Shared
            } else {
                time.how
            },
            engine: time.engine,
            stalls: Activity::ALL
                .into_iter()
                .map(|kind| CategoryCycles {
                    category: category(kind).to_owned(),
                    pe_cycles: activity.of(kind) * count,
                })
                .filter(|row| row.pe_cycles > 0)
                .collect(),
        }
    });
    rows.collect()
}

/// Useful MACs over those that all datapaths could have done.
pub(super) fn utilization(macs: Macs, cycles: u64, pes: u64, machine: &WaferSpec) -> f64 {
    macs.as_f64() / (cycles.max(1) as f64 * pes as f64 * machine.pe.simd.fma_16)
}

pub(super) fn phase(phase: graph::Phase) -> Phase {
    match phase {
        graph::Phase::Forward => Phase::Forward,
        graph::Phase::Teacher => Phase::Teacher,
        graph::Phase::BackwardData => Phase::Dx,
        graph::Phase::BackwardWeight => Phase::Dw,
        graph::Phase::Optimizer => Phase::Optimizer,
    }
}

fn kernel_name(kernel: &Kernel) -> String {
    match kernel {
        Kernel::Weights(w) => format!("weight streaming, {:?}", w.direction).to_lowercase(),
        Kernel::Attention(form) => format!("attention, {form:?}").to_lowercase(),
        Kernel::Rowwise { op, .. } => format!("row-wise {op:?}").to_lowercase(),
        Kernel::Columnwise(op) => format!("column-wise {op:?}").to_lowercase(),
        Kernel::Scatter => "scatter".to_owned(),
        Kernel::Gather => "gather".to_owned(),
        Kernel::Spread => "spread over bands".to_owned(),
        Kernel::BandSum => "sum over bands".to_owned(),
        Kernel::ColumnSum(_) => "column sum".to_owned(),
        Kernel::OffWafer => "off the wafer".to_owned(),
    }
}

/// Share of the cycles of `ops` that no sample stands for.
pub(super) fn exact_share(ops: &[OpRow]) -> f64 {
    let cycles = |ops: &mut dyn Iterator<Item = &OpRow>| ops.map(|op| op.cycles.as_f64()).sum::<f64>();
    let whole = cycles(&mut ops.iter().filter(|op| op.simulated != Simulated::Sampled));
    whole / cycles(&mut ops.iter()).max(1.0)
}

/// The engines of `ops`, in words.
pub(super) fn engines(ops: &[OpRow]) -> String {
    let engines: BTreeSet<Engine> = ops.iter().filter_map(|op| op.engine).collect();
    engines.into_iter().map(Engine::name).collect::<Vec<_>>().join(" and ")
}

/// Kernels that were sampled, one row for all of one kind that are as well known: those that share a time, and those of
/// other layers with times of their own.
pub(super) fn sampling(step: Step<'_>) -> Vec<SamplingRow> {
    let mut rows: Vec<(SamplingRow, &Job, Vec<&Kernel>)> = Vec::new();
    for job in step.jobs {
        let Some(sample) = step.times.of(&job.kernel).sample else { continue };
        let row = SamplingRow {
            op: job.name.clone(),
            simulated_rows: sample.simulated,
            total_rows: sample.total,
            measured_error: sample.error,
        };
        let alike = |(other, first, _): &&mut (SamplingRow, &Job, Vec<&Kernel>)| {
            let same_kind = (&first.group, first.phase) == (&job.group, job.phase);
            same_kind && SamplingRow { op: other.op.clone(), ..row.clone() } == *other
        };
        match rows.iter_mut().find(alike) {
            Some((_, _, kernels)) if kernels.contains(&&job.kernel) => {}
            Some((_, _, kernels)) => kernels.push(&job.kernel),
            None => rows.push((row, job, vec![&job.kernel])),
        }
    }
    let named = |(mut row, _, kernels): (SamplingRow, &Job, Vec<&Kernel>)| {
        if kernels.len() > 1 {
            row.op = format!("{} and {} masks like it", row.op, kernels.len() - 1);
        }
        row
    };
    rows.into_iter().map(named).collect()
}
