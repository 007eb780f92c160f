//! The masks of a model, each made when asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use super::pruned::Pruned;
use super::uniform::zeros;
use super::{CountMatrix, Mask, Placed, Slices, Target, patterns};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::graph::TrainGraph;
use crate::ids::TensorId;
use crate::rng::Stream;
use crate::spec::workload::{ModelSpec, Pattern, SparsitySpec, WorkloadSpec};

/// The masks of every linear of a model. It holds no bits: a mask is a pure function of (spec, checkpoint, layer,
/// target), so threads may make them in any order.
#[derive(Clone, Debug)]
pub struct Masks {
    model: ModelSpec,
    pub(super) sparsity: SparsitySpec,
    targets: BTreeSet<Target>,
    pub(super) pruned: Option<Pruned>,
    /// Masks that were handed in, in place of all others.
    given: Option<BTreeMap<(u32, Target), Mask>>,
}

/// A name in `sparsity.targets` that is no linear.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("sparsity.targets: no linear is called `{name}`: use q, k, v, o, gate, up, down (fc1, fc2)")]
pub struct UnknownTarget {
    /// The name.
    pub name: String,
}

/// Masks that cannot be had.
#[derive(Debug, Error)]
pub enum MasksError {
    /// A target that is none.
    #[error(transparent)]
    Target(#[from] UnknownTarget),
    /// A checkpoint that cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A pattern that reads a checkpoint, and none was handed in.
    #[error("sparsity.pattern: the masks are in a checkpoint, and none was opened: set sparsity.checkpoint")]
    NoCheckpoint,
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
    /// The masks of a workload whose pattern needs no checkpoint.
    ///
    /// # Errors
    /// [`UnknownTarget`] for the first name that is no linear, [`MasksError::NoCheckpoint`].
    pub fn new(workload: &WorkloadSpec) -> Result<Self, MasksError> {
        match workload.sparsity.pattern {
            Pattern::Magnitude | Pattern::Checkpoint => Err(MasksError::NoCheckpoint),
            Pattern::Uniform | Pattern::NOfM | Pattern::Block => Ok(Self::without(workload)?),
        }
    }

    /// The masks of a workload, with its checkpoint if its pattern reads one.
    ///
    /// # Errors
    /// [`MasksError`]: as [`Self::new`] and [`Self::of_checkpoint`], and a checkpoint that cannot be opened.
    pub fn open(workload: &WorkloadSpec) -> Result<Self, MasksError> {
        match (workload.sparsity.pattern, &workload.sparsity.checkpoint) {
            (Pattern::Magnitude | Pattern::Checkpoint, Some(path)) => {
                Self::of_checkpoint(workload, &Arc::new(Checkpoint::open(Path::new(path))?))
            }
            _ => Self::new(workload),
        }
    }

    /// The masks of a workload whose pattern reads `checkpoint`: what is pruned in it, or its largest magnitudes.
    /// Every value of a sparsified tensor is looked at once, to find what marks pruned weights and what is no
    /// weight.
    ///
    /// # Errors
    /// [`CheckpointError`] for the first tensor that is missing, of another shape, of no layer of the model, or
    /// with a value that cannot be.
    pub fn of_checkpoint(workload: &WorkloadSpec, checkpoint: &Arc<Checkpoint>) -> Result<Self, MasksError> {
        let mut masks = Self::without(workload)?;
        let targets: Vec<Target> = masks.targets.iter().copied().collect();
        let by_magnitude = workload.sparsity.pattern == Pattern::Magnitude;
        let pruned = Pruned::locate(checkpoint, &workload.model, &targets, !by_magnitude)?;
        masks.pruned = Some(if by_magnitude { pruned.finite()? } else { pruned.scanned()? });
        Ok(masks)
    }

    /// The masks of a workload as `given` says, by layer and linear; what it leaves out is dense.
    ///
    /// # Errors
    /// [`UnknownTarget`] for the first name that is no linear.
    pub fn of_masks(
        workload: &WorkloadSpec,
        given: BTreeMap<(u32, Target), Mask>,
    ) -> Result<Self, MasksError> {
        let mut masks = Self::without(workload)?;
        masks.targets = given.keys().map(|(_, target)| *target).collect();
        masks.given = Some(given);
        Ok(masks)
    }

    /// Whether `checkpoint` has the sparsified tensors of a workload, in their shapes.
    ///
    /// # Errors
    /// As [`Self::of_checkpoint`], but for values.
    pub fn fits(workload: &WorkloadSpec, checkpoint: &Arc<Checkpoint>) -> Result<(), MasksError> {
        let targets: Vec<Target> = Self::without(workload)?.targets.into_iter().collect();
        Pruned::locate(checkpoint, &workload.model, &targets, true)?;
        Ok(())
    }

    fn without(workload: &WorkloadSpec) -> Result<Self, UnknownTarget> {
        let parse = |name: &String| Target::parse(name).ok_or_else(|| UnknownTarget { name: name.clone() });
        let targets = workload.sparsity.targets.iter().map(parse).collect::<Result<_, _>>()?;
        let (model, sparsity) = (workload.model.clone(), workload.sparsity.clone());
        Ok(Self { model, sparsity, targets, pruned: None, given: None })
    }

    /// The model that they are of.
    pub fn model(&self) -> &ModelSpec {
        &self.model
    }

    /// Linears that are sparsified.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        self.targets.iter().copied()
    }

