//! Training for real, at a size that a computer manages: steps of a small model on the machine's own arithmetic, dense
//! and sparse side by side.
//!
//! ```text
//! text -> tokens of a step -> values on the wafer -> gradients -> AdamW in the weight store -> next step
//! recipe -> masks by magnitude, where a stage begins
//! State  -> safetensors after every few steps; a killed run goes on where it was, to the same bits
//! ```

mod recipe;
mod state;
mod text;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::checkpoint::CheckpointError;
use crate::exec::reference::{Reference, ReferenceError, random_inputs};
use crate::graph::OpKind;
use crate::lower::job::jobs;
use crate::lower::plan::{Plan, PlanError, plan};
use crate::sparsity::{Masks, MasksError};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{Family, Recompute, WorkloadSpec};
use crate::values::{Engines, Store, ValuesError, Wafer, rounded};
pub use recipe::{Recipe, Stage};
use state::State;
use text::Text;

/// Why a training cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A vocabulary that is not that of the text.
    #[error("the text has {needed} characters, so model.vocab must be {needed}; it is {found}")]
    Vocab {
        /// Characters that there are.
        needed: u32,
        /// Tokens that the model has.
        found: u32,
    },
    /// Sequences longer than the text.
    #[error("training.sequence_tokens is {found}, but the text has {length} characters")]
    Sequence {
        /// Tokens of a sequence.
        found: u32,
        /// Characters of the text.
        length: usize,
    },
    /// A family that is not trained.
    #[error("only models of the family \"llama\" are trained")]
    Family,
    /// A teacher, which would have to know something.
    #[error(
        "training.distillation = \"squarehead\" needs a teacher that was trained before, and a training here begins with \
         random weights: set it to \"none\""
    )]
    Teacher,
    /// A workload that the machine cannot hold.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Masks that cannot be had.
    #[error(transparent)]
    Masks(#[from] MasksError),
    /// A saved state that cannot be read.
    #[error("{0}; remove the file to start over")]
    State(#[from] CheckpointError),
    /// A saved state of another run.
    #[error("{}: the state of another training (model, machine, recipe or program differ); remove it to start over", file.display())]
    Other {
        /// The file.
        file: PathBuf,
    },
    /// A saved state that cannot be written.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The oracle of the optimizer.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The machine.
    #[error(transparent)]
    Values(#[from] ValuesError),
}

/// The loss of every step of a recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What was trained.
    pub recipe: Recipe,
    /// Mean cross-entropy of each step, in nats a character, as the machine computed it.
    pub losses: Vec<f64>,
}

/// Steps between two saved states.
const SAVED_EVERY: usize = 10;

/// Train `workload` for `steps` by every recipe, with states in `folder`. `progress` hears of every step.
///
/// # Errors
/// [`TrainError`]; those of the user name the key or file.
pub fn train(
    workload: &WorkloadSpec,
    machine: &WaferSpec,
    recipes: &[Recipe],
    steps: usize,
    folder: &Path,
    progress: &(dyn Fn(&str, usize) + Sync),
) -> Result<Vec<Curve>, TrainError> {
    let text = Text::new();
    if workload.model.family != Family::Llama {
        return Err(TrainError::Family);
    }
    if workload.training.squarehead().is_some() {
        return Err(TrainError::Teacher);
    }
    if workload.model.vocab != text::VOCAB {
        return Err(TrainError::Vocab { needed: text::VOCAB, found: workload.model.vocab });
    }
    let tokens = workload.training.sequence_tokens;
    if tokens as usize >= text.len() {
        return Err(TrainError::Sequence { found: tokens, length: text.len() });
    }
    let mut workload = workload.clone();
    workload.training.recompute = Recompute::None;
    workload.training.micro_batch_sequences = Some(workload.training.batch_sequences);
    let plan = plan(&workload, machine)?;
    let trainer = Trainer { workload: &workload, machine, plan: &plan, text: &text };
    recipes.par_iter().map(|recipe| trainer.curve(recipe, steps, folder, progress)).collect()
}

/// What all recipes share.
struct Trainer<'a> {
    workload: &'a WorkloadSpec,
    machine: &'a WaferSpec,
    plan: &'a Plan,
    text: &'a Text,
}

impl Trainer<'_> {
    fn curve(
        &self,
        recipe: &Recipe,
        steps: usize,
        folder: &Path,
        progress: &(dyn Fn(&str, usize) + Sync),
    ) -> Result<Curve, TrainError> {
        let file = folder.join(format!("{}.safetensors", recipe.name()));
        let mark = self.mark(recipe);
        let graph = &self.plan.graph;
        let mut state = match State::read(&file, graph, mark)? {
            Some(state) => state,
            None => State::new(random_inputs(graph, self.workload.sparsity.seed)),
        };
        while state.losses.len() < steps {
            let step = state.losses.len();
            if let Some(level) = recipe.begins(step) {
                state.prune(graph, level);
            }
            self.step(&mut state)?;
            progress(&recipe.name(), step);
            if state.losses.len().is_multiple_of(SAVED_EVERY) || state.losses.len() == steps {
                state.write(&file, graph, mark)?;
            }
        }
        let losses = state.losses.into_iter().take(steps).collect();
        Ok(Curve { recipe: recipe.clone(), losses })
    }

    /// What a saved state must have come from for the run to go on with it.
    fn mark(&self, recipe: &Recipe) -> [u8; 32] {
        let what =
            format!("{} {:?} {:?} {:?}", env!("CARGO_PKG_VERSION"), self.workload, self.machine, recipe);
        *blake3::hash(what.as_bytes()).as_bytes()
    }

    /// One step: forward and backward pass on the wafer, the update in the store.
    fn step(&self, state: &mut State) -> Result<(), TrainError> {
        let (graph, step) = (&self.plan.graph, state.losses.len());
        let masks = Masks::of_masks(self.workload, state.masks.clone())?;
        let mut inputs = rounded(graph, state.values.clone(), self.workload.training.precision);
        let tokens = self.text.tokens(graph, self.workload.sparsity.seed, step);
        inputs.set(graph.ends().token_ids, tokens.clone());
        inputs.set(graph.ends().labels, tokens);
        let mut wafer = Wafer::new(self.workload, self.machine, self.plan, &masks, inputs, Engines::Executor);
        let number = NonZeroU32::new(step as u32 + 1).unwrap_or(NonZeroU32::MIN);
        let arithmetic = Reference::new(graph, &masks, self.workload.training.optimizer, number)?;
        // Nobody rounds what the store keeps.
        let store = Store { arithmetic: &arithmetic, kept: &state.values };
        let jobs = jobs(graph, &self.plan.mapping, &masks, self.workload, self.machine);
        wafer.walk::<TrainError>(&jobs, &store, |wafer, op, kernel| Ok(wafer.run(op, kernel)?))?;
        let mut made = wafer.into_tensors();
        state.losses.push(made.get(graph.ends().loss).map_or(f64::NAN, |loss| loss[0]));
        for op in graph.ops().filter(|op| op.kind == OpKind::AdamW) {
            let [parameter, _, first, second] = op.inputs[..] else { continue };
            for (before, after) in [parameter, first, second].into_iter().zip(&op.outputs) {
                state.values.set(before, made.remove(*after).unwrap_or_default());
            }
        }
        Ok(())
    }
}
