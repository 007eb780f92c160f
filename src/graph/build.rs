//! What every family's forward pass and the backward rules build with, and what is refused before they start.

use petgraph::graph::{DiGraph, NodeIndex};

use super::{Ends, Op, OpKind, Phase, Target, Tensor, TensorRole, TrainGraph};
use crate::ids::{OpId, TensorId};
use crate::spec::workload::{Family, ModelSpec};

/// Most decoder blocks of a graph: far above any published model (126), low enough to refuse a typing error
/// before it takes all memory.
const MAX_LAYERS: u32 = 4096;

/// Largest matrix-product FLOPs of a step: sums of all counts then fit 64 bits.
const MAX_STEP_FLOPS: u128 = 1 << 62;

/// Why no graph can be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A count is outside its range.
    #[error("{what} is {found}, but must be {legal}")]
    Count {
        /// Which count.
        what: &'static str,
        /// Its value.
        found: u32,
        /// The range.
        legal: &'static str,
    },
    /// A width does not split evenly.
    #[error("{what} ({found}) must be a multiple of {of} ({divisor})")]
    NotDivisible {
        /// Which width.
        what: &'static str,
        /// Its value.
        found: u32,
        /// What must divide it.
        of: &'static str,
        /// The value of that.
        divisor: u32,
    },
    /// Rotary positions pair the features of a head.
    #[error("a head has {found} features, but rotary positions need an even number: change hidden or heads")]
    OddHead {
        /// Features of a head.
        found: u32,
    },
    /// More features turn than a head has, or an odd number of them.
    #[error(
        "{found} features of a head of {head} cannot be rotated: rotary_dim must be even and at most {head}"
    )]
    Rotary {
        /// Features that turn.
        found: u32,
        /// Features of a head.
        head: u32,
    },
    /// The step's counts do not fit 64 bits.
    #[error("the step has {flops} matrix-product FLOPs, more than 2^62: take fewer sequences or tokens")]
    TooLarge {
        /// An upper bound of its FLOPs.
        flops: u128,
    },
}

/// Refuses what the builders could not shape.
pub(super) fn check(model: &ModelSpec, sequences: u32, sequence_tokens: u32) -> Result<(), GraphError> {
    let positive = [
        ("layers", model.layers),
        ("hidden", model.hidden),
        ("ffn", model.ffn),
        ("heads", model.heads),
        ("kv_heads", model.kv_heads),
        ("vocab", model.vocab),
        ("batch_sequences", sequences),
    ];
    if let Some(&(what, found)) = positive.iter().find(|(_, value)| *value == 0) {
        return Err(GraphError::Count { what, found, legal: "at least 1" });
    }
    if model.layers > MAX_LAYERS {
        return Err(GraphError::Count { what: "layers", found: model.layers, legal: "at most 4096" });
    }
    if sequence_tokens < 2 {
        let legal = "at least 2: the label of a token is the next token";
        return Err(GraphError::Count { what: "sequence_tokens", found: sequence_tokens, legal });
    }
    let multiple = |what, found: u32, of, divisor: u32| {
        let error = GraphError::NotDivisible { what, found, of, divisor };
        if found.is_multiple_of(divisor) { Ok(()) } else { Err(error) }
    };
    multiple("hidden", model.hidden, "heads", model.heads)?;
    multiple("heads", model.heads, "kv_heads", model.kv_heads)?;
    let (head, rotary) = (model.head_dim(), model.rotary());
    if model.family != Family::Gpt3 && !head.is_multiple_of(2) {
        return Err(GraphError::OddHead { found: head });
    }
    if !rotary.is_multiple_of(2) || rotary > head {
        return Err(GraphError::Rotary { found: rotary, head });
    }
    let flops = step_flops_bound(model, sequences, sequence_tokens);
    if flops > MAX_STEP_FLOPS { Err(GraphError::TooLarge { flops }) } else { Ok(()) }
}

