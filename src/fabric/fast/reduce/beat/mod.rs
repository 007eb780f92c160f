//! Columns that do for a row what they did for the row before, only later, rest: nothing is worked out for them.
//!
//! What a column does for a piece of a slot follows, by maxima and sums, from the words that come in, from what it did
//! before and from what the column behind it did before. Those do not mind if all of that is later by the same number of
//! cycles, a *beat*. So it keeps the beat when the words that come in do, and when it and the column behind it have kept it
//! for as many rows as they remember, if all rows have as many weights: in dense products, of a run that is alone. Then it
//! rests, until one of that ends and it is woken with the times that it would have.

mod note;
mod wake;

use crate::fabric::fast::reduce::beat::note::{FIRST_WORD, LAST, Note, put_in, times};
use crate::fabric::fast::reduce::inflow::Inflow;
use crate::fabric::fast::reduce::lanes::Lanes;
use crate::fabric::fast::reduce::slot::{Arrivals, Fixed, Slot};
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::Vector;

/// The only lane of a run that is alone.
const LANE: usize = 0;

/// What the columns of a run that is alone remember of themselves; nothing where its rows are not alike.
#[derive(Clone, Debug)]
pub(super) struct Beats {
    columns: Vec<Column>,
    /// Of each column, for each piece of a slot.
    notes: Vec<Note>,
    pieces: u32,
    /// Rows of its ring, and rows after which rings of words have forgotten one.
    ring: u32,
    rows: u32,
}

/// How far a column is, in pieces of all rows.
#[derive(Clone, Copy, Debug, Default)]
struct Column {
    /// Pieces that it is through with, and those until it last worked: the others it rested.
    done: u32,
    worked: u32,
    /// Those of which the column before it can see when their words went down and were taken.
    seen: u32,
    /// How many of them, the last ones, came a beat after the same piece of the row before.
    kept: u32,
    beat: u32,
}

impl Beats {
    /// Nothing is remembered yet; nothing ever is of runs side by side, or of rows that are not alike.
    pub(super) fn new(fixed: &Fixed<'_>) -> Self {
        let shape = fixed.shape;
        let pieces = fixed.pieces.len() as u32;
        let alike = matches!(fixed.weights, [alone] if alone.rows_are_alike());
        let width = if alike { shape.columns.len() } else { 0 };
        Self {
            columns: vec![Column::default(); width],
            notes: vec![Note::NONE; width * pieces as usize],
            pieces,
            ring: shape.costs.slots - 1,
            rows: (DEPTH as u32).div_ceil(shape.slot_words),
        }
    }

    /// A column goes in step from now on, through with so many rows, or does so no more.
    pub(super) fn begin(&mut self, column: usize, rows: u32) {
        if let Some(column) = self.columns.get_mut(column) {
            let done = rows * self.pieces;
            *column = Column { done, worked: done, seen: done, ..Column::default() };
        }
    }

    /// Pieces after which a column has forgotten one, and a row more: notes of the row before may be of a time when it was a
    /// cell.
    fn memory(&self) -> u32 {
        (self.ring.max(self.rows) + 2) * self.pieces
    }

    /// Pieces after which rings of words have forgotten one.
    fn words_kept(&self) -> u32 {
        (self.rows + 1) * self.pieces
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
            other.kept >= self.memory() && other.beat == of.beat
        };
        let follows = |before: usize| {
            let Column { done, kept, beat, .. } = self.columns[before];
            let keeps = self.has_rested(before, slot.number) || done == slot.number + 1 && kept > 0;
            keeps && beat == of.beat
        };
        let rests = slot.last_row.is_none() && keeps(column) && keeps(next) && before.is_none_or(follows);
        if rests {
            let column = &mut self.columns[column];
            column.done = slot.number + 1;
            column.kept += 1;
        }
        rests
    }

    /// How many `columns` in their order from an end of the row, `most` of them, rest for all pieces from one that has not set
    /// out until `out`: they then are through with these.
    pub(super) fn rest_of(
        &mut self,
        columns: impl Iterator<Item = usize> + Clone,
        most: usize,
        (piece, out): (u32, u32),
    ) -> usize {
        let memory = self.memory();
        let Some(beat) = columns.clone().next().and_then(|first| self.columns.get(first)).map(|of| of.beat)
        else {
            return 0;
        };
        let keeps = |column: &usize| {
            let of = &self.columns[*column];
            of.kept >= memory && of.beat == beat && of.done == piece
        };
        // One that rests has one behind it that keeps the beat, whatever the one after that does for the pieces before.
        let keep = columns.clone().take_while(keeps).count();
        let rest = keep.saturating_sub((out - piece) as usize + 1).min(most);
        for column in columns.take(rest) {
            let of = &mut self.columns[column];
            of.done = out;
            of.kept += out - piece;
        }
        rest
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
        let (times, later) = self.times_of(column, slot.number);
        for (at, word) in slot.words().iter().enumerate() {
            words[at] = V::all(times[FIRST_WORD + at].wrapping_add(later));
            if at < slot.piece.early && word.goes_down {
                next.down[word.at].set(words[at]);
            }
        }
    }

    /// What a column would have done for a piece for which it rests: what it did, and so many cycles later.
    fn times_of(&self, column: usize, number: u32) -> (&note::Times, u32) {
        let note = &self.notes[self.note(column, number)];
        (&note.times, self.rows_since(column, number) * self.columns[column].beat)
    }

    /// Rows from the piece that a column last worked on to the same piece of a later row, for which it rests.
    fn rows_since(&self, column: usize, number: u32) -> u32 {
        (number - self.columns[column].worked) / self.pieces + 1
    }

    /// A column that rests for a piece has the one before it see that, which does not rest.
    pub(super) fn show<V: Vector>(&mut self, column: usize, slot: &Slot<'_>, inflow: &mut Inflow<V>) {
        put_in(self.times_of(column, slot.number), (slot, slot.end()), inflow);
        self.columns[column].seen = slot.number + 1;
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
        let times = times(slot, lanes, inflow, out, words);
        let (eighths, rested) = (out.link.at(LANE).1, lanes.buffer.at(LANE));
        let at = self.note(column, slot.number);
        let before = &mut self.notes[at];
        let beat = times[LAST].wrapping_sub(before.times[LAST]);
        let is_later = times
            .iter()
            .zip(&before.times)
            .fold(true, |all, (time, before)| all & (time.wrapping_sub(*before) == beat));
        let rests = rested.wrapping_sub(before.rested);
        let of = &mut self.columns[column];
        let keeps = is_later && beat == of.beat && (before.eighths, before.rests) == (eighths, rests);
        of.kept = if keeps { of.kept + 1 } else { 0 };
        of.beat = beat;
        (of.done, of.worked, of.seen) = (slot.number + 1, slot.number + 1, slot.number + 1);
        *before = Note { times, eighths, rested, rests };
    }

    /// Place of the note of the piece of a row that `number` is one of.
    fn note(&self, column: usize, number: u32) -> usize {
        column * self.pieces as usize + (number % self.pieces) as usize
    }

    /// A column wakes: it has noted of each piece of a row when it was done last.
    fn catch_up(&mut self, column: usize) -> Column {
        let of = self.columns[column];
        for number in of.worked.max(of.done - self.pieces)..of.done {
            let (rows, note) = (self.rows_since(column, number), self.note(column, number));
            let note = &mut self.notes[note];
            note.times.iter_mut().for_each(|time| *time = time.wrapping_add(rows * of.beat));
            note.rested += rows * note.rests;
        }
        self.columns[column].worked = of.done;
        of
    }
}
