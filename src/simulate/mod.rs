//! Jobs to cycles: every distinct kernel is simulated, equal ones once.
//!
//! A kernel whose rows are all alike is simulated on one row of PEs and unfolded (see [`crate::program::Fold`]); on a
//! machine on which they wait for each other a little, a few rows, in part, show how much. What the fast engine knows is
//! simulated whole, every kernel with its own mask. The reference engine simulates the others, and samples two things; the
//! record says so with the error that was measured:
//! - a kernel too long to simulate whole, from three parts of its rows: its time is linear in them once all PEs are busy,
//!   and another part shows how well;
//! - masks that differ only in where their zeros are (layers of one model): one stands for its class, and a
//!   second one, in part, shows how much they differ.

mod agree;
mod attention;
mod class;
mod known;
mod sample;
mod spread;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::fabric::{Breakdown, Difference, Fault};
use crate::lower::job::{Job, Kernel};
use crate::lower::timing::Timing;
use crate::program::ProgramErrors;
use crate::record::{Engine, Simulated};
use crate::sparsity::Masks;
pub use agree::{Agreement, agree};
pub use known::Known;
pub(crate) use known::{Basis, bears_on_kernels};
pub use sample::unfold;
pub use spread::{KINDS, PeCounts, Spread};
use whole::{Batch, Folding};

/// Which engines time kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engines {
    /// The reference engine alone: long kernels in parts, one mask for its class.
    Reference,
    /// The fast engine, whole and for every kernel that it knows, the reference engine for the others.
    #[default]
    Fast,
    /// As [`Self::Fast`], after both engines gave the same on a part of every kind of kernel that both know.
    Both,
}

/// A program of ours that is no program, or does not run.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// It is illegal on the machine.
    #[error(transparent)]
    Program(#[from] ProgramErrors),
    /// It does not come to its end.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The engines do not agree on it.
    #[error("program {part}: reference and fast engine differ in {difference}")]
    Engines {
        /// Which program, and how much of it was run.
        part: String,
        /// Where, with what the reference engine has there and then what the fast one has.
        difference: Difference,
    },
}

/// What simulating a kernel gave; nothing at all for work off the wafer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KernelTime {
    /// Elapsed cycles.
    pub cycles: u64,
    /// PE cycles by activity of all PEs of one copy.
    pub activity: Breakdown,
    /// PEs of one copy.
    pub pes: u64,
    /// PE cycles that the engine went through.
    pub simulated: u64,
    /// Whether all of it was simulated.
    pub how: Simulated,
    /// By which engine; `None` where nothing was.
    pub engine: Option<Engine>,
    /// What stands for what, unless it was simulated whole and for itself.
    pub sample: Option<Sample>,
    /// How that is spread over the PEs of a copy.
    pub spread: Option<Arc<Spread>>,
}

/// How well a sample stands for its kernels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Units (rows, values) that were simulated.
    pub simulated: u64,
    /// Units of all kernels that it stands for.
    pub total: u64,
    /// Relative error of the cycles: the largest of that of the line through parts (on a part that it was not
    /// drawn through, and against another line at the whole), of folding, and between two masks of a class.
    pub error: f64,
}

/// Times of kernels; kernels of a class share one.
#[derive(Clone, Debug, Default)]
pub struct Times {
    times: Vec<KernelTime>,
    of: BTreeMap<Kernel, usize>,
}

impl Times {
    /// The time of a kernel.
    ///
    /// # Panics
    /// If the kernel was not among those simulated.
    pub fn of(&self, kernel: &Kernel) -> &KernelTime {
        &self.times[self.class(kernel)]
    }

    /// Which of [`Self::all`] the time of a kernel is.
    ///
    /// # Panics
    /// If the kernel was not among those simulated.
    pub fn class(&self, kernel: &Kernel) -> usize {
        self.of[kernel]
    }

    /// Add times; gives back the kernels that have none.
    fn take(&mut self, timed: Vec<Timed>) -> Vec<Kernel> {
        let mut without = Vec::new();
        for (kernels, time) in timed {
            match time {
                Some(time) => {
                    let class = self.times.len();
                    self.times.push(time);
                    self.of.extend(kernels.into_iter().map(|kernel| (kernel, class)));
                }
                None => without.extend(kernels),
            }
        }
        without
    }

