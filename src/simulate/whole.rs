//! Products with weights, whole: every kernel with its own mask, several side by side on the fast engine.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::fabric::fast::{LANES, run_alike};
use crate::graph::Target;
use crate::lower::job::{Direction, Features, Kernel, WeightKernel};
use crate::lower::timing::Timing;
use crate::program::{Program, check};
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
    pub(super) fn time(
        &self,
        timing: Timing<'_>,
        masks: &Masks,
        folding: &Folding,
    ) -> Result<Vec<Timed>, SimulateError> {
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
            for (kernel, time) in kernels.iter().zip(times.iter_mut()) {
                folding.note(kernel, time.as_mut());
            }
            timed.extend(kernels.into_iter().zip(times).map(|(kernel, time)| (vec![kernel], time)));
        }
        Ok(timed)
    }
}

/// Kinds of gradients, by their weights and whether there is a mask.
type Kind = (Features, Features, bool);

/// How well one row of PEs stands for all, for each kind of gradients: their rows wait for each other a little.
pub(super) struct Folding(BTreeMap<Kind, Sample>);

impl Folding {
    /// Measure it on one of each kind.
    pub(super) fn measure(
        kernels: &[Kernel],
        timing: Timing<'_>,
        masks: &Masks,
    ) -> Result<Self, SimulateError> {
        let kinds: BTreeMap<Kind, &Kernel> =
            kernels.iter().rev().filter_map(|kernel| Some((kind(kernel)?, kernel))).collect();
        let of_kind = |(kind, kernel): (Kind, &Kernel)| {
            let Some(sampler) = class::sampler(kernel, timing, masks) else { return Ok(None) };
            let Some(error) = sampler.folding_error()? else { return Ok(None) };
            let simulated = sampler.total();
            Ok(Some((kind, Sample { simulated, total: simulated * u64::from(sampler.rows), error })))
        };
        let kinds: Vec<(Kind, &Kernel)> = kinds.into_iter().collect();
        let measured: Result<Vec<Option<(Kind, Sample)>>, SimulateError> =
            kinds.into_par_iter().with_max_len(1).map(of_kind).collect();
        Ok(Self(measured?.into_iter().flatten().collect()))
    }

    /// Note it with the time of a kernel.
    fn note(&self, kernel: &Kernel, time: Option<&mut KernelTime>) {
        if let (Some(time), Some(sample)) = (time, kind(kernel).and_then(|kind| self.0.get(&kind))) {
            (time.how, time.sample) = (Simulated::Sampled, Some(*sample));
        }
    }
}

fn kind(kernel: &Kernel) -> Option<Kind> {
    match kernel {
        Kernel::Weights(WeightKernel { direction: Direction::Weight, input, output, mask }) => {
            Some((*input, *output, mask.is_some()))
        }
        _ => None,
    }
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
