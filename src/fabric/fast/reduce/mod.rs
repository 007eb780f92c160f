//! Products with weights whose results are added up along a row of PEs.

mod advance;
mod ahead;
mod beat;
mod cell;
mod inflow;
mod lanes;
mod layout;
mod pieces;
mod range;
mod region;
mod row;
mod shape;
mod slot;
mod visit;
mod wave;

use crate::fabric::Outcome;
use crate::fabric::counters::{Activity, Breakdown};
use crate::fabric::fast::counts::NonZeros;
use crate::fabric::fast::outcome::Totals;
use crate::fabric::fast::range::margin;
use crate::fabric::fast::reduce::cell::Cell;
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::reduce::shape::Shape;
pub(super) use crate::fabric::fast::reduce::shape::recognize;
use crate::fabric::fast::reduce::slot::Fixed;
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::Vector;
use crate::fabric::values::Tick;
use crate::program::{Port, Program};
use crate::units::{Macs, Wavelets};

pub(super) type Known = Shape;

/// How a run ends.
pub(super) struct Ended {
    /// Compute elements of all columns, in all lanes.
    columns: Vec<Cells>,
    nonzeros: NonZeros,
}

/// Compute elements of one column: one for each run.
type Cells = Box<[Cell]>;

/// Run to the end.
#[inline(always)]
pub(super) fn run<V: Vector>(shape: &Shape, weights: &[Weights<'_>]) -> Option<Ended> {
    let fixed = Fixed::new(shape, weights);
    let weight = (0..shape.columns.len()).map(|column| fixed.weight(column)).max()?;
    let margin = margin::<V>(weights, weight)?;
    Row::<V>::new(&fixed, margin).run()
}

/// What one run gives back.
pub(super) fn outcome(
    program: &Program,
    shape: &Shape,
    (Ended { columns, nonzeros }, lane): (&Ended, usize),
) -> Option<Outcome<Tick>> {
    let costs = &shape.costs;
    let (width, rows) = (shape.columns.len(), u64::from(shape.rows));
    let (steps, words) = (shape.steps.len() as u64, u64::from(shape.slot_words));
    let nonzeros = nonzeros.of(lane);
    if !shape.stream().fills(&nonzeros, rows) {
        return None;
    }
    let mut totals = Totals::new(width);
    let (mut chain, mut macs) = (0, 0);
    for (x, (column, cells)) in shape.columns.iter().zip(columns).enumerate() {
        let cell = &cells[lane];
        let meets = x > 0 && x + 1 < width;
        let (low, own) = (u64::from(column.low), u64::from(column.own));
        let tally = cell.tally;
        let mut spent = Breakdown::default();
        spent.add(Activity::Mac, nonzeros[x] * u64::from(column.weight_work));
        spent.add(Activity::Setup, nonzeros[x] * u64::from(costs.weight_setup));
        spent.add(Activity::Control, rows * u64::from(costs.row_end) + u64::from(tally.control));
        spent.add(Activity::Reduce, steps * (rows + if meets { own } else { 0 }));
        spent.add(Activity::WaitInput, u64::from(tally.input));
        spent.add(Activity::WaitOutput, u64::from(tally.output));
        spent.add(Activity::WaitBuffer, u64::from(tally.buffer));
        spent.add(Activity::Latency, u64::from(tally.latency));
        totals.pe(spent, cell.finish);
        let east = if x + 1 < width { (rows - low - own) * words } else { 0 };
        let west = if x > 0 { low * words } else { 0 };
        totals.link(x, Port::East, east);
        totals.link(x, Port::West, west);
        chain += east + west;
        macs += nonzeros[x] * column.macs;
    }
    let stream = nonzeros.iter().sum::<u64>() + rows * width as u64;
    let counters = &mut totals.counters;
    counters.macs = Macs(macs);
    (counters.sent, counters.delivered) = (Wavelets(stream + chain), Wavelets(stream + chain));
    counters.hops = Wavelets(chain);
    totals.finish(program, (costs.stream_queue, costs.fabric.lane))
}
