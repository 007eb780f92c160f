//! How what a kernel does is spread over its PEs, for maps of the wafer.

use crate::fabric::{Activity, Outcome};
use crate::program::{Fold, Program};

/// Rows that are told apart at most; rows beyond that are averaged with their neighbours.
const ROWS: usize = 64;

/// Kinds of activity but for idling, which is what is left of the time.
pub const KINDS: [Activity; 9] = [
    Activity::Mac,
    Activity::Vector,
    Activity::Reduce,
    Activity::Setup,
    Activity::Control,
    Activity::WaitInput,
    Activity::WaitOutput,
    Activity::WaitBuffer,
    Activity::Latency,
];

/// What a PE does and sends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeCounts {
    /// Cycles by activity, in the order of [`KINDS`].
    pub spent: [f32; KINDS.len()],
    /// Wavelets over the links out of it: north, east, south, west.
    pub links: [f32; 4],
}

/// PEs of a simulated rectangle, rows averaged where there are many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// Columns.
    pub width: usize,
    /// Rows of `pes`.
    pub rows: usize,
    /// Rows of PEs that were simulated; one where all of a fold are alike.
    pub height: usize,
    /// Whether one row stands for all.
    pub folded: bool,
    /// Means over the PEs of each column and row, row-major.
    pub pes: Vec<PeCounts>,
}

impl Spread {
    /// Of a run of `program`.
    pub(super) fn of<W>(program: &Program, outcome: &Outcome<W>) -> Self {
        let (width, height) = (usize::from(program.width).max(1), usize::from(program.height).max(1));
        let rows = height.min(ROWS);
        let mut pes = vec![PeCounts::default(); width * rows];
        let row = |y: usize| y * rows / height;
        for (pe, (spent, links)) in outcome.per_pe.iter().zip(&outcome.links).enumerate() {
            let mean = &mut pes[row(pe / width) * width + pe % width];
            for (mine, kind) in mean.spent.iter_mut().zip(KINDS) {
                *mine += spent.of(kind) as f32;
            }
            for (mine, wavelets) in mean.links.iter_mut().zip(links) {
                *mine += *wavelets as f32;
            }
        }
        for (at, of_row) in pes.chunks_mut(width).enumerate() {
            let averaged = (0..height).filter(|&y| row(y) == at).count() as f32;
            for mean in of_row {
                mean.spent.iter_mut().chain(&mut mean.links).for_each(|value| *value /= averaged);
            }
        }
        Self { width, rows, height, folded: program.fold != Fold::None, pes }
    }
}
