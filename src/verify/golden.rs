//! A training step of PyTorch, from files: what it started from, and every tensor that it ended with.
//!
//! A folder holds `config.json` and `tensors.safetensors`: `weight.*` before the step, `mask.*` (1 = kept),
//! `input_ids`, `labels`; `hidden.<i>` (the input of block i; after the last, of the final norm), `logits`, `loss`,
//! `grad.*` and `next.*`, the parameters after one step of AdamW.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::Path;

use crate::checkpoint::{Checkpoint, CheckpointError, TensorView};
use crate::dtype::Dtype;
use crate::error::Faults;
use crate::exec::reference::{Reference, ReferenceError, Tensors};
use crate::graph::{GraphError, Tensor, TensorRole, TrainGraph};
use crate::ids::TensorId;
use crate::lower::job::jobs;
use crate::lower::shape::formats;
use crate::record::Check;
use crate::sparsity::{Mask, Masks, MasksError};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{Recompute, WorkloadSpec};
use crate::spec::{Override, load_workload};
use crate::values::{Engines, Store, Wafer, rounded};
use crate::verify::bound::{compare, largest};
use crate::verify::roundings::Roundings;
use crate::verify::{VerifyError, reduced, same_bits};

/// Why a golden step cannot be compared; the message names the file and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] Faults),
    /// The tensors.
    #[error("error: {0}")]
    Tensors(#[from] CheckpointError),
    /// A model that no graph is written for.
    #[error("error: {0}")]
    Graph(#[from] GraphError),
    /// Masks that cannot be had.
    #[error("error: {0}")]
    Masks(#[from] MasksError),
    /// Tensors that do not fit the graph.
    #[error("error: {0}")]
    Reference(#[from] ReferenceError),
}

/// A step to compare with.
#[derive(Debug)]
pub struct Golden {
    workload: WorkloadSpec,
    graph: TrainGraph,
    inputs: Tensors,
    masks: BTreeMap<TensorId, Mask>,
    expected: Vec<Expected>,
}

/// A tensor that the step ended with.
#[derive(Debug)]
struct Expected {
    name: String,
    tensor: TensorId,
    values: Vec<f64>,
    /// Written as fp32.
    narrow: bool,
}

/// The optimizer of the goldens, which the files do not say.
const OPTIMIZER: [&str; 5] = [
    "training.optimizer.learning_rate=1e-3",
    "training.optimizer.beta1=0.9",
    "training.optimizer.beta2=0.95",
    "training.optimizer.eps=1e-5",
    "training.optimizer.weight_decay=0.1",
];

impl Golden {
    /// Read a folder.
    ///
    /// # Errors
    /// [`GoldenError`]: a configuration that is not modelled, tensors that are missing, too many, of another shape or
    /// not finite.
    pub fn open(folder: &Path) -> Result<Self, GoldenError> {
        let tensors = Checkpoint::open(&folder.join("tensors.safetensors"))?;
        let ids = tensors.get("input_ids").map_or_else(Vec::new, |view| view.shape.to_vec());
        let (sequences, tokens) = match ids[..] {
            [sequences, tokens] => (sequences, tokens),
            _ => return Err(tensors.unlike("input_ids", "[sequences, tokens]").into()),
        };
        let mut overrides = vec![
            Override(format!("training.batch_sequences={sequences}")),
            Override(format!("training.micro_batch_sequences={sequences}")),
            Override(format!("training.sequence_tokens={tokens}")),
        ];
        overrides.extend(OPTIMIZER.map(|text| Override(text.to_owned())));
        let config = folder.join("config.json");
        let workload =
            load_workload(&format!("{}", Path::new("./").join(config).display()), &overrides)?.spec;
        let training = &workload.training;
        let graph = TrainGraph::build(&workload.model, training.batch_sequences, training.sequence_tokens)?;
        let reader = Reader { tensors: &tensors, graph: &graph, read: BTreeSet::new() };
        let (inputs, masks, expected) = reader.all()?;
        Ok(Self { workload, graph, inputs, masks, expected })
    }

    /// The oracle against every tensor of the step.
    ///
    /// # Errors
    /// [`GoldenError::Reference`] where the tensors do not fit the graph.
    pub fn oracle(&self) -> Result<Vec<Check>, GoldenError> {
        let masks = Masks::new(&self.workload)?;
        let optimizer = self.workload.training.optimizer;
        let mut oracle = Reference::new(&self.graph, &masks, optimizer, NonZeroU32::MIN)?;
        for (&parameter, mask) in &self.masks {
            oracle = oracle.with_mask(parameter, mask.clone())?;
        }
        let made = oracle.evaluate(self.inputs.clone())?;
        Ok(self.expected.iter().map(|expected| self.check(expected, &made)).collect())
    }

    /// The machine against every tensor of the step, in a precision: a small rectangle of `machine` runs the lowered
    /// step, the weight store updates in f64.
    ///
    /// # Errors
    /// [`VerifyError`] where the step does not fit or does not run.
    pub fn machine(&self, machine: &WaferSpec, precision: Dtype) -> Result<Vec<Check>, VerifyError> {
        let mut workload = self.workload.clone();
        workload.training.precision = precision;
        workload.training.recompute = Recompute::None;
        let (machine, plan) = reduced::narrowest(&workload, machine, (reduced::WIDTH, reduced::HEIGHT))?;
        let graph = &plan.graph;
        let given = self.masks.iter().filter_map(|(&id, mask)| {
            let tensor = graph.tensor(id);
            Some(((tensor.layer?, tensor.target?), mask.clone()))
        });
        let masks = Masks::of_masks(&workload, given.collect())?;
        let arithmetic = Reference::new(graph, &masks, workload.training.optimizer, NonZeroU32::MIN)?;
        let store = Store { arithmetic: &arithmetic, kept: &self.inputs };
        let inputs = rounded(graph, self.inputs.clone(), precision);
        let mut wafer = Wafer::new(&workload, &machine, &plan, &masks, inputs, Engines::Both);
        let jobs = jobs(graph, &plan.mapping, &masks, &workload, &machine);
        wafer.walk::<VerifyError>(&jobs, &store, |wafer, op, kernel| Ok(wafer.run(op, kernel)?))?;
        let formats = formats(precision, &machine.numerics);
        let of = |expected: &Expected| {
            let scale = self.scale(expected);
            // A first step of AdamW moves a weight by its whole rate whatever the size of its gradient: one that is
            // all rounding may move it the other way.
            let updated = graph.tensor(expected.tensor).role == TensorRole::UpdatedParameter;
            let turned = if updated { 2.0 * workload.training.optimizer.learning_rate / scale } else { 0.0 };
            let roundings = Roundings::before(graph, expected.tensor, &plan.mapping);
            let tolerance = roundings.estimate(formats) + turned;
            let values = wafer.tensors().get(expected.tensor).unwrap_or_default();
            let scale = vec![scale; expected.values.len()];
            compare(format!("{precision}: {}", expected.name), values, &expected.values, &scale, tolerance)
        };
        let mut checks: Vec<Check> = self.expected.iter().map(of).collect();
        checks.push(same_bits(wafer.alike(), precision));
        Ok(checks)
    }

    fn check(&self, expected: &Expected, made: &Tensors) -> Check {
        let scale = vec![self.scale(expected); expected.values.len()];
        let tolerance = if expected.narrow { 1e-5 } else { self.tolerance() };
        let values = made.get(expected.tensor).unwrap_or_default();
        compare(format!("oracle: {}", expected.name), values, &expected.values, &scale, tolerance)
    }

    /// What errors of a tensor are relative to: its largest element. Gradients of gains and biases are measured by the
    /// largest of them, since one can be all rounding: softmax does not see what a key's bias adds to all scores.
    fn scale(&self, expected: &Expected) -> f64 {
        let is_vector = |expected: &&Expected| {
            let tensor = self.graph.tensor(expected.tensor);
            tensor.role == TensorRole::ParameterGradient && tensor.shape.len() == 1
        };
        let vectors = self.expected.iter().filter(|other| is_vector(other) && is_vector(&expected));
        vectors.map(|other| largest(&other.values)).fold(largest(&expected.values), f64::max)
    }

    /// What may lie between the oracle and a step of PyTorch in doubles: norms, rotations, softmax and loss of
    /// Hugging Face's models are computed in fp32 whatever the model is, some 16 roundings each.
    fn tolerance(&self) -> f64 {
        let islands = 4 * self.workload.model.layers + 2;
        f64::from(16 * islands) * Dtype::Fp32.unit_roundoff()
    }
}

/// Reads tensors and remembers which.
struct Reader<'a> {
    tensors: &'a Checkpoint,
    graph: &'a TrainGraph,
    read: BTreeSet<String>,
}

type Parts = (Tensors, BTreeMap<TensorId, Mask>, Vec<Expected>);

impl Reader<'_> {
    fn all(mut self) -> Result<Parts, GoldenError> {
        let (graph, ends) = (self.graph, self.graph.ends());
        let (mut inputs, mut masks, mut expected) = (Tensors::new(), BTreeMap::new(), Vec::new());
        for (name, id) in [("input_ids", ends.token_ids), ("labels", ends.labels)] {
            inputs.set(id, self.view(name, graph.tensor(id))?.finite()?);
        }
        for tensor in graph.tensors().iter().filter(|tensor| tensor.role == TensorRole::Moment) {
            inputs.set(tensor.id, vec![0.0; tensor.elements() as usize]);
        }
        for (layer, id) in self.hidden().into_iter().enumerate() {
            expected.push(self.expected(&format!("hidden.{layer}"), id)?);
        }
        expected.push(self.expected("logits", ends.logits)?);
        expected.push(self.expected("loss", ends.loss)?);
        for parameter in graph.parameters() {
            let name = &parameter.name;
            inputs.set(parameter.id, self.view(&format!("weight.{name}"), parameter)?.finite()?);
            if self.tensors.get(&format!("mask.{name}")).is_some() {
                masks.insert(parameter.id, self.mask(&format!("mask.{name}"), parameter)?);
            }
            if let Some(gradient) = graph.gradient(parameter.id) {
                expected.push(self.expected(&format!("grad.{name}"), gradient)?);
            }
            let next = graph.tensors().iter().find(|tensor| {
                tensor.role == TensorRole::UpdatedParameter && tensor.parameter == Some(parameter.id)
            });
            if let Some(next) = next {
                expected.push(self.expected(&format!("next.{name}"), next.id)?);
            }
        }
        match self.tensors.names().find(|name| !self.read.contains(*name)) {
            Some(extra) => Err(self.tensors.extra(extra).into()),
            None => Ok((inputs, masks, expected)),
        }
    }

    /// Inputs of the blocks and of the final norm: what the first op of each reads.
    fn hidden(&self) -> Vec<TensorId> {
        let block = |layer| self.graph.ops().find(|op| op.layer == Some(layer));
        let blocks = (0..self.graph.model().layers).map(block);
        let firsts = blocks.chain([self.graph.op_named("norm")]);
        firsts.filter_map(|op| Some(op?.inputs[0])).collect()
    }

    /// A tensor in the shape of one of the graph; activations have their sequences apart.
    fn view(&mut self, name: &str, tensor: &Tensor) -> Result<TensorView<'_>, CheckpointError> {
        self.read.insert(name.to_owned());
        let mut shape: Vec<usize> = tensor.shape.iter().map(|&extent| extent as usize).collect();
        if tensor.role == TensorRole::Activation {
            let (sequences, tokens) = (self.graph.sequences(), self.graph.sequence_tokens());
            shape.splice(..1, [sequences as usize, tokens as usize]);
        }
        self.tensors.expect(name, &shape)
    }

    fn expected(&mut self, name: &str, id: TensorId) -> Result<Expected, CheckpointError> {
        let tensor = self.graph.tensor(id);
        let view = self.view(name, tensor)?;
        let (narrow, values) = (view.bits() == 32, view.finite()?);
        Ok(Expected { name: name.to_owned(), tensor: id, values, narrow })
    }

    fn mask(&mut self, name: &str, parameter: &Tensor) -> Result<Mask, CheckpointError> {
        let view = self.view(name, parameter)?;
        let values = view.finite()?;
        if let Some(element) = values.iter().position(|&value| value != 0.0 && value != 1.0) {
            return Err(view.value(element, format!("{} is neither 0 nor 1", values[element])));
        }
        let [rows, columns] = [0, 1].map(|axis| parameter.shape.get(axis).copied().unwrap_or(1) as u32);
        let bits = values.iter().map(|&value| value == 1.0);
        // The shape was checked, so there are as many bits as places.
        Ok(Mask::from_bits(rows, columns, bits).unwrap_or_else(|| Mask::dense(rows, columns)))
    }
}
