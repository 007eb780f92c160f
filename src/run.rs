//! One point end to end: specs in, record out. Read this first.

use crate::assemble::{self, Step};
use crate::lower::job::{Job, jobs};
use crate::lower::plan::{Plan, PlanError, plan_with};
use crate::lower::timing::Timing;
use crate::record::{RunRecord, Verification};
use crate::simulate::{Agreement, Engines, Known, SimulateError, Times, agree};
use crate::sparsity::{Masks, MasksError};
use crate::spec::Resolved;
use crate::spec::gpu::GpuSpec;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
use crate::timeline::{Timeline, compose, order};
use crate::verify;

/// What to run.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is trained.
    pub workload: Resolved<WorkloadSpec>,
    /// On which wafer.
    pub machine: Resolved<WaferSpec>,
    /// Its masks ([`Masks::open`]).
    pub masks: Masks,
    /// GPUs to compare with.
    pub gpus: Vec<(String, GpuSpec)>,
    /// Which engines time its kernels.
    pub engines: Engines,
    /// Command line, for the record.
    pub command: String,
}

/// How a run can fail.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The workload does not fit the machine, or cannot be built.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Masks that cannot be had.
    #[error(transparent)]
    Masks(#[from] MasksError),
    /// A program of ours that is illegal or does not run.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
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

/// A step and its dense twin, as they were simulated.
#[derive(Debug)]
pub struct Simulation {
    /// Where things lie, and one micro-batch.
    pub plan: Plan,
    /// What runs, sparse and dense.
    pub jobs: [Vec<Job>; 2],
    /// Kernel times of both.
    pub times: Times,
    /// The sparse step.
    pub timeline: Timeline,
    /// The dense one.
    pub dense: Timeline,
    /// The sparse one with each op at best: the dense op's cycles times its own density.
    pub bound: Timeline,
    /// Whether the engines agree, where that was asked for.
    agreement: Option<Agreement>,
}

/// Run one training step and its dense twin.
///
/// # Errors
/// [`RunError`]; the user's faults are [`RunError::Plan`] and [`RunError::Masks`].
pub fn run(request: &Request, progress: &dyn Progress) -> Result<RunRecord, RunError> {
    run_knowing(request, &Known::default(), progress).map(|(record, _)| record)
}

/// The same where some kernels are `known`, and the simulation behind the record.
///
/// # Errors
/// As [`run`].
pub fn run_knowing(
    request: &Request,
    known: &Known,
    progress: &dyn Progress,
) -> Result<(RunRecord, Simulation), RunError> {
    let plan = place(request, progress)?;
    // Values do not depend on times.
    let (simulation, verification) =
        rayon::join(|| time(request, plan, known, progress), || check_values(request));
    let simulation = simulation?;
    Ok((record(request, &simulation, verification?), simulation))
}

/// Simulate the step; kernels that are `known` are not simulated again.
///
/// # Errors
/// As [`run`].
pub fn simulate(request: &Request, known: &Known, progress: &dyn Progress) -> Result<Simulation, RunError> {
    time(request, place(request, progress)?, known, progress)
}

/// Where the model lies on the machine.
fn place(request: &Request, progress: &dyn Progress) -> Result<Plan, RunError> {
    progress.stage("placing the model");
    Ok(plan_with(&request.workload.spec, &request.machine.spec, &request.masks)?)
}

/// How long all kernels take, and the steps that they make.
fn time(
    request: &Request,
    plan: Plan,
    known: &Known,
    progress: &dyn Progress,
) -> Result<Simulation, RunError> {
    let (workload, machine) = (&request.workload.spec, &request.machine.spec);
    let masks = &request.masks;
    let dense_workload = workload.dense();
    let no_masks = Masks::new(&dense_workload)?;
    let sparse_jobs = jobs(&plan.graph, &plan.mapping, masks, workload, machine);
    let dense_jobs = jobs(&plan.graph, &plan.mapping, &no_masks, &dense_workload, machine);

    progress.stage("simulating kernels");
    let timing = Timing { mapping: &plan.mapping, precision: workload.training.precision, machine };
    let all = [sparse_jobs.as_slice(), dense_jobs.as_slice()].concat();
    let agreement = (request.engines == Engines::Both).then(|| agree(&all, timing, masks)).transpose()?;
    let tell = |done, of| progress.kernel(done, of);
    let times = known.simulate(&all, timing, (workload, masks), request.engines, &tell)?;

    let sequence = order(&plan.graph, &sparse_jobs, plan.recompute);
    let cycles = |jobs: &[Job]| -> Vec<u64> { jobs.iter().map(|job| times.of(&job.kernel).cycles).collect() };
    let (mine, theirs) = (cycles(&sparse_jobs), cycles(&dense_jobs));
    // Each op at best: the dense one's cycles times its own density.
    let best = theirs.iter().zip(&sparse_jobs).map(|(&dense, job)| (dense as f64 * job.density()) as u64);
    let best: Vec<u64> = best.collect();
    let step = |jobs, cycles| compose(jobs, &sequence, cycles, plan.micro_batches, machine);
    let (timeline, dense) = (step(&sparse_jobs, &mine), step(&dense_jobs, &theirs));
    let bound = step(&sparse_jobs, &best);
    Ok(Simulation { plan, jobs: [sparse_jobs, dense_jobs], times, timeline, dense, bound, agreement })
}

/// Whether the values of the step, at reduced size, are those of the oracle.
fn check_values(request: &Request) -> Result<Verification, RunError> {
    let small = WorkloadSpec { sparsity: request.masks.stand_in(), ..request.workload.spec.clone() };
    Ok(verify::check(&small, &request.machine.spec)?)
}

/// Write down all that is known about a step.
fn record(request: &Request, simulation: &Simulation, mut verification: Verification) -> RunRecord {
    let fabric = &request.machine.spec.fabric;
    let Simulation { plan, times, .. } = simulation;
    let pes = u64::from(fabric.width_pes) * u64::from(fabric.height_pes);
    let sparse = Step { jobs: &simulation.jobs[0], times, timeline: &simulation.timeline, pes };
    let dense = Step { jobs: &simulation.jobs[1], times, timeline: &simulation.dense, pes };
    if let Some(agreement) = simulation.agreement.clone() {
        agreement.add_to(&mut verification);
    }
    assemble::record(request, plan, &request.masks, [sparse, dense], &simulation.bound, verification)
}
