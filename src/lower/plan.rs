//! Which mapping a step runs with: the one with the shortest estimated step among those that fit.
//!
//! The estimate only ranks candidates; cycles come from simulation.

use crate::fabric::vector_cost;
use crate::graph::{GraphError, TrainGraph};
use crate::lower::mapping::Mapping;
use crate::lower::memory::{MemoryPlan, plan as memory_plan};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{Recompute, WorkloadSpec};

/// A mapping with its memory plan, and the graph of one micro-batch.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where things lie.
    pub mapping: Mapping,
    /// What lies in SRAM.
    pub memory: MemoryPlan,
    /// [`Recompute::None`] or [`Recompute::Block`].
    pub recompute: Recompute,
    /// One micro-batch.
    pub graph: TrainGraph,
    /// Micro-batches of a step.
    pub micro_batches: u32,
}

/// A step that cannot be placed on the machine.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The graph cannot be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// No mapping fits; the reason of the one that came closest.
    #[error("{workload} does not fit {machine}: {reason}")]
    DoesNotFit {
        /// Workload.
        workload: String,
        /// Machine.
        machine: String,
        /// Why.
        reason: String,
    },
}

/// The plan of `workload` on `machine`.
///
/// # Errors
/// [`PlanError`] where nothing fits.
pub fn plan(workload: &WorkloadSpec, machine: &WaferSpec) -> Result<Plan, PlanError> {
    plan_at(workload, machine, workload.sparsity.level)
}

/// The plan of `workload` on `machine` where masks leave a share `level` of zeros.
///
/// # Errors
/// [`PlanError`] where nothing fits.
pub fn plan_at(workload: &WorkloadSpec, machine: &WaferSpec, level: f64) -> Result<Plan, PlanError> {
    let training = &workload.training;
    let one = graph(workload, 1)?;
    let choices: &[Recompute] = match training.recompute {
        Recompute::Auto => &[Recompute::None, Recompute::Block],
        Recompute::None => &[Recompute::None],
        Recompute::Block => &[Recompute::Block],
    };
    let mut best: Option<(f64, Mapping, MemoryPlan, Recompute)> = None;
    let mut closest: Option<(u64, String)> = None;
    for tokens in (1..=training.sequence_tokens.min(MOST_TOKENS))
        .filter(|n| training.sequence_tokens.is_multiple_of(*n))
    {
        let most = training.micro_batch_sequences.unwrap_or(training.batch_sequences);
        let mapping = match Mapping::new(&workload.model, training.sequence_tokens, most, tokens, machine) {
            Ok(mapping) => divide(mapping, training.batch_sequences),
            // Later candidates put more tokens on a PE: they come closer.
            Err(reason) => {
                if closest.as_ref().is_none_or(|c| c.0 == u64::MAX) {
                    closest = Some((u64::MAX, reason));
                }
                continue;
            }
        };
        if training.micro_batch_sequences.is_some_and(|wanted| wanted > u32::from(mapping.bands)) {
            closest.get_or_insert((
                u64::MAX,
                format!("training.micro_batch_sequences = {most}, but at {tokens} tokens a PE only {} sequences have room", mapping.bands),
            ));
            continue;
        }
        for &recompute in choices {
            let memory = memory_plan(&one, &mapping, recompute, training.precision, machine);
            if let Some(reason) = memory.refusal() {
                let over = memory.used().0 - memory.capacity.0;
                if closest.as_ref().is_none_or(|c| over < c.0) {
                    closest = Some((over, reason));
                }
                continue;
            }
            let cost = estimate(workload, machine, &mapping, recompute, level);
            if best.as_ref().is_none_or(|b| cost < b.0) {
                best = Some((cost, mapping.clone(), memory, recompute));
            }
        }
    }
    let Some((_, mapping, memory, recompute)) = best else {
        return Err(PlanError::DoesNotFit {
            workload: workload.name.clone(),
            machine: machine.name.clone(),
            reason: closest.map_or_else(String::new, |c| c.1),
        });
    };
    let graph = graph(workload, u32::from(mapping.bands))?;
    let micro_batches = training.batch_sequences.div_ceil(u32::from(mapping.bands));
    Ok(Plan { mapping, memory, recompute, graph, micro_batches })
}

