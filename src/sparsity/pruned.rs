//! The masks of a checkpoint: where its tensors are, how it marks what is pruned, and how much that is.
//!
//! Pruned weights are marked in one of three ways, the same in the whole checkpoint: by mask tensors beside the
//! weights (1 = kept), by NaN, or by zero. Which one it is, is found out and said. Tensors are looked at one by
//! one over the map of their file; no mask is held.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Mask, Target};
use crate::checkpoint::{Checkpoint, CheckpointError, TensorView};
use crate::spec::workload::ModelSpec;

/// How a checkpoint says which weights are pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruningMark {
    /// Mask tensors: `mask.<weight>` or `<weight>_mask`, 1 = kept.
    MaskTensors,
    /// Weights that are NaN.
    Nan,
    /// Weights that are zero.
    Zero,
}

/// Tensors of a checkpoint by layer and target.
#[derive(Clone, Debug)]
pub(super) struct Pruned {
    checkpoint: Arc<Checkpoint>,
    /// Name of the tensor that says what is kept.
    names: BTreeMap<(u32, Target), String>,
    mark: PruningMark,
    /// Weights that the mark keeps.
    kept: BTreeMap<(u32, Target), u64>,
}

/// Name of the weight of `target` in `layer` of a Llama checkpoint of Hugging Face.
pub fn parameter(layer: u32, target: Target) -> String {
    let part = match target {
        Target::Q => "self_attn.q_proj",
        Target::K => "self_attn.k_proj",
        Target::V => "self_attn.v_proj",
        Target::O => "self_attn.o_proj",
        Target::Gate => "mlp.gate_proj",
        Target::Up => "mlp.up_proj",
        Target::Down => "mlp.down_proj",
        Target::Fc1 => "mlp.fc1",
        Target::Fc2 => "mlp.fc2",
    };
    format!("model.layers.{layer}.{part}.weight")
}

/// What a mask tensor of this name masks; `None` for any other tensor.
fn masked(name: &str) -> Option<&str> {
    name.strip_prefix("mask.").or_else(|| name.strip_suffix("_mask"))
}

/// Values of a tensor that have a meaning of their own, and the first of each.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    zeros: u64,
    nans: u64,
    first_zero: usize,
    first_nan: usize,
}

impl Pruned {
    /// Finds the tensors of `targets` in every layer of `model`, and their shapes; no value is looked at.
    /// With `masks`, mask tensors are preferred to weights if there are any.
    pub(super) fn locate(
        checkpoint: &Arc<Checkpoint>,
        model: &ModelSpec,
        targets: &[Target],
        masks: bool,
    ) -> Result<Self, CheckpointError> {
        let all = (0..model.layers).flat_map(|layer| Target::ALL.map(|target| (layer, target)));
        let linears: BTreeMap<String, (u32, Target)> =
            all.map(|(layer, target)| (parameter(layer, target), (layer, target))).collect();
        let mut mask_of: BTreeMap<&str, &str> = BTreeMap::new();
        for name in checkpoint.names() {
            let weight = masked(name);
            let linear = weight.unwrap_or(name);
            let is_linear = Target::ALL.iter().any(|&target| {
                let [before, after] = around_layer(target);
                linear.starts_with("model.layers.") && linear.ends_with(&after) && linear.starts_with(&before)
            });
            if !linears.contains_key(linear) && (is_linear || weight.is_some()) {
                return Err(CheckpointError::Extra { file: file(checkpoint, name), tensor: name.to_owned() });
            }
            if let Some(weight) = weight
                && let Some(other) = mask_of.insert(weight, name)
            {
                let (tensor, other) = (name.to_owned(), other.to_owned());
                return Err(CheckpointError::SecondMask { file: file(checkpoint, name), tensor, other });
            }
        }
        let by_masks = masks && !mask_of.is_empty();
        let mut names = BTreeMap::new();
        for (weight, &(layer, target)) in &linears {
            let (rows, cols) = target.shape(model);
            let shape = [rows as usize, cols as usize];
            if !targets.contains(&target) {
                continue;
            }
            let name = match mask_of.get(weight.as_str()) {
                Some(mask) if by_masks => (*mask).to_owned(),
                None if by_masks => format!("{weight}_mask"),
                _ => weight.clone(),
            };
            checkpoint.expect(&name, &shape)?;
            if checkpoint.get(weight).is_some() {
                checkpoint.expect(weight, &shape)?;
            }
            names.insert((layer, target), name);
        }
        let mark = if by_masks { PruningMark::MaskTensors } else { PruningMark::Zero };
        Ok(Self { checkpoint: Arc::clone(checkpoint), names, mark, kept: BTreeMap::new() })
    }

