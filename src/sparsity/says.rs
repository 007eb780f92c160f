//! What masks are, in words.

use super::{Masks, PruningMark};
use crate::spec::workload::Pattern;

impl Masks {
    /// A name for the pattern, empty for the uniform one: "2of4", "block16x16".
    pub fn short_name(&self) -> String {
        let number = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
        let s = &self.sparsity;
        match s.pattern {
            Pattern::Uniform => if s.is_level() { "" } else { "by-layer" }.to_owned(),
            Pattern::NOfM => format!("{}of{}", number(s.n), number(s.m)),
            Pattern::Block => format!("block{}x{}", number(s.block_rows), number(s.block_columns)),
            Pattern::Magnitude => "magnitude".to_owned(),
            Pattern::Checkpoint => "checkpoint".to_owned(),
        }
    }

    /// The pattern in a sentence, and for a checkpoint what was found in it.
    pub fn says(&self) -> String {
        let s = &self.sparsity;
        let number = |number: Option<u32>| number.unwrap_or(1);
        let what = match (s.pattern, &self.pruned) {
            (Pattern::NOfM, _) => {
                format!("{} of every {} consecutive inputs are kept", number(s.n), number(s.m))
            }
            (Pattern::Block, _) => format!("blocks of {} x {} weights", self.block().0, self.block().1),
            (Pattern::Magnitude, Some(pruned)) => {
                format!("the smallest magnitudes of {} are zero", pruned.file().display())
            }
            (Pattern::Checkpoint, Some(pruned)) => {
                let mark = match pruned.mark() {
                    PruningMark::MaskTensors => "mask tensors say what is kept (1 = kept)",
                    PruningMark::Nan => "pruned weights are NaN",
                    PruningMark::Zero if self.level() == 0.0 => "no weight is zero or NaN: nothing is pruned",
                    PruningMark::Zero => "pruned weights are zero",
                };
                format!("of {}, where {mark}", pruned.file().display())
            }
            _ => "every weight equally likely to be zero".to_owned(),
        };
        format!("Masks: {what}; {:.2} % zeros in {} tensors.", 100.0 * self.level(), self.tensors().count())
    }

    /// How a checkpoint marks what is pruned; `None` where masks are made.
    pub fn mark(&self) -> Option<PruningMark> {
        let pruned = self.pruned.as_ref().filter(|_| self.sparsity.pattern == Pattern::Checkpoint)?;
        Some(pruned.mark())
    }
}
