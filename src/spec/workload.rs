//! What is trained: the model's shape, the batch, the precision and where it is sparse.

use serde::{Deserialize, Serialize};

use crate::dtype::Dtype;

/// A training workload, resolved: every value is known and legal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkloadSpec {
    /// Preset or file stem, for titles.
    pub name: String,
    /// Shape of the network.
    pub model: ModelSpec,
    /// Batch and optimizer.
    pub training: TrainingSpec,
    /// Which weights are zero.
    pub sparsity: SparsitySpec,
}

/// Shape of a decoder-only transformer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Block structure.
    pub family: Family,
    /// Decoder blocks.
    pub layers: u32,
    /// Width of the residual stream, in features.
    pub hidden: u32,
    /// Width of the feed-forward layer, in features.
    pub ffn: u32,
    /// Query heads; `hidden` is a multiple of it.
    pub heads: u32,
    /// Key/value heads; `heads` is a multiple of it (equal: multi-head attention).
    pub kv_heads: u32,
    /// Tokens in the vocabulary.
    pub vocab: u32,
    /// Added to the mean square in RMSNorm (or the variance in LayerNorm).
    pub norm_eps: f64,
    /// Base of the rotary position frequencies.
    pub rope_theta: f64,
}

impl ModelSpec {
    /// Features of one attention head.
    pub fn head_dim(&self) -> u32 {
        self.hidden / self.heads
    }

    /// Features of all keys (or values) of a token: `kv_heads * head_dim`.
    pub fn kv_width(&self) -> u32 {
        self.kv_heads * self.head_dim()
    }
}

/// Block structure of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// RMSNorm, rotary positions, SwiGLU, no biases.
    Llama,
    /// LayerNorm, learned positions, GELU, biases, feed-forward of two linears.
    Gpt3,
    /// GPT-J: one LayerNorm, attention and feed-forward in parallel, rotary positions, GELU.
    Gptj,
}

/// Batch, precision and optimizer of one training step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSpec {
    /// Sequences in a step, over all micro-batches.
    pub batch_sequences: u32,
    /// Tokens in a sequence.
    pub sequence_tokens: u32,
    /// Storage of weights and activations.
    pub precision: Dtype,
    /// Sequences that pass through the wafer together; `None`: the largest that fits.
    pub micro_batch_sequences: Option<u32>,
    /// Which activations of the forward pass are kept for the backward pass.
    pub recompute: Recompute,
    /// How attention FLOPs are counted in reports.
    pub attention_flops: AttentionFlops,
    /// AdamW.
    pub optimizer: AdamW,
}

/// What the backward pass finds in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recompute {
    /// Whatever gives the shortest step among those that fit.
    Auto,
    /// Keep all that the backward pass reads.
    None,
    /// Keep only the input of each block and run its forward pass again.
    Block,
}

/// Which pairs of tokens count as attention work in reported FLOPs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttentionFlops {
    /// All S x S pairs: the convention that reproduces the vendor's published figures.
    Full,
    /// Only the pairs that the causal mask leaves.
    Causal,
}

/// AdamW hyper-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

/// Which weights are zero, and stay zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SparsitySpec {
    /// Share of zeros in each sparsified tensor, in [0, 1).
    pub level: f64,
    /// How the zeros are spread.
    pub pattern: Pattern,
    /// Seed of the masks.
    pub seed: u64,
    /// Linears that are sparsified: any of q, k, v, o, gate, up, down (fc1, fc2 for GPT families).
    pub targets: Vec<String>,
}

/// Rule that spreads the zeros of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pattern {
    /// Every weight equally likely, exactly `round(level * size)` zeros in a tensor.
    Uniform,
}
