//! What one system does in a step, as the rest of its cluster sees it: streams in and out. The one place that reads a
//! [`Timeline`].

use std::collections::BTreeMap;

use crate::cluster::tree::Stream;
use crate::graph::{OpKind, TrainGraph};
use crate::ids::TensorId;
use crate::lower::job::{Direction, Job, Kernel};
use crate::sparsity::Masks;
use crate::timeline::Timeline;
use crate::units::Bytes;

/// The step of one system.
#[derive(Clone, Debug)]
pub struct Share {
    /// All of it, were it alone.
    pub cycles: u64,
    /// Weights, the same for all systems, in the order in which they leave the store.
    pub weights: Vec<Stream>,
    /// Gradients, in the order in which they leave the wafer.
    pub gradients: Vec<Gradient>,
    /// First use of each parameter that streams: when its first stream leaves the store.
    pub first_use: BTreeMap<TensorId, u64>,
}

/// A gradient on its way to the store.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// On the wafer's links.
    pub stream: Stream,
    /// The parameter that it completes; `None` while more micro-batches add to it.
    pub completes: Option<Parameter>,
}

/// A parameter whose gradient is complete.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Which.
    pub id: TensorId,
    /// Elements that are kept.
    pub elements: u64,
    /// A table of which a system reads some rows: its rows do not come down the tree, results of looking them up do,
    /// each system's its own.
    pub table: Option<Table>,
}

/// A table that is looked up beside the wafer.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Rows that the tokens of a micro-batch can touch.
    pub touched: u64,
    /// Rows in all.
    pub rows: u64,
    /// Bytes of a row.
    pub row: Bytes,
}

impl Share {
    /// Of a simulated step: `jobs` are those of `timeline`, `masks` those of the weights (none: dense).
    ///
    /// Gains of norms and biases make no stream of their own and are left out: they are some ten thousandths of a
    /// model.
    pub fn new(graph: &TrainGraph, jobs: &[Job], masks: Option<&Masks>, timeline: &Timeline) -> Self {
        let last = timeline.runs.iter().map(|run| run.micro_batch).max().unwrap_or(0);
        let mut share = Self {
            cycles: timeline.cycles,
            weights: Vec::new(),
            gradients: Vec::new(),
            first_use: BTreeMap::new(),
        };
        for run in &timeline.runs {
            let job = &jobs[run.job];
            let op = graph.op(job.op);
            // A table and the activations that are looked up in it have the same place in the order of use.
            let looked_up = match op.kind {
                OpKind::Embedding => Some(op.inputs[1]),
                OpKind::PositionEmbedding => Some(op.inputs[0]),
                _ => None,
            };
            if let Kernel::Weights(_) = job.kernel {
                share.weights.push(stream(run.weights, job.bytes_in));
            }
            if let Some(parameter) = looked_up.or(graph.weight(op)) {
                let first = share.first_use.entry(parameter).or_insert(run.weights.0);
                *first = run.weights.0.min(*first);
            }
            if job.bytes_out > Bytes::ZERO {
                let completed = (run.micro_batch == last).then(|| completed(graph, job, masks)).flatten();
                share
                    .gradients
                    .push(Gradient { stream: stream(run.gradients, job.bytes_out), completes: completed });
            }
        }
        share
    }
}

/// The parameter whose gradient the last run of a job completes.
fn completed(graph: &TrainGraph, job: &Job, masks: Option<&Masks>) -> Option<Parameter> {
    let op = graph.op(job.op);
    let id = graph.tensor(*op.outputs.first()?).parameter?;
    let tensor = graph.tensor(id);
    let rows = tensor.shape.first().copied().unwrap_or(1);
    let (touched, row) = (rows.min(graph.tokens()), tensor.elements() / rows.max(1));
    match job.kernel {
        Kernel::Weights(product) if product.direction == Direction::Weight => Some(Parameter {
            id,
            elements: masks.map_or_else(|| tensor.elements(), |masks| masks.kept(graph, id)),
            table: None,
        }),
        // A row whose last token has passed is updated while the step goes on.
        Kernel::Gather => {
            let bytes = Bytes(job.bytes_out.0 / graph.tokens().max(1));
            let table = Table { touched, rows, row: bytes };
            Some(Parameter { id, elements: touched * row, table: Some(table) })
        }
        _ => None,
    }
}

fn stream((first, last): (u64, u64), bytes: Bytes) -> Stream {
    Stream { first, last, bytes }
}
