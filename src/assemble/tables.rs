//! The smaller tables of a record: memory, baselines, resolved specs, spans, notes.

use serde::Serialize;

use crate::assemble::gpus;
use crate::assemble::ops::phase;
use crate::assemble::step::Step;
use crate::graph::TrainGraph;
use crate::lower::job::Job;
use crate::lower::plan::Plan;
use crate::record::{
    BaselineKind, BaselineRow, Engine, Lane, Memory, MemoryRow, OpRow, Phase, Simulated, Span, SpecEntry,
};
use crate::run::Request;
use crate::sparsity::Masks;
use crate::spec::Entry;
use crate::spec::workload::{AttentionFlops, Recompute, WorkloadSpec};
use crate::units::{Bytes, Cycles};

/// Hash of everything that a run depends on: its specs.
pub(crate) fn spec_hash(specs: &impl Serialize) -> String {
    let text = serde_json::to_string(specs).unwrap_or_default();
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// Resolved values with unit and source.
pub(crate) fn entries(entries: &[Entry]) -> Vec<SpecEntry> {
    let row = |entry: &Entry| SpecEntry {
        key: entry.key.clone(),
        value: entry.value.clone(),
        unit: entry.unit.clone(),
        mark: entry.mark.map(|mark| mark.to_string()).unwrap_or_default(),
        source: if entry.source.is_empty() { entry.file.clone() } else { entry.source.clone() },
    };
    entries.iter().map(row).collect()
}

/// SRAM of a PE at its fullest.
pub(super) fn memory(plan: &Plan, pes: u64) -> Memory {
    let capacity = plan.memory.capacity;
    let row = |(what, bytes): &(String, Bytes)| MemoryRow {
        what: what.clone(),
        bytes_per_pe: *bytes,
        bytes_total: *bytes * pes,
        share: bytes.as_f64() / capacity.as_f64(),
    };
    Memory { capacity_bytes_per_pe: capacity, rows: plan.memory.rows.iter().map(row).collect() }
}

/// The run, the dense wafer and the GPUs; `flops` of the step with all weights, and without its zeros.
pub(super) fn baselines(
    request: &Request,
    level: f64,
    [sparse, dense]: [Step<'_>; 2],
    seconds: f64,
    [flops, effective]: [f64; 2],
) -> Vec<BaselineRow> {
    let (workload, machine) = (&request.workload.spec, &request.machine.spec);
    let sequences = f64::from(workload.training.batch_sequences);
    let tokens = sequences * f64::from(workload.training.sequence_tokens);
    let wafer = Cycles(dense.timeline.cycles).at(machine.fabric.clock).0;
    let joules = |seconds: f64| Some(seconds * machine.power.system_kw * 1e3);
    let this = BaselineRow {
        name: machine.name.clone(),
        kind: BaselineKind::ThisRun,
        devices: 1,
        step_seconds: seconds,
        samples_per_s: sequences / seconds,
        tokens_per_s: tokens / seconds,
        wafer_speedup: 1.0,
        hbm_bytes: Bytes::ZERO,
        link_bytes: over_the_edge(sparse),
        flops: effective,
        energy_j: joules(seconds),
        validation_error: None,
        gpus: None,
        note: "simulated; zeros of weights are skipped".to_owned(),
    };
    let without_zeros = BaselineRow {
        name: format!("{}, dense", machine.name),
        kind: BaselineKind::DenseWafer,
        devices: 1,
        step_seconds: wafer,
        samples_per_s: sequences / wafer,
        tokens_per_s: tokens / wafer,
        wafer_speedup: dense.timeline.cycles as f64 / sparse.timeline.cycles as f64,
        hbm_bytes: Bytes::ZERO,
        link_bytes: over_the_edge(dense),
        flops,
        energy_j: joules(wafer),
        validation_error: None,
        gpus: None,
        note: "the same step and mapping without zeros".to_owned(),
    };
    let gpus = gpus::rows(workload, &request.gpus, level, seconds);
    [this, without_zeros].into_iter().chain(gpus).collect()
}

/// Weights in and gradients out over the wafer's links in a step.
fn over_the_edge(step: Step<'_>) -> Bytes {
    step.timeline.runs.iter().map(|run| step.jobs[run.job].bytes_in + step.jobs[run.job].bytes_out).sum()
}

/// What was simulated, composed and counted.
pub(super) fn notes(plan: &Plan, workload: &WorkloadSpec, masks: &Masks, ops: &[OpRow]) -> Vec<String> {
    let m = plan.mapping.summary();
    let mut notes = vec![
        masks.says(),
        format!(
            "{} x {} PEs in use{}, {} tokens a PE; {} micro-batches of {} sequences; {} columns for a key/value head.",
            m.width,
            m.rows,
            if m.replicas > 1 { format!(" by each of {} replicas", m.replicas) } else { String::new() },
            m.tokens_per_pe,
            plan.micro_batches,
            m.micro_batch_sequences,
            m.columns_per_kv_head
        ),
        format!(
            "The backward pass {}.",
            if plan.recompute == Recompute::Block {
                "runs the forward pass of each block again; FLOPs count the model's own work only"
            } else {
                "finds all activations in memory"
            }
        ),
        "Simulated: every kernel of the step. Composed: kernels one after another, weights and gradients on the wafer's \
         links (first in, first out, ahead of use up to the prefetch buffer). The weight store updates weights when all \
         gradients of the step before are in, and a weight of the first micro-batch waits for its update."
            .to_owned(),
        timed(ops),
        format!(
            "Attention is computed over all pairs of tokens; FLOPs are counted {}.",
            match workload.training.attention_flops {
                AttentionFlops::Full => "over all pairs too",
                AttentionFlops::Causal => "over the causal half",
            }
        ),
    ];
    if workload.training.squarehead().is_some() {
        notes.push(
            "A dense teacher goes forward in each micro-batch, between the student's loss and its backward pass; its \
             weights stream in too, and what its blocks make stays in SRAM. SquareHead takes its means over the tokens \
             of a micro-batch. The dense step has the teacher as well."
                .to_owned(),
        );
    }
    notes
}

/// Which engine timed what, and what of it is exact.
fn timed(ops: &[OpRow]) -> String {
    let count = |of: &dyn Fn(&OpRow) -> bool| ops.iter().filter(|op| of(op)).count();
    let by = |engine| count(&|op| op.engine == Some(engine));
    let sampled = count(&|op| op.simulated == Simulated::Sampled);
    let exact = if sampled == 0 {
        format!("None of {} ops is sampled: all cycles are exact.", ops.len())
    } else {
        format!("{sampled} of {} ops are sampled, with the errors listed; all others are exact.", ops.len())
    };
    format!(
        "Engines: the fast one timed {} ops, each whole and with its own mask, and gives what the reference engine gives; \
         the reference engine timed {}. {exact}",
        by(Engine::Fast),
        by(Engine::Reference),
    )
}

/// Spans for the Gantt chart: runs of one part of the model without a gap between them are one span.
pub(super) fn spans(graph: &TrainGraph, step: Step<'_>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut push = |label: String, lane: Lane, from: u64, to: u64, group: &str| {
        if to <= from {
            return;
        }
        if let Some(last) = spans.iter_mut().rev().find(|s| s.lane == lane)
            && last.label == label
            && last.end_cycle.0 == from
        {
            last.end_cycle = Cycles(to);
            return;
        }
        spans.push(Span {
            label,
            lane,
            start_cycle: Cycles(from),
            end_cycle: Cycles(to),
            group: group.to_owned(),
        });
    };
    for run in &step.timeline.runs {
        let job = &step.jobs[run.job];
        let part = match (run.again, phase(job.phase)) {
            (true, _) => "recompute",
            (_, Phase::Forward) => "forward",
            (_, Phase::Teacher) => "teacher",
            _ => "backward",
        };
        let place = place(graph, job);
        let label = format!("micro-batch {}, {part}, {place}", run.micro_batch);
        push(label.clone(), Lane::Compute, run.start, run.end, part);
        push(label.clone(), Lane::WeightsIn, run.weights.0, run.weights.1, part);
        push(label, Lane::GradientsOut, run.gradients.0, run.gradients.1, part);
    }
    for &(job, (from, to)) in &step.timeline.updates {
        push(format!("update, {}", place(graph, &step.jobs[job])), Lane::Store, from, to, "update");
    }
    spans
}

/// Part of the model that a job belongs to.
fn place(graph: &TrainGraph, job: &Job) -> String {
    job.layer.map_or_else(|| graph.op(job.op).name.clone(), |layer| format!("layer {layer}"))
}
