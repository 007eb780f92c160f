//! A simulated step and its dense twin as a record: everything that a report prints.

mod gpus;
mod heatmap;
mod ops;
mod sram;
mod step;
mod tables;
mod waterfall;

use crate::graph::flops::{StepWork, Work};
use crate::host;
use crate::lower::plan::Plan;
use crate::record::{FlopsByPhase, FlopsTable, PhaseFlops, Provenance, RunRecord, Summary, Verification};
use crate::run::Request;
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{AttentionFlops, WorkloadSpec};
use crate::timeline::Timeline;
use crate::units::{Bytes, Cycles, Flops, Macs};
use crate::validate::committed_errors;
pub use step::Step;
pub(crate) use tables::{entries, spec_hash};

/// The record of a sparse step, held against its dense twin and against `bound`: the sparse step with every op
/// at the dense one's cycles times its density.
pub fn record(
    request: &Request,
    plan: &Plan,
    masks: &Masks,
    [sparse, dense]: [Step<'_>; 2],
    bound: &Timeline,
    verification: Verification,
) -> RunRecord {
    let (workload, machine) = (&request.workload.spec, &request.machine.spec);
    // Of what a full micro-batch does, that of the batch: its last micro-batch may be less than full.
    let (batch, full) = (u64::from(workload.training.batch_sequences), u64::from(plan.graph.sequences()));
    let of_step = |count: u64| count / full * batch;
    let flops = |convention| {
        let nonzeros = |tensor| masks.kept(&plan.graph, tensor);
        flops_of(plan.graph.step_work(convention, nonzeros), of_step)
    };
    let table = FlopsTable {
        full_attention: flops(AttentionFlops::Full),
        causal_attention: flops(AttentionFlops::Causal),
    };
    let counted = match workload.training.attention_flops {
        AttentionFlops::Full => table.full_attention.total(),
        AttentionFlops::Causal => table.causal_attention.total(),
    };
    let theory = counted.dense.as_f64() / counted.effective.as_f64();
    let cycles = sparse.timeline.cycles;
    let seconds = Cycles(cycles).at(machine.fabric.clock).0;
    let sequences = f64::from(workload.training.batch_sequences);
    let breakdown = step::breakdown(sparse);
    let losses = waterfall::waterfall(theory, sparse, dense, bound);
    let ops = ops::op_rows(sparse, dense, machine);
    let sampling = ops::sampling(sparse);
    let macs = Macs(of_step(sparse.jobs.iter().map(|job| job.macs_effective.0).sum()));
    let summary = Summary {
        step_cycles: Cycles(cycles),
        step_seconds: seconds,
        samples_per_s: sequences / seconds,
        tokens_per_s: sequences * f64::from(workload.training.sequence_tokens) / seconds,
        flops_dense: counted.dense,
        flops_effective: counted.effective,
        theoretical_speedup: theory,
        bound_speedup: dense.timeline.cycles as f64 / bound.cycles as f64,
        achieved_speedup: dense.timeline.cycles as f64 / cycles as f64,
        utilization: ops::utilization(macs, cycles, sparse.pes, machine),
        limiter: step::limiter(&losses, &breakdown),
        verified: verification.checks.iter().all(|check| check.ok) && !verification.checks.is_empty(),
        approximate: !sampling.is_empty(),
        exact_share: ops::exact_share(&ops),
        engine: ops::engines(&ops),
        pe_count: sparse.pes,
        pe_cycles_simulated: sparse.times.all().iter().map(|time| time.simulated).sum(),
        wall_seconds: 0.0,
        peak_memory_bytes: Bytes::ZERO,
    };
    RunRecord {
        notes: tables::notes(plan, workload, masks, &ops),
        ops,
        name: name(workload, machine, masks),
        title: format!(
            "{}, {:.0} % sparse, one training step {}on {}",
            workload.name,
            100.0 * masks.level(),
            if workload.training.squarehead().is_some() { "beside a teacher " } else { "" },
            machine.name
        ),
        provenance: Provenance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spec_hash: spec_hash(&(workload, machine)),
            seed: workload.sparsity.seed,
            host_threads: rayon::current_num_threads() as u32,
            host: host::name(),
            command: request.command.clone(),
        },
        baselines: tables::baselines(
            request,
            masks.level(),
            [sparse, dense],
            seconds,
            [counted.dense.as_f64(), counted.effective.as_f64()],
        ),
        waterfall: losses,
        timeline: tables::spans(&plan.graph, sparse),
        memory: tables::memory(plan, sparse.pes),
        heatmap: Some(heatmap::heatmap(sparse, plan, workload, machine)),
        summary,
        flops: table,
        breakdown,
        machine: machine.clone(),
        workload: workload.clone(),
        machine_entries: entries(&request.machine.entries),
        workload_entries: entries(&request.workload.entries),
        verification,
        sampling,
        validation: committed_errors(),
    }
}

/// Workload, machine, percent of zeros, the pattern unless it is the uniform one, and the loss where it has a teacher.
fn name(workload: &WorkloadSpec, machine: &WaferSpec, masks: &Masks) -> String {
    let mut name = format!("{}-{}-{:.0}", workload.name, machine.name, 100.0 * masks.level());
    let taught = workload.training.squarehead().map(|_| "squarehead".to_owned());
    for part in [Some(masks.short_name()), taught].into_iter().flatten().filter(|part| !part.is_empty()) {
        name = format!("{name}-{part}");
    }
    name
}

/// FLOPs of a step by phase, from those of a micro-batch.
fn flops_of(work: StepWork, of_step: impl Fn(u64) -> u64) -> FlopsByPhase {
    let phase = |w: Work| PhaseFlops {
        dense: Flops(of_step(w.dense().0)),
        effective: Flops(of_step(w.effective().0)),
    };
    FlopsByPhase {
        forward: phase(work.forward),
        teacher: phase(work.teacher),
        dx: phase(work.backward_data),
        dw: phase(work.backward_weight),
        optimizer: phase(work.optimizer),
    }
}
