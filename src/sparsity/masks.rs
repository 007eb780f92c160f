//! The masks of a model, each made when asked for.

use std::collections::BTreeSet;

use thiserror::Error;

use super::uniform::zeros;
use super::{CountMatrix, Mask, Slices, Target};
use crate::rng::Stream;
use crate::spec::workload::{ModelSpec, Pattern, SparsitySpec, WorkloadSpec};

/// The masks of every linear of a model. It holds no bits: a mask is a pure function of (spec, layer, target),
/// so threads may make them in any order.
#[derive(Clone, Debug, PartialEq)]
pub struct Masks {
    model: ModelSpec,
    sparsity: SparsitySpec,
    targets: BTreeSet<Target>,
}

/// A name in `sparsity.targets` that is no linear.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("sparsity.targets: no linear is called `{name}`: use q, k, v, o, gate, up, down (fc1, fc2)")]
pub struct UnknownTarget {
    /// The name.
    pub name: String,
}

/// Non-zero counts of one tensor for the two products that stream its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectionCounts {
    /// Forward: a weight row is an output feature, a slice holds input features.
    pub forward: CountMatrix,
    /// Input gradient (dX): a weight row is an input feature, a slice holds output features.
    pub input_gradient: CountMatrix,
}

impl Masks {
    /// The masks of a workload.
    ///
    /// # Errors
    /// [`UnknownTarget`] for the first name that is no linear.
    pub fn new(workload: &WorkloadSpec) -> Result<Self, UnknownTarget> {
        let parse = |name: &String| Target::parse(name).ok_or_else(|| UnknownTarget { name: name.clone() });
        let targets = workload.sparsity.targets.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { model: workload.model.clone(), sparsity: workload.sparsity.clone(), targets })
    }

    /// Whether `target` has zeros at all.
    pub fn is_sparse(&self, target: Target) -> bool {
        self.targets.contains(&target) && self.sparsity.level > 0.0
    }

    /// Non-zeros of a tensor, the same in every layer: exact, and no mask is made.
    pub fn nnz(&self, target: Target) -> u64 {
        let (rows, cols) = target.shape(&self.model);
        let size = u64::from(rows) * u64::from(cols);
        if self.is_sparse(target) { size - zeros(size, self.sparsity.level) } else { size }
    }

    /// The mask of `target` in `layer`; all ones where it is not sparse.
    pub fn mask(&self, layer: u32, target: Target) -> Mask {
        let (rows, cols) = target.shape(&self.model);
        if !self.is_sparse(target) {
            return Mask::dense(rows, cols);
        }
        let stream = Stream::new(self.sparsity.seed, u64::from(layer) << 8 | target as u64);
        match self.sparsity.pattern {
            Pattern::Uniform => Mask::uniform(rows, cols, self.sparsity.level, stream),
        }
    }

    /// Counts of `target` in `layer`, both directions from one making of the mask: input features cut by
    /// `inputs`, output features by `outputs`. `None` where the cuts are not of the target's shape.
    pub fn counts(
        &self,
        layer: u32,
        target: Target,
        inputs: &Slices,
        outputs: &Slices,
    ) -> Option<DirectionCounts> {
        let (outs, ins) = target.shape(&self.model);
        if (outs, ins) != (outputs.features(), inputs.features()) {
            return None;
        }
        if !self.is_sparse(target) {
            let (forward, input_gradient) =
                (CountMatrix::dense(outs, inputs), CountMatrix::dense(ins, outputs));
            return Some(DirectionCounts { forward, input_gradient });
        }
        let mask = self.mask(layer, target);
        Some(DirectionCounts {
            forward: mask.counts_by_row(inputs)?,
            input_gradient: mask.counts_by_column(outputs)?,
        })
    }
}
