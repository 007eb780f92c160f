//! Kernels that the fast engine is made for, whole: products with weights, every one with its own mask, several side by
//! side; and what goes down or up a column.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::bits::BitRows;
use crate::fabric::fast::{LANES, run_alike};
use crate::graph::Target;
use crate::lower::job::{Direction, Features, Kernel, WeightKernel};
use crate::lower::mapping::Mapping;
use crate::lower::timing::Timing;
use crate::program::{Program, check};
use crate::record::{Engine, Simulated};
use crate::simulate::sample::unfold;
use crate::simulate::{KernelTime, Sample, SimulateError, Timed, class};
use crate::sparsity::{Mask, Masks};

/// Whether a kernel is of the kind that the fast engine is made for; whether it knows it shows when it is run.
pub(super) fn is_of_its_kind(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::Weights(_)) || is_columns(kernel)
}

/// Whether a kernel moves values down or up a column.
pub(super) fn is_columns(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::Scatter | Kernel::Gather)
}

/// The time of a kernel that moves values down or up a column.
pub(super) fn column(kernel: Kernel, timing: Timing<'_>) -> Result<Timed, SimulateError> {
    let program = timing.other(&kernel, None).unwrap_or_default();
    let time = side_by_side(&[program], timing)?.pop().flatten();
    Ok((vec![kernel], time))
}

/// Where weights lie, whether they are dense, and their mask: those that differ in it alone come one after the other,
/// the dense ones last.
type Weight = (Features, Features, bool, Option<(u32, Target)>);

/// A product, and the kernels that take its time.
type Lane = (WeightKernel, Vec<Kernel>);

/// Weights that differ in their masks alone, as many as go side by side, each with the products it is in: a mask serves all
/// of them, and is gone when the batch is done.
pub(super) struct Batch(Vec<Vec<Lane>>);

/// All of `kernels` that are products, in batches: those that take longest first.
pub(super) fn batches(kernels: &[Kernel], mapping: &Mapping) -> Vec<Batch> {
    let mut weights: BTreeMap<Weight, BTreeMap<WeightKernel, Vec<Kernel>>> = BTreeMap::new();
    for kernel in kernels {
        if let Kernel::Weights(product) = kernel {
            let product = stands_for(*product);
            let weight = (product.input, product.output, product.mask.is_none(), product.mask);
            weights.entry(weight).or_default().entry(product).or_default().push(kernel.clone());
        }
    }
    let weights: Vec<(Weight, Vec<Lane>)> =
        weights.into_iter().map(|(weight, lanes)| (weight, lanes.into_iter().collect())).collect();
    let alike = weights.chunk_by(|(one, _), (other, _)| (one.0, one.1) == (other.0, other.1));
    let batches = alike.flat_map(|weights| weights.chunks(LANES)).flat_map(|weights| match weights {
        // Products that share no counts need not wait for each other.
        [((_, _, true, _), lanes)] => lanes.iter().map(|lane| Batch(vec![vec![lane.clone()]])).collect(),
        _ => vec![Batch(weights.iter().map(|(_, lanes)| lanes.clone()).collect())],
    });
    let mut batches: Vec<Batch> = batches.collect();
    batches.sort_by_cached_key(|batch| Reverse(batch.rows(mapping)));
    batches
}

/// The product whose program a kernel has: without a mask, `dx` of a weight is `y` of one that lies the other way.
fn stands_for(product: WeightKernel) -> WeightKernel {
    match product {
        WeightKernel { direction: Direction::Data, mask: None, input, output } => {
            WeightKernel { direction: Direction::Forward, mask: None, input: output, output: input }
        }
        _ => product,
    }
}

impl Batch {
    /// Weight rows that stream for its products, those side by side once.
    fn rows(&self, mapping: &Mapping) -> u64 {
        let lanes = self.0.iter().flatten();
        let rows = lanes.map(|(WeightKernel { direction, input, output, .. }, _)| {
            let owned = if *direction == Direction::Data { input } else { output };
            (*direction, mapping.slices(*owned).features())
        });
        rows.collect::<BTreeMap<_, _>>().into_values().map(u64::from).sum()
    }

    /// The time of each of its kernels.
    pub(super) fn time(
        &self,
        timing: Timing<'_>,
        masks: &Masks,
        folding: &Folding,
    ) -> Result<Vec<Timed>, SimulateError> {
        let bits = |mask: Mask| Arc::new(mask.into_bits());
        let mut kept: Vec<Option<Arc<BitRows>>> =
            self.0.iter().map(|lanes| timing.mask(lanes[0].0, masks).map(bits)).collect();
        let mut timed = Vec::new();
        // Last the products for which masks are transposed.
        for direction in [Direction::Forward, Direction::Weight, Direction::Data] {
            if direction == Direction::Data {
                kept.iter_mut().flatten().for_each(|kept| *kept = Arc::new(kept.transposed()));
            }
            let (mut kernels, mut programs) = (Vec::new(), Vec::new());
            for (lanes, kept) in self.0.iter().zip(&kept) {
                for (product, same) in lanes.iter().filter(|(product, _)| product.direction == direction) {
                    kernels.push(same.clone());
                    programs.push(match kept {
                        Some(kept) => timing.masked(*product, kept),
                        None => timing.weights(*product, None, None, 1),
                    });
                }
            }
            let mut times = side_by_side(&programs, timing)?;
            for (kernels, time) in kernels.iter().zip(times.iter_mut()) {
                folding.note(&kernels[0], time.as_mut());
            }
            timed.extend(kernels.into_iter().zip(times));
        }
        Ok(timed)
    }
}

/// Kinds of gradients, by their weights and whether there is a mask: what is noted of a kernel does not depend on which
/// others were timed with it.
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
            kernels.iter().filter_map(|kernel| Some((kind(kernel)?, kernel))).collect();
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
