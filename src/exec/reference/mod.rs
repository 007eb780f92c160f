//! The oracle: a training graph evaluated in dense f64, one op after the other, by the sums of the textbook.
//!
//! It is written to be read, not to be fast: no kernel of it is shared with anything else, nothing is skipped
//! because a weight is zero, and no intermediate is reused. A step holds all its tensors at once, 8 bytes an
//! element, and takes some nanoseconds per multiply-accumulate: graphs of up to a few million weights.
//!
//! All values are row-major arrays of the shapes that the graph gives.

mod attention;
mod embedding;
mod linear;
mod loss;
mod norm;
mod optimizer;
mod pointwise;
mod rope;
mod squarehead;
mod tensors;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use crate::graph::{Op, OpKind, Tensor, TensorRole, TrainGraph};
use crate::ids::{OpId, TensorId};
use crate::sparsity::{Mask, Masks};
use crate::spec::workload::AdamW;

pub use tensors::{Tensors, random_inputs};

/// Why a graph could not be evaluated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReferenceError {
    /// An op reads a tensor that has no values.
    #[error("{op} reads {tensor}, which has no values")]
    Missing {
        /// Name of the op.
        op: String,
        /// Name of the tensor.
        tensor: String,
    },
    /// A tensor's values are not as many as its shape says.
    #[error("{tensor} has {found} values, but its shape has {expected}")]
    Length {
        /// Name of the tensor.
        tensor: String,
        /// Elements of its shape.
        expected: u64,
        /// Values that were given.
        found: u64,
    },
    /// A token id is no whole number of the vocabulary.
    #[error("{tensor}[{position}] is {found}, but a token id is a whole number from 0 to below {vocab}")]
    Token {
        /// Name of the tensor.
        tensor: String,
        /// Index into its values.
        position: usize,
        /// The value there.
        found: f64,
        /// Tokens in the vocabulary.
        vocab: u64,
    },
    /// A mask is not of the shape of the tensor that it prunes.
    #[error("the mask of {tensor} is {rows} x {cols}, but the tensor is {shape:?}")]
    Mask {
        /// Name of the tensor.
        tensor: String,
        /// Rows of the mask.
        rows: u32,
        /// Columns of the mask.
        cols: u32,
        /// Extents of the tensor.
        shape: Vec<u64>,
    },
    /// The graph has no op with this id.
    #[error("the graph has no op {0}")]
    UnknownOp(OpId),
    /// The graph has no parameter with this id.
    #[error("the graph has no parameter {0}")]
    UnknownParameter(TensorId),
}

/// A training step to evaluate: the graph, what is pruned, and the update.
///
/// A pruned weight is zero wherever it is met. That holds for the weight itself, its gradient, its moments and
/// what AdamW makes of them: each is masked when an op reads it and when an op makes it.
#[derive(Clone, Debug)]
pub struct Reference<'a> {
    graph: &'a TrainGraph,
    /// By parameter; those without an entry are dense.
    masks: BTreeMap<TensorId, Mask>,
    optimizer: AdamW,
    /// Number of the step, from 1: AdamW's bias correction depends on it.
    step: NonZeroU32,
}

impl<'a> Reference<'a> {
    /// Step number `step` of the training of `graph`; the first one is 1.
    ///
    /// # Errors
    /// [`ReferenceError::Mask`] where `masks` belong to a model of other widths.
    pub fn new(
        graph: &'a TrainGraph,
        masks: &Masks,
        optimizer: AdamW,
        step: NonZeroU32,
    ) -> Result<Self, ReferenceError> {
        let mut reference = Self { graph, masks: BTreeMap::new(), optimizer, step };
        for parameter in graph.parameters() {
            if let (Some(layer), Some(target)) = (parameter.layer, parameter.target)
                && masks.is_sparse(target)
            {
                reference = reference.with_mask(parameter.id, masks.mask(layer, target))?;
            }
        }
        Ok(reference)
    }

    /// The same with `mask` for one parameter, in place of the one it had: for masks that come with a checkpoint.
    ///
    /// # Errors
    /// [`ReferenceError::Mask`] unless the parameter is a matrix of the mask's shape,
    /// [`ReferenceError::UnknownParameter`] for the id of anything else.
    pub fn with_mask(mut self, parameter: TensorId, mask: Mask) -> Result<Self, ReferenceError> {
        let tensor = self.graph.tensors().get(parameter.index());
        let tensor = tensor.filter(|tensor| tensor.role == TensorRole::Parameter);
        let tensor = tensor.ok_or(ReferenceError::UnknownParameter(parameter))?;
        let (rows, cols) = (mask.rows(), mask.cols());
        if tensor.shape != [u64::from(rows), u64::from(cols)] {
            let (tensor, shape) = (tensor.name.clone(), tensor.shape.clone());
            return Err(ReferenceError::Mask { tensor, rows, cols, shape });
        }
        self.masks.insert(parameter, mask);
        Ok(self)
    }

