//! A training step of which one block is simulated for all blocks with masks of the same density.
//!
//! Masks of a pattern differ from layer to layer in where their zeros are, and so do the cycles of their products, by
//! some per mille. Everything else of the step is as in `run`: the order of kernels, links, store, micro-batches.

use std::collections::BTreeMap;

use crate::lower::job::{Job, Kernel, WeightKernel, jobs};
use crate::lower::plan::{Plan, plan_with};
use crate::lower::timing::Timing;
use crate::run::RunError;
use crate::simulate::{Engines, Known, SimulateError, Times};
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
use crate::timeline::{Timeline, compose, order};
use crate::units::Seconds;

/// A step.
#[derive(Clone, Debug)]
pub struct StudyStep {
    /// Its jobs: those of blocks that are alike share kernels.
    pub jobs: Vec<Job>,
    /// Times of their kernels.
    pub times: Times,
    /// How they follow each other.
    pub timeline: Timeline,
    /// At the machine's clock.
    pub seconds: Seconds,
}

/// A step of `workload` on `machine`, on the mapping with the lowest bound; kernels that are `known` are not simulated.
///
/// # Errors
/// [`RunError`]
pub fn step(workload: &WorkloadSpec, machine: &WaferSpec, known: &Known) -> Result<StudyStep, RunError> {
    let masks = Masks::new(workload)?;
    let plan = plan_with(workload, machine, &masks)?;
    Ok(step_of((workload, &masks), machine, &plan, known)?)
}

/// The step of a plan; kernels that are `known` are not simulated.
///
/// # Errors
/// [`SimulateError`]
pub fn step_of(
    (workload, masks): (&WorkloadSpec, &Masks),
    machine: &WaferSpec,
    plan: &Plan,
    known: &Known,
) -> Result<StudyStep, SimulateError> {
    let mut jobs = jobs(&plan.graph, &plan.mapping, masks, workload, machine);
    share(&mut jobs, masks);
    let timing = Timing { mapping: &plan.mapping, precision: workload.training.precision, machine };
    let times = known.simulate(&jobs, timing, (workload, masks), Engines::Fast, &|_, _| ())?;
    let cycles: Vec<u64> = jobs.iter().map(|job| times.of(&job.kernel).cycles).collect();
    let order = order(&plan.graph, &jobs, plan.recompute);
    let timeline = compose(&jobs, &order, &cycles, plan.micro_batches, machine);
    let seconds = crate::units::Cycles(timeline.cycles).at(machine.fabric.clock);
    Ok(StudyStep { jobs, times, timeline, seconds })
}

/// Give all products that differ in their masks alone, with as many weights kept, the mask of the first of them.
fn share(jobs: &mut [Job], masks: &Masks) {
    let mut first = BTreeMap::new();
    for job in jobs {
        let Kernel::Weights(kernel) = &mut job.kernel else { continue };
        if let Some((layer, target)) = kernel.mask {
            let alike = (WeightKernel { mask: None, ..*kernel }, masks.nnz(layer, target));
            kernel.mask = *first.entry(alike).or_insert(kernel.mask);
        }
    }
}