/// At least the FLOPs of all matrix products, a teacher's included. Saturates where that passes 2^128.
fn step_flops_bound(model: &ModelSpec, sequences: u32, sequence_tokens: u32) -> u128 {
    let [layers, hidden, ffn, vocab] = [model.layers, model.hidden, model.ffn, model.vocab].map(u128::from);
    let (sequences, length) = (u128::from(sequences), u128::from(sequence_tokens));
    let block = 4 * hidden * hidden + 3 * hidden * ffn + 2 * length * hidden;
    (8 * (layers * block + hidden * vocab)).saturating_mul(sequences * length)
}

/// A graph being built: every op is added after the ops that make its inputs.
pub(super) struct Builder {
    model: ModelSpec,
    sequences: u32,
    sequence_tokens: u32,
    tensors: Vec<Tensor>,
    ops: Vec<Op>,
    /// Whether what is added belongs to a teacher: dense, not trained, its names after `teacher.`.
    pub(super) teacher: bool,
    /// By tensor: its complete gradient, once the backward pass has it.
    pub(super) gradients: Vec<Option<TensorId>>,
}

impl Builder {
    pub(super) fn new(model: &ModelSpec, sequences: u32, sequence_tokens: u32) -> Self {
        let (tensors, ops, gradients) = (Vec::new(), Vec::new(), Vec::new());
        Self { model: model.clone(), sequences, sequence_tokens, tensors, ops, teacher: false, gradients }
    }

    /// Tokens of all sequences.
    pub(super) fn tokens(&self) -> u64 {
        self.sequences() * self.sequence_tokens()
    }

    pub(super) fn sequences(&self) -> u64 {
        u64::from(self.sequences)
    }

    pub(super) fn sequence_tokens(&self) -> u64 {
        u64::from(self.sequence_tokens)
    }