    /// Whether `target` has zeros in any layer.
    pub fn is_sparse(&self, target: Target) -> bool {
        (0..self.model.layers).any(|layer| self.is_sparse_in(layer, target))
    }

    /// Whether `target` has zeros in `layer`.
    pub fn is_sparse_in(&self, layer: u32, target: Target) -> bool {
        self.targets.contains(&target)
            && match self.sparsity.pattern {
                _ if self.given.is_some() => self.nnz(layer, target) < size_of(target, &self.model),
                Pattern::Checkpoint => self.nnz(layer, target) < size_of(target, &self.model),
                _ => self.sparsity.level_of(target.name(), layer) > 0.0,
            }
    }

    /// Non-zeros of `target` in `layer`: exact, and no mask is made (but for blocks that the ends of the tensor
    /// cut).
    pub fn nnz(&self, layer: u32, target: Target) -> u64 {
        let (rows, cols) = target.shape(&self.model);
        let size = size_of(target, &self.model);
        if let Some(given) = &self.given {
            return given.get(&(layer, target)).map_or(size, Mask::nnz);
        }
        let s = &self.sparsity;
        let level = s.level_of(target.name(), layer);
        if !self.targets.contains(&target) {
            return size;
        }
        match s.pattern {
            Pattern::Checkpoint => self.pruned.as_ref().and_then(|p| p.kept(layer, target)).unwrap_or(size),
            _ if level == 0.0 => size,
            Pattern::Uniform | Pattern::Magnitude => size - zeros(size, level),
            Pattern::NOfM => patterns::kept_of_groups(rows, cols, s.n.unwrap_or(1), s.m.unwrap_or(1)),
            Pattern::Block => {
                let (height, width) = self.block();
                if rows.is_multiple_of(height) && cols.is_multiple_of(width) {
                    let blocks = u64::from(rows / height) * u64::from(cols / width);
                    (blocks - zeros(blocks, level)) * u64::from(height) * u64::from(width)
                } else {
                    self.mask(layer, target).nnz()
                }
            }
        }
    }

    /// Elements of a tensor of `graph` that are kept: all but for the weight of a sparsified linear, its gradient and its
    /// moments.
    pub fn kept(&self, graph: &TrainGraph, tensor: TensorId) -> u64 {
        let tensor = graph.tensor(tensor);
        let linear = tensor.layer.zip(tensor.target);
        linear.map_or_else(|| tensor.elements(), |(layer, target)| self.nnz(layer, target))
    }

    /// Share of zeros in all sparsified linears.
    pub fn level(&self) -> f64 {
        if self.given.is_none() && self.sparsity.is_level() {
            return self.sparsity.level;
        }
        let (mut kept, mut size) = (0, 0);
        for (layer, target) in self.tensors() {
            kept += self.nnz(layer, target);
            size += size_of(target, &self.model);
        }
        if size == 0 { 0.0 } else { 1.0 - kept as f64 / size as f64 }
    }

    /// Every sparsified linear, layer by layer.
    pub fn tensors(&self) -> impl Iterator<Item = (u32, Target)> {
        (0..self.model.layers).flat_map(|layer| self.targets().map(move |target| (layer, target)))
    }

