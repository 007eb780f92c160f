//! The fast engine: what the reference engine would give back, for programs whose order of events is known.
//!
//! A row of PEs that multiplies weights and adds up along the row ([`shape`]) is the bulk of a training step. Its
//! messages depend on each other in an order that the program fixes, whatever the weights are, so that times follow from
//! times by maxima and sums ([`inflow`], [`lanes`]); where the order does depend on times, one compute element is run
//! event by event ([`cell`]). Runs that differ in their weights alone go side by side, one in each lane of a vector.
//!
//! What it does not know it refuses, and the reference engine runs it.

mod cell;
mod inflow;
mod lanes;
mod row;
mod shape;

use crate::fabric::counters::{Activity, Breakdown, Counters};
use crate::fabric::fast::cell::Cell;
use crate::fabric::fast::lanes::Fixed;
use crate::fabric::fast::row::Row;
use crate::fabric::fast::shape::{Shape, Weights};
use crate::fabric::values::Tick;
use crate::fabric::{Outcome, prepared};
use crate::program::{Port, Program};
use crate::spec::wafer::WaferSpec;
use crate::units::{Cycles, Macs, Wavelets};

/// Runs that go side by side.
pub const LANES: usize = 16;

/// Run programs that differ in their weights alone, up to [`LANES`] of them at a time; for each what
/// [`run`](crate::fabric::run) would give back. `None` where one is of a kind that this engine does not know.
pub fn run_alike(programs: &[&Program], spec: &WaferSpec) -> Option<Vec<Outcome<Tick>>> {
    let recognized: Option<Vec<(Shape, Weights<'_>)>> =
        programs.iter().map(|program| shape::recognize(program, spec)).collect();
    let recognized = recognized?;
    let (shape, _) = recognized.first()?;
    if recognized.iter().any(|(other, _)| other != shape) {
        return None;
    }
    let weights: Vec<Weights<'_>> = recognized.iter().map(|(_, weights)| *weights).collect();
    let mut outcomes = Vec::with_capacity(programs.len());
    for weights in weights.chunks(LANES) {
        let cells = if let [one] = weights { lanes(shape, &[*one])? } else { wide(shape, weights)? };
        for (weights, cells) in weights.iter().zip(cells) {
            outcomes.push(outcome(programs[0], shape, weights, &cells)?);
        }
    }
    Some(outcomes)
}

/// Cells of all columns at the end, for each run.
fn wide(shape: &Shape, weights: &[Weights<'_>]) -> Option<Vec<Vec<Cell>>> {
    let all: [Weights<'_>; LANES] = std::array::from_fn(|lane| weights[lane.min(weights.len() - 1)]);
    let mut cells = lanes(shape, &all)?;
    cells.truncate(weights.len());
    Some(cells)
}

fn lanes<const L: usize>(shape: &Shape, weights: &[Weights<'_>; L]) -> Option<Vec<Vec<Cell>>> {
    let columns = run(Fixed { shape, weights })?;
    Some((0..L).map(|lane| columns.iter().map(|cells| cells[lane]).collect()).collect())
}

/// A row to its end, on the widest vectors that the processor has.
fn run<const L: usize>(fixed: Fixed<'_, L>) -> Option<Vec<Box<[Cell; L]>>> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            #[expect(unsafe_code, reason = "the processor has just said that it can")]
            return unsafe { run_512(fixed) };
        }
        if is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "the processor has just said that it can")]
            return unsafe { run_256(fixed) };
        }
    }
    Row::new(fixed).run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn run_512<const L: usize>(fixed: Fixed<'_, L>) -> Option<Vec<Box<[Cell; L]>>> {
    Row::new(fixed).run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_256<const L: usize>(fixed: Fixed<'_, L>) -> Option<Vec<Box<[Cell; L]>>> {
    Row::new(fixed).run()
}

/// What a run gives back, from the cells of its columns at the end.
fn outcome(program: &Program, shape: &Shape, weights: &Weights<'_>, cells: &[Cell]) -> Option<Outcome<Tick>> {
    let (columns, costs) = (&shape.columns, &shape.costs);
    let (width, rows) = (columns.len(), u64::from(shape.rows));
    let steps = shape.steps.len() as u64;
    let words = u64::from(shape.slot_words);
    let mut nonzeros = vec![0_u64; width];
    for row in weights.counts.chunks_exact(weights.stride) {
        nonzeros.iter_mut().zip(row).for_each(|(sum, &count)| *sum += u64::from(count));
    }
    if nonzeros.iter().all(|&nonzeros| nonzeros + rows < shape.words_that_fill()) {
        return None;
    }
    let elapsed = cells.iter().map(|cell| cell.finish).max().unwrap_or(0);
    let mut counters = Counters { cycles: Cycles(u64::from(elapsed)), ..Counters::default() };
    let mut per_pe = Vec::with_capacity(width);
    let mut links = vec![[0_u32; 4]; width];
    let mut chain = 0;
    for (x, (column, cell)) in columns.iter().zip(cells).enumerate() {
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
        spent.add(Activity::Idle, u64::from(elapsed).checked_sub(spent.total())?);
        counters.activity.merge(&spent, 1);
        per_pe.push(spent);
        let (east, west) =
            (if x + 1 < width { (rows - low - own) * words } else { 0 }, if x > 0 { low * words } else { 0 });
        links[x][Port::East as usize] = east as u32;
        links[x][Port::West as usize] = west as u32;
        chain += east + west;
        counters.macs += Macs(nonzeros[x] * column.macs);
    }
    let stream = nonzeros.iter().sum::<u64>() + rows * width as u64;
    (counters.sent, counters.delivered) = (Wavelets(stream + chain), Wavelets(stream + chain));
    counters.hops = Wavelets(chain);
    counters.input_high_water = costs.stream_queue;
    counters.router_high_water = costs.lane;
    counters.busiest_link = prepared::busiest(program, &links);
    counters.sram_high_water = prepared::sram_high_water(program);
    let finish = cells.iter().map(|cell| Cycles(u64::from(cell.finish))).collect();
    Some(Outcome { counters, per_pe, finish, links, drained: Vec::new() })
}
