//! A simulated step and its dense twin as a record: sums, ratios and the waterfall.

use std::collections::BTreeMap;

use crate::fabric::{Activity, Breakdown};
use crate::graph::flops::{StepWork, Work};
use crate::graph::{self, TrainGraph};
use crate::lower::job::{Job, Kernel};
use crate::record::Lane;
use crate::record::{
    CategoryCycles, CategoryShare, FlopsByPhase, OpRow, Phase, PhaseFlops, SamplingRow, Simulated, Span,
    WaterfallStep,
};
use crate::simulate::{KernelTime, Times};
use crate::spec::wafer::WaferSpec;
use crate::timeline::Timeline;
use crate::units::{Cycles, Macs};

/// Label of the time in which PEs wait for weights or gradients on the wafer's links.
pub const LINKS: &str = "wait for links";

/// One step: jobs, their times, how they follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Jobs of a micro-batch.
    pub jobs: &'a [Job],
    /// Kernel times.
    pub times: &'a Times,
    /// The composed step.
    pub timeline: &'a Timeline,
    /// PEs of the machine.
    pub pes: u64,
}

impl Step<'_> {
    fn time(&self, job: usize) -> &KernelTime {
        self.times.of(&self.jobs[job].kernel)
    }

    /// Runs of each job, not counting those that run again, and those that do.
    fn runs(&self) -> BTreeMap<(usize, bool), u64> {
        let mut runs = BTreeMap::new();
        for run in &self.timeline.runs {
            *runs.entry((run.job, run.again)).or_insert(0) += 1;
        }
        runs
    }

    /// Cycles in which no kernel runs.
    pub fn waiting(&self) -> u64 {
        let busy: u64 = self.runs().iter().map(|(&(job, _), &n)| self.time(job).cycles * n).sum();
        self.timeline.cycles - busy
    }

    /// PE cycles by activity of one run of a job on the whole machine.
    fn activity(&self, job: usize) -> Breakdown {
        let time = self.time(job);
        let copies = u64::from(self.jobs[job].copies);
        let mut all = Breakdown::default();
        all.merge(&time.activity, copies);
        let total = time.cycles * self.pes;
        all.add(Activity::Idle, total.saturating_sub(all.total()));
        all
    }

    /// PE cycles by activity of the whole step, without the waiting for links.
    pub fn total_activity(&self) -> Breakdown {
        let mut all = Breakdown::default();
        for (&(job, _), &n) in &self.runs() {
            all.merge(&self.activity(job), n);
        }
        all
    }
}

/// Where the PE cycles of a step went; shares sum to 1.
pub fn breakdown(step: Step<'_>) -> Vec<CategoryShare> {
    let all = step.total_activity();
    let total = (step.timeline.cycles * step.pes) as f64;
    let row = |category: &str, pe_cycles: u64| CategoryShare {
        category: category.to_owned(),
        pe_cycles,
        share: pe_cycles as f64 / total,
    };
    let mut rows: Vec<CategoryShare> =
        Activity::ALL.into_iter().map(|kind| row(category(kind), all.of(kind))).collect();
    rows.insert(rows.len() - 1, row(LINKS, step.waiting() * step.pes));
    rows.retain(|row| row.pe_cycles > 0);
    rows
}

/// The names that records use: multiply-adds are what a PE is there for.
fn category(kind: Activity) -> &'static str {
    if kind == Activity::Mac { "useful" } else { kind.label() }
}

