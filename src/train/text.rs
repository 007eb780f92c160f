//! What is learnt: eight sonnets of Shakespeare (1609, in the public domain), character by character.

use crate::graph::TrainGraph;
use crate::rng::{Stream, scale};

const SONNETS: &str = include_str!("../../workloads/text/sonnets.txt");

/// Characters that a text may have: the line end, and the printable ones of ASCII.
pub(super) const VOCAB: u32 = 96;

/// Numbers of random streams that are those of steps.
const STEPS: u64 = 1 << 40;

/// A text as tokens.
pub(super) struct Text(Vec<u8>);

impl Text {
    pub(super) fn new() -> Self {
        // The line end is token 0, the space 1; what is not in the table counts as a space.
        let token = |byte: u8| match byte {
            b'\n' => 0,
            b' '..=b'~' => byte - b' ' + 1,
            _ => 1,
        };
        Self(SONNETS.bytes().map(token).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The sequences of a step, each from a random place: a pure function of seed and step.
    pub(super) fn tokens(&self, graph: &TrainGraph, seed: u64, step: usize) -> Vec<f64> {
        let length = graph.sequence_tokens() as usize;
        let places = (self.len() - length) as u64;
        let mut stream = Stream::new(seed, STEPS + step as u64);
        let words = std::iter::repeat_with(move || stream.next_words()).flatten();
        let starts = words.take(graph.sequences() as usize).map(|word| scale(word, places) as usize);
        starts.flat_map(|start| self.0[start..start + length].iter().map(|&token| f64::from(token))).collect()
    }
}
