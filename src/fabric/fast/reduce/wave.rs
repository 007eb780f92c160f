//! A wave from one end of the row: columns in step do a piece of a slot, one after the other. Pieces of several rows set out
//! at once (`ahead`), those of which columns do what they did before go by (`beat`).

use crate::fabric::fast::reduce::ahead::UnderWay;
use crate::fabric::fast::reduce::cell::{Place, Side};
use crate::fabric::fast::reduce::inflow::Inflow;
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::reduce::slot::{Arrivals, Slot};
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{LATEST, Mask, Vector};

/// Rows that a column may be ahead that has kept its results and waits for the last of them: as many as fit what lies
/// between it and the next one, which goes on only then.
pub(super) const AHEAD: u32 = 3;

/// State of so many columns ahead is on its way from the second cache, or from the third.
const FETCHED: usize = 2;

/// Counts of so many columns ahead are.
const COUNTED: usize = 6;

/// Rows that are under way at most: those that set out at once, and those that some lanes want later than others.
const UNDER_WAY: usize = 16;

/// A wave from one end of the row.
///
/// Pieces of several rows set out at once, each two columns behind the one before it, and go as far as is the same in all
/// lanes, whatever the cells do. From there a piece goes on alone when a cell wants it.
pub(super) struct Wave<V> {
    pub(super) side: Side,
    /// Words of each piece under way as they come to the next column: a ring by number of the piece, all rows together.
    pub(super) words: Vec<Arrivals<V>>,
    /// Columns that each of them has gone through in all lanes.
    pub(super) through: Vec<usize>,
    /// Pieces that have set out.
    pub(super) out: u32,
    /// Pieces that have come to the cells in each lane, all rows together.
    pub(super) come: Vec<u32>,
}

impl<V: Vector> Wave<V> {
    /// Those from both ends, of slots of so many pieces.
    pub(super) fn pair(pieces: usize) -> [Self; 2] {
        let under_way = UNDER_WAY * pieces;
        [Side::West, Side::East].map(|side| Self {
            side,
            words: vec![[V::all(0); DEPTH]; under_way],
            through: vec![0; under_way],
            out: 0,
            come: vec![0; V::LANES],
        })
    }

    /// Lanes to which a piece comes next.
    pub(super) fn next(&self, piece: u32) -> Mask {
        let lanes = self.come.iter().enumerate();
        Mask::with(lanes.fold(0, |lanes, (lane, &come)| lanes | u32::from(come == piece) << lane))
    }

    /// Place of a piece in the rings.
    pub(super) fn place(&self, piece: u32) -> usize {
        piece as usize % self.words.len()
    }
}

