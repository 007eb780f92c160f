//! Gradients of weights in a row of PEs.

mod cross;
mod main_thread;
mod message;
mod range;
mod router;
mod row;
mod shape;
mod thread;

use crate::fabric::Outcome;
use crate::fabric::counters::{Activity, Breakdown};
use crate::fabric::fast::counts::NonZeros;
use crate::fabric::fast::gradient::range::End;
use crate::fabric::fast::gradient::row::Row;
use crate::fabric::fast::gradient::shape::Shape;
pub(super) use crate::fabric::fast::gradient::shape::recognize;
use crate::fabric::fast::outcome::Totals;
use crate::fabric::fast::range::margin;
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::Vector;
use crate::fabric::values::Tick;
use crate::program::{Port, Program};
use crate::units::{Macs, Wavelets};

pub(super) type Known = Shape;

/// How a run ends.
pub(super) struct Ended {
    /// Main threads of all columns, in all lanes.
    columns: Vec<Vec<End>>,
    nonzeros: NonZeros,
}

/// Run to the end.
#[inline(always)]
pub(super) fn run<V: Vector>(shape: &Shape, weights: &[Weights<'_>]) -> Option<Ended> {
    let margin = margin::<V>(weights, shape.costs.each())?;
    Row::<V>::new(shape, weights, margin).run()
}

/// What one run gives back.
pub(super) fn outcome(
    program: &Program,
    shape: &Shape,
    (Ended { columns, nonzeros }, lane): (&Ended, usize),
) -> Option<Outcome<Tick>> {
    let costs = &shape.costs;
    let (width, rows) = (columns.len(), u64::from(shape.rows));
    let nonzeros = nonzeros.of(lane);
    if !shape.stream().fills(&nonzeros, rows) {
        return None;
    }
    let vectors = rows * u64::from(shape.steps.iter().sum::<u32>()) + width as u64;
    let mut totals = Totals::new(width);
    let mut words_east = 0;
    for (x, lanes) in columns.iter().enumerate() {
        let end = &lanes[lane];
        let mut spent = Breakdown::default();
        let launches = 3 * u64::from(costs.fabric.launch);
        let control = rows * u64::from(costs.row_end) + width as u64 * u64::from(costs.turn);
        spent.add(Activity::Mac, nonzeros[x] * u64::from(costs.weight_work));
        spent.add(Activity::Setup, nonzeros[x] * u64::from(costs.weight_setup));
        spent.add(Activity::Control, u64::from(costs.wait + costs.local) + launches + control);
        spent.add(Activity::Reduce, nonzeros[x]);
        spent.add(Activity::WaitInput, u64::from(end.input));
        spent.add(Activity::Latency, u64::from(end.latency));
        totals.pe(spent, end.finish);
        if nonzeros[x] > 0 {
            totals.drain(end.summed + costs.fabric.ramp + 1);
        }
        // What a column and those west of it send goes east over its link, the rest comes west over the same place.
        let own = u64::from(shape.own[x]) * u64::from(shape.steps.iter().sum::<u32>()) + 1;
        words_east += own;
        let east = if x + 1 < width { words_east } else { 0 };
        let west = if x > 0 { vectors - (words_east - own) } else { 0 };
        totals.link(x, Port::East, east);
        totals.link(x, Port::West, west);
        totals.link(x, Port::South, nonzeros[x]);
    }
    let sums: u64 = nonzeros.iter().sum();
    let stream = sums + rows * width as u64;
    let counters = &mut totals.counters;
    counters.macs = Macs(sums * shape.macs);
    counters.sent = Wavelets(stream + vectors + sums);
    counters.delivered = Wavelets(stream + vectors * width as u64);
    counters.copied = Wavelets(vectors * (width as u64 - 1));
    counters.drained = Wavelets(sums);
    counters.hops = Wavelets(vectors * (width as u64 - 1) + sums);
    let depths = (costs.stream_queue.max(costs.queue), costs.fabric.lane);
    totals.finish(program, depths)
}
