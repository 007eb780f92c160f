//! What a training has to compute, in closed form: the graph's FLOPs and the masks' zeros, without a machine.

use crate::graph::{GraphError, TrainGraph};
use crate::lower::plan::graph;
use crate::record::FlopPair;
use crate::sparsity::Masks;
use crate::spec::workload::{AttentionFlops, WorkloadSpec};

/// FLOP of the matrix products of one sequence, forward and backward, a teacher's forward pass included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Attention over all pairs of tokens.
    pub full_attention: FlopPair,
    /// Attention over the causal pairs.
    pub causal_attention: FlopPair,
}

impl Work {
    /// Of a workload with these masks.
    ///
    /// # Errors
    /// A graph that cannot be built.
    pub fn of_sequence(workload: &WorkloadSpec, masks: &Masks) -> Result<Self, GraphError> {
        let graph = graph(workload, 1)?;
        let count = |convention| of(&graph, masks, convention);
        Ok(Self {
            full_attention: count(AttentionFlops::Full),
            causal_attention: count(AttentionFlops::Causal),
        })
    }

    /// As a workload says that attention is counted.
    pub fn counted(&self, attention: AttentionFlops) -> FlopPair {
        match attention {
            AttentionFlops::Full => self.full_attention,
            AttentionFlops::Causal => self.causal_attention,
        }
    }
}

fn of(graph: &TrainGraph, masks: &Masks, attention: AttentionFlops) -> FlopPair {
    let work = graph.step_work(attention, |tensor| masks.kept(graph, tensor)).total();
    FlopPair { dense: work.dense().as_f64(), effective: work.effective().as_f64() }
}