/// The step of `sequences` sequences, beside a teacher where the workload has one.
///
/// # Errors
/// As [`TrainGraph::build`].
pub fn graph(workload: &WorkloadSpec, sequences: u32) -> Result<TrainGraph, GraphError> {
    let (model, tokens) = (&workload.model, workload.training.sequence_tokens);
    match workload.training.squarehead() {
        Some(weight) => TrainGraph::with_teacher(model, sequences, tokens, weight),
        None => TrainGraph::build(model, sequences, tokens),
    }
}

/// Most tokens of a PE that are tried.
const MOST_TOKENS: u32 = 256;

/// As many bands as divide the batch evenly, so that no micro-batch is partly empty.
fn divide(mut mapping: Mapping, batch: u32) -> Mapping {
    let passes = batch.div_ceil(u32::from(mapping.bands));
    mapping.bands = batch.div_ceil(passes) as u16;
    mapping
}

/// Cycles per sequence, roughly: the widest column's multiply-adds and the row ends of every linear, or the
/// time of its weights on the wafer's links, whichever is longer.
fn estimate(
    workload: &WorkloadSpec,
    machine: &WaferSpec,
    mapping: &Mapping,
    recompute: Recompute,
    level: f64,
) -> f64 {
    let model = &workload.model;
    let n = f64::from(mapping.tokens);
    let rate = multiply_add_rate(workload, machine);
    let each = f64::from(machine.pe.overhead.weight_trigger_cycles) + (n / rate).ceil();
    let density = 1.0 - level;
    let linear = |inputs: u32, outputs: u32, wide: u32, density: f64| {
        let _ = inputs;
        f64::from(outputs)
            * (f64::from(wide) * density * each
                + n / 4.0
                + f64::from(machine.pe.overhead.control_task_cycles))
    };
    let (h, f) = (mapping.hidden.widest(), mapping.ffn.widest());
    let block = |density: f64| {
        linear(model.hidden, 2 * model.hidden + 2 * model.kv_width(), h, density)
            + linear(model.hidden, 2 * model.ffn, h, density)
            + linear(model.ffn, model.hidden, f, density)
            + 2.0
                * linear(model.hidden, workload.training.sequence_tokens, mapping.key.widest(), 1.0)
                * f64::from(mapping.group_heads)
    };
    let passes = if recompute == Recompute::Block { 4.0 } else { 3.0 };
    // A teacher goes forward once, without zeros.
    let taught = if workload.training.squarehead().is_some() { 1.0 } else { 0.0 };
    let layers = f64::from(model.layers);
    let compute = passes * (layers * block(density) + linear(model.hidden, model.vocab, h, 1.0))
        + taught * layers * block(1.0);
    let size = layers
        * f64::from(model.hidden)
        * (2.0 * f64::from(model.hidden + model.kv_width()) + 3.0 * f64::from(model.ffn));
    let dense = 2.0;
    let per_weight = if density < 1.0 { 4.0 * density } else { dense };
    let bytes_per_cycle = machine.io.bandwidth_gbit_per_s * 1e9 / 8.0 / machine.fabric.clock.0 as f64;
    let stream = (passes * size * per_weight + taught * size * dense) / bytes_per_cycle;
    compute.max(stream) / f64::from(mapping.bands)
}

/// Elements per cycle of a multiply-add from memory.
fn multiply_add_rate(workload: &WorkloadSpec, machine: &WaferSpec) -> f64 {
    use crate::ids::BufferId;
    use crate::lower::kernel::build::{RoleBuilder, main};
    use crate::program::{Operand, Step, VectorOp};
    let mut role = RoleBuilder::new(String::new());
    let dtype = workload.training.precision;
    let sum: BufferId = role.buffer("sum", 1, machine.numerics.accumulate.unwrap_or(dtype));
    let Step::Vector(instr) =
        main(VectorOp::Fma, dtype, Operand::whole(sum), Operand::Indexed(sum), Operand::Weight, 1)
    else {
        return 1.0;
    };
    vector_cost(&machine.pe, &role.finish(), &instr).rate()
}
