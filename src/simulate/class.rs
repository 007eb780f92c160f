//! Kernels that one of them stands for: simulated by the reference engine, in parts where they are long.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::lower::job::{Direction, Features, Kernel, WeightKernel};
use crate::lower::shape::weight_shape;
use crate::lower::timing::Timing;
use crate::record::Simulated;
use crate::simulate::sample::Sampler;
use crate::simulate::{KernelTime, Sample, SimulateError, attention};
use crate::sparsity::Masks;

/// Kernels that one of them stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Products with masks of equal shape and equal number of zeros.
    Masked { direction: Direction, input: Features, output: Features, kept: u64 },
    /// Itself.
    One(Kernel),
}

/// Kernels by class, in the order of classes and kernels.
pub(super) fn classes(kernels: impl IntoIterator<Item = Kernel>, masks: &Masks) -> Vec<Vec<Kernel>> {
    let mut classes: BTreeMap<Class, Vec<Kernel>> = BTreeMap::new();
    for kernel in kernels {
        classes.entry(class(&kernel, masks)).or_default().push(kernel);
    }
    classes.into_values().collect()
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
pub(super) fn time(
    members: &[Kernel],
    timing: Timing<'_>,
    masks: &Masks,
) -> Result<KernelTime, SimulateError> {
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
/// Columns and weight rows of a corner: blocks of a few rows, as all columns have, and enough of them to be under way.
const CORNER: (u16, u32) = (64, 256);

/// How to simulate a kernel of weights, rows or columns; `None` for the others.
pub(super) fn sampler<'a>(kernel: &'a Kernel, timing: Timing<'a>, masks: &Masks) -> Option<Sampler<'a>> {
    let (mapping, machine) = (timing.mapping, timing.machine);
    let other = Box::new(move |part: Option<u32>| timing.other(kernel, part).unwrap_or_default());
    Some(match kernel {
        Kernel::OffWafer | Kernel::Attention(_) => return None,
        Kernel::Weights(weights) => {
            let counts = timing.counts(*weights, masks);
            let shape = weight_shape(*weights, mapping, timing.precision, machine);
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
            let (weights, counts) = (*weights, Arc::new(counts));
            let of_corner = counts.clone();
            let corner =
                move |height| timing.weights_in_corner(weights, (*of_corner).as_ref(), CORNER, height);
            Sampler {
                machine,
                rows: mapping.rows(),
                parts,
                corner: (weights.direction == Direction::Weight).then(|| Box::new(corner) as _),
                glance: if weights.direction == Direction::Weight { columns } else { columns / 2 },
                most: shape.owned.iter().sum(),
                build: Box::new(move |part| timing.weights(weights, (*counts).as_ref(), part, 1)),
            }
        }
        Kernel::Scatter | Kernel::Gather | Kernel::Spread | Kernel::BandSum => Sampler {
            machine,
            rows: mapping.rows(),
            parts: [8, 16, 24],
            glance: 8,
            most: mapping.hidden.widest() * mapping.tokens,
            build: other,
            corner: None,
        },
        // Short: always whole.
        Kernel::Rowwise { .. } | Kernel::Columnwise(_) | Kernel::ColumnSum(_) => Sampler {
            machine,
            rows: mapping.rows(),
            parts: [1, 2, 3],
            glance: 1,
            most: 1,
            build: other,
            corner: None,
        },
    })
}