    /// Whether a kernel has a time.
    fn knows(&self, kernel: &Kernel) -> bool {
        self.of.contains_key(kernel)
    }

    /// Times of kernels from others that know them; those that share one go on doing so.
    fn gather<'t>(found: impl Iterator<Item = (&'t Kernel, &'t Self)>) -> Self {
        let (mut all, mut classes) = (Self::default(), BTreeMap::new());
        for (kernel, other) in found {
            let time = other.of(kernel);
            let class = *classes.entry(std::ptr::from_ref(time)).or_insert_with(|| {
                all.times.push(time.clone());
                all.times.len() - 1
            });
            all.of.insert(kernel.clone(), class);
        }
        all
    }

    /// Every time once.
    pub fn all(&self) -> &[KernelTime] {
        &self.times
    }
}

/// Times of all distinct kernels of `jobs`. `tell` hears how many more of them are done.
///
/// # Errors
/// The first program (in the order of classes) that is illegal or does not run.
pub fn simulate(
    jobs: &[Job],
    timing: Timing<'_>,
    masks: &Masks,
    engines: Engines,
    tell: &(dyn Fn(usize) + Sync),
) -> Result<Times, SimulateError> {
    let (whole, others): (Vec<Kernel>, Vec<Kernel>) = distinct(jobs)
        .into_iter()
        .partition(|kernel| engines != Engines::Reference && whole::is_of_its_kind(kernel));
    let folding = Folding::measure(&whole, timing, masks)?;
    let time = |work: Vec<Work>| spread(work, timing, masks, &folding, tell);
    // What may take longest comes first, so that threads end at about the same time.
    let columns = whole.iter().filter(|kernel| whole::is_columns(kernel)).cloned().map(Work::Column);
    let batches = columns.chain(whole::batches(&whole, timing.mapping).into_iter().map(Work::Whole));
    let mut times = Times::default();
    let refused = times.take(time(Work::classes(others, masks).chain(batches).collect())?);
    times.take(time(Work::classes(refused, masks).collect())?);
    Ok(times)
}

/// Do all `work`, in its order as threads are free; `tell` hears of kernels that are done.
fn spread(
    work: Vec<Work>,
    timing: Timing<'_>,
    masks: &Masks,
    folding: &Folding,
    tell: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Timed>, SimulateError> {
    let timed = work.into_iter().enumerate().par_bridge().map(|(at, work)| {
        let timed = work.time(timing, masks, folding);
        let known = timed.iter().flatten().filter(|(_, time)| time.is_some());
        tell(known.map(|(kernels, _)| kernels.len()).sum());
        (at, timed)
    });
    // Threads end in any order; results do not depend on it.
    let timed: BTreeMap<usize, Result<Vec<Timed>, SimulateError>> = timed.collect();
    let timed: Result<Vec<Vec<Timed>>, SimulateError> = timed.into_values().collect();
    Ok(timed?.into_iter().flatten().collect())
}

/// Every kernel once, in their order.
fn distinct(jobs: &[Job]) -> BTreeSet<Kernel> {
    jobs.iter().map(|job| job.kernel.clone()).collect()
}

/// Kernels and the time that each of them takes; `None` where the engine does not know them.
type Timed = (Vec<Kernel>, Option<KernelTime>);

/// What one thread does at a time.
enum Work {
    /// Kernels side by side on the fast engine.
    Whole(Batch),
    /// One that goes down or up a column, on the fast engine.
    Column(Kernel),
    /// Kernels that one of them stands for, on the reference engine.
    Class(Vec<Kernel>),
}

impl Work {
    fn classes(kernels: Vec<Kernel>, masks: &Masks) -> impl Iterator<Item = Self> + use<> {
        class::classes(kernels, masks).into_iter().map(Self::Class)
    }

    fn time(self, timing: Timing<'_>, masks: &Masks, folding: &Folding) -> Result<Vec<Timed>, SimulateError> {
        match self {
            Self::Whole(batch) => batch.time(timing, masks, folding),
            Self::Column(kernel) => Ok(vec![whole::column(kernel, timing)?]),
            Self::Class(members) => {
                let time = class::time(&members, timing, masks)?;
                Ok(vec![(members, Some(time))])
            }
        }
    }
}