    /// The whole step: `inputs`, pruned weights zeroed, and the values of every tensor that an op makes.
    ///
    /// `inputs` hold what no op makes: parameters, moments, token ids and labels (whole numbers).
    ///
    /// # Errors
    /// [`ReferenceError::Missing`], [`ReferenceError::Length`] or [`ReferenceError::Token`] for the first input,
    /// in the order of the ops, that is not as it should be.
    pub fn evaluate(&self, inputs: Tensors) -> Result<Tensors, ReferenceError> {
        let mut tensors = inputs;
        for tensor in self.graph.tensors() {
            if let Some(mask) = self.mask(tensor)
                && let Some(values) = tensors.get_mut(tensor.id)
            {
                mask.apply(values);
            }
        }
        for op in self.graph.ops() {
            let results = self.results(op, &tensors)?;
            for (&id, values) in op.outputs.iter().zip(results) {
                tensors.set(id, values);
            }
        }
        Ok(tensors)
    }

    /// One op on the operands that `tensors` hold: its results, in the order of its outputs.
    ///
    /// # Errors
    /// As [`Reference::evaluate`], for the operands of this op; [`ReferenceError::UnknownOp`] for an id of another
    /// graph.
    pub fn evaluate_op(&self, op: OpId, tensors: &Tensors) -> Result<Vec<Vec<f64>>, ReferenceError> {
        if op.index() >= self.graph.ops().len() {
            return Err(ReferenceError::UnknownOp(op));
        }
        self.results(self.graph.op(op), tensors)
    }

    /// What `op` makes of its operands, masked.
    fn results(&self, op: &Op, tensors: &Tensors) -> Result<Vec<Vec<f64>>, ReferenceError> {
        let operands = op.inputs.iter().map(|&id| self.operand(op, id, tensors));
        let operands = operands.collect::<Result<Vec<_>, _>>()?;
        let mut results = self.compute(op, &operands)?;
        for (&id, values) in op.outputs.iter().zip(&mut results) {
            if let Some(mask) = self.mask(self.graph.tensor(id)) {
                mask.apply(values);
            }
        }
        Ok(results)
    }

