//! What is computed: the closed set of ops, and the shapes of those that multiply matrices.

use serde::{Deserialize, Serialize};

use crate::ids::{OpId, TensorId};
use crate::spec::workload::{Family, ModelSpec};
use crate::units::Macs;

/// One operation on whole tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// Index in [`super::TrainGraph::ops`], which is also its place in a topological order.
    pub id: OpId,
    /// Unique name, as `layers.3.mlp.gate.dx`.
    pub name: String,
    /// What it does.
    pub kind: OpKind,
    /// Decoder block that it belongs to; `None` outside the blocks.
    pub layer: Option<u32>,
    /// Part of the training step.
    pub phase: Phase,
    /// Operands, in the order that [`OpKind`] states.
    pub inputs: Vec<TensorId>,
    /// Results, in the order that [`OpKind`] states.
    pub outputs: Vec<TensorId>,
}

/// Part of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// From tokens to loss.
    Forward,
    /// The forward pass of a teacher, which is not trained.
    Teacher,
    /// Gradients of activations (dX).
    BackwardData,
    /// Gradients of parameters (dW).
    BackwardWeight,
    /// AdamW.
    Optimizer,
}

/// What an op does. Each variant gives its operands and results as `(inputs) -> (outputs)`.
///
/// `d` before a name is the gradient of the loss with respect to it. "Column sum" adds over tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OpKind {
    /// `(ids, table) -> (x)`: row `ids[t]` of the table for each token.
    Embedding,
    /// `(ids, dx) -> (dtable)`: rows of dx added where they came from.
    EmbeddingGrad,
    /// `(table) -> (x)`: row `t` of the table for token `t` of each sequence.
    PositionEmbedding,
    /// `(dx) -> (dtable)`: sum over sequences.
    PositionEmbeddingGrad,
    /// `(x, weight) -> (y)`: `y = weight * x / sqrt(mean(x^2) + eps)`.
    RmsNorm(Eps),
    /// `(x, weight, dy) -> (dx)`.
    RmsNormGradData(Eps),
    /// `(x, dy) -> (dweight)`.
    RmsNormGradWeight(Eps),
    /// `(x, weight, bias) -> (y)`: `y = weight * (x - mean) / sqrt(variance + eps) + bias`.
    LayerNorm(Eps),
    /// `(x, weight, dy) -> (dx)`.
    LayerNormGradData(Eps),
    /// `(x, dy) -> (dweight)`.
    LayerNormGradWeight(Eps),
    /// `(x, weight) -> (y)`: `y = x weight^T`.
    Linear(MatmulShape),
    /// `(dy, weight) -> (dx)`: `dx = dy weight`.
    LinearGradData(MatmulShape),
    /// `(x, dy) -> (dweight)`: `dweight = dy^T x`, masked as the weight is.
    LinearGradWeight(MatmulShape),
    /// `(x, bias) -> (y)`: the bias added to each token.
    Bias,
    /// `(dy) -> (dbias)`: column sum.
    BiasGrad,
    /// `(x) -> (y)`: rotary position embedding of every head, or of a part of each.
    Rope(Rotation),
    /// `(dy) -> (dx)`: the rotation undone.
    RopeGrad(Rotation),
    /// `(q, k) -> (s)`: `s = q k^T / sqrt(head_dim)` per head.
    AttentionScores(Attention),
    /// `(ds, k) -> (dq)`.
    AttentionScoresGradQ(Attention),
    /// `(ds, q) -> (dk)`: query heads that share a key head add up.
    AttentionScoresGradK(Attention),
    /// `(s) -> (p)`: softmax of each row over the tokens up to its own; zero beyond.
    Softmax(Attention),
    /// `(p, dp) -> (ds)`.
    SoftmaxGrad(Attention),
    /// `(p, v) -> (c)`: `c = p v` per head.
    AttentionContext(Attention),
    /// `(dc, v) -> (dp)`.
    AttentionContextGradP(Attention),
    /// `(p, dc) -> (dv)`: query heads that share a value head add up.
    AttentionContextGradV(Attention),
    /// `(gate, up) -> (y)`: `y = gate * sigmoid(gate) * up`.
    SwiGlu,
    /// `(gate, up, dy) -> (dgate, dup)`.
    SwiGluGrad,
    /// `(x) -> (y)`: `y = x * Phi(x)`, in the tanh approximation that GPT models use.
    Gelu,
    /// `(x, dy) -> (dx)`.
    GeluGrad,
    /// `(a, b) -> (a + b)`: a residual, or two gradients of one tensor.
    Add,
    /// `(logits, labels) -> (loss)`: mean over all tokens but the last of each sequence, which has no label.
    CrossEntropy,
    /// `(logits, labels) -> (dlogits)`.
    CrossEntropyGrad,
    /// `(h, teacher) -> (sums)`: of each token the sums over features of `(h - teacher)^2` and of `teacher^2`.
    SquareHeadSums,
    /// `(sums) -> (distance, rate)`: `distance = mean((h - teacher)^2) / (mean(teacher^2) + eps)`, means over all
    /// tokens and features; `rate = weight / (elements (mean(teacher^2) + eps))`, the gradient of `weight` times the
    /// distance with respect to the first sum of any token.
    SquareHead(SquareHead),
    /// `(h, teacher, rate) -> (dh)`: `dh = 2 rate (h - teacher)`.
    SquareHeadGrad,
    /// `(cross-entropy, distance of each block) -> (loss)`: cross-entropy plus `weight` times the sum of distances.
    TotalLoss(SquareHead),
    /// `(w, dw, m, v) -> (w', m', v')`, masked as the weight is.
    AdamW,
}

