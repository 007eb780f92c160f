//! The values of a step's tensors, and random ones to start from.

use std::collections::BTreeMap;

use crate::graph::{Tensor, TensorRole, TrainGraph};
use crate::ids::TensorId;
use crate::rng::{Stream, scale};

/// Values by tensor, row-major. Which tensors have values, and how many, is up to whoever fills it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors {
    values: BTreeMap<TensorId, Vec<f64>>,
}

impl Tensors {
    /// No values at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// The values of a tensor; `None` where it has none.
    pub fn get(&self, id: TensorId) -> Option<&[f64]> {
        self.values.get(&id).map(Vec::as_slice)
    }

    /// The values of a tensor, to change; `None` where it has none.
    pub fn get_mut(&mut self, id: TensorId) -> Option<&mut [f64]> {
        self.values.get_mut(&id).map(Vec::as_mut_slice)
    }

    /// Gives a tensor its values, in place of those that it had.
    pub fn set(&mut self, id: TensorId, values: Vec<f64>) {
        self.values.insert(id, values);
    }

    /// Takes the values of a tensor away.
    pub fn remove(&mut self, id: TensorId) -> Option<Vec<f64>> {
        self.values.remove(&id)
    }
}

/// Random inputs of a step: everything that no op makes.
///
/// Matrices are uniform with the standard deviation 1/sqrt(columns), so that linears keep the scale of what they
/// read; vectors are within 0.1 of 1 (norm weights) or of 0 (biases), moments 0, token ids uniform in the
/// vocabulary, labels the token ids. A pure function of graph and seed; each tensor has its own random stream.
pub fn random_inputs(graph: &TrainGraph, seed: u64) -> Tensors {
    let mut tensors = Tensors::new();
    let tokens = graph.ends().token_ids;
    for tensor in graph.tensors() {
        let values = match tensor.role {
            TensorRole::Parameter | TensorRole::TeacherParameter => {
                parameter(tensor, words(tensor.id, tensor, seed))
            }
            TensorRole::Moment => vec![0.0; tensor.elements() as usize],
            // Both token tensors draw from the stream of the ids, so that they are equal.
            TensorRole::Tokens => {
                let vocab = u64::from(graph.model().vocab);
                words(tokens, tensor, seed).map(|word| scale(word, vocab) as f64).collect()
            }
            TensorRole::Activation
            | TensorRole::Gradient
            | TensorRole::ParameterGradient
            | TensorRole::UpdatedParameter
            | TensorRole::UpdatedMoment
            | TensorRole::Loss => continue,
        };
        tensors.set(tensor.id, values);
    }
    tensors
}

/// Random values of the scale that suits a parameter.
fn parameter(tensor: &Tensor, words: impl Iterator<Item = u64>) -> Vec<f64> {
    let (middle, reach) = match tensor.shape[..] {
        // A uniform variable within `reach` of its middle has the standard deviation reach / sqrt(3).
        [_, columns] => (0.0, (3.0 / columns as f64).sqrt()),
        _ if tensor.name.ends_with(".bias") => (0.0, 0.1),
        _ => (1.0, 0.1),
    };
    // The upper 53 bits of a word, as many as a double's significand has, as a number in [0, 1).
    let unit = |word: u64| (word >> 11) as f64 / (1_u64 << 53) as f64;
    words.map(|word| middle + reach * (2.0 * unit(word) - 1.0)).collect()
}

/// A random word for each element of `tensor`, from the stream of `name`.
fn words(name: TensorId, tensor: &Tensor, seed: u64) -> impl Iterator<Item = u64> {
    let mut stream = Stream::new(seed, u64::from(name.0));
    let words = std::iter::repeat_with(move || stream.next_words()).flatten();
    words.take(tensor.elements() as usize)
}
