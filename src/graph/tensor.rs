//! What flows between ops.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::TensorId;
use crate::spec::workload::ModelSpec;

/// A dense array of a training step: a node's input or output, with its shape but without its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Index in [`super::TrainGraph::tensors`].
    pub id: TensorId,
    /// Unique name. Parameters have their Hugging Face names, as `model.layers.0.self_attn.q_proj.weight`, those of
    /// a teacher after `teacher.`; what an op makes is named after the op.
    pub name: String,
    /// Extents, slowest first. Activations are `[tokens of all sequences, features]`, weights of linears
    /// `[features out, features in]`, attention matrices `[sequences, heads, tokens, tokens]`.
    pub shape: Vec<u64>,
    /// What it is for.
    pub role: TensorRole,
    /// Decoder block that it belongs to; `None` outside the blocks.
    pub layer: Option<u32>,
    /// Which sparsifiable linear this is the weight of (or the gradient, moment or update of that weight);
    /// `None` for all others, the embedding, the norms, the output head and a teacher's included.
    pub target: Option<Target>,
    /// For a parameter's gradient, moments and updates: that parameter.
    pub parameter: Option<TensorId>,
    /// For a teacher's parameter: the student's at the same place.
    pub twin: Option<TensorId>,
}

impl Tensor {
    /// Number of elements. It fits: a graph with a tensor that does not is refused when it is built.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }
}

/// What a tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TensorRole {
    /// Trained values before the step.
    Parameter,
    /// Values of a teacher: dense, and the same after the step.
    TeacherParameter,
    /// Made by the forward pass.
    Activation,
    /// Gradient of an activation.
    Gradient,
    /// Gradient of a parameter.
    ParameterGradient,
    /// An AdamW moment before the step.
    Moment,
    /// Trained values after the step.
    UpdatedParameter,
    /// An AdamW moment after the step.
    UpdatedMoment,
    /// Token ids: the inputs and the labels.
    Tokens,
    /// The scalar that is minimised, or a term of it.
    Loss,
}

/// A linear whose weight can be made sparse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Query projection.
    Q,
    /// Key projection.
    K,
    /// Value projection.
    V,
    /// Output projection of attention.
    O,
    /// Gate of the SwiGLU feed-forward.
    Gate,
    /// Up projection of the SwiGLU feed-forward.
    Up,
    /// Down projection of the SwiGLU feed-forward.
    Down,
    /// First linear of a feed-forward of two.
    Fc1,
    /// Second linear of a feed-forward of two.
    Fc2,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 9] =
        [Self::Q, Self::K, Self::V, Self::O, Self::Gate, Self::Up, Self::Down, Self::Fc1, Self::Fc2];

    /// Its name in a workload file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q => "q",
            Self::K => "k",
            Self::V => "v",
            Self::O => "o",
            Self::Gate => "gate",
            Self::Up => "up",
            Self::Down => "down",
            Self::Fc1 => "fc1",
            Self::Fc2 => "fc2",
        }
    }

    /// The linear of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Shape of the weight tensor: (out, in) features.
    pub fn shape(self, model: &ModelSpec) -> (u32, u32) {
        match self {
            Self::Q | Self::O => (model.hidden, model.hidden),
            Self::K | Self::V => (model.kv_width(), model.hidden),
            Self::Gate | Self::Up | Self::Fc1 => (model.ffn, model.hidden),
            Self::Down | Self::Fc2 => (model.hidden, model.ffn),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
