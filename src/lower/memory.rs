//! What lies in the SRAM of a PE at the fullest moment of a step, and whether it fits.
//!
//! Kept from the forward pass: for each block its input, or with [`Recompute::None`] everything that the
//! backward pass reads. On top of that comes what the backward pass of one block holds at its fullest (a
//! liveness analysis over its ops, those that run again included), and the rings of the kernels. A teacher leaves what
//! each of its blocks makes, until the backward pass of the student's block adds what SquareHead makes of it.

use std::collections::BTreeMap;

use crate::dtype::Dtype;
use crate::graph::{Op, OpKind, Phase, Tensor, TensorRole, TrainGraph};
use crate::ids::TensorId;
use crate::lower::kernel::matmul::workspace;
use crate::lower::mapping::Mapping;
use crate::lower::shape::formats;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::Recompute;
use crate::units::Bytes;

/// The memory plan of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryPlan {
    /// What lies in the fullest PE, and how much.
    pub rows: Vec<(String, Bytes)>,
    /// SRAM of a PE.
    pub capacity: Bytes,
    /// What the working set of a block is made of at its fullest.
    pub fullest: Fullest,
}

/// The fullest moment of a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fullest {
    /// Op that runs then.
    pub op: String,
    /// Tensors that lie in the fullest PE, and how much of each.
    pub tensors: Vec<(String, Bytes)>,
}

impl Fullest {
    /// All tensors.
    fn bytes(&self) -> Bytes {
        self.tensors.iter().map(|tensor| tensor.1).sum()
    }
}

impl MemoryPlan {
    /// All rows.
    pub fn used(&self) -> Bytes {
        self.rows.iter().map(|row| row.1).sum()
    }

    /// Whether it fits.
    pub fn fits(&self) -> bool {
        self.used() <= self.capacity
    }

    /// What does not fit, by how much, and what to change.
    pub fn refusal(&self) -> Option<String> {
        let (what, bytes) = self.rows.iter().max_by_key(|row| row.1)?;
        let taught = self.rows.iter().any(|row| row.0 == TAUGHT);
        let alone = if taught { "training.distillation = \"none\", " } else { "" };
        (!self.fits()).then(|| {
            format!(
                "a PE would need {} of its {} ({} over): {}; the most is {what} with {bytes}. Shorten training.sequence_tokens, \
                 use training.recompute = \"block\", {alone}a machine with more pe.sram_kib, or a smaller model",
                self.used(),
                self.capacity,
                self.used().saturating_sub(self.capacity),
                self.rows.iter().map(|(what, bytes)| format!("{what} {bytes}")).collect::<Vec<_>>().join(", "),
            )
        })
    }
}

/// The row of what a teacher leaves.
const TAUGHT: &str = "hidden states of the teacher";

/// The ops of `layer`'s forward pass that run again before its backward pass: those that a backward op of the
/// layer needs, directly or through another one.
pub fn recomputed(graph: &TrainGraph, layer: u32) -> Vec<&Op> {
    let of_layer: Vec<&Op> = graph.ops().filter(|op| op.layer == Some(layer)).collect();
    let mut wanted: Vec<TensorId> = of_layer
        .iter()
        .filter(|op| matches!(op.phase, Phase::BackwardData | Phase::BackwardWeight))
        .flat_map(|op| op.inputs.iter().copied())
        .collect();
    let mut again = Vec::new();
    for op in of_layer.iter().rev().filter(|op| op.phase == Phase::Forward) {
        if op.outputs.iter().any(|t| wanted.contains(t)) {
            wanted.extend(op.inputs.iter().copied());
            again.push(*op);
        }
    }
    again.reverse();
    again
}