/// A row for each op, and for each op that runs again.
pub fn op_rows(sparse: Step<'_>, dense: Step<'_>, machine: &WaferSpec) -> Vec<OpRow> {
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
pub fn utilization(macs: Macs, cycles: u64, pes: u64, machine: &WaferSpec) -> f64 {
    macs.as_f64() / (cycles.max(1) as f64 * pes as f64 * machine.pe.simd.fma_16)
}

fn phase(phase: graph::Phase) -> Phase {
    match phase {
        graph::Phase::Forward => Phase::Forward,
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
        Kernel::Scatter => "scatter".to_owned(),
        Kernel::Gather => "gather".to_owned(),
        Kernel::ColumnSum(_) => "column sum".to_owned(),
        Kernel::OffWafer => "off the wafer".to_owned(),
    }
}

/// FLOPs of `times` micro-batches by phase.
pub fn flops(work: StepWork, times: u64) -> FlopsByPhase {
    let phase = |w: Work| PhaseFlops { dense: w.dense() * times, effective: w.effective() * times };
    FlopsByPhase {
        forward: phase(work.forward),
        dx: phase(work.backward_data),
        dw: phase(work.backward_weight),
        optimizer: phase(work.optimizer),
    }
}

/// The dense step with each op that can skip sped up by its own 1/density and nobody waiting for links: no
/// sparse step can be shorter, since no kernel passes its own theory.
pub fn bound_cycles(sparse: Step<'_>, dense: Step<'_>) -> f64 {
    sparse
        .runs()
        .into_iter()
        .map(|((job, _), n)| dense.time(job).cycles as f64 * sparse.jobs[job].density() * n as f64)
        .sum()
}

/// From theory over the bound to what was achieved. Each part is the PE time of an activity beyond the dense
/// step's times density, in the ops that can skip, as a mean over all PEs; what is left is the waiting for
/// links. They sum to the difference of the two steps exactly.
pub fn waterfall(theory: f64, sparse: Step<'_>, dense: Step<'_>) -> Vec<WaterfallStep> {
    let dense_cycles = dense.timeline.cycles as f64;
    let bound = bound_cycles(sparse, dense);
    let mut excess = [0.0; Activity::ALL.len()];
    for ((job, _), n) in sparse.runs() {
        let (mine, theirs) = (sparse.activity(job), dense.activity(job));
        let density = sparse.jobs[job].density();
        for kind in Activity::ALL {
            let beyond = mine.of(kind) as f64 - theirs.of(kind) as f64 * density;
            excess[kind as usize] += beyond * n as f64 / sparse.pes as f64;
        }
    }
    let of = |kinds: &[Activity]| kinds.iter().map(|&k| excess[k as usize]).sum::<f64>();
    let parts = [
        ("arithmetic that rounds up", of(&[Activity::Mac, Activity::Vector])),
        ("instruction setup", of(&[Activity::Setup])),
        ("row ends: task control", of(&[Activity::Control, Activity::Latency])),
        ("row-end reduction", of(&[Activity::Reduce])),
        ("load imbalance between columns", of(&[Activity::WaitBuffer, Activity::WaitInput])),
        ("fabric contention", of(&[Activity::WaitOutput])),
        ("fill, drain and idle PEs", of(&[Activity::Idle])),
        ("weight stream over the links", sparse.waiting() as f64),
    ];
    let mut steps = vec![WaterfallStep {
        label: "work mix".to_owned(),
        speedup_before: theory,
        speedup_after: dense_cycles / bound,
    }];
    let mut cycles = bound;
    for (label, part) in parts {
        let before = dense_cycles / cycles;
        cycles += part;
        steps.push(WaterfallStep {
            label: label.to_owned(),
            speedup_before: before,
            speedup_after: dense_cycles / cycles,
        });
    }
    steps
}

/// What takes most of the step beyond useful arithmetic, in words.
pub fn limiter(rows: &[CategoryShare]) -> String {
    rows.iter().filter(|row| row.category != "useful").max_by(|a, b| a.share.total_cmp(&b.share)).map_or_else(
        || "multiply-adds".to_owned(),
        |row| format!("{} ({:.0} % of all PE cycles)", row.category, 100.0 * row.share),
    )
}

/// Kernels that were sampled, one row for all that share a time.
pub fn sampling(step: Step<'_>) -> Vec<SamplingRow> {
    let mut rows: BTreeMap<usize, (SamplingRow, Vec<&Kernel>)> = BTreeMap::new();
    for job in step.jobs {
        let Some(sample) = step.times.of(&job.kernel).sample else { continue };
        let (_, kernels) = rows.entry(step.times.class(&job.kernel)).or_insert_with(|| {
            let row = SamplingRow {
                op: job.name.clone(),
                simulated_rows: sample.simulated,
                total_rows: sample.total,
                measured_error: sample.error,
            };
            (row, Vec::new())
        });
        if !kernels.contains(&&job.kernel) {
            kernels.push(&job.kernel);
        }
    }
    let named = |(mut row, kernels): (SamplingRow, Vec<&Kernel>)| {
        if kernels.len() > 1 {
            row.op = format!("{} and {} masks like it", row.op, kernels.len() - 1);
        }
        row
    };
    rows.into_values().map(named).collect()
}

/// Spans for the Gantt chart: neighbouring runs of one part of the model are one span.
pub fn spans(graph: &TrainGraph, step: Step<'_>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut push = |label: String, lane: Lane, from: u64, to: u64, group: &str| {
        if to <= from {
            return;
        }
        if let Some(last) = spans.iter_mut().rev().find(|s| s.lane == lane)
            && last.label == label
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
            _ => "backward",
        };
        let place = job.layer.map_or_else(|| graph.op(job.op).name.clone(), |layer| format!("layer {layer}"));
        let label = format!("micro-batch {}, {part}, {place}", run.micro_batch);
        push(label.clone(), Lane::Compute, run.start, run.end, part);
        push(label.clone(), Lane::WeightsIn, run.weights.0, run.weights.1, part);
        push(label, Lane::GradientsOut, run.gradients.0, run.gradients.1, part);
    }
    spans
}
