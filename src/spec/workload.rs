//! What is trained: the model's shape, the batch, the precision and where it is sparse.

use serde::{Deserialize, Serialize};

use super::field::{Rule, Values, section, spec, unless_word};
use super::legal::Legal::{BelowOne, FromZero, Integer, IntegerOr, Positive, Word};
pub use super::sparsity::{Levels, Pattern, SparsitySpec};
use super::sparsity_rules as sparsity;
use crate::dtype::Dtype;

spec! {
    /// A training workload, resolved: every value is known and legal.
    pub struct WorkloadSpec where RULES {
        /// Shape of the network.
        pub model: ModelSpec,
        /// Batch and optimizer.
        pub training: TrainingSpec,
        /// Which weights are zero.
        pub sparsity: SparsitySpec,
    }
}

impl WorkloadSpec {
    /// The same workload without zeros.
    pub fn dense(&self) -> Self {
        Self { sparsity: self.sparsity.dense(), ..self.clone() }
    }
}

section! {
    /// Shape of a decoder-only transformer.
    pub struct ModelSpec at "model" {
        /// Block structure.
        pub family: Family = "family", "", Word(&["llama", "gpt3", "gptj"]);
        /// Decoder blocks.
        pub layers: u32 = "layers", "", Integer(1, 100_000);
        /// Width of the residual stream.
        pub hidden: u32 = "hidden", "features", Integer(1, 1_048_576);
        /// Width of the feed-forward layer.
        pub ffn: u32 = "ffn", "features", Integer(1, 4_194_304);
        /// Query heads; `hidden` is a multiple of it.
        pub heads: u32 = "heads", "", Integer(1, 65_536);
        /// Key/value heads; `heads` is a multiple of it (equal: multi-head attention).
        pub kv_heads: u32 = "kv_heads", "", Integer(1, 65_536);
        /// Tokens in the vocabulary.
        pub vocab: u32 = "vocab", "tokens", Integer(1, 16_777_216);
        /// Added to the mean square in RMSNorm (or the variance in LayerNorm).
        pub norm_eps: f64 = "norm_eps", "", Positive(1.0);
        /// Base of the rotary position frequencies.
        pub rope_theta: f64 = "rope_theta", "", Positive(1e12);
    optional {
        /// Features of a head that rotary positions turn, the first ones; all of them where it is not given.
        pub rotary_dim: u32 = "rotary_dim", "features", Integer(2, 1_048_576);
    }
    }
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

    /// Features of a head that rotary positions turn; none where a family has learned positions.
    pub fn rotary(&self) -> u32 {
        match self.family {
            Family::Llama | Family::Gptj => self.rotary_dim.unwrap_or(self.head_dim()),
            Family::Gpt3 => 0,
        }
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
    /// LayerNorm, attention and feed-forward in parallel on what it makes, rotary positions, GELU.
    Gptj,
}

section! {
    /// Batch, precision and optimizer of one training step.
    pub struct TrainingSpec at "training" {
        /// Sequences in a step, over all micro-batches.
        pub batch_sequences: u32 = "batch_sequences", "sequences", Integer(1, 16_777_216);
        /// Tokens in a sequence.
        pub sequence_tokens: u32 = "sequence_tokens", "tokens", Integer(1, 16_777_216);
        /// Storage of weights and activations.
        pub precision: Dtype = "precision", "", Word(&["fp16", "bf16", "fp32"]);
        /// Sequences that pass through the wafer together; "auto" (`None`): the largest that fits.
        pub micro_batch_sequences: Option<u32> =
            "micro_batch_sequences", "sequences", IntegerOr("auto", 1, 16_777_216) => unless_word;
        /// Which activations of the forward pass are kept for the backward pass.
        pub recompute: Recompute = "recompute", "", Word(&["auto", "none", "block"]);
        /// How attention FLOPs are counted in reports.
        pub attention_flops: AttentionFlops = "attention_flops", "", Word(&["full", "causal"]);
    optional {
        /// Whether the student follows a dense teacher of its own shape, and by which loss.
        pub distillation: Distillation = "distillation", "", Word(&["none", "squarehead"]);
        /// Factor of SquareHead beside cross-entropy, whose own is 1; 1 where it is not given, as published.
        pub squarehead_weight: f64 = "squarehead_weight", "", FromZero(1e6);
    }
    inside {
        /// AdamW.
        pub optimizer: AdamW;
    }
    }
}

impl TrainingSpec {
    /// Factor of SquareHead in the loss; `None` without a teacher.
    pub fn squarehead(&self) -> Option<f64> {
        let asked = self.distillation == Some(Distillation::SquareHead);
        asked.then(|| self.squarehead_weight.unwrap_or(1.0))
    }
}

/// Where the loss of a student comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distillation {
    /// Labels alone.
    None,
    /// Labels, and the normalised squared error of hidden states against a dense teacher's, block by block.
    SquareHead,
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

section! {
    /// AdamW hyper-parameters.
    #[derive(Copy)]
    pub struct AdamW at "training.optimizer" {
        /// Step size.
        pub learning_rate: f64 = "learning_rate", "", FromZero(1e6);
        /// Decay of the first moment.
        pub beta1: f64 = "beta1", "", BelowOne;
        /// Decay of the second moment.
        pub beta2: f64 = "beta2", "", BelowOne;
        /// Added to the root of the second moment.
        pub eps: f64 = "eps", "", Positive(1.0);
        /// Decoupled weight decay.
        pub weight_decay: f64 = "weight_decay", "", FromZero(1e6);
    }
}

const BLOCK: [&str; 2] = ["sparsity.block_rows", "sparsity.block_columns"];

/// A value that only some patterns read.
macro_rules! unread {
    ($key:literal, $patterns:expr) => {
        Rule {
            keys: &[$key, "sparsity.pattern"],
            broken: |values| sparsity::unread(values, $key, &$patterns),
        }
    };
}

/// Levels of layers.
macro_rules! levels {
    ($key:literal) => {
        Rule {
            keys: &[$key, "model.layers", "sparsity.pattern", "sparsity.targets"],
            broken: |values| sparsity::wrong_levels(values, $key),
        }
    };
}

const RULES: &[Rule] = &[
    Rule {
        keys: &["model.hidden", "model.heads"],
        broken: |values| multiple(values, "model.hidden", "model.heads"),
    },
    Rule {
        keys: &["model.heads", "model.kv_heads"],
        broken: |values| multiple(values, "model.heads", "model.kv_heads"),
    },
    Rule { keys: &["model.hidden", "model.heads", "model.family"], broken: odd_rotary_head },
    Rule {
        keys: &["model.rotary_dim", "model.hidden", "model.heads", "model.family"],
        broken: wrong_rotary_dim,
    },
    Rule {
        keys: &["training.batch_sequences", "training.micro_batch_sequences"],
        broken: |values| multiple(values, "training.batch_sequences", "training.micro_batch_sequences"),
    },
    Rule { keys: &["training.squarehead_weight", "training.distillation"], broken: weight_without_teacher },
    Rule { keys: &["sparsity.targets", "model.family"], broken: sparsity::foreign_target },
    Rule { keys: &["sparsity.pattern", "sparsity.n", "sparsity.m"], broken: sparsity::group_missing },
    Rule { keys: &["sparsity.pattern", BLOCK[0], BLOCK[1]], broken: sparsity::block_missing },
    Rule { keys: &["sparsity.pattern", "sparsity.checkpoint"], broken: sparsity::checkpoint_missing },
    Rule { keys: &["sparsity.n", "sparsity.m"], broken: sparsity::group_full },
    Rule {
        keys: &["sparsity.m", "model.hidden", "model.ffn", "sparsity.targets"],
        broken: sparsity::group_cut,
    },
    Rule { keys: &["sparsity.checkpoint", "model.family"], broken: sparsity::foreign_checkpoint },
    Rule {
        keys: &["sparsity.level", "sparsity.pattern", "sparsity.n", "sparsity.m"],
        broken: sparsity::settled,
    },
    unread!("sparsity.n", ["n_of_m"]),
    unread!("sparsity.m", ["n_of_m"]),
    unread!("sparsity.block_rows", ["block"]),
    unread!("sparsity.block_columns", ["block"]),
    unread!("sparsity.checkpoint", ["checkpoint", "magnitude"]),
    levels!("sparsity.levels"),
    levels!("sparsity.by_target.q"),
    levels!("sparsity.by_target.k"),
    levels!("sparsity.by_target.v"),
    levels!("sparsity.by_target.o"),
    levels!("sparsity.by_target.gate"),
    levels!("sparsity.by_target.up"),
    levels!("sparsity.by_target.down"),
    levels!("sparsity.by_target.fc1"),
    levels!("sparsity.by_target.fc2"),
];

fn multiple(values: &Values, whole: &str, part: &str) -> Option<(String, String)> {
    let (n, k) = (values.find::<u64>(whole)?, values.find::<u64>(part)?);
    (n % k != 0).then(|| {
        let near = n.div_ceil(k) * k;
        (
            format!("`{whole}` = {n} is not a multiple of `{part}` = {k}"),
            format!("the next multiple is `{whole}` = {near}"),
        )
    })
}

fn weight_without_teacher(values: &Values) -> Option<(String, String)> {
    let (key, teacher) = ("training.squarehead_weight", values.find("training.distillation"));
    (values.has(key) && teacher != Some(Distillation::SquareHead)).then(|| {
        (
            format!("without a teacher nothing reads `{key}`"),
            "remove it, or set `training.distillation` to \"squarehead\"".to_owned(),
        )
    })
}

fn odd_rotary_head(values: &Values) -> Option<(String, String)> {
    let (hidden, heads) = (values.find::<u64>("model.hidden")?, values.find::<u64>("model.heads")?);
    let rotary = values.find::<Family>("model.family")? != Family::Gpt3;
    (rotary && hidden % heads == 0 && hidden / heads % 2 == 1).then(|| {
        (
            format!("a head of {} features cannot be rotated", hidden / heads),
            "rotary positions turn pairs of features: `model.hidden` / `model.heads` must be even".to_owned(),
        )
    })
}

fn wrong_rotary_dim(values: &Values) -> Option<(String, String)> {
    let rotary = values.find::<u64>("model.rotary_dim")?;
    if values.find::<Family>("model.family")? == Family::Gpt3 {
        let message = "a model of this family has no rotary positions, and `model.rotary_dim` is given";
        return Some((message.to_owned(), "remove it, or set `model.family` to \"gptj\"".to_owned()));
    }
    let head = values.find::<u64>("model.hidden")? / values.find::<u64>("model.heads")?;
    (rotary % 2 == 1 || rotary > head).then(|| {
        (
            format!("`model.rotary_dim` = {rotary} features of a head of {head} cannot be rotated"),
            format!("rotary positions turn pairs of features: an even number, at most {head}"),
        )
    })
}
