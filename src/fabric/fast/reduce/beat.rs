//! Columns that do for a row what they did for the row before, only later, rest: nothing is worked out for them.
//!
//! What a column does for a piece of a slot follows, by maxima and sums, from the words that come in, from what it did
//! before and from what the column behind it did before. Those do not mind if all of that is later by the same number of
//! cycles, a *beat*. So it keeps the beat when the column before it does, and when it and the column behind it have kept it
//! for as many rows as they remember, if all rows have as many weights: in dense products, of a run that is alone. Then it
//! rests, until one of that ends and it is woken with the times that it would have.

use crate::fabric::fast::reduce::cell::Side;
use crate::fabric::fast::reduce::inflow::Inflow;
use crate::fabric::fast::reduce::lanes::Lanes;
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::reduce::slot::{Arrivals, Fixed, Slot, of, of_mut};
use crate::fabric::fast::reduce::wave::beside;
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{Vector, Wide};

/// The only lane of a run that is alone.
const LANE: usize = 0;

/// What the columns of a run that is alone remember of themselves; nothing where its rows are not alike.
#[derive(Clone, Debug)]
pub(super) struct Beats {
    columns: Vec<Column>,
    /// Of each column, for each piece of a slot.
    notes: Vec<Note>,
    pieces: u32,
    /// Pieces after which a column has forgotten one.
    memory: u32,
}

/// How far a column is, in pieces of all rows.
#[derive(Clone, Copy, Debug, Default)]
struct Column {
    /// Pieces that it is through with, and those until it last worked: the others it rested.
    done: u32,
    worked: u32,
    /// How many of them, the last ones, came a beat after the same piece of the row before.
    kept: u32,
    beat: u32,
}

/// What a column did for a piece when it last worked on one of its kind.
#[derive(Clone, Copy, Debug, Default)]
struct Note {
    times: Times,
    /// Eighths of a cycle from when on its link is free.
    eighths: u32,
    /// Cycles in which its main thread rested for a slot, in all and for the last row.
    rested: u32,
    rests: u32,
}

/// Cycles of it, those of words by their places in the piece. What does not apply is the last step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Times {
    /// Words went down the ramp and were taken; they left, and the next PE has them.
    down: [u32; DEPTH],
    taken: [u32; DEPTH],
    left: [u32; DEPTH],
    words: [u32; DEPTH],
    last: u32,
    /// The link is free, and the row that its slot made room for was pushed: on the clock of the fabric.
    free: u32,
    pushed: u32,
}

impl Times {
    /// The same so many cycles later.
    fn later(mut self, cycles: u32) -> Self {
        for time in [&mut self.down, &mut self.taken, &mut self.left, &mut self.words].into_iter().flatten() {
            *time = time.wrapping_add(cycles);
        }
        for time in [&mut self.last, &mut self.free, &mut self.pushed] {
            *time = time.wrapping_add(cycles);
        }
        self
    }

    /// What was just done for a piece.
    fn of<V: Vector>(
        slot: &Slot<'_>,
        lanes: &Lanes<V>,
        inflow: Option<&Inflow<V>>,
        out: &Inflow<V>,
        words: &Arrivals<V>,
    ) -> Self {
        let last = lanes.last.at(LANE);
        let none = [last; DEPTH];
        let mut times = Self {
            down: none,
            taken: none,
            left: none,
            words: none,
            last,
            free: out.link.at(LANE).0,
            pushed: if slot.goes_on { of(&lanes.pushed, slot.at).at(LANE) + slot.steps_before() } else { last },
        };
        for (at, word) in slot.words().iter().enumerate() {
            if let Some(flow) = inflow {
                if at >= slot.piece.early && word.goes_down {
                    times.down[at] = of(&flow.down, word.at).at(LANE);
                }
                if slot.piece.opens_step(at) {
                    times.taken[at] = of(&flow.taken, word.at).at(LANE);
                }
            }
            if word.leaves {
                times.left[at] = of(&out.left, word.at).at(LANE);
            }
            times.words[at] = Wide::of(words[at]).at(LANE);
        }
        times
    }

    /// Have it be what was done for a piece.
    fn put<V: Vector>(
        &self,
        slot: &Slot<'_>,
        lanes: &mut Lanes<V>,
        mut inflow: Option<&mut Inflow<V>>,
        out: &mut Inflow<V>,
    ) {
        for (at, word) in slot.words().iter().enumerate() {
            if let Some(flow) = &mut inflow {
                if at >= slot.piece.early && word.goes_down {
                    of_mut(&mut flow.down, word.at).put(LANE, self.down[at]);
                }
                if slot.piece.opens_step(at) {
                    of_mut(&mut flow.taken, word.at).put(LANE, self.taken[at]);
                }
            }
            if word.leaves {
                of_mut(&mut out.left, word.at).put(LANE, self.left[at]);
            }
            if at < slot.piece.early && word.goes_down {
                of_mut(&mut out.down, word.at).put(LANE, self.words[at]);
            }
        }
        lanes.last.put(LANE, self.last);
        if slot.goes_on {
            of_mut(&mut lanes.pushed, slot.at).put(LANE, self.pushed - slot.steps_before());
        }
    }
}

impl Beats {
    /// Nothing is remembered yet; nothing ever is of runs side by side, or of rows that are not alike.
    pub(super) fn new(fixed: &Fixed<'_>) -> Self {
        let shape = fixed.shape;
        let pieces = fixed.pieces.len() as u32;
        let alike = matches!(fixed.weights, [alone] if alone.rows_are_alike());
        let width = if alike { shape.columns.len() } else { 0 };
        // Slots of the ring, and rows whose words rings of times keep.
        let rows = (shape.costs.slots - 1).max((DEPTH as u32).div_ceil(shape.slot_words));
        Self {
            columns: vec![Column::default(); width],
            notes: vec![Note::default(); width * pieces as usize],
            pieces,
            memory: (rows + 2) * pieces,
        }
    }

