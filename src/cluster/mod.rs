//! Many wafers: one step in data parallel on clusters of several sizes.
//!
//! ```text
//! step of one system (Timeline) -> Share -> weights down a tree, gradients up -> ClusterRecord
//! ```
//!
//! Weak scaling keeps the batch of a system and needs one simulation for all sizes. Strong scaling divides the batch of
//! the workload; kernels that a smaller share has in common with a larger one are simulated once.

mod assemble;
pub mod share;
pub mod step;
pub mod tree;

pub use share::Share;
pub use step::{ClusterStep, step};

use crate::record::{ClusterRecord, Scaling};
use crate::run::{Progress, Request, RunError, Simulation, run_knowing, simulate};
use crate::simulate::Known;
use crate::spec::wafer::WaferSpec;

/// What to scale.
#[derive(Clone, Debug)]
pub struct ClusterRequest {
    /// The step of one system; of all systems together in strong scaling.
    pub step: Request,
    /// Systems of each cluster, rising; each at most [`ClusterSpec::most_systems`](crate::spec::wafer::ClusterSpec).
    pub systems: Vec<u32>,
    /// What stays the same.
    pub scalings: Vec<Scaling>,
}

/// A step on some systems, sparse, dense, and at the bound.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// As it is.
    pub sparse: ClusterStep,
    /// Without zeros.
    pub dense: ClusterStep,
    /// With every op at the dense one's cycles times its density.
    pub bound: ClusterStep,
}

/// The step of every cluster.
///
/// # Errors
/// As [`crate::run::run`].
pub fn scale(request: &ClusterRequest, progress: &dyn Progress) -> Result<ClusterRecord, RunError> {
    let (whole, machine) = (&request.step, &request.step.machine.spec);
    let known = Known::default();
    let (alone, simulation) = run_knowing(whole, &known, progress)?;
    let batch = whole.workload.spec.training.batch_sequences;
    let one = steps(&simulation, 1, machine);
    let mut points = Vec::new();
    for &scaling in &request.scalings {
        for &systems in &request.systems {
            let (share, steps) = match scaling {
                Scaling::Weak => (batch, steps(&simulation, systems, machine)),
                Scaling::Strong => {
                    let Some(part) = share_of(whole, systems) else { continue };
                    let simulation = simulate(&part, &known, progress)?;
                    (batch / systems, self::steps(&simulation, systems, machine))
                }
            };
            points.push(assemble::point(scaling, systems, share, one, steps, whole));
        }
    }
    Ok(assemble::record(request, alone, points))
}

/// The step of `systems` systems that each do what was simulated.
pub fn steps(simulation: &Simulation, systems: u32, machine: &WaferSpec) -> Steps {
    let graph = &simulation.plan.graph;
    let [sparse, dense] = &simulation.jobs;
    let of = |jobs, timeline| step(&Share::new(graph, jobs, timeline), systems, machine);
    Steps {
        sparse: of(sparse, &simulation.timeline),
        dense: of(dense, &simulation.dense),
        bound: of(sparse, &simulation.bound),
    }
}

/// The part of a batch that each of `systems` systems does; `None` where they cannot share it evenly.
pub fn share_of(request: &Request, systems: u32) -> Option<Request> {
    let mut part = request.clone();
    let training = &mut part.workload.spec.training;
    let share = training
        .batch_sequences
        .checked_div(systems)
        .filter(|share| share * systems == training.batch_sequences && *share > 0)?;
    training.batch_sequences = share;
    // A micro-batch is no larger than the share, and divides it.
    training.micro_batch_sequences = training.micro_batch_sequences.map(|most| largest_divisor(share, most));
    Some(part)
}

/// The largest number up to `most` that divides `whole`.
fn largest_divisor(whole: u32, most: u32) -> u32 {
    (1..=most.min(whole)).rev().find(|part| whole.is_multiple_of(*part)).unwrap_or(1)
}
