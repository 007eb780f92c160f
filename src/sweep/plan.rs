//! The points of a sweep, numbered, each with the key of its record.

use serde::{Deserialize, Serialize};

use crate::assemble::spec_hash;
use crate::checkpoint;
use crate::error::Faults;
use crate::expr::ConditionError;
use crate::record::{Better, SweepPoint, SweepRecord, side};
use crate::spec::gpu::GpuSpec;
use crate::spec::sweep::{PointSpecs, Setting, SweepSpec};
use crate::sweep::{Store, StoreError};

/// A sweep with its points. It is a file: whoever has it, and the same program, can run any of its points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version and hash of the program that made it.
    pub program: String,
    /// What is swept.
    pub spec: SweepSpec,
    /// Combinations that its conditions leave out.
    pub left_out: usize,
    /// In order.
    pub points: Vec<Planned>,
}

/// A point that is to be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// Its number.
    pub index: usize,
    /// Hash of all that it depends on.
    pub key: String,
    /// What it sets.
    pub settings: Vec<Setting>,
    /// What runs it alone.
    pub command: String,
}

/// A sweep that cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Specs of all of its points are at fault; those of the first.
    #[error("no point of sweep `{sweep}` can be run; of the first:\n{faults}")]
    Faults {
        /// Sweep.
        sweep: String,
        /// What is wrong.
        faults: Faults,
    },
    /// A condition that compares what cannot be compared.
    #[error("sweep `{sweep}`, condition `{condition}`: {error}")]
    Condition {
        /// Sweep.
        sweep: String,
        /// As it is written.
        condition: String,
        /// What is wrong.
        error: ConditionError,
    },
    /// Conditions that no combination fulfils.
    #[error(
        "sweep `{sweep}` has no points: its conditions leave out all {left_out} combinations of its axes, the last one by \
         `{condition}`"
    )]
    Nothing {
        /// Sweep.
        sweep: String,
        /// Combinations.
        left_out: usize,
        /// One that leaves out.
        condition: String,
    },
    /// A column to trade that there is not.
    #[error(
        "sweep `{sweep}`: sweep.pareto names `{name}`, which is no key of its axes and no metric with a better side: metrics are \
         step_seconds, tokens_per_s, achieved_speedup_ratio, energy_j and the like; `min` or `max` before any column says \
         which side is better"
    )]
    Pareto {
        /// Sweep.
        sweep: String,
        /// What it names.
        name: String,
    },
}

/// The points of a sweep; `program` is the version and hash of the simulator.
///
/// # Errors
/// [`PlanError`]
pub fn plan(spec: SweepSpec, program: &str) -> Result<Plan, PlanError> {
    let sweep = || spec.name.clone();
    traded(&spec)?;
    let gpus = spec.gpus().map_err(|faults| PlanError::Faults { sweep: sweep(), faults })?;
    let (mut points, mut left_out, mut last) = (Vec::new(), 0, String::new());
    let mut first_faults = None;
    let mut sound = 0;
    for settings in spec.combinations() {
        let (key, command) = match spec.specs(&settings) {
            Ok(specs) => {
                let broken = spec.broken(&specs).map_err(|(condition, error)| PlanError::Condition {
                    sweep: sweep(),
                    condition,
                    error,
                })?;
                if let Some(condition) = broken {
                    left_out += 1;
                    condition.clone_into(&mut last);
                    continue;
                }
                sound += 1;
                (key(&specs, &gpus, program), specs.command)
            }
            // It becomes a row with this reason.
            Err(faults) => {
                first_faults.get_or_insert(faults);
                (short(&spec_hash(&(&spec.base, &spec.set, &settings, program))), String::new())
            }
        };
        points.push(Planned { index: points.len(), key, settings, command });
    }
    match first_faults {
        Some(faults) if sound == 0 => Err(PlanError::Faults { sweep: sweep(), faults }),
        _ if points.is_empty() => Err(PlanError::Nothing { sweep: sweep(), left_out, condition: last }),
        _ => Ok(Plan { program: program.to_owned(), spec, left_out, points }),
    }
}

/// All that the record of a point depends on.
fn key(specs: &PointSpecs, gpus: &[(String, GpuSpec)], program: &str) -> String {
    let sparsity = &specs.workload.spec.sparsity;
    let checkpoint = sparsity.checkpoint.as_deref().map(|path| checkpoint::state(path.as_ref()));
    short(&spec_hash(&(&specs.workload.spec, &specs.machine.spec, gpus, checkpoint, program)))
}

/// Half of a hash is enough to tell points apart, and makes a name for a file.
fn short(hash: &str) -> String {
    hash.chars().take(32).collect()
}

/// The columns that a sweep trades, and which of their values are better.
fn traded(spec: &SweepSpec) -> Result<Option<[(String, Better); 2]>, PlanError> {
    let column = |text: &String| {
        let (name, side) = side(text);
        let of_axis = spec.axes.iter().flat_map(|axis| &axis.keys).any(|key| key.key == name);
        side.or_else(|| of_axis.then_some(Better::Lower))
            .map(|side| (name, side))
            .ok_or_else(|| PlanError::Pareto { sweep: spec.name.clone(), name: text.clone() })
    };
    let columns: Vec<_> = spec.base.pareto.iter().flatten().map(column).collect::<Result<_, _>>()?;
    Ok(columns.try_into().ok())
}

impl Plan {
    /// The sweep as far as it has come.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub fn record(&self, store: &Store) -> Result<SweepRecord, StoreError> {
        let point = |planned: &Planned| -> Result<SweepPoint, StoreError> {
            Ok(SweepPoint {
                index: planned.index,
                key: planned.key.clone(),
                settings: planned.settings.clone(),
                command: planned.command.clone(),
                outcome: store.outcome(&planned.key)?,
            })
        };
        Ok(SweepRecord {
            name: self.spec.name.clone(),
            asks: self.spec.base.asks.clone(),
            program: self.program.clone(),
            axes: self.spec.axes.clone(),
            pareto: traded(&self.spec).unwrap_or_default(),
            left_out: self.left_out,
            points: self.points.iter().map(point).collect::<Result<_, _>>()?,
        })
    }
}
