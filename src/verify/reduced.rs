//! A workload and a machine small enough for values: the same structure, precision, sparsity and overheads.

use crate::lower::plan::{Plan, PlanError, plan};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{Recompute, WorkloadSpec};

/// Columns and rows: columns divide neither the features nor the heads evenly, and two sequences take two bands.
pub(super) const WIDTH: u16 = 11;
pub(super) const HEIGHT: u16 = 8;
/// Key/value heads at most, and query heads for each.
const KV_HEADS: u32 = 2;
const QUERY_HEADS: u32 = 2;
const HEAD_DIM: u32 = 12;
const LAYERS: u32 = 2;
const VOCAB: u32 = 50;
/// Divided by no number of tokens: the last row of a band is not full.
const TOKENS: u32 = 13;
const SEQUENCES: u32 = 2;

/// `machine` with a small fabric.
pub(super) fn machine(machine: &WaferSpec) -> WaferSpec {
    let mut small = machine.clone();
    small.fabric.width_pes = WIDTH.min(machine.fabric.width_pes);
    small.fabric.height_pes = HEIGHT.min(machine.fabric.height_pes);
    small
}

/// `workload` with small widths: grouped heads stay grouped, the feed-forward layer keeps its ratio, and so does what
/// turns of a head.
pub(super) fn workload(workload: &WorkloadSpec) -> WorkloadSpec {
    let mut small = workload.clone();
    let model = &workload.model;
    let kv_heads = model.kv_heads.min(KV_HEADS);
    let heads = kv_heads * (model.heads / model.kv_heads).min(QUERY_HEADS);
    let hidden = heads * HEAD_DIM;
    small.model.layers = model.layers.min(LAYERS);
    small.model.kv_heads = kv_heads;
    small.model.heads = heads;
    small.model.hidden = hidden;
    small.model.ffn = (u64::from(hidden) * u64::from(model.ffn)).div_ceil(u64::from(model.hidden)) as u32;
    let turned = |rotary: u32| (rotary * HEAD_DIM).div_ceil(model.head_dim()).next_multiple_of(2);
    small.model.rotary_dim = model.rotary_dim.map(turned);
    small.model.vocab = model.vocab.min(VOCAB);
    small.training.batch_sequences = SEQUENCES;
    small.training.sequence_tokens = TOKENS;
    small.training.micro_batch_sequences = Some(SEQUENCES);
    small.training.recompute = Recompute::None;
    small
}

/// `workload` on as few columns as hold it, from `width` on: the work of a product does not depend on them, that of
/// the sums along a row does.
///
/// # Errors
/// [`PlanError`] where not even all columns of `machine` hold it.
pub(super) fn narrowest(
    workload: &WorkloadSpec,
    machine: &WaferSpec,
    (width, height): (u16, u16),
) -> Result<(WaferSpec, Plan), PlanError> {
    let mut machine = machine.clone();
    let widest = machine.fabric.width_pes;
    machine.fabric.height_pes = machine.fabric.height_pes.min(height);
    let mut width = widest.min(width);
    loop {
        machine.fabric.width_pes = width;
        match plan(workload, &machine) {
            Ok(plan) => return Ok((machine, plan)),
            Err(error) if width == widest => return Err(error),
            Err(_) => width = widest.min(width + width.div_ceil(2)),
        }
    }
}
