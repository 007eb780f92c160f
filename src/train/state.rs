//! A training between two steps, in memory and in a file.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::checkpoint::Checkpoint;
use crate::exec::reference::Tensors;
use crate::graph::{Target, TensorRole, TrainGraph};
use crate::report::write_dir;
use crate::sparsity::Mask;
use crate::train::TrainError;

/// All that the next step depends on.
pub(super) struct State {
    /// Parameters and moments as the weight store keeps them.
    pub(super) values: Tensors,
    /// By layer and linear.
    pub(super) masks: BTreeMap<(u32, Target), Mask>,
    /// Of the steps so far.
    pub(super) losses: Vec<f64>,
}

/// Tensors of the file that are none of the model.
const LOSSES: &str = "losses";
const MARK: &str = "mark";

impl State {
    pub(super) fn new(values: Tensors) -> Self {
        Self { values, masks: BTreeMap::new(), losses: Vec::new() }
    }

    /// Keep the largest magnitudes of every sparsifiable weight, and zero the others for good.
    pub(super) fn prune(&mut self, graph: &TrainGraph, level: f64) {
        self.masks.clear();
        if level == 0.0 {
            return;
        }
        for parameter in graph.parameters() {
            let (Some(layer), Some(target)) = (parameter.layer, parameter.target) else { continue };
            let Some(values) = self.values.get(parameter.id) else { continue };
            let (rows, cols) = target.shape(graph.model());
            let keep = values.len() as u64 - (level * values.len() as f64).round() as u64;
            self.masks.insert((layer, target), Mask::largest(rows, cols, keep, || values.iter().copied()));
        }
    }

    /// Read a file if it is there.
    pub(super) fn read(file: &Path, graph: &TrainGraph, mark: [u8; 32]) -> Result<Option<Self>, TrainError> {
        if !file.exists() {
            return Ok(None);
        }
        let saved = Checkpoint::open(file)?;
        let bytes: Vec<u8> = saved.expect(MARK, &[mark.len()])?.numbers()?.map(|byte| byte as u8).collect();
        if bytes != mark {
            return Err(TrainError::Other { file: file.to_owned() });
        }
        let mut state = Self::new(Tensors::new());
        for tensor in graph.tensors().iter().filter(|tensor| is_kept(tensor.role)) {
            let shape: Vec<usize> = tensor.shape.iter().map(|&extent| extent as usize).collect();
            state.values.set(tensor.id, saved.expect(&tensor.name, &shape)?.finite()?);
        }
        for parameter in graph.parameters() {
            let name = format!("mask.{}", parameter.name);
            if let (Some(layer), Some(target), Some(view)) =
                (parameter.layer, parameter.target, saved.get(&name))
            {
                let (rows, cols) = target.shape(graph.model());
                let bits = view.numbers()?.map(|bit| bit != 0.0);
                let wrong = || saved.unlike(&name, "the shape of its parameter");
                let mask = Mask::from_bits(rows, cols, bits).ok_or_else(wrong)?;
                state.masks.insert((layer, target), mask);
            }
        }
        let losses = saved.get(LOSSES).ok_or_else(|| saved.unlike(LOSSES, "[steps]"))?;
        state.losses = losses.numbers()?.collect();
        Ok(Some(state))
    }

    /// Write the file, whole or not at all.
    pub(super) fn write(&self, file: &Path, graph: &TrainGraph, mark: [u8; 32]) -> Result<(), TrainError> {
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        let bytes = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        for tensor in graph.tensors().iter().filter(|tensor| is_kept(tensor.role)) {
            let shape = tensor.shape.iter().map(|&extent| extent as usize).collect();
            let values = bytes(self.values.get(tensor.id).unwrap_or_default());
            tensors.push((tensor.name.clone(), Dtype::F64, shape, values));
        }
        for parameter in graph.parameters() {
            let (Some(layer), Some(target)) = (parameter.layer, parameter.target) else { continue };
            let Some(mask) = self.masks.get(&(layer, target)) else { continue };
            let places = (0..mask.rows()).flat_map(|row| (0..mask.cols()).map(move |column| (row, column)));
            let bits = places.map(|(row, column)| u8::from(mask.get(row, column))).collect();
            let shape = vec![mask.rows() as usize, mask.cols() as usize];
            tensors.push((format!("mask.{}", parameter.name), Dtype::U8, shape, bits));
        }
        tensors.push((LOSSES.to_owned(), Dtype::F64, vec![self.losses.len()], bytes(&self.losses)));
        tensors.push((MARK.to_owned(), Dtype::U8, vec![mark.len()], mark.to_vec()));
        let failed = |source| TrainError::Write { file: file.to_owned(), source };
        let wrong = |error: safetensors::SafeTensorError| failed(std::io::Error::other(error.to_string()));
        let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
            TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
        });
        let views = views.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let bytes = safetensors::serialize(views, None).map_err(wrong)?;
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        write_dir(folder, &[(name, bytes)]).map_err(failed)
    }
}

/// Whether the store keeps a tensor from step to step.
fn is_kept(role: TensorRole) -> bool {
    matches!(role, TensorRole::Parameter | TensorRole::Moment)
}
