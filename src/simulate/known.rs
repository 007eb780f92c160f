//! Kernel times that outlive a step: what one step has simulated, another one need not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::dtype::Dtype;
use crate::lower::job::{Job, Kernel};
use crate::lower::mapping::Mapping;
use crate::lower::timing::Timing;
use crate::simulate::{Engines, SimulateError, Times, simulate};
use crate::sparsity::Masks;
use crate::spec::wafer::{FabricSpec, NumericsSpec, PeSpec, WaferSpec};
use crate::spec::workload::{ModelSpec, SparsitySpec, WorkloadSpec};
use crate::units::Hertz;

/// Steps whose products with masks are kept: a 7B model has 26 MB of them, most of it for the maps of the wafer.
const MASKED: usize = 8;
/// Steps whose other kernels are kept, 2 MB each.
const COMMON: usize = 64;

/// Times of kernels, by all that they depend on. Steps may differ in batch, micro-batches and teacher, and in what lies
/// beside the wafer. Several threads may ask at once.
#[derive(Debug, Default)]
pub struct Known {
    steps: Mutex<Vec<Arc<Step>>>,
    /// Somebody simulates what steps have in common.
    at_common: AtomicBool,
}

/// Kernels of one step.
#[derive(Debug)]
struct Step {
    on: Basis,
    /// Of products with masks; the others have none in common with them.
    sparsity: Option<SparsitySpec>,
    times: Times,
}

/// Sections of a machine that are no part of a [`Basis`], what lies beside the wafer, and the key of another one that is none:
/// how long a cycle takes bears on no number of cycles.
const BESIDE: [&str; 4] = ["io", "store", "power", "cluster"];
const CLOCK: &str = "fabric.clock_mhz";

/// Whether a key of a workload or a machine can bear on the cycles of a kernel.
pub(crate) fn bears_on_kernels(key: &str) -> bool {
    let lies_beside = key.split_once('.').is_some_and(|(section, _)| BESIDE.contains(&section));
    !lies_beside && key != CLOCK
}

/// What the cycles of a kernel depend on beside its mask.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Basis {
    fabric: FabricSpec,
    pe: PeSpec,
    numerics: NumericsSpec,
    mapping: Mapping,
    model: ModelSpec,
    precision: Dtype,
    engines: Engines,
}

impl Basis {
    /// That of a step.
    pub(crate) fn new(timing: Timing<'_>, workload: &WorkloadSpec, engines: Engines) -> Self {
        let WaferSpec { fabric, pe, numerics, name: _, io: _, store: _, power: _, cluster: _ } =
            timing.machine;
        Self {
            fabric: FabricSpec { clock: Hertz(0), ..fabric.clone() },
            pe: pe.clone(),
            numerics: numerics.clone(),
            mapping: timing.mapping.clone(),
            model: workload.model.clone(),
            precision: timing.precision,
            engines,
        }
    }
}

impl Known {
    /// Times of all distinct kernels of `jobs`, as [`simulate`] gives them; those that are known are not simulated.
    /// `progress` is told how many of the others are done.
    ///
    /// # Errors
    /// As [`simulate`].
    pub fn simulate(
        &self,
        jobs: &[Job],
        timing: Timing<'_>,
        (workload, masks): (&WorkloadSpec, &Masks),
        engines: Engines,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Times, SimulateError> {
        let on = Basis::new(timing, workload, engines);
        let (masked, common): (Vec<&Job>, Vec<&Job>) = jobs.iter().partition(|job| job.kernel.is_masked());
        let masked = self.ask(masked, &on, Some(&workload.sparsity));
        let common = self.ask(common, &on, None);
        let (total, done) = (masked.new.len() + common.new.len(), AtomicUsize::new(0));
        let tell = |count: usize| progress(done.fetch_add(count, Ordering::Relaxed) + count, total);
        let simulate = |jobs: &[Job]| simulate(jobs, timing, masks, engines, &tell);
        // Others who need the same begin with their masks, and then find that it is done.
        let (masked, common) = if self.at_common.swap(true, Ordering::AcqRel) {
            let masked = self.learn(masked, &simulate)?;
            let before = common.new.len();
            let common = self.ask(common.all, &on, None);
            tell(before - common.new.len());
            (masked, self.learn(common, &simulate)?)
        } else {
            let common = || {
                let learnt = self.learn(common, &simulate);
                self.at_common.store(false, Ordering::Release);
                learnt
            };
            let (common, masked) = rayon::join(common, || self.learn(masked, &simulate));
            (masked?, common?)
        };
        Ok(Times::gather(masked.found().chain(common.found())))
    }

    /// What is known of jobs.
    fn ask<'j>(&self, all: Vec<&'j Job>, on: &'j Basis, sparsity: Option<&'j SparsitySpec>) -> Asked<'j> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let serves = |step: &&Arc<Step>| step.on == *on && step.sparsity.as_ref() == sparsity;
        let steps: Vec<Arc<Step>> = steps.iter().filter(serves).cloned().collect();
        let is_new = |kernel: &&Kernel| !steps.iter().any(|step| step.times.knows(kernel));
        let new = all.iter().map(|job| &job.kernel).filter(is_new).collect();
        Asked { all, on, sparsity, steps, new }
    }

    /// Simulate what is not known of jobs, and keep it; the first of too many steps is forgotten.
    fn learn<'j>(
        &self,
        mut asked: Asked<'j>,
        simulate: &(dyn Fn(&[Job]) -> Result<Times, SimulateError> + Sync),
    ) -> Result<Asked<'j>, SimulateError> {
        let new = asked.all.iter().filter(|job| asked.new.contains(&job.kernel));
        let new: Vec<Job> = new.map(|job| (*job).clone()).collect();
        if new.is_empty() {
            return Ok(asked);
        }
        let (on, sparsity) = (asked.on.clone(), asked.sparsity.cloned());
        let is_masked = sparsity.is_some();
        let step = Arc::new(Step { on, sparsity, times: simulate(&new)? });
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.push(step.clone());
        let alike = |step: &Arc<Step>| step.sparsity.is_some() == is_masked;
        if steps.iter().filter(|step| alike(step)).count() > if is_masked { MASKED } else { COMMON }
            && let Some(first) = steps.iter().position(alike)
        {
            steps.remove(first);
        }
        asked.steps.push(step);
        Ok(asked)
    }
}

/// Jobs with or without masks.
struct Asked<'j> {
    all: Vec<&'j Job>,
    on: &'j Basis,
    sparsity: Option<&'j SparsitySpec>,
    /// Steps that know some of their kernels, and kernels that none of them knew when this was asked.
    steps: Vec<Arc<Step>>,
    new: BTreeSet<&'j Kernel>,
}

impl<'j> Asked<'j> {
    /// Every kernel once, in their order, with the times that have its own.
    fn found(&self) -> impl Iterator<Item = (&'j Kernel, &Times)> {
        let kernels: BTreeSet<&Kernel> = self.all.iter().map(|job| &job.kernel).collect();
        let of = |kernel: &'j Kernel| {
            let step = self.steps.iter().find(|step| step.times.knows(kernel))?;
            Some((kernel, &step.times))
        };
        kernels.into_iter().filter_map(of)
    }
}