    /// Looks at every value: how pruned weights are marked, and how many each tensor keeps.
    pub(super) fn scanned(mut self) -> Result<Self, CheckpointError> {
        let entries: Vec<_> = self.names.iter().collect();
        let tallies: Vec<_> = entries.par_iter().map(|(_, name)| self.tally(name)).collect();
        let tallies: Vec<Tally> = tallies.into_iter().collect::<Result<_, _>>()?;
        let nan = tallies.iter().any(|tally| tally.nans > 0);
        if nan && self.mark == PruningMark::Zero {
            self.mark = PruningMark::Nan;
            let mixed = entries.iter().zip(&tallies).find(|(_, tally)| tally.zeros > 0);
            if let Some(((_, name), tally)) = mixed {
                let what = "0 in a checkpoint that also has NaN: pruned weights are marked by one of the two";
                return Err(self.view(name)?.value(tally.first_zero, what.to_owned()));
            }
        }
        let kept = entries.iter().zip(&tallies).map(|((key, name), tally)| {
            Ok((**key, self.view(name)?.shape.iter().product::<usize>() as u64 - tally.zeros - tally.nans))
        });
        self.kept = kept.collect::<Result<_, CheckpointError>>()?;
        Ok(self)
    }

    /// Looks at every value: all must be finite. Nothing is pruned yet.
    pub(super) fn finite(self) -> Result<Self, CheckpointError> {
        let names: Vec<&String> = self.names.values().collect();
        let faults: Vec<_> = names
            .par_iter()
            .map(|name| {
                let tally = self.tally(name)?;
                let nan =
                    || "NaN has no magnitude: use the pattern \"checkpoint\" if it marks pruned weights";
                if tally.nans > 0 {
                    return Err(self.view(name)?.value(tally.first_nan, nan().to_owned()));
                }
                Ok(())
            })
            .collect();
        faults.into_iter().collect::<Result<(), _>>()?;
        Ok(self)
    }

    /// How pruned weights are marked.
    pub(super) fn mark(&self) -> PruningMark {
        self.mark
    }

    /// The file, or the first of them.
    pub(super) fn file(&self) -> PathBuf {
        self.names.values().next().map_or_else(PathBuf::new, |name| file(&self.checkpoint, name))
    }

    /// Weights that a tensor keeps, `None` for one that was not looked for.
    pub(super) fn kept(&self, layer: u32, target: Target) -> Option<u64> {
        self.kept.get(&(layer, target)).copied()
    }

    /// The mask of a tensor; all ones for one that was not looked for.
    pub(super) fn mask(&self, layer: u32, target: Target, (rows, cols): (u32, u32)) -> Mask {
        let values = self.values(layer, target).into_iter().flatten();
        let kept = values.map(|value| value != 0.0 && !value.is_nan());
        Mask::from_bits(rows, cols, kept).unwrap_or_else(|| Mask::dense(rows, cols))
    }

    /// The `kept` largest magnitudes of a tensor.
    pub(super) fn largest(&self, layer: u32, target: Target, (rows, cols): (u32, u32), kept: u64) -> Mask {
        Mask::largest(rows, cols, kept, || self.values(layer, target).into_iter().flatten())
    }

    fn values(&self, layer: u32, target: Target) -> Option<Box<dyn Iterator<Item = f64> + '_>> {
        self.view(self.names.get(&(layer, target))?).ok()?.numbers().ok()
    }

    fn view(&self, name: &str) -> Result<TensorView<'_>, CheckpointError> {
        let missing =
            || CheckpointError::Missing { file: file(&self.checkpoint, name), tensor: name.to_owned() };
        self.checkpoint.get(name).ok_or_else(missing)
    }

    fn tally(&self, name: &str) -> Result<Tally, CheckpointError> {
        let view = self.view(name)?;
        let is_mask = self.mark == PruningMark::MaskTensors;
        if is_mask && !matches!(view.format.to_string().as_str(), "U8" | "BOOL") {
            return Err(CheckpointError::Format {
                file: view.path.to_owned(),
                tensor: name.to_owned(),
                found: view.format.to_string(),
                legal: "a mask of U8 or BOOL".to_owned(),
            });
        }
        let mut tally = Tally::default();
        for (element, value) in view.numbers()?.enumerate() {
            if value == 0.0 {
                tally.first_zero = if tally.zeros == 0 { element } else { tally.first_zero };
                tally.zeros += 1;
            } else if value.is_nan() {
                tally.first_nan = if tally.nans == 0 { element } else { tally.first_nan };
                tally.nans += 1;
            } else if value.is_infinite() {
                return Err(view.value(element, format!("{value} is no weight")));
            } else if is_mask && value != 1.0 {
                return Err(view.value(element, format!("{value} in a mask: 0 is pruned, 1 is kept")));
            }
        }
        Ok(tally)
    }
}

/// What stands before and after the number of the layer in the name of a weight.
fn around_layer(target: Target) -> [String; 2] {
    let name = parameter(0, target);
    let (before, after) = name.split_once('0').unwrap_or((&name, ""));
    [before.to_owned(), after.to_owned()]
}

/// The file of a tensor.
fn file(checkpoint: &Checkpoint, name: &str) -> PathBuf {
    let view = checkpoint.get(name).or_else(|| checkpoint.get(checkpoint.names().next()?));
    view.map_or_else(PathBuf::new, |view| view.path.to_owned())
}
