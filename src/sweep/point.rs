//! One point, run.

use crate::record::{PointRecord, PointStatus, RunRecord};
use crate::run::{Progress, Request, RunError, run_knowing};
use crate::simulate::{Engines, Known};
use crate::sparsity::Masks;
use crate::spec::gpu::GpuSpec;
use crate::spec::sweep::SweepSpec;
use crate::sweep::Planned;

/// What all points of a sweep have in common.
pub(super) struct Common<'a> {
    pub(super) spec: &'a SweepSpec,
    pub(super) gpus: &'a [(String, GpuSpec)],
}

impl Common<'_> {
    /// Run a point. Times of kernels that it shares with others are `known`.
    pub(super) fn run(
        &self,
        point: &Planned,
        known: &Known,
        progress: &dyn Progress,
    ) -> Result<RunRecord, PointRecord> {
        let refused = |reason: String| ended(point, PointStatus::Refused, reason);
        let specs = self.spec.specs(&point.settings).map_err(|faults| refused(faults.summary()))?;
        let masks = Masks::open(&specs.workload.spec).map_err(|error| refused(error.to_string()))?;
        let request = Request {
            workload: specs.workload,
            machine: specs.machine,
            masks,
            gpus: self.gpus.to_vec(),
            engines: Engines::default(),
            command: specs.command,
        };
        let (record, _) = run_knowing(&request, known, progress).map_err(|error| match error {
            RunError::Plan(_) | RunError::Masks(_) => refused(error.to_string()),
            RunError::Simulate(_) | RunError::Verify(_) => {
                ended(point, PointStatus::Failed, error.to_string())
            }
        })?;
        Ok(record)
    }
}

/// A point that has no numbers.
pub(super) fn ended(point: &Planned, status: PointStatus, reason: String) -> PointRecord {
    PointRecord { key: point.key.clone(), status, reason: Some(reason), metrics: Vec::new() }
}

/// A point that has run.
pub(super) fn done(point: &Planned, run: &RunRecord) -> PointRecord {
    let mut broken = run.validate_sums();
    if !run.summary.verified {
        broken.push(format!("values are not verified: {}", run.verification.verdict));
    }
    PointRecord {
        key: point.key.clone(),
        status: if broken.is_empty() { PointStatus::Done } else { PointStatus::Failed },
        reason: (!broken.is_empty()).then(|| broken.join("; ")),
        metrics: run.metrics(),
    }
}
