//! Kernel times that outlive a step: what one step has simulated, another one need not.

use crate::dtype::Dtype;
use crate::lower::job::{Job, Kernel};
use crate::lower::mapping::Mapping;
use crate::lower::timing::Timing;
use crate::simulate::{Engines, SimulateError, Times, simulate};
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{ModelSpec, SparsitySpec, WorkloadSpec};

/// Times of kernels, by all that they depend on. Steps may differ in batch, micro-batches and teacher.
#[derive(Debug, Default)]
pub struct Known(Vec<Step>);

/// Kernels of one step.
#[derive(Debug)]
struct Step {
    machine: WaferSpec,
    mapping: Mapping,
    model: ModelSpec,
    precision: Dtype,
    engines: Engines,
    sparsity: SparsitySpec,
    times: Times,
}

impl Step {
    /// Whether a kernel takes the same time in a step of `workload`: only products with masks depend on these.
    fn serves(&self, kernel: &Kernel, timing: Timing<'_>, workload: &WorkloadSpec, engines: Engines) -> bool {
        let masked = matches!(kernel, Kernel::Weights(product) if product.mask.is_some());
        (!masked || self.sparsity == workload.sparsity)
            && self.model == workload.model
            && self.precision == timing.precision
            && self.engines == engines
            && self.mapping == *timing.mapping
            && self.machine == *timing.machine
            && self.times.knows(kernel)
    }
}

impl Known {
    /// Times of all distinct kernels of `jobs`, as [`simulate`] gives them; those that are known are not simulated.
    ///
    /// # Errors
    /// As [`simulate`].
    pub fn simulate(
        &mut self,
        jobs: &[Job],
        timing: Timing<'_>,
        (workload, masks): (&WorkloadSpec, &Masks),
        engines: Engines,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Times, SimulateError> {
        let of =
            |job: &Job| self.0.iter().position(|step| step.serves(&job.kernel, timing, workload, engines));
        let from: Vec<Option<usize>> = jobs.iter().map(of).collect();
        let new = jobs.iter().zip(&from).filter(|(_, from)| from.is_none()).map(|(job, _)| job.clone());
        let mut times = simulate(&new.collect::<Vec<_>>(), timing, masks, engines, progress)?;
        for (at, step) in self.0.iter().enumerate() {
            let kernels = jobs.iter().zip(&from).filter(|(_, from)| **from == Some(at));
            times.adopt(&step.times, kernels.map(|(job, _)| &job.kernel));
        }
        self.0.push(Step {
            machine: timing.machine.clone(),
            mapping: timing.mapping.clone(),
            model: workload.model.clone(),
            precision: timing.precision,
            engines,
            sparsity: workload.sparsity.clone(),
            times: times.clone(),
        });
        Ok(times)
    }
}