/// The plan of a mapping.
pub fn plan(
    graph: &TrainGraph,
    mapping: &Mapping,
    recompute: Recompute,
    precision: Dtype,
    machine: &WaferSpec,
) -> MemoryPlan {
    let sizes = Sizes { graph, mapping, precision };
    let taught = taught(graph);
    let layers = u64::from(graph.model().layers);
    let input = precision.bytes() * u64::from(mapping.hidden.widest()) * u64::from(mapping.tokens);
    let layer = graph.model().layers / 2;
    let backward: Vec<&Op> = graph
        .ops()
        .filter(|op| {
            op.layer == Some(layer) && matches!(op.phase, Phase::BackwardData | Phase::BackwardWeight)
        })
        .collect();
    let kept: Vec<TensorId> = backward
        .iter()
        .flat_map(|op| op.inputs.iter().copied())
        .filter(|&t| graph.tensor(t).role == TensorRole::Activation)
        .collect();
    let (per_layer, block, label) = if recompute == Recompute::None {
        let mut unique = kept.clone();
        unique.sort_unstable();
        unique.dedup();
        (
            unique.iter().map(|&t| sizes.of(t)).sum(),
            sizes.peak(&backward, &[unique.as_slice(), &taught].concat()),
            "activations kept for the backward pass",
        )
    } else {
        let mut ops = recomputed(graph, layer);
        ops.extend(&backward);
        (input, sizes.peak(&ops, &taught), "inputs of the blocks")
    };
    let vocab = precision.bytes() * u64::from(mapping.vocab.widest()) * u64::from(mapping.tokens);
    let head = vocab * 3 + input * 2;
    let rings = workspace(mapping.tokens * mapping.group_heads, formats(precision, &machine.numerics));
    let mut rows = vec![(label.to_owned(), per_layer * layers)];
    let mut working = block.bytes().max(head);
    if !taught.is_empty() {
        rows.push((TAUGHT.to_owned(), input * layers));
        let teacher = |op: &&Op| op.layer == Some(layer) && op.phase == Phase::Teacher;
        let teacher: Vec<&Op> = graph.ops().filter(teacher).collect();
        // The teacher runs between the student's loss and its gradient: the logits and both ends of the last norm wait.
        working = working.max(sizes.peak(&teacher, &taught).bytes() + vocab + input * 2);
    }
    rows.extend([
        ("working set of a block".to_owned(), working),
        ("rings of kernels".to_owned(), rings),
        ("program and runtime".to_owned(), machine.pe.reserved),
    ]);
    MemoryPlan { rows, capacity: machine.pe.sram, fullest: block }
}

/// What SquareHead reads of the teacher and the gradients that it makes of them, one in the place of the other; empty
/// without a teacher.
fn taught(graph: &TrainGraph) -> Vec<TensorId> {
    let gradients = graph.ops().filter(|op| op.kind == OpKind::SquareHeadGrad);
    gradients.flat_map(|op| [op.inputs[1], op.outputs[0]]).collect()
}

/// Ops whose program writes over an operand.
fn is_in_place(kind: OpKind) -> bool {
    matches!(kind, OpKind::Bias | OpKind::Add | OpKind::Softmax(_) | OpKind::SoftmaxGrad(_))
}

struct Sizes<'a> {
    graph: &'a TrainGraph,
    mapping: &'a Mapping,
    precision: Dtype,
}

impl Sizes<'_> {
    /// Bytes of a tensor in the PE that holds most of it.
    fn of(&self, id: TensorId) -> Bytes {
        let tensor: &Tensor = self.graph.tensor(id);
        if !matches!(tensor.role, TensorRole::Activation | TensorRole::Gradient) {
            return Bytes::ZERO;
        }
        let (model, mapping) = (self.graph.model(), self.mapping);
        let width = tensor.shape.last().copied().unwrap_or(0);
        let features = if tensor.shape.len() == 4 {
            mapping.keys.widest() * mapping.group_heads
        } else if width == u64::from(model.ffn) {
            mapping.ffn.widest()
        } else if width == u64::from(model.hidden) {
            mapping.hidden.widest().max(mapping.query.widest())
        } else {
            mapping.key.widest()
        };
        self.precision.bytes() * u64::from(features) * u64::from(mapping.tokens)
    }

    /// The one of `ops`, in order, at which most is live; tensors of `elsewhere` do not count.
    fn peak(&self, ops: &[&Op], elsewhere: &[TensorId]) -> Fullest {
        let mut live: BTreeMap<TensorId, (usize, usize)> = BTreeMap::new();
        for (at, op) in ops.iter().enumerate() {
            for &tensor in &op.inputs {
                live.entry(tensor).or_insert((0, at)).1 = at;
            }
            for &tensor in &op.outputs {
                live.entry(tensor).or_insert((at, at));
            }
        }
        // What is made in place of an operand is there when that is not.
        for (at, op) in ops.iter().enumerate().filter(|(_, op)| is_in_place(op.kind)) {
            if op.inputs.iter().any(|input| live[input].1 == at && self.of(*input) == self.of(op.outputs[0]))
            {
                live.entry(op.outputs[0]).and_modify(|range| *range = (at + 1, range.1.max(at + 1)));
            }
        }
        let at = |at: usize| {
            live.iter()
                .filter(move |(tensor, (from, to))| *from <= at && at <= *to && !elsewhere.contains(tensor))
                .map(|(&tensor, _)| (tensor, self.of(tensor)))
        };
        let bytes = |op: &usize| -> Bytes { at(*op).map(|(_, bytes)| bytes).sum() };
        let Some(fullest) = (0..ops.len()).max_by_key(bytes) else { return Fullest::default() };
        let mut tensors: Vec<(String, Bytes)> = at(fullest)
            .filter(|(_, bytes)| *bytes > Bytes::ZERO)
            .map(|(tensor, bytes)| (self.graph.tensor(tensor).name.clone(), bytes))
            .collect();
        tensors.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Fullest { op: ops[fullest].name.clone(), tensors }
    }
}