    /// A column goes in step from now on, through with so many rows, or does so no more.
    pub(super) fn begin(&mut self, column: usize, rows: u32) {
        if let Some(column) = self.columns.get_mut(column) {
            let done = rows * self.pieces;
            *column = Column { done, worked: done, ..Column::default() };
        }
    }

    /// Whether a column is resting.
    fn is_resting(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|column| column.worked < column.done)
    }

    /// Whether a column rests for a piece, which it then is through with, between the one `before` it, if there is one, and
    /// the `next` one.
    #[inline(always)]
    pub(super) fn rests(
        &mut self,
        slot: &Slot<'_>,
        (before, column, next): (Option<usize>, usize, usize),
    ) -> bool {
        let Some(&of) = self.columns.get(column) else { return false };
        let keeps = |other: usize| {
            let other = self.columns[other];
            other.kept >= self.memory && other.beat == of.beat
        };
        let has_rested =
            |before: usize| self.has_rested(before, slot.number) && self.columns[before].beat == of.beat;
        let rests =
            slot.last_row.is_none() && keeps(column) && keeps(next) && before.is_none_or(has_rested);
        if rests {
            let column = &mut self.columns[column];
            column.done = slot.number + 1;
            column.kept += 1;
        }
        rests
    }

    /// Whether the column `before` another one rested for a piece, so that its words are not known.
    #[inline(always)]
    pub(super) fn has_rested(&self, before: usize, number: u32) -> bool {
        let before = self.columns.get(before);
        before.is_some_and(|before| before.worked <= number && number < before.done)
    }

    /// Words of a piece for which a column rested, as they come to the next one.
    pub(super) fn words<V: Vector>(
        &self,
        column: usize,
        slot: &Slot<'_>,
        words: &mut Arrivals<V>,
        next: &mut Inflow<V>,
    ) {
        let Column { worked, beat, .. } = self.columns[column];
        let rows = (slot.number - worked) / self.pieces + 1;
        let times = self.notes[self.note(column, slot.number)].times.later(rows * beat);
        for (at, word) in slot.words().iter().enumerate() {
            words[at] = V::all(times.words[at]);
            if at < slot.piece.early && word.goes_down {
                of_mut(&mut next.down, word.at).set(words[at]);
            }
        }
    }

    /// What a column has just done for a piece.
    #[inline(always)]
    pub(super) fn take_note<V: Vector>(
        &mut self,
        column: usize,
        slot: &Slot<'_>,
        lanes: &Lanes<V>,
        inflow: Option<&Inflow<V>>,
        (out, words): (&Inflow<V>, &Arrivals<V>),
    ) {
        if self.columns.is_empty() {
            return;
        }
        let times = Times::of(slot, lanes, inflow, out, words);
        let (eighths, rested) = (out.link.at(LANE).1, lanes.buffer.at(LANE));
        let at = self.note(column, slot.number);
        let before = self.notes[at];
        let note = Note { times, eighths, rested, rests: rested.wrapping_sub(before.rested) };
        let beat = times.last.wrapping_sub(before.times.last);
        let of = &mut self.columns[column];
        let keeps = beat == of.beat
            && before.times.later(beat) == times
            && (before.eighths, before.rests) == (eighths, note.rests);
        of.kept = if keeps { of.kept + 1 } else { 0 };
        of.beat = beat;
        (of.done, of.worked) = (slot.number + 1, slot.number + 1);
        self.notes[at] = note;
    }

    /// Place of the note of the piece of a row that `number` is one of.
    fn note(&self, column: usize, number: u32) -> usize {
        column * self.pieces as usize + (number % self.pieces) as usize
    }

    /// A column wakes: it has noted of each piece of a row when it was done last.
    fn catch_up(&mut self, column: usize) -> Column {
        let of = self.columns[column];
        for number in of.worked.max(of.done - self.pieces)..of.done {
            let rows = (number - of.worked) / self.pieces + 1;
            let note = self.note(column, number);
            let note = &mut self.notes[note];
            note.times = note.times.later(rows * of.beat);
            note.rested += rows * note.rests;
        }
        self.columns[column].worked = of.done;
        of
    }
}

impl<V: Vector> Row<'_, V> {
    /// Have a column go on with the times that it would have, had it not rested.
    #[inline(always)]
    pub(super) fn wake(&mut self, column: usize) {
        if self.beats.is_resting(column) {
            self.wake_up(column);
        }
    }

    fn wake_up(&mut self, column: usize) {
        let pieces = self.beats.pieces;
        let Column { worked, done, beat, .. } = self.beats.catch_up(column);
        let side = if column < self.steady { Side::West } else { Side::East };
        let (mut inflow, out) = beside((&mut self.west, &mut self.east), side, column);
        let lanes = &mut self.lanes[column];
        for number in worked.max(done.saturating_sub(self.beats.memory))..done {
            let slot = self.fixed.slot((number / pieces, self.first_row), (number % pieces) as usize);
            let note = &self.beats.notes[self.beats.note(column, number)];
            let rows = (done - 1 - number) / pieces;
            let times = note.times.later((rows * beat).wrapping_neg());
            times.put(&slot, lanes, inflow.as_deref_mut(), out);
            out.link.put(LANE, times.free, note.eighths);
            if slot.piece.closes {
                lanes.buffer.put(LANE, note.rested);
            }
        }
    }
}
