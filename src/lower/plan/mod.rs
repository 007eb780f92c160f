//! Which mapping a step runs with: the one with the lowest bound on its cycles among those that fit.
//!
//! The bound ranks candidates; cycles come from simulation.

mod bound;

use rayon::prelude::*;

use crate::graph::{GraphError, TrainGraph};
use crate::lower::job::jobs;
use crate::lower::mapping::Mapping;
use crate::lower::memory::{MemoryPlan, plan as memory_plan};
use crate::sparsity::{Masks, MasksError};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{Recompute, WorkloadSpec};
use bound::Products;

/// A mapping with its memory plan, and the graph of one micro-batch.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where things lie.
    pub mapping: Mapping,
    /// What lies in SRAM.
    pub memory: MemoryPlan,
    /// [`Recompute::None`] or [`Recompute::Block`].
    pub recompute: Recompute,
    /// One micro-batch.
    pub graph: TrainGraph,
    /// Micro-batches of a step.
    pub micro_batches: u32,
}

/// A step that cannot be placed on the machine.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The graph cannot be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Masks that cannot be had.
    #[error(transparent)]
    Masks(#[from] MasksError),
    /// No mapping fits; the reason of the one that came closest.
    #[error("{workload} does not fit {machine}: {reason}")]
    DoesNotFit {
        /// Workload.
        workload: String,
        /// Machine.
        machine: String,
        /// Why.
        reason: String,
    },
}

/// A mapping that was looked at.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where things would lie.
    pub mapping: Mapping,
    /// [`Recompute::None`] or [`Recompute::Block`].
    pub recompute: Recompute,
    /// What would lie in SRAM.
    pub memory: MemoryPlan,
    /// Micro-batches of a step.
    pub micro_batches: u32,
    /// Cycles of a step at least.
    pub bound: f64,
}

/// All mappings of a step, and why others are none.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// Those that fit, the lowest bound first.
    pub fit: Vec<Candidate>,
    /// Those that do not fit into SRAM, the closest first.
    pub too_large: Vec<Candidate>,
    /// How many cannot be placed at all, and the reason of the one that came closest.
    pub unplaced: (usize, Option<String>),
}

/// The plan of `workload` on `machine` on a single replica: what values are computed on.
///
/// # Errors
/// [`PlanError`] where nothing fits.
pub fn plan(workload: &WorkloadSpec, machine: &WaferSpec) -> Result<Plan, PlanError> {
    best(workload, machine, candidates_of(workload, machine, &Masks::new(&workload.dense())?, 1)?)
}

/// The plan of `workload` on `machine` with `masks`.
///
/// # Errors
/// [`PlanError`] where nothing fits.
pub fn plan_with(workload: &WorkloadSpec, machine: &WaferSpec, masks: &Masks) -> Result<Plan, PlanError> {
    best(workload, machine, candidates(workload, machine, masks)?)
}

/// All mappings of `workload` on `machine` with `masks`.
///
/// # Errors
/// [`PlanError::Graph`]
pub fn candidates(
    workload: &WorkloadSpec,
    machine: &WaferSpec,
    masks: &Masks,
) -> Result<Candidates, PlanError> {
    candidates_of(workload, machine, masks, MOST_REPLICAS)
}

/// The plan of a candidate.
///
/// # Errors
/// [`PlanError::Graph`]
pub fn plan_of(workload: &WorkloadSpec, candidate: Candidate) -> Result<Plan, PlanError> {
    let Candidate { mapping, memory, recompute, micro_batches, .. } = candidate;
    let graph = graph(workload, mapping.sequences())?;
    Ok(Plan { mapping, memory, recompute, graph, micro_batches })
}

fn best(workload: &WorkloadSpec, machine: &WaferSpec, found: Candidates) -> Result<Plan, PlanError> {
    let Candidates { mut fit, too_large, unplaced } = found;
    if !fit.is_empty() {
        return plan_of(workload, fit.swap_remove(0));
    }
    let over = too_large.first().and_then(|closest| closest.memory.refusal());
    Err(PlanError::DoesNotFit {
        workload: workload.name.clone(),
        machine: machine.name.clone(),
        reason: over.or(unplaced.1).unwrap_or_default(),
    })
}

