//! One point end to end: specs in, record out. Read this first.

use crate::assemble::{self, Step};
use crate::baseline::roofline;
use crate::fabric::Fault;
use crate::graph::Target;
use crate::lower::job::jobs;
use crate::lower::plan::{Plan, PlanError, plan};
use crate::lower::timing::Timing;
use crate::record::{
    BaselineKind, BaselineRow, FlopsTable, Memory, MemoryRow, Provenance, RunRecord, SpecEntry, Summary,
};
use crate::simulate::simulate;
use crate::sparsity::{Masks, UnknownTarget};
use crate::spec::gpu::GpuSpec;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{AttentionFlops, WorkloadSpec};
use crate::spec::{Entry, Resolved};
use crate::timeline::{compose, order};
use crate::units::{Bytes, Cycles};
use crate::verify;

/// What to run.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is trained.
    pub workload: Resolved<WorkloadSpec>,
    /// On which wafer.
    pub machine: Resolved<WaferSpec>,
    /// GPUs to compare with.
    pub gpus: Vec<(String, GpuSpec)>,
    /// Command line, for the record.
    pub command: String,
}

/// How a run can fail.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The workload does not fit the machine, or cannot be built.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A target that the model does not have.
    #[error(transparent)]
    Target(#[from] UnknownTarget),
    /// A program of ours that does not run.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Values that cannot be checked.
    #[error(transparent)]
    Verify(#[from] verify::VerifyError),
}

/// What a long run says while it works.
pub trait Progress: Sync {
    /// A new stage has begun.
    fn stage(&self, what: &str);
    /// So many of so many kernels are done.
    fn kernel(&self, done: usize, of: usize);
}

/// Run one training step and its dense twin.
///
/// # Errors
/// [`RunError`]; the user's faults are [`RunError::Plan`] and [`RunError::Target`].
pub fn run(request: &Request, progress: &dyn Progress) -> Result<RunRecord, RunError> {
    let (workload, machine) = (&request.workload.spec, &request.machine.spec);
    progress.stage("placing the model");
    let plan = plan(workload, machine)?;
    let dense_workload = dense(workload);
    let (masks, no_masks) = (Masks::new(workload)?, Masks::new(&dense_workload)?);
    let sparse_jobs = jobs(&plan.graph, &plan.mapping, &masks, workload, machine);
    let dense_jobs = jobs(&plan.graph, &plan.mapping, &no_masks, &dense_workload, machine);

    progress.stage("simulating kernels");
    let timing = Timing { mapping: &plan.mapping, precision: workload.training.precision, machine };
    let all = [sparse_jobs.as_slice(), dense_jobs.as_slice()].concat();
    let times = simulate(&all, timing, &masks, &|done, of| progress.kernel(done, of))?;

    let sequence = order(&plan.graph, &sparse_jobs, plan.recompute);
    let timeline_of = |jobs: &[_]| {
        let cycles: Vec<u64> =
            jobs.iter().map(|job: &crate::lower::job::Job| times.of(&job.kernel).cycles).collect();
        compose(jobs, &sequence, &cycles, plan.micro_batches, machine)
    };
    let (timeline, dense_timeline) = (timeline_of(&sparse_jobs), timeline_of(&dense_jobs));
    let pes = u64::from(machine.fabric.width_pes) * u64::from(machine.fabric.height_pes);
    let sparse = Step { jobs: &sparse_jobs, times: &times, timeline: &timeline, pes };
    let dense = Step { jobs: &dense_jobs, times: &times, timeline: &dense_timeline, pes };

    progress.stage("checking values");
    let verification = verify::check(workload, machine)?;
    Ok(record(request, &plan, &masks, sparse, dense, verification))
}

/// The same workload without zeros.
fn dense(workload: &WorkloadSpec) -> WorkloadSpec {
    let mut dense = workload.clone();
    dense.sparsity.level = 0.0;
    dense
}

fn record(
    request: &Request,
    plan: &Plan,
    masks: &Masks,
    sparse: Step<'_>,
    dense: Step<'_>,
    verification: crate::record::Verification,
) -> RunRecord {
    let (workload, machine) = (&request.workload.spec, &request.machine.spec);
    let flops = |convention| {
        let nonzeros = |tensor| {
            let tensor = plan.graph.tensor(tensor);
            tensor.target.map_or_else(|| tensor.elements(), |target: Target| masks.nnz(target))
        };
        assemble::flops(plan.graph.step_work(convention, nonzeros), u64::from(plan.micro_batches))
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
    let breakdown = assemble::breakdown(sparse);
    let sampling = assemble::sampling(sparse);
    let macs = sparse.jobs.iter().map(|job| job.macs_effective * u64::from(plan.micro_batches)).sum();
    let summary = Summary {
        step_cycles: Cycles(cycles),
        step_seconds: seconds,
        samples_per_s: sequences / seconds,
        tokens_per_s: sequences * f64::from(workload.training.sequence_tokens) / seconds,
        flops_dense: counted.dense,
        flops_effective: counted.effective,
        theoretical_speedup: theory,
        bound_speedup: dense.timeline.cycles as f64 / assemble::bound_cycles(sparse, dense),
        achieved_speedup: dense.timeline.cycles as f64 / cycles as f64,
        utilization: assemble::utilization(macs, cycles, sparse.pes, machine),
        limiter: assemble::limiter(&breakdown),
        verified: verification.checks.iter().all(|check| check.ok) && !verification.checks.is_empty(),
        approximate: !sampling.is_empty(),
        engine: "reference".to_owned(),
        pe_count: sparse.pes,
        pe_cycles_simulated: sparse.times.all().iter().map(|time| time.simulated).sum(),
        wall_seconds: 0.0,
        peak_memory_bytes: Bytes::ZERO,
    };
    RunRecord {
        name: format!("{}-{}-{:.0}", workload.name, machine.name, 100.0 * workload.sparsity.level),
        title: format!(
            "{}, {:.0} % sparse, one training step on {}",
            workload.name,
            100.0 * workload.sparsity.level,
            machine.name
        ),
        provenance: Provenance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spec_hash: spec_hash(workload, machine),
            seed: workload.sparsity.seed,
            host_threads: rayon::current_num_threads() as u32,
            command: request.command.clone(),
        },
        baselines: baselines(request, plan, sparse, dense, seconds, counted.dense.as_f64()),
        ops: assemble::op_rows(sparse, dense, machine),
        waterfall: assemble::waterfall(theory, sparse, dense),
        timeline: assemble::spans(&plan.graph, sparse),
        memory: memory(plan, sparse.pes),
        notes: notes(plan, workload),
        summary,
        flops: table,
        breakdown,
        machine: machine.clone(),
        workload: workload.clone(),
        machine_entries: entries(&request.machine.entries),
        workload_entries: entries(&request.workload.entries),
        verification,
        sampling,
    }
}

fn spec_hash(workload: &WorkloadSpec, machine: &WaferSpec) -> String {
    let text = serde_json::to_string(&(workload, machine)).unwrap_or_default();
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn entries(entries: &[Entry]) -> Vec<SpecEntry> {
    let row = |entry: &Entry| SpecEntry {
        key: entry.key.clone(),
        value: entry.value.clone(),
        unit: entry.unit.clone(),
        mark: entry.mark.map(|mark| mark.to_string()).unwrap_or_default(),
        source: if entry.source.is_empty() { entry.file.clone() } else { entry.source.clone() },
    };
    entries.iter().map(row).collect()
}

fn memory(plan: &Plan, pes: u64) -> Memory {
    let capacity = plan.memory.capacity;
    let row = |(what, bytes): &(String, Bytes)| MemoryRow {
        what: what.clone(),
        bytes_per_pe: *bytes,
        bytes_total: *bytes * pes,
        share: bytes.as_f64() / capacity.as_f64(),
    };
    Memory { capacity_bytes_per_pe: capacity, rows: plan.memory.rows.iter().map(row).collect() }
}

fn baselines(
    request: &Request,
    plan: &Plan,
    sparse: Step<'_>,
    dense: Step<'_>,
    seconds: f64,
    flops: f64,
) -> Vec<BaselineRow> {
    let (workload, machine) = (&request.workload.spec, &request.machine.spec);
    let sequences = f64::from(workload.training.batch_sequences);
    let tokens = sequences * f64::from(workload.training.sequence_tokens);
    let wafer = Cycles(dense.timeline.cycles).at(machine.fabric.clock).0;
    let mut rows = vec![BaselineRow {
        name: format!("{}, dense", machine.name),
        kind: BaselineKind::DenseWafer,
        devices: 1,
        step_seconds: wafer,
        samples_per_s: sequences / wafer,
        tokens_per_s: tokens / wafer,
        wafer_speedup: dense.timeline.cycles as f64 / sparse.timeline.cycles as f64,
        hbm_bytes: Bytes::ZERO,
        flops,
        energy_j: Some(wafer * machine.power.system_kw * 1e3),
        validation_error: None,
        note: "the same step and mapping without zeros".to_owned(),
    }];
    for (name, gpu) in &request.gpus {
        let bytes = workload.training.precision.bytes();
        let estimate = roofline::estimate(&plan.graph, plan.micro_batches, bytes, gpu);
        rows.push(BaselineRow {
            name: name.clone(),
            kind: BaselineKind::Gpu,
            devices: 1,
            step_seconds: estimate.step.0,
            samples_per_s: sequences / estimate.step.0,
            tokens_per_s: tokens / estimate.step.0,
            wafer_speedup: estimate.step.0 / seconds,
            hbm_bytes: estimate.hbm,
            flops: estimate.flops.as_f64(),
            energy_j: Some(estimate.energy_j),
            validation_error: None,
            note: "roofline with measured GEMM and memory efficiency; unstructured zeros save it nothing"
                .to_owned(),
        });
    }
    rows
}

fn notes(plan: &Plan, workload: &WorkloadSpec) -> Vec<String> {
    let m = plan.mapping.summary();
    vec![
        format!(
            "{} x {} PEs in use, {} tokens a PE; {} micro-batches of {} sequences; {} columns for a key/value head.",
            m.width, m.rows, m.tokens_per_pe, plan.micro_batches, m.micro_batch_sequences, m.columns_per_kv_head
        ),
        format!(
            "The backward pass {}.",
            if plan.recompute == crate::spec::workload::Recompute::Block {
                "runs the forward pass of each block again; FLOPs count the model's own work only"
            } else {
                "finds all activations in memory"
            }
        ),
        "Simulated: every kernel of the step. Composed: kernels one after another, weights and gradients on the wafer's \
         links (first in, first out, ahead of use up to the prefetch buffer). The optimizer runs at the weight store and \
         overlaps the stream of gradients."
            .to_owned(),
        format!(
            "Attention is computed over all pairs of tokens; FLOPs are counted {}.",
            match workload.training.attention_flops {
                AttentionFlops::Full => "over all pairs too",
                AttentionFlops::Causal => "over the causal half",
            }
        ),
    ]
}
