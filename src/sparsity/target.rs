//! The linears of a decoder block.

use std::fmt;

use crate::spec::workload::ModelSpec;

/// A linear of a decoder block, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Query projection.
    Q,
    /// Key projection.
    K,
    /// Value projection.
    V,
    /// Output projection of attention.
    O,
    /// Gate of the feed-forward layer.
    Gate,
    /// Into the feed-forward layer (`fc1` of the GPT families).
    Up,
    /// Out of the feed-forward layer (`fc2` of the GPT families).
    Down,
}

impl Target {
    /// Every linear, in the order of the forward pass.
    pub const ALL: [Self; 7] = [Self::Q, Self::K, Self::V, Self::O, Self::Gate, Self::Up, Self::Down];

    /// The name that specs and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q => "q",
            Self::K => "k",
            Self::V => "v",
            Self::O => "o",
            Self::Gate => "gate",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// The linear of this name; `fc1` and `fc2` are the GPT families' names of `up` and `down`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "fc1" => Some(Self::Up),
            "fc2" => Some(Self::Down),
            _ => Self::ALL.into_iter().find(|target| target.name() == name),
        }
    }

    /// Shape of the weight tensor: (out, in) features.
    pub fn shape(self, model: &ModelSpec) -> (u32, u32) {
        match self {
            Self::Q | Self::O => (model.hidden, model.hidden),
            Self::K | Self::V => (model.kv_width(), model.hidden),
            Self::Gate | Self::Up => (model.ffn, model.hidden),
            Self::Down => (model.hidden, model.ffn),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for target in Target::ALL {
            assert_eq!(Target::parse(target.name()), Some(target));
        }
        assert_eq!(Target::parse("fc1"), Some(Target::Up));
        assert_eq!(Target::parse("fc2"), Some(Target::Down));
        assert_eq!(Target::parse("Q"), None);
    }
}
