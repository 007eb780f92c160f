//! Columns that rested go on, or are seen by those that did not.

use crate::fabric::fast::reduce::beat::note::{FREE, LAST, PUSHED, put_in, put_out};
use crate::fabric::fast::reduce::beat::{Column, LANE};
use crate::fabric::fast::reduce::cell::Side;
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::reduce::wave::beside;
use crate::fabric::fast::wide::Vector;

impl<V: Vector> Row<'_, V> {
    /// Have a column go on with the times that it would have, had it not rested.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn wake(&mut self, column: usize) {
        if self.beats.is_resting(column) {
            self.wake_up(column);
        }
    }

    fn wake_up(&mut self, column: usize) {
        self.look_at(column);
        let pieces = self.beats.pieces;
        let Column { worked, done, beat, .. } = self.beats.catch_up(column);
        let side = self.side_of(column);
        let (_, out) = beside((&mut self.west, &mut self.east), side, column);
        let lanes = &mut self.lanes[column];
        let slot = |number: u32| self.fixed.nth(number, self.first_row);
        let end = slot(done - 1).end();
        for number in worked.max(done.saturating_sub(self.beats.words_kept()))..done {
            let note = &self.beats.notes[self.beats.note(column, number)];
            let earlier = (done - 1 - number) / pieces * beat;
            put_out((&note.times, earlier.wrapping_neg()), (&slot(number), end), out);
        }
        let last = &self.beats.notes[self.beats.note(column, done - 1)];
        lanes.last.put(LANE, last.times[LAST]);
        out.link.put(LANE, last.times[FREE], last.eighths);
        // Rows that it is through with, and those of them for which it worked.
        let (rows, before) = (done / pieces, worked / pieces);
        let closes = &self.beats.notes[self.beats.note(column, pieces - 1)];
        for row in before.max(rows.saturating_sub(self.beats.ring))..rows {
            let pushed = closes.times[PUSHED].wrapping_sub((rows - 1 - row) * beat);
            let slot = slot(row * pieces);
            lanes.pushed[slot.at].put(LANE, pushed - slot.steps_before());
            lanes.buffer.put(LANE, closes.rested);
        }
    }

    /// See what a column that rests has taken, from the one before it.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn see(&mut self, column: usize) {
        if self.beats.is_resting(column) {
            self.look_at(column);
        }
    }

    fn look_at(&mut self, column: usize) {
        let Column { worked, done, seen, .. } = self.beats.columns[column];
        let side = self.side_of(column);
        let (inflow, _) = beside((&mut self.west, &mut self.east), side, column);
        let Some(inflow) = inflow.filter(|_| seen < done) else { return };
        let slot = |number: u32| self.fixed.nth(number, self.first_row);
        let end = slot(done - 1).end();
        for number in worked.max(done.saturating_sub(self.beats.words_kept()))..done {
            put_in(self.beats.times_of(column, number), (&slot(number), end), inflow);
        }
        self.beats.columns[column].seen = done;
    }

    /// From which side the words of a column in step come.
    fn side_of(&self, column: usize) -> Side {
        if column < self.steady { Side::West } else { Side::East }
    }
}