/// What a norm adds before its root.
pub type Eps = f64;

/// How far hidden states may be from a teacher's, as a part of the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquareHead {
    /// Values that are compared: tokens of all sequences times features.
    pub elements: u64,
    /// Added to the teacher's mean square.
    pub eps: f64,
    /// Factor of the distances beside cross-entropy, whose own is 1.
    pub weight: f64,
}

/// `batch` products `C[m, n] = sum over k of A[m, k] B[k, n]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MatmulShape {
    /// Independent products: 1 for linears, heads x sequences in attention.
    pub batch: u64,
    /// Rows of the result.
    pub m: u64,
    /// Terms of each sum.
    pub k: u64,
    /// Columns of the result.
    pub n: u64,
}

impl MatmulShape {
    /// All multiply-accumulates, zero operands included.
    pub fn macs(&self) -> Macs {
        Macs(self.batch * self.m * self.k * self.n)
    }
}

/// Rotary positions: which features pair up, and how fast each pair turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotation {
    /// Tokens in a sequence.
    pub tokens: u64,
    /// Features of one head.
    pub head_dim: u64,
    /// Those of them that turn, the first ones; the others stay as they are.
    pub rotary: u32,
    /// Which of them pair up.
    pub pairing: Pairing,
    /// Pair `i` turns by `theta^(-2 i / rotary)` radians per token.
    pub theta: f64,
}

/// Which features of a head pair up in a rotation. Either is the other with the features of each head in another
/// order, which changes no product within a head: they differ in what a checkpoint's rows mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Feature `i` of the first half of what turns with feature `i` of the second (Llama).
    Halves,
    /// Each even feature with the next one (GPT-J).
    Neighbours,
}

impl Pairing {
    /// How the models of a family pair features. Nothing turns in GPT-3.
    pub fn of(family: Family) -> Self {
        match family {
            Family::Llama | Family::Gpt3 => Self::Halves,
            Family::Gptj => Self::Neighbours,
        }
    }

    /// The features of pair `pair` of a head whose first `rotary` features turn.
    pub fn features(self, pair: u32, rotary: u32) -> [u32; 2] {
        match self {
            Self::Halves => [pair, pair + rotary / 2],
            Self::Neighbours => [2 * pair, 2 * pair + 1],
        }
    }
}

impl Rotation {
    /// The rotation of a model's heads.
    pub(super) fn of(model: &ModelSpec, tokens: u64) -> Self {
        Self {
            tokens,
            head_dim: u64::from(model.head_dim()),
            rotary: model.rotary(),
            pairing: Pairing::of(model.family),
            theta: model.rope_theta,
        }
    }

    /// The features of each pair that turns, and by how many radians per token.
    pub fn pairs(&self) -> impl Iterator<Item = ([u32; 2], f64)> + use<> {
        let Self { rotary, pairing, theta, .. } = *self;
        let speed = move |pair: u32| theta.powf(-2.0 * f64::from(pair) / f64::from(rotary));
        (0..rotary / 2).map(move |pair| (pairing.features(pair, rotary), speed(pair)))
    }
}

/// Shape of attention; query heads share key/value heads in equal groups of neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attention {
    /// Sequences in the step.
    pub sequences: u64,
    /// Tokens in a sequence.
    pub tokens: u64,
    /// Query heads.
    pub heads: u64,
    /// Key/value heads.
    pub kv_heads: u64,
    /// Features of one head.
    pub head_dim: u64,
}

impl Attention {
    /// Query heads that share a key/value head.
    pub fn group(&self) -> u64 {
        self.heads / self.kv_heads
    }

    /// A product with a `[tokens, tokens]` result per query head (scores, dP).
    fn square(&self) -> MatmulShape {
        MatmulShape { batch: self.sequences * self.heads, m: self.tokens, k: self.head_dim, n: self.tokens }
    }

    /// A product with a `[tokens, head_dim]` result per query head (context, dQ).
    fn per_query_head(&self) -> MatmulShape {
        MatmulShape { batch: self.sequences * self.heads, m: self.tokens, k: self.tokens, n: self.head_dim }
    }

    /// A product with a `[tokens, head_dim]` result per key/value head, summed over its group (dK, dV).
    fn per_kv_head(&self) -> MatmulShape {
        MatmulShape {
            batch: self.sequences * self.kv_heads,
            m: self.tokens,
            k: self.tokens * self.group(),
            n: self.head_dim,
        }
    }
}

impl OpKind {
    /// The matrix product that this op is; `None` for all others.
    pub fn matmul(&self) -> Option<MatmulShape> {
        match self {
            Self::Linear(shape) | Self::LinearGradData(shape) | Self::LinearGradWeight(shape) => Some(*shape),
            Self::AttentionScores(attention) | Self::AttentionContextGradP(attention) => {
                Some(attention.square())
            }
            Self::AttentionContext(attention) | Self::AttentionScoresGradQ(attention) => {
                Some(attention.per_query_head())
            }
            Self::AttentionScoresGradK(attention) | Self::AttentionContextGradV(attention) => {
                Some(attention.per_kv_head())
            }
            _ => None,
        }
    }

    /// The attention that this op is a part of; `None` for all others.
    pub fn attention(&self) -> Option<Attention> {
        match self {
            Self::AttentionScores(attention)
            | Self::AttentionScoresGradQ(attention)
            | Self::AttentionScoresGradK(attention)
            | Self::Softmax(attention)
            | Self::SoftmaxGrad(attention)
            | Self::AttentionContext(attention)
            | Self::AttentionContextGradP(attention)
            | Self::AttentionContextGradV(attention) => Some(*attention),
            _ => None,
        }
    }
}
