//! Products with weights, whole: every kernel with its own mask, several side by side on the fast engine.

use std::collections::BTreeMap;

use crate::fabric::fast::{LANES, run_alike};
use crate::graph::Target;
use crate::lower::job::{Direction, Features, Kernel, WeightKernel};
use crate::lower::timing::Timing;
use crate::program::{Fold, Program, check};
use crate::record::{Engine, Simulated};
use crate::simulate::sample::unfold;
use crate::simulate::{KernelTime, Sample, SimulateError, Timed, class};
use crate::sparsity::Masks;

/// Whether a kernel is of the kind that the fast engine is made for; whether it knows it shows when it is run.
pub(super) fn is_of_its_kind(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::Weights(_))
}

/// A mask, and where it lies; `None`: dense.
type Weight = (Features, Features, Option<(u32, Target)>);

/// Weights that differ in their masks alone, as many as go side by side, each with the products it is in: the counts of
/// a mask serve all of them, and are gone when the batch is done.
pub(super) struct Batch(Vec<Vec<WeightKernel>>);

/// All of `kernels` that are products, in batches.
pub(super) fn batches(kernels: &[Kernel]) -> Vec<Batch> {
    let mut weights: BTreeMap<Weight, Vec<WeightKernel>> = BTreeMap::new();
    for kernel in kernels {
        if let Kernel::Weights(product) = *kernel {
            weights.entry((product.input, product.output, product.mask)).or_default().push(product);
        }
    }
    let weights: Vec<_> = weights.into_iter().collect();
    let alike =
        weights.chunk_by(|((input, output, _), _), (other, _)| (*input, *output) == (other.0, other.1));
    let batches = alike.flat_map(|weights| weights.chunks(LANES));
    batches.map(|weights| Batch(weights.iter().map(|(_, products)| products.clone()).collect())).collect()
}

impl Batch {
    /// The time of each of its kernels.
    pub(super) fn time(&self, timing: Timing<'_>, masks: &Masks) -> Result<Vec<Timed>, SimulateError> {
        let counts: Vec<_> = self.0.iter().map(|products| timing.counts(products[0], masks)).collect();
        let mut timed = Vec::new();
        for direction in [Direction::Forward, Direction::Data, Direction::Weight] {
            let mut kernels = Vec::new();
            let mut programs = Vec::new();
            for (products, counts) in self.0.iter().zip(&counts) {
                for product in products.iter().filter(|product| product.direction == direction) {
                    kernels.push(Kernel::Weights(*product));
                    programs.push(timing.weights(*product, counts.as_ref(), None, 1));
                }
            }
            let mut times = side_by_side(&programs, timing)?;
            let relayed = programs.first().is_some_and(|program| program.fold == Fold::Relayed);
            if let (true, Some(first), Some(Some(_))) = (relayed, kernels.first(), times.first()) {
                note_folding(&mut times, first, timing, masks)?;
            }
            timed.extend(kernels.into_iter().zip(times).map(|(kernel, time)| (vec![kernel], time)));
        }
        Ok(timed)
    }
}

/// Rows of PEs of a gradient wait for each other a little, so that one does not quite tell all: note how much two rows,
/// in part, differ from one that stands for both.
fn note_folding(
    times: &mut [Option<KernelTime>],
    kernel: &Kernel,
    timing: Timing<'_>,
    masks: &Masks,
) -> Result<(), SimulateError> {
    let Some(sampler) = class::sampler(kernel, timing, masks) else { return Ok(()) };
    let Some(error) = sampler.folding_error()? else { return Ok(()) };
    let simulated = sampler.total();
    for time in times.iter_mut().flatten() {
        time.how = Simulated::Sampled;
        time.sample = Some(Sample { simulated, total: simulated * u64::from(sampler.rows), error });
    }
    Ok(())
}

/// Times of programs that differ in their streams alone; `None` for each if the fast engine does not know them.
fn side_by_side(programs: &[Program], timing: Timing<'_>) -> Result<Vec<Option<KernelTime>>, SimulateError> {
    let Some(first) = programs.first() else { return Ok(Vec::new()) };
    // What is legal does not depend on streams.
    check(first, timing.machine)?;
    let all: Vec<&Program> = programs.iter().collect();
    let Some(outcomes) = run_alike(&all, timing.machine) else { return Ok(vec![None; programs.len()]) };
    let times = programs.iter().zip(outcomes).map(|(program, outcome)| {
        let time = unfold(program, &outcome, timing.machine, timing.mapping.rows());
        Some(KernelTime { engine: Some(Engine::Fast), ..time })
    });
    Ok(times.collect())
}
