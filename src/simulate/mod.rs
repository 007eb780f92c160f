//! Jobs to cycles: every distinct kernel is simulated, equal ones once.
//!
//! A kernel whose rows are all alike is simulated on one row of PEs and unfolded (see [`crate::program::Fold`]).
//! Three things are sampled, and the record says so with the error that was measured:
//! - a kernel too long to simulate whole, from three parts of its rows (attention: from bands of fewer and
//!   shorter rows of PEs): its time is linear in them once all PEs are busy, and another part shows how well;
//! - the rows of PEs of a gradient, which wait for each other a little: one stands for all, and two, in part,
//!   show how much;
//! - masks that differ only in where their zeros are (layers of one model): one stands for its class, and a
//!   second one, in part, shows how much they differ.

mod attention;
mod sample;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::fabric::{Breakdown, Fault};
use crate::lower::job::{Direction, Features, Job, Kernel, WeightKernel};
use crate::lower::shape::{formats, weight_shape};
use crate::lower::timing::Timing;
use crate::program::ProgramErrors;
use crate::record::Simulated;
use crate::sparsity::Masks;
use sample::Sampler;
pub use sample::unfold;

/// A program of ours that is no program, or does not run.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// It is illegal on the machine.
    #[error(transparent)]
    Program(#[from] ProgramErrors),
    /// It does not come to its end.
    #[error(transparent)]
    Fault(#[from] Fault),
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
    /// What stands for what, unless it was simulated whole and for itself.
    pub sample: Option<Sample>,
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

    /// Every time once.
    pub fn all(&self) -> &[KernelTime] {
        &self.times
    }
}

/// Kernels that one of them stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Products with masks of equal shape and equal number of zeros.
    Masked { direction: Direction, input: Features, output: Features, kept: u64 },
    /// Itself.
    One(Kernel),
}

/// Times of all distinct kernels of `jobs`. `progress` is told after each class.
///
/// # Errors
/// The first program (in the order of classes) that is illegal or does not run.
pub fn simulate(
    jobs: &[Job],
    timing: Timing<'_>,
    masks: &Masks,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Times, SimulateError> {
    let mut classes: BTreeMap<Class, Vec<Kernel>> = BTreeMap::new();
    for job in jobs {
        let members = classes.entry(class(&job.kernel, masks)).or_default();
        if !members.contains(&job.kernel) {
            members.push(job.kernel.clone());
        }
    }
    let classes: Vec<Vec<Kernel>> = classes.into_values().collect();
    let done = AtomicUsize::new(0);
    let times: Result<Vec<KernelTime>, SimulateError> = classes
        .par_iter()
        .with_max_len(1)
        .map(|members| {
            let time = class_time(members, timing, masks);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, classes.len());
            time
        })
        .collect();
    let of = classes.into_iter().enumerate().flat_map(|(n, class)| class.into_iter().map(move |k| (k, n)));
    Ok(Times { times: times?, of: of.collect() })
}

fn class(kernel: &Kernel, masks: &Masks) -> Class {
    match *kernel {
        Kernel::Weights(WeightKernel { direction, mask: Some((layer, target)), input, output }) => {
            Class::Masked { direction, input, output, kept: masks.nnz(layer, target) }
        }
        _ => Class::One(kernel.clone()),
    }
}

/// The kernel that stands for a class, and the one that shows how well: the first two, or, where masks have a
/// structure that layers may not share, the one whose busiest columns have the median work and the one whose
/// work is farthest from that.
fn representatives<'k>(members: &'k [Kernel], timing: Timing<'_>, masks: &Masks) -> [Option<&'k Kernel>; 2] {
    if masks.is_exchangeable() || members.len() < 3 {
        return [members.first(), members.get(1)];
    }
    let mut by_work: Vec<(u64, &Kernel)> =
        members.iter().map(|kernel| (busiest(kernel, timing, masks), kernel)).collect();
    by_work.sort_by_key(|(work, _)| *work);
    let (work, median) = by_work.remove(by_work.len() / 2);
    let farthest = by_work.iter().max_by_key(|(other, _)| other.abs_diff(work));
    [Some(median), farthest.map(|(_, kernel)| *kernel)]
}

