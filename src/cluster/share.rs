//! What one system does in a step, as the rest of its cluster sees it: streams in and out. The one place that reads a
//! [`Timeline`].

use crate::cluster::tree::Stream;
use crate::graph::{Op, OpKind, TrainGraph};
use crate::lower::job::{Job, Kernel};
use crate::timeline::Timeline;
use crate::units::Bytes;

/// The step of one system, from the moment when the store has all gradients of the step before to the same moment of the
/// next: updates, weights in, compute, gradients out.
#[derive(Clone, Debug)]
pub struct Share {
    /// All of it, were it alone.
    pub cycles: u64,
    /// Weights, the same for all systems, in the order in which they leave the store.
    pub weights: Vec<Stream>,
    /// Gradients, in the order in which they leave the wafer.
    pub gradients: Vec<Stream>,
    /// Tables of which systems read some rows.
    pub tables: Vec<Table>,
}

/// A table that a host beside each system looks up. Its rows do not go by the wafer; what is looked up does, each
/// system's its own.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// When the first micro-batch is looked up.
    pub read: u64,
    /// When the last gradients of what was looked up have left the wafer.
    pub done: u64,
    /// Rows that the tokens of a micro-batch can touch.
    pub touched: u64,
    /// Rows in all.
    pub rows: u64,
    /// Bytes of a row.
    pub row: Bytes,
}

impl Share {
    /// Of a simulated step; `jobs` are those of `timeline`.
    ///
    /// Gains of norms and biases make no stream of their own and are left out: they are some ten thousandths of a
    /// model.
    pub fn new(graph: &TrainGraph, jobs: &[Job], timeline: &Timeline) -> Self {
        let mut share =
            Self { cycles: timeline.cycles, weights: Vec::new(), gradients: Vec::new(), tables: Vec::new() };
        for run in &timeline.runs {
            let job = &jobs[run.job];
            if let Kernel::Weights(_) = job.kernel {
                share.weights.push(stream(run.weights, job.bytes_in));
                share
                    .gradients
                    .extend((job.bytes_out > Bytes::ZERO).then(|| stream(run.gradients, job.bytes_out)));
            }
        }
        share.tables = graph.ops().filter_map(|op| table(graph, op, jobs, timeline)).collect();
        share
    }
}

/// The table that an op looks up.
fn table(graph: &TrainGraph, op: &Op, jobs: &[Job], timeline: &Timeline) -> Option<Table> {
    let id = match op.kind {
        OpKind::Embedding => op.inputs[1],
        OpKind::PositionEmbedding => op.inputs[0],
        _ => return None,
    };
    let tensor = graph.tensor(id);
    let rows = tensor.shape.first().copied().unwrap_or(1);
    let makes = |job: &Job| {
        let outputs = &graph.op(job.op).outputs;
        job.kernel == Kernel::Gather
            && outputs.iter().any(|&output| graph.tensor(output).parameter == Some(id))
    };
    let read = timeline.runs.iter().find(|run| jobs[run.job].op == op.id)?;
    let last = timeline.runs.iter().rev().find(|run| makes(&jobs[run.job]))?;
    let row = jobs[last.job].bytes_out.0 / graph.tokens().max(1);
    Some(Table {
        read: read.weights.0,
        done: last.gradients.1,
        touched: rows.min(graph.tokens()),
        rows,
        row: Bytes(row),
    })
}

fn stream((first, last): (u64, u64), bytes: Bytes) -> Stream {
    Stream { first, last, bytes }
}
