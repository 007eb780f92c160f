//! Values that go down or up a column of PEs, which take their share and hand on the others', or give theirs and let the
//! others' pass. Microthreads that only move do that: words go from station to station, one word after the other.

mod gather;
mod scatter;
mod shape;

use crate::fabric::Outcome;
use crate::fabric::counters::{Activity, Breakdown};
use crate::fabric::fast::outcome::Totals;
use crate::fabric::fast::source::DEPTH;
use crate::fabric::values::Tick;
use crate::program::{Port, Program};
use crate::spec::wafer::WaferSpec;
use crate::units::{Cycles, Wavelets};
use shape::{Kind, Shape, recognize};

/// What a program of a column gives back; `None` where it is something else.
pub(super) fn run(program: &Program, spec: &WaferSpec) -> Option<Outcome<Tick>> {
    let shape = recognize(program, spec)?;
    let ended = match shape.kind {
        Kind::Scatter => scatter::run(&shape),
        Kind::Gather => gather::run(&shape),
    };
    outcome(program, &shape, &ended)
}

/// Times of the last words at a station: a ring by their number, all of them in cycle 0 at first.
type Times = [u32; DEPTH];

/// One row of PEs at the end.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// Cycles in which the PE waited for words and for room, and in which a microthread started or ended.
    input: u32,
    output: u32,
    latency: u32,
    /// Cycles of tasks, and the end of the last one.
    control: u32,
    finish: u32,
    /// Words that went over the link to the next row.
    carried: u64,
}

/// How a run ends.
struct Ended {
    rows: Vec<Row>,
    /// Cycle after the last in which anything moved.
    end: u32,
    /// Cycle after the last in which a word left over the edge.
    drained: u32,
    /// Most words that an input queue and a router's buffer held.
    queue: u32,
    lane: u32,
}

/// The cycle from which there is room for a word where so many fit, by when those before it left.
#[inline(always)]
fn room(left: &Times, word: u32, room: u32) -> u32 {
    if word < room { 0 } else { left[(word - room) as usize % DEPTH] + 1 }
}

/// Raise `most` words that a buffer of so much room held to what it held when `word` came, where a word is still there if
/// it leaves in a cycle that `is_later`.
#[inline(always)]
fn hold(most: &mut u32, room: u32, word: u32, left: &Times, is_later: impl Fn(u32) -> bool) {
    *most = (*most).max(1);
    while *most < room && word >= *most && is_later(left[(word - *most) as usize % DEPTH]) {
        *most += 1;
    }
}

fn outcome(program: &Program, shape: &Shape, ended: &Ended) -> Option<Outcome<Tick>> {
    let mut totals = Totals::new(ended.rows.len());
    let (port, scatters) = match shape.kind {
        Kind::Scatter => (Port::South, true),
        Kind::Gather => (Port::North, false),
    };
    let words = u64::from(shape.share) * ended.rows.len() as u64;
    let mut hops = 0;
    for (at, row) in ended.rows.iter().enumerate() {
        let mut spent = Breakdown::default();
        spent.add(Activity::Control, u64::from(row.control));
        spent.add(Activity::Latency, u64::from(row.latency));
        spent.add(Activity::WaitInput, u64::from(row.input));
        spent.add(Activity::WaitOutput, u64::from(row.output));
        totals.pe(spent, row.finish);
        totals.link(at, port, row.carried);
        hops += row.carried;
    }
    let counters = &mut totals.counters;
    counters.cycles = counters.cycles.max(Cycles(u64::from(ended.end)));
    counters.hops = Wavelets(hops);
    if scatters {
        (counters.sent, counters.delivered) = (Wavelets(words + hops), Wavelets(words + hops));
    } else {
        (counters.sent, counters.drained) = (Wavelets(words), Wavelets(words));
        counters.last_drained = Cycles(u64::from(ended.drained));
    }
    totals.finish(program, (ended.queue, ended.lane))
}
