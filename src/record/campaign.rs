//! The record of a campaign: a recipe's phases on a number of systems, each beside its dense twin.

use serde::{Deserialize, Serialize};

use super::{Provenance, RecordError, SpecEntry, Summary};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;

/// Everything that is known about a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignRecord {
    /// Short name, also of its folder.
    pub name: String,
    /// What was run, in one line.
    pub title: String,
    /// How to repeat it.
    pub provenance: Provenance,
    /// Systems that share each step.
    pub systems: u32,
    /// The phases in order.
    pub phases: Vec<CampaignPhase>,
    /// All phases together.
    pub total: Amounts,
    /// The machine, resolved.
    pub machine: WaferSpec,
    /// Values of the machine with unit, mark and source.
    pub machine_entries: Vec<SpecEntry>,
    /// What a reader must know beside the numbers.
    pub notes: Vec<String>,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignPhase {
    /// Its name.
    pub name: String,
    /// Who says that it is so; absent where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Share of zeros in all sparsified tensors.
    pub level: f64,
    /// From step to step on all systems, in seconds.
    pub step_seconds: f64,
    /// Of the dense step.
    pub dense_step_seconds: f64,
    /// With every op at the dense one's cycles times its density.
    pub bound_step_seconds: f64,
    /// The phase as a whole.
    pub amounts: Amounts,
    /// The share of one system in a step, alone.
    pub alone: Summary,
    /// A step of all systems, resolved.
    pub workload: WorkloadSpec,
    /// Values of the workload with unit and origin.
    pub workload_entries: Vec<SpecEntry>,
}

/// Operations, zeros included and skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlopPair {
    /// As if no weight were zero.
    pub dense: f64,
    /// Without the products with a zero weight.
    pub effective: f64,
}

/// What a phase or a campaign takes. The dense twin trains on the same tokens with the same machine and mapping, without
/// zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Amounts {
    /// Steps.
    pub steps: u64,
    /// Tokens of these steps.
    pub tokens: f64,
    /// FLOP of matrix products as the workloads say that attention is counted.
    pub flop: FlopPair,
    /// The same with attention over all pairs of tokens.
    pub flop_full_attention: FlopPair,
    /// The same with attention over the causal pairs.
    pub flop_causal_attention: FlopPair,
    /// Time.
    pub days: f64,
    /// Time of the dense twin.
    pub dense_days: f64,
    /// Time with every op at its theory.
    pub bound_days: f64,
    /// Energy of the systems; store and tree not counted.
    pub energy_mwh: f64,
    /// That of the dense twin.
    pub dense_energy_mwh: f64,
    /// `flop.dense / flop.effective`.
    pub theoretical_speedup: f64,
    /// `dense_days / bound_days`.
    pub bound_speedup: f64,
    /// `dense_days / days`.
    pub achieved_speedup: f64,
}

impl FlopPair {
    /// Both times so many.
    #[must_use]
    pub fn times(self, count: f64) -> Self {
        Self { dense: self.dense * count, effective: self.effective * count }
    }

    fn plus(self, other: Self) -> Self {
        Self { dense: self.dense + other.dense, effective: self.effective + other.effective }
    }
}

impl Amounts {
    /// With the three speedups that follow from the rest.
    #[must_use]
    pub fn with_speedups(self) -> Self {
        Self {
            theoretical_speedup: self.flop.dense / self.flop.effective,
            bound_speedup: self.dense_days / self.bound_days,
            achieved_speedup: self.dense_days / self.days,
            ..self
        }
    }

    /// All of `parts` together.
    pub fn total<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        parts
            .fold(Self::default(), |sum, part| Self {
                steps: sum.steps + part.steps,
                tokens: sum.tokens + part.tokens,
                flop: sum.flop.plus(part.flop),
                flop_full_attention: sum.flop_full_attention.plus(part.flop_full_attention),
                flop_causal_attention: sum.flop_causal_attention.plus(part.flop_causal_attention),
                days: sum.days + part.days,
                dense_days: sum.dense_days + part.dense_days,
                bound_days: sum.bound_days + part.bound_days,
                energy_mwh: sum.energy_mwh + part.energy_mwh,
                dense_energy_mwh: sum.dense_energy_mwh + part.dense_energy_mwh,
                ..sum
            })
            .with_speedups()
    }
}

impl CampaignRecord {
    /// As indented JSON with a newline at the end.
    pub fn to_json(&self) -> String {
        super::to_json(self)
    }

    /// From JSON.
    ///
    /// # Errors
    /// [`RecordError::Json`] where `text` is not a record.
    pub fn from_json(text: &str) -> Result<Self, RecordError> {
        Ok(serde_json::from_str(text)?)
    }

    /// Whether the values of every phase's step were compared and are right.
    pub fn verified(&self) -> bool {
        self.phases.iter().all(|phase| phase.alone.verified)
    }

    /// The record's own arithmetic; one sentence for each sum or ceiling that does not hold.
    pub fn validate_sums(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if Amounts::total(self.phases.iter().map(|phase| &phase.amounts)) != self.total {
            faults.push("the phases do not sum to the campaign".to_owned());
        }
        for phase in &self.phases {
            let (name, all) = (&phase.name, &phase.amounts);
            if all.with_speedups() != *all {
                faults.push(format!("{name}: speedups are not those of its amounts"));
            }
            if all.achieved_speedup > all.bound_speedup {
                faults.push(format!(
                    "{name}: achieved {} is above the bound of {}",
                    all.achieved_speedup, all.bound_speedup
                ));
            }
            let days = all.steps as f64 * phase.step_seconds / 86_400.0;
            if (days - all.days).abs() > 1e-9 * days || all.days.is_nan() {
                faults.push(format!("{name}: {days} days of steps, {} in all", all.days));
            }
        }
        faults
    }
}