fn candidates_of(
    workload: &WorkloadSpec,
    machine: &WaferSpec,
    masks: &Masks,
    most_replicas: u16,
) -> Result<Candidates, PlanError> {
    let training = &workload.training;
    let one = graph(workload, 1)?;
    let choices: &[Recompute] = match training.recompute {
        Recompute::Auto => &[Recompute::None, Recompute::Block],
        Recompute::None => &[Recompute::None],
        Recompute::Block => &[Recompute::Block],
    };
    let mut found = Candidates { fit: Vec::new(), too_large: Vec::new(), unplaced: (0, None) };
    let mut mappings = Vec::new();
    for (replicas, tokens) in places(training.sequence_tokens, most_replicas) {
        match place(workload, machine, (replicas, tokens)) {
            Ok(mapping) => mappings.push(mapping),
            // Later candidates put more tokens on a PE: they come closer.
            Err(reason) => {
                found.unplaced.0 += 1;
                if replicas == 1 {
                    found.unplaced.1 = Some(reason);
                }
            }
        }
    }
    let Some(first) = mappings.first() else { return Ok(found) };
    let single = Mapping { replicas: 1, ..first.clone() };
    let products = Products::of(&one, &jobs(&one, &single, masks, workload, machine));
    let candidate = |mapping: &Mapping, recompute| {
        let memory = memory_plan(&one, mapping, recompute, training.precision, machine);
        let micro_batches = training.batch_sequences.div_ceil(mapping.sequences());
        let cycles = products.cycles(mapping, recompute, training.precision, machine);
        let bound = cycles * f64::from(micro_batches);
        Candidate { mapping: mapping.clone(), recompute, memory, micro_batches, bound }
    };
    let of = |mapping| choices.iter().map(move |&recompute| candidate(mapping, recompute));
    let all: Vec<Candidate> = mappings.par_iter().flat_map_iter(of).collect();
    (found.fit, found.too_large) = all.into_iter().partition(|candidate| candidate.memory.fits());
    found.fit.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    found.too_large.sort_by_key(|candidate| candidate.memory.used());
    Ok(found)
}

/// Most replicas that are tried.
const MOST_REPLICAS: u16 = 16;
/// Most tokens of a PE that are tried.
const MOST_TOKENS: u32 = 256;

/// Replicas and tokens of a PE to try: of those that give a band as many rows of PEs, the fewest tokens.
fn places(sequence: u32, most_replicas: u16) -> impl Iterator<Item = (u16, u32)> {
    let fewest =
        move |&tokens: &u32| tokens == 1 || sequence.div_ceil(tokens - 1) > sequence.div_ceil(tokens);
    (1..=most_replicas).flat_map(move |replicas| {
        (1..=sequence.min(MOST_TOKENS)).filter(fewest).map(move |tokens| (replicas, tokens))
    })
}

/// A mapping that takes the batch in as few micro-batches as it can, all of them as full as each other.
fn place(
    workload: &WorkloadSpec,
    machine: &WaferSpec,
    (replicas, tokens): (u16, u32),
) -> Result<Mapping, String> {
    let training = &workload.training;
    let most = training.micro_batch_sequences.unwrap_or(training.batch_sequences);
    let mut mapping =
        Mapping::new(&workload.model, training.sequence_tokens, most, (replicas, tokens), machine)?;
    if u32::from(replicas) > most {
        return Err(format!("{replicas} replicas have no more than {most} sequences"));
    }
    if training.micro_batch_sequences.is_some_and(|wanted| wanted > mapping.sequences()) {
        return Err(format!(
            "training.micro_batch_sequences = {most}, but at {tokens} tokens a PE only {} sequences have room",
            mapping.sequences()
        ));
    }
    let passes = training.batch_sequences.div_ceil(mapping.sequences());
    mapping.bands = training.batch_sequences.div_ceil(passes).div_ceil(u32::from(replicas)) as u16;
    Ok(mapping)
}

/// The step of `sequences` sequences, beside a teacher where the workload has one.
///
/// # Errors
/// As [`TrainGraph::build`].
pub fn graph(workload: &WorkloadSpec, sequences: u32) -> Result<TrainGraph, GraphError> {
    let (model, tokens) = (&workload.model, workload.training.sequence_tokens);
    match workload.training.squarehead() {
        Some(weight) => TrainGraph::with_teacher(model, sequences, tokens, weight),
        None => TrainGraph::build(model, sequences, tokens),
    }
}
