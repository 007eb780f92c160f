//! What a column did for a piece, and how it becomes what it does for another one.

use crate::fabric::fast::reduce::beat::LANE;
use crate::fabric::fast::reduce::inflow::Inflow;
use crate::fabric::fast::reduce::lanes::Lanes;
use crate::fabric::fast::reduce::slot::{Arrivals, Slot, Word};
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{Vector, Wide};

/// What a column did for a piece of a row when it last worked on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) times: Times,
    /// Eighths of a cycle from when on its link is free.
    pub(super) eighths: u32,
    /// Cycles in which its main thread rested for a slot, in all and for the last row.
    pub(super) rested: u32,
    pub(super) rests: u32,
}

impl Note {
    /// Nothing.
    pub(super) const NONE: Self = Self { times: [0; _], eighths: 0, rested: 0, rests: 0 };
}

/// Cycles of it, those of words by their places in the piece: when they went down the ramp and were taken, when they left,
/// and from when on the next PE has them; then that of the last step, from when on the link is free, and when the row was
/// pushed that its slot made room for, on the clock of the fabric. What does not apply is the last step.
pub(super) type Times = [u32; 4 * DEPTH + 3];

const DOWN: usize = 0;
const TAKEN: usize = DEPTH;
const LEFT: usize = 2 * DEPTH;
pub(super) const FIRST_WORD: usize = 3 * DEPTH;
pub(super) const LAST: usize = 4 * DEPTH;
pub(super) const FREE: usize = LAST + 1;
pub(super) const PUSHED: usize = LAST + 2;

/// What was just done for a piece.
#[inline(always)]
pub(super) fn times<V: Vector>(
    slot: &Slot<'_>,
    lanes: &Lanes<V>,
    inflow: Option<&Inflow<V>>,
    out: &Inflow<V>,
    words: &Arrivals<V>,
) -> Times {
    let last = lanes.last.at(LANE);
    let mut times = [last; 4 * DEPTH + 3];
    for (at, word) in slot.words().iter().enumerate() {
        if let Some(flow) = inflow {
            if at >= slot.piece.early && word.goes_down {
                times[DOWN + at] = flow.down[word.at].at(LANE);
            }
            if slot.piece.opens_step(at) {
                times[TAKEN + at] = flow.taken[word.at].at(LANE);
            }
        }
        if word.leaves {
            times[LEFT + at] = out.left[word.at].at(LANE);
        }
        times[FIRST_WORD + at] = Wide::of(words[at]).at(LANE);
    }
    times[FREE] = out.link.at(LANE).0;
    if slot.goes_on {
        times[PUSHED] = lanes.pushed[slot.at].at(LANE) + slot.steps_before();
    }
    times
}

/// The words of a piece that rings remember of those before `end`.
fn remembered<'s>(slot: &'s Slot<'_>, end: u32) -> impl Iterator<Item = (usize, &'s Word)> {
    let from = end.saturating_sub(DEPTH as u32 + slot.first) as usize;
    slot.words().iter().enumerate().skip(from)
}

/// Have words before `end` that came in be as they did for a piece, so many cycles later.
pub(super) fn put_in<V: Vector>(
    (times, later): (&Times, u32),
    (slot, end): (&Slot<'_>, u32),
    inflow: &mut Inflow<V>,
) {
    let time = |at: usize| times[at].wrapping_add(later);
    for (at, word) in remembered(slot, end) {
        if at >= slot.piece.early && word.goes_down {
            inflow.down[word.at].put(LANE, time(DOWN + at));
        }
        if slot.piece.opens_step(at) {
            inflow.taken[word.at].put(LANE, time(TAKEN + at));
        }
    }
}

/// The same of words that left.
pub(super) fn put_out<V: Vector>(
    (times, later): (&Times, u32),
    (slot, end): (&Slot<'_>, u32),
    out: &mut Inflow<V>,
) {
    let time = |at: usize| times[at].wrapping_add(later);
    for (at, word) in remembered(slot, end) {
        if word.leaves {
            out.left[word.at].put(LANE, time(LEFT + at));
        }
        if at < slot.piece.early && word.goes_down {
            out.down[word.at].put(LANE, time(FIRST_WORD + at));
        }
    }
}
