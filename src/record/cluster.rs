//! The record of a step on many systems.

use serde::{Deserialize, Serialize};

use super::{Provenance, RecordError, SpecEntry, Summary};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
use crate::units::Cycles;

/// Everything that is known about a step on clusters of several sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// Short name, also of its folder.
    pub name: String,
    /// What was run, in one line.
    pub title: String,
    /// How to repeat it.
    pub provenance: Provenance,
    /// The step of the workload on one system, which all others are composed of or held against.
    pub alone: Summary,
    /// The clusters: weak scaling by number of systems, then strong.
    pub points: Vec<ClusterPoint>,
    /// The machine, resolved.
    pub machine: WaferSpec,
    /// The workload, resolved.
    pub workload: WorkloadSpec,
    /// Values of the machine with unit, mark and source.
    pub machine_entries: Vec<SpecEntry>,
    /// Values of the workload with unit and origin.
    pub workload_entries: Vec<SpecEntry>,
    /// What a reader must know beside the numbers.
    pub notes: Vec<String>,
}

/// What stays the same as systems are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// The batch of a system.
    Weak,
    /// The batch of all systems together.
    Strong,
}

impl Scaling {
    /// As printed and as written in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Strong => "strong",
        }
    }
}

/// A step on one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterPoint {
    /// What stays the same over the points.
    pub scaling: Scaling,
    /// Systems.
    pub systems: u32,
    /// Levels of the tree between them and the store.
    pub tree_levels: u32,
    /// Sequences in a step, over all systems.
    pub batch_sequences: u64,
    /// Sequences of each system.
    pub share_sequences: u32,
    /// From step to step: the sum of the two below.
    pub step_cycles: Cycles,
    /// What a system alone would take for its share.
    pub alone_cycles: Cycles,
    /// What the way through the tree adds.
    pub tree_cycles: Cycles,
    /// The same in seconds, from step to step.
    pub step_seconds: f64,
    /// Of the dense step.
    pub dense_step_seconds: f64,
    /// Dense over sparse.
    pub achieved_speedup: f64,
    /// Sequences per second.
    pub samples_per_s: f64,
    /// Tokens per second.
    pub tokens_per_s: f64,
    /// Samples per second over those of one system.
    pub scaling_speedup: f64,
    /// `scaling_speedup` over the systems.
    pub efficiency: f64,
    /// Energy of all systems in a step; store and tree not counted.
    pub systems_energy_j: f64,
}

impl ClusterRecord {
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

    /// The record's own arithmetic; one sentence for each sum that does not hold.
    pub fn validate_sums(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for point in &self.points {
            let name = format!("{} scaling, {} systems", point.scaling.name(), point.systems);
            let parts = point.alone_cycles + point.tree_cycles;
            if parts != point.step_cycles {
                faults.push(format!("{name}: parts are {parts}, the step is {}", point.step_cycles));
            }
            if u64::from(point.share_sequences) * u64::from(point.systems) != point.batch_sequences {
                faults.push(format!("{name}: shares do not make up the batch of {}", point.batch_sequences));
            }
            let efficiency = point.scaling_speedup / f64::from(point.systems);
            if (efficiency - point.efficiency).abs() > 1e-9 || point.efficiency.is_nan() {
                faults.push(format!("{name}: efficiency is {efficiency}, not {}", point.efficiency));
            }
            if point.scaling == Scaling::Weak && point.efficiency > 1.0 {
                faults.push(format!("{name}: efficiency {} is above 1", point.efficiency));
            }
        }
        faults
    }
}
