//! Where a model is sparse: how many weights are zero, in which linears and layers, and in which pattern.

use serde::{Deserialize, Serialize};

use super::field::section;
use super::legal::Legal::{BelowOne, BelowOneEach, Integer, Path, Word, Words};

section! {
    /// Which weights are zero, and stay zero.
    pub struct SparsitySpec at "sparsity" {
        /// Share of zeros in each sparsified tensor.
        pub level: f64 = "level", "", BelowOne;
        /// How the zeros are spread.
        pub pattern: Pattern =
            "pattern", "", Word(&["uniform", "n_of_m", "block", "magnitude", "checkpoint"]);
        /// Seed of the masks.
        pub seed: u64 = "seed", "", Integer(0, i64::MAX as u64);
        /// Linears that are sparsified: any of q, k, v, o, gate, up, down (fc1, fc2 for GPT families).
        pub targets: Vec<String> =
            "targets", "", Words(&["q", "k", "v", "o", "gate", "up", "down", "fc1", "fc2"]);
    optional {
        /// Share of zeros layer by layer, in place of `level`.
        pub levels: Levels = "levels", "", BelowOneEach;
        /// Weights kept of every `m`, for the pattern "n_of_m".
        pub n: u32 = "n", "weights", Integer(1, 65_535);
        /// Consecutive inputs of an output of which `n` are kept.
        pub m: u32 = "m", "weights", Integer(2, 65_536);
        /// Outputs of a block, for the pattern "block".
        pub block_rows: u32 = "block_rows", "features", Integer(1, 65_536);
        /// Inputs of a block.
        pub block_columns: u32 = "block_columns", "features", Integer(1, 65_536);
        /// Weights or masks in safetensors files, for the patterns "checkpoint" and "magnitude".
        pub checkpoint: String = "checkpoint", "", Path;
        /// Share of zeros of the query projection, in place of `levels` and `level`.
        pub level_q: Levels = "by_target.q", "", BelowOneEach;
        /// Share of zeros of the key projection, in place of `levels` and `level`.
        pub level_k: Levels = "by_target.k", "", BelowOneEach;
        /// Share of zeros of the value projection, in place of `levels` and `level`.
        pub level_v: Levels = "by_target.v", "", BelowOneEach;
        /// Share of zeros of the output projection of attention, in place of `levels` and `level`.
        pub level_o: Levels = "by_target.o", "", BelowOneEach;
        /// Share of zeros of the gate of SwiGLU, in place of `levels` and `level`.
        pub level_gate: Levels = "by_target.gate", "", BelowOneEach;
        /// Share of zeros of the up projection of SwiGLU, in place of `levels` and `level`.
        pub level_up: Levels = "by_target.up", "", BelowOneEach;
        /// Share of zeros of the down projection of SwiGLU, in place of `levels` and `level`.
        pub level_down: Levels = "by_target.down", "", BelowOneEach;
        /// Share of zeros of the first linear of a feed-forward of two, in place of `levels` and `level`.
        pub level_fc1: Levels = "by_target.fc1", "", BelowOneEach;
        /// Share of zeros of the second linear of a feed-forward of two, in place of `levels` and `level`.
        pub level_fc2: Levels = "by_target.fc2", "", BelowOneEach;
    }
    }
}

/// Rule that spreads the zeros of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Every weight equally likely, exactly `round(level * size)` zeros in a tensor.
    Uniform,
    /// Exactly `n` of every `m` consecutive inputs of an output are kept, every choice of them equally likely.
    NOfM,
    /// Whole blocks of `block_rows` x `block_columns` weights, exactly `round(level * blocks)` of them zero.
    Block,
    /// The smallest magnitudes of a checkpoint's tensor are zero, exactly `round(level * size)` of them.
    Magnitude,
    /// What is pruned in a checkpoint.
    Checkpoint,
}

/// Shares of zeros: one for all layers, or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Levels {
    /// The same in every layer.
    Same(f64),
    /// By layer.
    Each(Vec<f64>),
}

impl Levels {
    /// The level of a layer; the last one for layers behind the end.
    fn of(&self, layer: u32) -> Option<f64> {
        match self {
            Self::Same(level) => Some(*level),
            Self::Each(levels) => levels.get(layer as usize).or(levels.last()).copied(),
        }
    }
}

impl SparsitySpec {
    /// Masks without structure at one level.
    pub fn uniform(level: f64, seed: u64, targets: Vec<String>) -> Self {
        Self {
            level,
            pattern: Pattern::Uniform,
            seed,
            targets,
            levels: None,
            n: None,
            m: None,
            block_rows: None,
            block_columns: None,
            checkpoint: None,
            level_q: None,
            level_k: None,
            level_v: None,
            level_o: None,
            level_gate: None,
            level_up: None,
            level_down: None,
            level_fc1: None,
            level_fc2: None,
        }
    }

    /// The same targets without zeros.
    pub fn dense(&self) -> Self {
        Self::uniform(0.0, self.seed, self.targets.clone())
    }

    /// The level of the linear of this name in a layer, where the spec knows it: its own, else that of the
    /// layer, else that of all. What a checkpoint has is not known here: zero.
    pub fn level_of(&self, target: &str, layer: u32) -> f64 {
        match self.pattern {
            Pattern::Checkpoint => 0.0,
            Pattern::NOfM => 1.0 - f64::from(self.n.unwrap_or(1)) / f64::from(self.m.unwrap_or(1).max(1)),
            Pattern::Uniform | Pattern::Block | Pattern::Magnitude => {
                let own = self.by_target(target).and_then(|levels| levels.of(layer));
                own.or_else(|| self.levels.as_ref()?.of(layer)).unwrap_or(self.level)
            }
        }
    }

    /// Whether every sparsified tensor is at [`Self::level`].
    pub fn is_level(&self) -> bool {
        let free = matches!(self.pattern, Pattern::Uniform | Pattern::Block | Pattern::Magnitude);
        free && self.levels.is_none() && self.targets.iter().all(|target| self.by_target(target).is_none())
    }

    fn by_target(&self, target: &str) -> Option<&Levels> {
        match target {
            "q" => self.level_q.as_ref(),
            "k" => self.level_k.as_ref(),
            "v" => self.level_v.as_ref(),
            "o" => self.level_o.as_ref(),
            "gate" => self.level_gate.as_ref(),
            "up" => self.level_up.as_ref(),
            "down" => self.level_down.as_ref(),
            "fc1" => self.level_fc1.as_ref(),
            "fc2" => self.level_fc2.as_ref(),
            _ => None,
        }
    }
}
