//! From what a user names to masks: a workload, or a checkpoint with the workload that it belongs to.

use std::path::Path;
use std::sync::Arc;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::error::Faults;
use crate::lower::plan::PlanError;
use crate::sparsity::{Masks, MasksError};
use crate::spec::workload::{Family, WorkloadSpec};
use crate::spec::{Override, load_workload, workload_presets};

/// What cannot be looked at, and why.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// A workload at fault.
    #[error(transparent)]
    Spec(#[from] Faults),
    /// Masks that cannot be had.
    #[error("error: {0}")]
    Masks(#[from] MasksError),
    /// A workload that has no place on the machine.
    #[error("error: {0}")]
    Plan(#[from] PlanError),
    /// A checkpoint that belongs to no preset.
    #[error(
        "error: {file}: no preset has tensors of these names and shapes: give its workload with --workload{reasons}"
    )]
    NoWorkload {
        /// The checkpoint.
        file: String,
        /// A line for every preset.
        reasons: String,
    },
}

/// The workload and the masks that `what` names: a checkpoint if it ends in `.safetensors` or `.json`, or has a
/// `/` and does not end in `.toml`; else a workload. The model of a checkpoint is `workload`, or the first preset
/// that it fits. A checkpoint is taken for what is pruned in it unless `overrides` say otherwise.
///
/// # Errors
/// [`InspectError`], in the user's words.
pub fn open(
    what: &str,
    workload: Option<&str>,
    overrides: &[Override],
) -> Result<(WorkloadSpec, Masks), InspectError> {
    let is_file = [".safetensors", ".json"].iter().any(|end| what.ends_with(end));
    if !(is_file || what.contains('/') && !what.ends_with(".toml")) {
        let spec = load_workload(what, overrides)?.spec;
        let masks = Masks::open(&spec)?;
        return Ok((spec, masks));
    }
    let checkpoint = Arc::new(Checkpoint::open(Path::new(what)).map_err(MasksError::from)?);
    let mut overrides = overrides.to_vec();
    if !overrides.iter().any(|given| given.0.trim_start().starts_with("sparsity.pattern")) {
        overrides.push(Override("sparsity.pattern=checkpoint".to_owned()));
    }
    overrides.push(Override(format!("sparsity.checkpoint={what}")));
    let spec = match workload {
        Some(name) => load_workload(name, &overrides)?.spec,
        None => preset(what, &checkpoint, &overrides)?,
    };
    let masks = Masks::of_checkpoint(&spec, &checkpoint)?;
    Ok((spec, masks))
}

/// The first preset whose tensors are those of a checkpoint.
fn preset(
    what: &str,
    checkpoint: &Arc<Checkpoint>,
    overrides: &[Override],
) -> Result<WorkloadSpec, InspectError> {
    let mut reasons = String::new();
    for name in workload_presets() {
        // Checkpoints of other families are not read.
        if load_workload(name, &[])?.spec.model.family != Family::Llama {
            continue;
        }
        let spec = load_workload(name, overrides)?.spec;
        match Masks::fits(&spec, checkpoint) {
            Ok(()) => return Ok(spec),
            Err(MasksError::Checkpoint(error)) => reasons.push_str(&format!("\n  {name}: {}", short(&error))),
            Err(other) => return Err(other.into()),
        }
    }
    Err(InspectError::NoWorkload { file: what.to_owned(), reasons })
}

/// Why a checkpoint is not of a model, without its path.
fn short(error: &CheckpointError) -> String {
    let text = error.to_string();
    text.split_once(": ").map_or(text.clone(), |(_, reason)| reason.to_owned())
}