impl<V: Vector> Row<'_, V> {
    /// The next piece (of all rows together) comes with a wave to the cell at `boundary`, when the row `now` is kept.
    #[inline(always)]
    pub(super) fn bring(
        &mut self,
        wave: &mut Wave<V>,
        (piece, boundary, now): (u32, usize, u32),
        lanes: Mask,
    ) -> Option<()> {
        let row = self.row_of(piece);
        (row <= now + AHEAD).then_some(())?;
        let ahead = if piece >= wave.out { self.set_out(wave, (piece, boundary))? } else { Vec::new() };
        let place = wave.place(piece);
        let slot = self.fixed.nth(piece, self.first_row);
        let columns = wave.through[place]..self.columns(wave.side, boundary);
        let alone = [UnderWay { row, slot, place, columns, lanes, may_rest: true }];
        // One after the other in one place: all of it is inlined here.
        for under_way in [&ahead[..], &alone[..]] {
            self.go_through(wave, under_way)?;
        }
        lanes.lanes().for_each(|lane| wave.come[lane] += 1);
        Some(())
    }

    /// Row of a piece.
    #[inline(always)]
    pub(super) fn row_of(&self, piece: u32) -> u32 {
        piece / self.fixed.pieces.len() as u32
    }

    /// Columns between an end of the row and a cell.
    #[inline(always)]
    pub(super) fn columns(&self, side: Side, boundary: usize) -> usize {
        match side {
            Side::West => boundary,
            Side::East => self.lanes.len() - boundary - 1,
        }
    }

    /// The column that is `at` so many from an end of the row.
    #[inline(always)]
    pub(super) fn column(&self, side: Side, at: usize) -> usize {
        match side {
            Side::West => at,
            Side::East => self.lanes.len() - 1 - at,
        }
    }

    /// A column adds its sums of a piece to what comes from a side; at the start it may be a cell itself.
    #[inline(always)]
    pub(super) fn go_on_with(
        &mut self,
        (side, at, may_rest): (Side, usize, bool),
        row: u32,
        slot: &Slot<'_>,
        words: &mut Arrivals<V>,
        lanes: Mask,
    ) -> Option<()> {
        let column = self.column(side, at);
        if self.cells[column].is_some() {
            return self.cell_goes_on_with((column, row), slot, lanes);
        }
        let before = at.checked_sub(1).map(|before| self.column(side, before));
        let next = self.column(side, at + 1);
        if V::LANES == 1 {
            if may_rest && self.beats.rests(slot, (before, column, next)) {
                let works = before.is_some_and(|before| !self.beats.has_rested(before, slot.number));
                let (inflow, _) = beside((&mut self.west, &mut self.east), side, column);
                inflow.filter(|_| works).into_iter().for_each(|flow| self.beats.show(column, slot, flow));
                return Some(());
            }
            self.wake(column);
            self.see(next);
        }
        let work = self.work(side, row, slot, column);
        let (mut inflow, out) = beside((&mut self.west, &mut self.east), side, column);
        if let (Some(before), Some(flow)) = (before, &mut inflow)
            && V::LANES == 1
            && self.beats.has_rested(before, slot.number)
        {
            self.beats.words(before, slot, words, flow);
        }
        let to_cell = self.cells[next].is_some();
        let lane = &mut self.lanes[column];
        lane.slot(slot, (self.fixed, lanes), work, inflow.as_deref_mut(), (&mut *out, to_cell), words);
        if to_cell {
            out.gives(slot.piece.words as u32, lanes);
        }
        if V::LANES == 1 {
            self.beats.take_note(column, slot, lane, inflow.as_deref(), (out, words));
        }
        Some(())
    }

    /// The same of a cell.
    fn cell_goes_on_with(&mut self, (column, row): (usize, u32), slot: &Slot<'_>, lanes: Mask) -> Option<()> {
        let steps = slot.piece.first_step + slot.piece.steps.len();
        for lane in (lanes & Mask::first(self.fixed.weights.len())).lanes() {
            let place = Place { column, lane };
            let done = self.in_lane(place, |cell, context| {
                cell.first_until(row, steps, context);
                cell.has_done(row, steps) && cell.next_step() < LATEST
            });
            done.filter(|&done| done)?;
        }
        Some(())
    }

    /// Cycles of the weights in the row that a piece makes room for, if it ends its slot.
    #[inline(always)]
    fn work(&self, side: Side, row: u32, slot: &Slot<'_>, column: usize) -> V {
        if slot.goes_on {
            let made_room_for = row + self.fixed.shape.costs.slots - 1;
            let ahead = match side {
                Side::West => Some(column + COUNTED),
                Side::East => column.checked_sub(COUNTED),
            };
            ahead.into_iter().for_each(|ahead| self.counts.fetch(made_room_for, ahead));
            self.counts.of(made_room_for, column).times(self.fixed.weight(column))
        } else {
            V::all(0)
        }
    }

    /// Have the state closer of the columns that come behind one.
    #[inline(always)]
    pub(super) fn fetch(&self, side: Side, column: usize) {
        let (flows, behind) = match side {
            Side::West => {
                (&self.west, Some(column + FETCHED).filter(|&behind| behind + 1 < self.lanes.len()))
            }
            Side::East => (&self.east, column.checked_sub(FETCHED).filter(|&behind| behind > 0)),
        };
        if let Some(behind) = behind {
            self.lanes[behind].fetch();
            flows[if side == Side::West { behind + 1 } else { behind - 1 }].fetch();
        }
    }
}

/// What comes into a column from a side, if that is not the end of the row, and what comes from it into the next one.
#[inline(always)]
pub(super) fn beside<'f, V: Vector>(
    (west, east): (&'f mut [Inflow<V>], &'f mut [Inflow<V>]),
    side: Side,
    column: usize,
) -> (Option<&'f mut Inflow<V>>, &'f mut Inflow<V>) {
    match side {
        Side::West => {
            let (here, next) = west.split_at_mut(column + 1);
            ((column > 0).then(|| &mut here[column]), &mut next[0])
        }
        Side::East => {
            let last = column + 1 == east.len();
            let (next, here) = east.split_at_mut(column);
            ((!last).then(|| &mut here[0]), &mut next[column - 1])
        }
    }
}
