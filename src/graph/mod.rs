//! The training graph: one step of a decoder-only transformer as ops and tensors with shapes.
//!
//! ```text
//! ModelSpec + sequences -> forward (llama, gpt3, gptj) -> backward (a rule per op) -> optimizer (AdamW per parameter)
//!                              \-> teacher, distances (distill) --^
//! ```
//!
//! Only the forward pass is written per model family. The graph knows no machine, no values and no masks.

mod backward;
mod build;
mod distill;
pub mod flops;
mod gpt3;
mod gptj;
mod llama;
mod op;
mod optimizer;
mod parts;
mod tensor;

use petgraph::graph::{DiGraph, NodeIndex};

use crate::ids::{OpId, TensorId};
use crate::spec::workload::{Family, ModelSpec};

pub use build::GraphError;
pub use op::{Attention, Eps, MatmulShape, Op, OpKind, Pairing, Phase, Rotation, SquareHead};
pub use tensor::{Target, Tensor, TensorRole};

/// One training step: ops in topological order and the tensors between them.
///
/// Invariants, all by construction: each tensor has at most one producer, which comes before its consumers;
/// names are unique; an op's id is its index.
#[derive(Clone, Debug)]
pub struct TrainGraph {
    model: ModelSpec,
    sequences: u32,
    sequence_tokens: u32,
    /// A node per op, at the op's id; an edge per use of a tensor that another op makes.
    dag: DiGraph<Op, TensorId>,
    tensors: Vec<Tensor>,
    producers: Vec<Option<OpId>>,
    consumers: Vec<Vec<OpId>>,
    gradients: Vec<Option<TensorId>>,
    ends: Ends,
}

/// The tensors through which a step meets the outside.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Input token ids, `[sequences, tokens]`.
    pub token_ids: TensorId,
    /// Labels, `[sequences, tokens]`: token ids again; the label of a token is the next one's.
    pub labels: TensorId,
    /// What the output head makes, `[tokens of all sequences, vocab]`.
    pub logits: TensorId,
    /// Mean cross-entropy, with a teacher plus the distances from it, `[1]`.
    pub loss: TensorId,
}

/// A forward pass that has been added.
struct Forward {
    ends: Ends,
    /// What each block makes.
    states: Vec<TensorId>,
}

impl TrainGraph {
    /// The training step of `model` on `sequences` of `sequence_tokens` tokens.
    ///
    /// # Errors
    /// A shape that does not divide as the model needs, or a step so large that its counts do not fit 64 bits.
    pub fn build(model: &ModelSpec, sequences: u32, sequence_tokens: u32) -> Result<Self, GraphError> {
        Self::step(model, sequences, sequence_tokens, None)
    }

    /// The same beside a dense teacher of the same shape: the loss is cross-entropy plus `weight` times SquareHead,
    /// the sum over blocks of the normalised squared error of what they make.
    ///
    /// # Errors
    /// As [`TrainGraph::build`].
    pub fn with_teacher(
        model: &ModelSpec,
        sequences: u32,
        sequence_tokens: u32,
        weight: f64,
    ) -> Result<Self, GraphError> {
        Self::step(model, sequences, sequence_tokens, Some(weight))
    }

    fn step(
        model: &ModelSpec,
        sequences: u32,
        sequence_tokens: u32,
        squarehead: Option<f64>,
    ) -> Result<Self, GraphError> {
        build::check(model, sequences, sequence_tokens)?;
        let mut builder = build::Builder::new(model, sequences, sequence_tokens);
        let student = match model.family {
            Family::Llama => llama::forward(&mut builder, model),
            Family::Gpt3 => gpt3::forward(&mut builder, model),
            Family::Gptj => gptj::forward(&mut builder, model),
        };
        let ends = match squarehead {
            Some(weight) => distill::follow(&mut builder, model, &student, weight),
            None => student.ends,
        };
        backward::differentiate(&mut builder);
        optimizer::update(&mut builder);
        Ok(builder.finish(ends))
    }

    /// The model that it trains.
    pub fn model(&self) -> &ModelSpec {
        &self.model
    }

    /// Sequences in the step.
    pub fn sequences(&self) -> u32 {
        self.sequences
    }

    /// Tokens in a sequence.
    pub fn sequence_tokens(&self) -> u32 {
        self.sequence_tokens
    }

    /// Tokens in the step.
    pub fn tokens(&self) -> u64 {
        u64::from(self.sequences) * u64::from(self.sequence_tokens)
    }

    /// Every op, in topological order: by id.
    pub fn ops(&self) -> impl ExactSizeIterator<Item = &Op> {
        self.dag.raw_nodes().iter().map(|node| &node.weight)
    }

    /// Every tensor, by id.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The op with this id. Ids come from this graph.
    pub fn op(&self, id: OpId) -> &Op {
        &self.dag[NodeIndex::new(id.index())]
    }

    /// The tensor with this id. Ids come from this graph.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.index()]
    }

    /// The op that makes a tensor; `None` for parameters, a teacher's too, moments and tokens.
    pub fn producer(&self, id: TensorId) -> Option<OpId> {
        self.producers[id.index()]
    }

    /// The ops that read a tensor, in topological order, each once.
    pub fn consumers(&self, id: TensorId) -> &[OpId] {
        &self.consumers[id.index()]
    }

    /// The complete gradient of a parameter or an activation, that of the sums of SquareHead as one value for all
    /// tokens; `None` where the loss does not need it, as in all of a teacher.
    pub fn gradient(&self, id: TensorId) -> Option<TensorId> {
        self.gradients[id.index()]
    }

    /// Tokens in, logits and loss out.
    pub fn ends(&self) -> Ends {
        self.ends
    }

    /// Parameters before the step, by id; a teacher's are none.
    pub fn parameters(&self) -> impl Iterator<Item = &Tensor> {
        self.tensors.iter().filter(|tensor| tensor.role == TensorRole::Parameter)
    }

    /// The op with this name.
    pub fn op_named(&self, name: &str) -> Option<&Op> {
        self.ops().find(|op| op.name == name)
    }

    /// The tensor with this name.
    pub fn tensor_named(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// The weight that a linear or one of its gradients multiplies or makes; `None` for all other ops.
    pub fn weight(&self, op: &Op) -> Option<TensorId> {
        match op.kind {
            OpKind::Linear(_) | OpKind::LinearGradData(_) => Some(op.inputs[1]),
            OpKind::LinearGradWeight(_) => self.tensor(op.outputs[0]).parameter,
            _ => None,
        }
    }

    /// The linear of a block whose weight a parameter is, the student's or its teacher's; `None` for all others.
    pub fn linear(&self, parameter: TensorId) -> Option<Target> {
        let tensor = self.tensor(parameter);
        tensor.twin.map_or(tensor.target, |twin| self.tensor(twin).target)
    }

    /// Ops and the tensors between them as a petgraph: node `i` is the op with id `i`.
    pub fn dag(&self) -> &DiGraph<Op, TensorId> {
        &self.dag
    }
}
