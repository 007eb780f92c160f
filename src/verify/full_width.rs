//! One block of the model at its real widths: few tokens, but sums as long as they are. The executor runs it; that
//! the fabric does the same is shown at reduced size.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use rayon::prelude::*;

use crate::exec::reference::{Reference, random_inputs};
use crate::graph::TensorRole;
use crate::lower::job::{Job, Kernel, jobs};
use crate::record::Check;
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{Recompute, WorkloadSpec};
use crate::values::{Engines, Wafer, rounded};
use crate::verify::{VerifyError, compare_op, merge, reduced};

/// Tokens of the one sequence.
const TOKENS: u32 = 64;
/// The ends of the model are no part of a block.
const VOCAB: u32 = 64;
/// Columns that it begins with.
const WIDTH: u16 = 64;
/// One row of PEs: sums over features are what is long here.
const HEIGHT: u16 = 1;

/// Forward and backward pass of one block of `workload` at its own widths, op by op against the oracle. `progress`
/// hears the name of each op.
///
/// # Errors
/// [`VerifyError`] where the comparison cannot be made; a difference is a failed check, not an error.
pub fn full_width(
    workload: &WorkloadSpec,
    machine: &WaferSpec,
    progress: &dyn Fn(&str),
) -> Result<Vec<Check>, VerifyError> {
    let workload = one_block(workload);
    let (machine, plan) = reduced::narrowest(&workload, machine, (WIDTH, HEIGHT))?;
    let graph = &plan.graph;
    let masks = Masks::new(&workload)?;
    let oracle = Reference::new(graph, &masks, workload.training.optimizer, NonZeroU32::MIN)?;
    let inputs = rounded(graph, random_inputs(graph, workload.sparsity.seed), workload.training.precision);
    let mut wafer = Wafer::new(&workload, &machine, &plan, &masks, inputs, Engines::Executor);
    let mut rows: BTreeMap<String, Check> = BTreeMap::new();
    let mut jobs = jobs(graph, &plan.mapping, &masks, &workload, &machine);
    jobs.retain(|job| job.kernel != Kernel::OffWafer);
    let mut left = jobs.as_slice();
    while let [first, rest @ ..] = left {
        // Products that follow each other and wait for nothing run side by side.
        let is_product = |job: &Job| matches!(job.kernel, Kernel::Weights(_));
        let ready = |job: &Job| graph.op(job.op).inputs.iter().all(|&id| wafer.tensors().get(id).is_some());
        let beside = rest.iter().take_while(|job| is_product(first) && is_product(job) && ready(job)).count();
        let (now, later) = left.split_at(1 + beside);
        now.iter().for_each(|job| progress(&job.name));
        let compared: Vec<_> = now
            .par_iter()
            .map(|job| compare_op(&wafer, &oracle, graph.op(job.op), &job.kernel))
            .collect::<Result<_, _>>()?;
        for (job, (results, checks)) in now.iter().zip(compared) {
            checks.into_iter().for_each(|check| merge(&mut rows, check));
            for (&id, values) in graph.op(job.op).outputs.iter().zip(results) {
                // Nothing on the wafer reads a weight's gradient, and together they are as large as the model.
                if graph.tensor(id).role != TensorRole::ParameterGradient {
                    wafer.set(id, values);
                }
            }
        }
        left = later;
    }
    Ok(rows.into_values().collect())
}

fn one_block(workload: &WorkloadSpec) -> WorkloadSpec {
    let mut block = workload.clone();
    block.model.layers = 1;
    block.model.vocab = block.model.vocab.min(VOCAB);
    block.training.batch_sequences = 1;
    block.training.sequence_tokens = TOKENS;
    block.training.micro_batch_sequences = Some(1);
    block.training.recompute = Recompute::None;
    block
}
