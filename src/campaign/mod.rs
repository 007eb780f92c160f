//! A whole training: the phases of a recipe on a number of systems, each beside its dense twin.
//!
//! ```text
//! RecipeSpec -> a step of each phase (run) -> on all systems (cluster) -> times the steps of its tokens -> CampaignRecord
//! ```
//!
//! Phases with equal steps are simulated once, and so are kernels that several steps have in common: those of the dense
//! twin and all products of activations.

mod assemble;
mod work;

pub use work::Work;

use crate::cluster::{Steps, share_of, steps};
use crate::record::{CampaignRecord, RunRecord};
use crate::run::{Progress, Request, RunError, run_knowing};
use crate::simulate::{Engines, Known};
use crate::sparsity::Masks;
use crate::spec::Resolved;
use crate::spec::recipe::{RecipePhase, RecipeSpec};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;

/// What to run.
#[derive(Clone, Debug)]
pub struct CampaignRequest {
    /// Phases.
    pub recipe: RecipeSpec,
    /// On which wafers.
    pub machine: Resolved<WaferSpec>,
    /// How many of them share a step.
    pub systems: u32,
    /// Which engines time kernels.
    pub engines: Engines,
    /// Command line, for the record.
    pub command: String,
}

/// Why a campaign cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// A batch that systems cannot share evenly.
    #[error(
        "phase `{phase}`: {batch} sequences of a step do not divide over {systems} systems: change --systems or \
         training.batch_sequences"
    )]
    Share {
        /// Phase.
        phase: String,
        /// Sequences of a step.
        batch: u32,
        /// Systems.
        systems: u32,
    },
    /// A step that cannot be run.
    #[error("phase `{phase}`: {source}")]
    Run {
        /// Phase.
        phase: String,
        /// Why.
        source: Box<RunError>,
    },
}

impl CampaignError {
    /// What is wrong with the step of a phase.
    fn of(phase: &RecipePhase, source: impl Into<RunError>) -> Self {
        Self::Run { phase: phase.phase.name.clone(), source: Box::new(source.into()) }
    }
}

/// A step of a phase, on one system and on all.
struct Step {
    workload: WorkloadSpec,
    alone: RunRecord,
    all: Steps,
}

/// Run the phases of a recipe, one step each.
///
/// # Errors
/// The first phase that cannot be run; faults of the user before anything is simulated.
pub fn campaign(request: &CampaignRequest, progress: &dyn Progress) -> Result<CampaignRecord, CampaignError> {
    let recipe = &request.recipe.phases;
    let parts: Vec<Request> = recipe.iter().map(|phase| part(request, phase)).collect::<Result<_, _>>()?;
    let known = Known::default();
    let mut done: Vec<Step> = Vec::new();
    let mut phases = Vec::new();
    for (number, (phase, part)) in recipe.iter().zip(&parts).enumerate() {
        let workload = &part.workload.spec;
        let index = match done.iter().position(|step| step.workload == *workload) {
            Some(index) => index,
            None => {
                let heard = Labelled { label: format!("phase {} of {}", number + 1, parts.len()), progress };
                let fault = |error: RunError| CampaignError::of(phase, error);
                let (alone, simulation) = run_knowing(part, &known, &heard).map_err(fault)?;
                let all = steps(&simulation, request.systems, &request.machine.spec);
                done.push(Step { workload: workload.clone(), alone, all });
                done.len() - 1
            }
        };
        phases.push(assemble::phase(request, phase, part, &done[index])?);
    }
    Ok(assemble::record(request, phases, done))
}

/// What one system does of a step of a phase.
fn part(request: &CampaignRequest, phase: &RecipePhase) -> Result<Request, CampaignError> {
    let masks = Masks::open(&phase.workload.spec).map_err(|error| CampaignError::of(phase, error))?;
    let whole = Request {
        workload: phase.workload.clone(),
        machine: request.machine.clone(),
        masks,
        gpus: Vec::new(),
        engines: request.engines,
        command: request.command.clone(),
    };
    share_of(&whole, request.systems).ok_or_else(|| CampaignError::Share {
        phase: phase.phase.name.clone(),
        batch: phase.workload.spec.training.batch_sequences,
        systems: request.systems,
    })
}

/// Progress of one phase of several.
struct Labelled<'a> {
    label: String,
    progress: &'a dyn Progress,
}

impl Progress for Labelled<'_> {
    fn stage(&self, what: &str) {
        self.progress.stage(&format!("{}: {what}", self.label));
    }

    fn kernel(&self, done: usize, of: usize) {
        self.progress.kernel(done, of);
    }
}