    pub(super) fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.index()]
    }

    pub(super) fn op(&self, id: OpId) -> &Op {
        &self.ops[id.index()]
    }

    /// How many ops there are: the next one's id.
    pub(super) fn next_op(&self) -> OpId {
        OpId(self.ops.len() as u32)
    }

    pub(super) fn parameters(&self) -> Vec<TensorId> {
        let parameters = self.tensors.iter().filter(|tensor| tensor.role == TensorRole::Parameter);
        parameters.map(|tensor| tensor.id).collect()
    }

    /// A tensor outside the blocks; what op makes it, if one does, is for the caller to add.
    pub(super) fn outside(&mut self, name: &str, role: TensorRole, shape: &[u64]) -> TensorId {
        self.add_tensor(name.to_owned(), shape.to_vec(), role, None)
    }

    /// A tensor that is trained, or a teacher's.
    pub(super) fn parameter(
        &mut self,
        name: String,
        shape: &[u64],
        layer: Option<u32>,
        target: Option<Target>,
    ) -> TensorId {
        let role = if self.teacher { TensorRole::TeacherParameter } else { TensorRole::Parameter };
        let twin = self.tensors.iter().find(|tensor| self.teacher && tensor.name == name);
        let twin = twin.map(|tensor| tensor.id);
        let id = self.add_tensor(self.owned(name), shape.to_vec(), role, layer);
        let tensor = &mut self.tensors[id.index()];
        (tensor.target, tensor.twin) = (target.filter(|_| twin.is_none()), twin);
        id
    }

    /// A forward op with one result of the op's name.
    pub(super) fn forward(
        &mut self,
        name: String,
        layer: Option<u32>,
        kind: OpKind,
        inputs: &[TensorId],
        shape: &[u64],
    ) -> TensorId {
        let role = match kind {
            OpKind::CrossEntropy | OpKind::TotalLoss(_) => TensorRole::Loss,
            _ => TensorRole::Activation,
        };
        let (name, phase) = (self.owned(name), if self.teacher { Phase::Teacher } else { Phase::Forward });
        let result = self.add_tensor(name.clone(), shape.to_vec(), role, layer);
        self.add_op(name, kind, layer, phase, inputs, &[result]);
        result
    }

    /// A name that says whose it is.
    fn owned(&self, name: String) -> String {
        if self.teacher { format!("teacher.{name}") } else { name }
    }

    /// `y = x weight^T` with a new weight `{weight}.weight` of `features` rows.
    pub(super) fn linear(
        &mut self,
        name: String,
        weight: String,
        layer: Option<u32>,
        target: Option<Target>,
        x: TensorId,
        features: u64,
    ) -> TensorId {
        let width = self.tensor(x).shape[1];
        let weight = self.parameter(weight, &[features, width], layer, target);
        self.linear_with(name, layer, x, weight)
    }

    /// `y = x weight^T` with a weight that exists.
    pub(super) fn linear_with(
        &mut self,
        name: String,
        layer: Option<u32>,
        x: TensorId,
        weight: TensorId,
    ) -> TensorId {
        let [features, width] = [0, 1].map(|axis| self.tensor(weight).shape[axis]);
        let matmul = super::MatmulShape { batch: 1, m: self.tokens(), k: width, n: features };
        self.forward(name, layer, OpKind::Linear(matmul), &[x, weight], &[matmul.m, features])
    }

    /// The sum of two tensors of one shape.
    pub(super) fn add(&mut self, name: String, layer: Option<u32>, a: TensorId, b: TensorId) -> TensorId {
        let shape = self.tensor(a).shape.clone();
        self.forward(name, layer, OpKind::Add, &[a, b], &shape)
    }

    /// A tensor that belongs to `of` as its gradient, moment or update: same shape, layer and target.
    pub(super) fn like(&mut self, of: TensorId, name: String, role: TensorRole) -> TensorId {
        let Tensor { shape, layer, target, role: of_role, .. } = self.tensor(of).clone();
        let id = self.add_tensor(name, shape, role, layer);
        let tensor = &mut self.tensors[id.index()];
        tensor.target = target;
        tensor.parameter = (of_role == TensorRole::Parameter).then_some(of);
        id
    }

    pub(super) fn add_op(
        &mut self,
        name: String,
        kind: OpKind,
        layer: Option<u32>,
        phase: Phase,
        inputs: &[TensorId],
        outputs: &[TensorId],
    ) {
        let id = self.next_op();
        self.ops.push(Op {
            id,
            name,
            kind,
            layer,
            phase,
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
        });
    }

    fn add_tensor(
        &mut self,
        name: String,
        shape: Vec<u64>,
        role: TensorRole,
        layer: Option<u32>,
    ) -> TensorId {
        let id = TensorId(self.tensors.len() as u32);
        self.tensors.push(Tensor { id, name, shape, role, layer, target: None, parameter: None, twin: None });
        self.gradients.push(None);
        id
    }

    /// Links producers and consumers.
    pub(super) fn finish(self, ends: Ends) -> TrainGraph {
        let Self { model, sequences, sequence_tokens, tensors, ops, gradients, .. } = self;
        let mut producers = vec![None; tensors.len()];
        let mut consumers: Vec<Vec<OpId>> = vec![Vec::new(); tensors.len()];
        let mut dag = DiGraph::with_capacity(ops.len(), 3 * ops.len());
        for op in ops {
            for &output in &op.outputs {
                producers[output.index()] = Some(op.id);
            }
            let (id, inputs) = (op.id, op.inputs.clone());
            let node = dag.add_node(op);
            for input in inputs {
                if consumers[input.index()].last() != Some(&id) {
                    consumers[input.index()].push(id);
                }
                if let Some(producer) = producers[input.index()] {
                    dag.add_edge(NodeIndex::new(producer.index()), node, input);
                }
            }
        }
        TrainGraph { model, sequences, sequence_tokens, dag, tensors, producers, consumers, gradients, ends }
    }
}
