//! Layouts that fit: how many GPUs, and how many sequences at a time.

use super::{Again, Layout, Sharding, Step, fits, step};
use crate::baseline::device::Device;
use crate::baseline::sparse::Way;
use crate::graph::{GraphError, TrainGraph};
use crate::units::Bytes;

/// Sequences that a GPU takes at a time, at most: beyond that products do not get faster.
const MOST_SEQUENCES: u32 = 16;

/// What is asked of a layout; what is left open is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// GPUs in all; more where the step does not fit on them.
    pub gpus: u32,
    /// Over which of them states are sharded.
    pub sharding: Sharding,
    /// Sequences that a GPU takes at a time; the most that fit if left open.
    pub sequences: Option<u32>,
    /// Sequences of the whole step; one micro-batch on every GPU if left open.
    pub batch: Option<u32>,
    /// What is run again.
    pub again: Again,
    /// How products with weights of blocks are done.
    pub way: Way,
}

/// A layout, and the step in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Laid {
    /// The layout.
    pub layout: Layout,
    /// Sequences that a GPU takes at a time.
    pub sequences: u32,
    /// The step.
    pub step: Step,
}

/// The step in the layout that is wanted, with the graph of so many sequences from `graph`; on whole nodes more where it
/// does not fit.
///
/// # Errors
/// Where `graph` cannot build a graph.
pub fn lay_out(
    wanted: &Wanted,
    element: Bytes,
    device: &Device,
    graph: impl Fn(u32) -> Result<TrainGraph, GraphError>,
) -> Result<Laid, GraphError> {
    let node = device.spec.link.gpus_per_node;
    let layout = |gpus| Layout {
        gpus,
        sharding: wanted.sharding,
        micro_batches: 1,
        again: wanted.again,
        way: wanted.way,
    };
    let least = graph(wanted.sequences.unwrap_or(1))?;
    let mut gpus = wanted.gpus;
    while !fits(&least, element, &layout(gpus), device) {
        // Sharded over more than these, nothing of the states is left.
        if gpus >= MOST_GPUS || (wanted.sharding == Sharding::Node && gpus >= node) {
            break;
        }
        gpus = if gpus < node { (2 * gpus).min(node) } else { gpus + node };
    }
    let share = wanted.batch.map_or(MOST_SEQUENCES, |batch| batch.div_ceil(gpus));
    let mut sequences = wanted.sequences.unwrap_or(1);
    let mut of_a_micro_batch = least;
    while wanted.sequences.is_none() && 2 * sequences <= share.min(MOST_SEQUENCES) {
        let more = graph(2 * sequences)?;
        if !fits(&more, element, &layout(gpus), device) {
            break;
        }
        sequences *= 2;
        of_a_micro_batch = more;
    }
    let micro_batches = wanted.batch.map_or(1, |_| share.div_ceil(sequences));
    let layout = Layout { micro_batches, ..layout(gpus) };
    let step = step(&of_a_micro_batch, element, &layout, device);
    Ok(Laid { layout, sequences, step })
}

/// GPUs beyond which none is tried.
const MOST_GPUS: u32 = 4096;