    /// Whether it matters which features lie where: a uniform mask is as likely in any order of its rows and
    /// columns, all others are not.
    pub fn is_exchangeable(&self) -> bool {
        self.given.is_none() && self.sparsity.pattern == Pattern::Uniform
    }

    /// The mask of `target` in `layer`; all ones where it is not sparse.
    pub fn mask(&self, layer: u32, target: Target) -> Mask {
        let (rows, cols) = target.shape(&self.model);
        if !self.is_sparse_in(layer, target) {
            return Mask::dense(rows, cols);
        }
        if let Some(mask) = self.given.as_ref().and_then(|given| given.get(&(layer, target))) {
            return mask.clone();
        }
        let s = &self.sparsity;
        let level = s.level_of(target.name(), layer);
        let stream = Stream::new(s.seed, u64::from(layer) << 8 | target as u64);
        match (s.pattern, &self.pruned) {
            (Pattern::NOfM, _) => Mask::n_of_m(rows, cols, s.n.unwrap_or(1), s.m.unwrap_or(1), stream),
            (Pattern::Block, _) => Mask::blocks(rows, cols, self.block(), level, stream),
            (Pattern::Checkpoint, Some(pruned)) => pruned.mask(layer, target, (rows, cols)),
            (Pattern::Magnitude, Some(pruned)) => {
                pruned.largest(layer, target, (rows, cols), self.nnz(layer, target))
            }
            // Whoever makes masks sees to it that there is a checkpoint where one is read.
            (Pattern::Uniform | Pattern::Checkpoint | Pattern::Magnitude, _) => {
                Mask::uniform(rows, cols, level, stream)
            }
        }
    }

    /// Outputs and inputs of a block.
    pub(super) fn block(&self) -> (u32, u32) {
        (self.sparsity.block_rows.unwrap_or(1), self.sparsity.block_columns.unwrap_or(1))
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
        let placed = |slices| Placed { slices, order: None };
        self.counts_placed(layer, target, placed(inputs), placed(outputs))
    }

    /// As [`Self::counts`], for features that lie in another order than that of the tensor.
    pub fn counts_placed(
        &self,
        layer: u32,
        target: Target,
        inputs: Placed<'_>,
        outputs: Placed<'_>,
    ) -> Option<DirectionCounts> {
        if !self.is_cut_by(target, inputs, outputs) {
            return None;
        }
        if !self.is_sparse_in(layer, target) {
            let (outs, ins) = target.shape(&self.model);
            let (forward, input_gradient) =
                (CountMatrix::dense(outs, inputs.slices), CountMatrix::dense(ins, outputs.slices));
            return Some(DirectionCounts { forward, input_gradient });
        }
        self.mask(layer, target).counts_placed(inputs, outputs)
    }

    /// The mask of `target` in `layer` for features that lie in other orders than those of the tensor: see
    /// [`Self::mask`]. `None` where the cuts are not of the target's shape.
    pub fn mask_placed(
        &self,
        layer: u32,
        target: Target,
        inputs: Placed<'_>,
        outputs: Placed<'_>,
    ) -> Option<Mask> {
        self.is_cut_by(target, inputs, outputs).then(|| self.mask(layer, target).placed(inputs, outputs))
    }

    /// Whether cuts are of a target's shape.
    fn is_cut_by(&self, target: Target, inputs: Placed<'_>, outputs: Placed<'_>) -> bool {
        target.shape(&self.model) == (outputs.slices.features(), inputs.slices.features())
    }

    /// A spec of masks for a model of other widths that is to stand for this one: as this one's, or where masks
    /// are a checkpoint's, uniform ones at its level.
    pub fn stand_in(&self) -> SparsitySpec {
        match self.sparsity.pattern {
            Pattern::Uniform | Pattern::NOfM | Pattern::Block => self.sparsity.clone(),
            Pattern::Magnitude | Pattern::Checkpoint => {
                SparsitySpec::uniform(self.level(), self.sparsity.seed, self.sparsity.targets.clone())
            }
        }
    }
}

fn size_of(target: Target, model: &ModelSpec) -> u64 {
    let (rows, cols) = target.shape(model);
    u64::from(rows) * u64::from(cols)
}