    /// The values that `op` reads of a tensor: checked for their number, and masked.
    fn operand<'t>(
        &self,
        op: &Op,
        id: TensorId,
        tensors: &'t Tensors,
    ) -> Result<Cow<'t, [f64]>, ReferenceError> {
        let tensor = self.graph.tensor(id);
        let name = || tensor.name.clone();
        let missing = || ReferenceError::Missing { op: op.name.clone(), tensor: name() };
        let values = tensors.get(id).ok_or_else(missing)?;
        let (expected, found) = (tensor.elements(), values.len() as u64);
        if expected != found {
            return Err(ReferenceError::Length { tensor: name(), expected, found });
        }
        let mut values = Cow::Borrowed(values);
        if let Some(mask) = self.mask(tensor) {
            mask.apply(values.to_mut());
        }
        Ok(values)
    }

    /// The mask of a parameter, or of the parameter that a gradient, moment or update belongs to.
    fn mask(&self, tensor: &Tensor) -> Option<&Mask> {
        self.masks.get(&tensor.parameter.unwrap_or(tensor.id))
    }

    /// The arithmetic of `op`. Operands have the lengths of their shapes, and the graph's builder gives each op
    /// as many of them as its kind takes, so that the kernels index freely.
    fn compute(&self, op: &Op, operands: &[Cow<'_, [f64]>]) -> Result<Vec<Vec<f64>>, ReferenceError> {
        let x = |index: usize| &*operands[index];
        let width = |id: TensorId| self.graph.tensor(id).shape.last().map_or(1, |&extent| extent as usize);
        let (features, length) = (width(op.inputs[0]), self.graph.sequence_tokens() as usize);
        let made = self.graph.tensor(op.outputs[0]);
        let result = match op.kind {
            OpKind::Embedding => {
                let rows = self.tokens(op.inputs[0], x(0))?;
                embedding::embedding(&rows, x(1), width(op.inputs[1]))
            }
            OpKind::EmbeddingGrad => {
                let rows = self.tokens(op.inputs[0], x(0))?;
                embedding::embedding_grad(&rows, x(1), made.elements() as usize, width(made.id))
            }
            OpKind::PositionEmbedding => x(0).repeat(self.graph.sequences() as usize),
            OpKind::PositionEmbeddingGrad => embedding::column_sum(x(0), made.elements() as usize),
            OpKind::RmsNorm(eps) => norm::rms(x(0), x(1), eps),
            OpKind::RmsNormGradData(eps) => norm::rms_grad_data(x(0), x(1), x(2), eps),
            OpKind::RmsNormGradWeight(eps) => norm::rms_grad_weight(x(0), x(1), features, eps),
            OpKind::LayerNorm(eps) => norm::layer(x(0), x(1), x(2), eps),
            OpKind::LayerNormGradData(eps) => norm::layer_grad_data(x(0), x(1), x(2), eps),
            OpKind::LayerNormGradWeight(eps) => norm::layer_grad_weight(x(0), x(1), features, eps),
            OpKind::Linear(shape) => linear::linear(x(0), x(1), shape),
            OpKind::LinearGradData(shape) => linear::grad_data(x(0), x(1), shape),
            OpKind::LinearGradWeight(shape) => linear::grad_weight(x(0), x(1), shape),
            OpKind::Bias => linear::bias(x(0), x(1)),
            OpKind::BiasGrad => embedding::column_sum(x(0), made.elements() as usize),
            OpKind::Rope(rotation) => rope::rope(x(0), features, rotation),
            OpKind::RopeGrad(rotation) => rope::rope_grad(x(0), features, rotation),
            OpKind::AttentionScores(a) => attention::scores(x(0), x(1), a),
            OpKind::AttentionScoresGradQ(a) => attention::scores_grad_q(x(0), x(1), a),
            OpKind::AttentionScoresGradK(a) => attention::scores_grad_k(x(0), x(1), a),
            OpKind::Softmax(a) => attention::softmax(x(0), a),
            OpKind::SoftmaxGrad(a) => attention::softmax_grad(x(0), x(1), a),
            OpKind::AttentionContext(a) => attention::context(x(0), x(1), a),
            OpKind::AttentionContextGradP(a) => attention::context_grad_p(x(0), x(1), a),
            OpKind::AttentionContextGradV(a) => attention::context_grad_v(x(0), x(1), a),
            OpKind::SwiGlu => pointwise::swiglu(x(0), x(1)),
            OpKind::SwiGluGrad => return Ok(pointwise::swiglu_grad(x(0), x(1), x(2)).into()),
            OpKind::Gelu => pointwise::gelu(x(0)),
            OpKind::GeluGrad => pointwise::gelu_grad(x(0), x(1)),
            OpKind::Add => pointwise::add(x(0), x(1)),
            OpKind::CrossEntropy => {
                vec![loss::cross_entropy(x(0), &self.tokens(op.inputs[1], x(1))?, features, length)]
            }
            OpKind::CrossEntropyGrad => {
                loss::cross_entropy_grad(x(0), &self.tokens(op.inputs[1], x(1))?, features, length)
            }
            OpKind::SquareHeadSums => squarehead::sums(x(0), x(1), features),
            OpKind::SquareHead(term) => {
                let (distance, rate) = squarehead::distance(x(0), term);
                return Ok(vec![vec![distance], vec![rate]]);
            }
            OpKind::SquareHeadGrad => squarehead::distance_grad(x(0), x(1), x(2)[0]),
            OpKind::TotalLoss(term) => vec![squarehead::total(operands, term)],
            OpKind::AdamW => {
                let state = [x(0), x(1), x(2), x(3)];
                return Ok(optimizer::adamw(state, self.optimizer, self.step).into());
            }
        };
        Ok(vec![result])
    }

    /// Token ids as indices.
    fn tokens(&self, id: TensorId, values: &[f64]) -> Result<Vec<usize>, ReferenceError> {
        let vocab = u64::from(self.graph.model().vocab);
        let token = |(position, &found): (usize, &f64)| {
            let whole = found.fract() == 0.0 && found >= 0.0 && found < vocab as f64;
            let tensor = || self.graph.tensor(id).name.clone();
            let error = || ReferenceError::Token { tensor: tensor(), position, found, vocab };
            whole.then_some(found as usize).ok_or_else(error)
        };
        values.iter().enumerate().map(token).collect()
    }
}