/// Non-zeros of the busiest column of each weight row, in sum.
fn busiest(kernel: &Kernel, timing: Timing<'_>, masks: &Masks) -> u64 {
    let Kernel::Weights(weights) = kernel else { return 0 };
    timing.counts(*weights, masks).map_or(0, |counts| match weights.direction {
        Direction::Data => counts.input_gradient.busiest(),
        Direction::Forward | Direction::Weight => counts.forward.busiest(),
    })
}

/// The time of one of `members`, and how well it stands for the others.
fn class_time(members: &[Kernel], timing: Timing<'_>, masks: &Masks) -> Result<KernelTime, SimulateError> {
    if let [Kernel::Attention(kernel)] = members {
        return attention::time(*kernel, timing);
    }
    let [first, second] = representatives(members, timing, masks);
    let Some(sampler) = first.and_then(|kernel| sampler(kernel, timing, masks)) else {
        return Ok(KernelTime::default());
    };
    let mut time = sampler.time()?;
    let total = sampler.total();
    let mut error = sampler.folding_error()?;
    if let Some(second) = second.and_then(|kernel| self::sampler(kernel, timing, masks)) {
        let (mine, theirs) = (sampler.glance()?, second.glance()?);
        time.simulated += mine.simulated + theirs.simulated;
        let spread = (theirs.cycles as f64 / mine.cycles as f64 - 1.0).abs();
        error = Some(error.unwrap_or(0.0).max(spread));
    }
    if let Some(error) = error {
        let line = time.sample.unwrap_or(Sample { simulated: total, total, error: 0.0 });
        time.how = Simulated::Sampled;
        time.sample = Some(Sample {
            simulated: line.simulated,
            total: total * members.len() as u64,
            error: line.error.max(error),
        });
    }
    Ok(time)
}

/// Weight rows of the smallest part.
const FEWEST_ROWS: u32 = 64;
/// The same of a mask.
const FEWEST_MASKED_ROWS: u32 = 256;

/// How to simulate a kernel of weights, rows or columns; `None` for the others.
fn sampler<'a>(kernel: &'a Kernel, timing: Timing<'a>, masks: &Masks) -> Option<Sampler<'a>> {
    let (mapping, machine) = (timing.mapping, timing.machine);
    let other = Box::new(move |part: Option<u32>, _: u16| timing.other(kernel, part).unwrap_or_default());
    Some(match kernel {
        Kernel::OffWafer | Kernel::Attention(_) => return None,
        Kernel::Weights(weights) => {
            let counts = timing.counts(*weights, masks);
            let shape = weight_shape(*weights, mapping, formats(timing.precision, &machine.numerics));
            let columns = u32::from(mapping.width).max(FEWEST_ROWS);
            let parts = match (&counts, weights.direction) {
                // Columns take turns in sending vectors; with few weights in a row, a turn of one or two rows
                // takes longer than the work.
                (Some(_), Direction::Weight) => [3, 4, 8].map(|rows| rows * columns),
                // Rows differ: enough of them to even out.
                (Some(_), _) => [1, 2, 3].map(|n| n * (columns / 2).max(FEWEST_MASKED_ROWS)),
                (None, Direction::Weight) => [1, 2, 3].map(|half| half * columns / 2),
                // All rows are the same.
                (None, _) => [1, 2, 3].map(|rows| (rows * columns / 8).max(rows * FEWEST_ROWS)),
            };
            Sampler {
                machine,
                rows: mapping.rows(),
                parts,
                glance: if weights.direction == Direction::Weight { columns } else { columns / 2 },
                most: shape.owned.iter().sum(),
                build: Box::new(move |part, rows| timing.weights(*weights, counts.as_ref(), part, rows)),
            }
        }
        Kernel::Scatter | Kernel::Gather => Sampler {
            machine,
            rows: mapping.rows(),
            parts: [8, 16, 24],
            glance: 8,
            most: mapping.hidden.widest() * mapping.tokens,
            build: other,
        },
        // Short: always whole.
        Kernel::Rowwise { .. } | Kernel::Columnwise(_) | Kernel::ColumnSum(_) => {
            Sampler { machine, rows: mapping.rows(), parts: [1, 2, 3], glance: 1, most: 1, build: other }
        }
    })
}
