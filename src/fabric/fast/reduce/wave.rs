//! A wave from one end of the row: columns in step do a piece of a slot, one after the other, each with the one before it
//! two columns ahead.

use crate::fabric::fast::reduce::cell::{Place, Side};
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::reduce::slot::{Arrivals, Slot};
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{LATEST, Mask, Vector};

/// Rows that a column may be ahead that has kept its results and waits for the last of them: as many as fit what lies
/// between it and the next one, which goes on only then.
pub(super) const AHEAD: u32 = 3;

/// State of so many columns ahead is on its way from the second cache, or from the third.
const FETCHED: usize = 2;

/// A wave from one end of the row.
pub(super) struct Wave<V> {
    pub(super) side: Side,
    /// Words of each piece as they come to the next column.
    pub(super) words: Vec<Arrivals<V>>,
    /// Pieces that have come to the cells in each lane, all rows together.
    pub(super) come: Vec<u32>,
}

impl<V: Vector> Wave<V> {
    /// Those from both ends, of slots of so many pieces.
    pub(super) fn pair(pieces: usize) -> [Self; 2] {
        [Side::West, Side::East].map(|side| Self {
            side,
            words: vec![[V::all(0); DEPTH]; pieces],
            come: vec![0; V::LANES],
        })
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
        let pieces = self.fixed.pieces.len();
        let (row, piece) = (piece / pieces as u32, piece as usize % pieces);
        (row <= now + AHEAD).then_some(())?;
        let width = self.lanes.len();
        let columns = match wave.side {
            Side::West => boundary,
            Side::East => width - boundary - 1,
        };
        let from = if piece == 0 { 0 } else { columns + 2 * piece - 2 };
        let fixed = self.fixed;
        let slots: Vec<Slot<'_>> =
            (0..pieces).map(|piece| fixed.slot((row, self.first_row), piece)).collect();
        for time in from..columns + 2 * piece {
            for (piece, slot) in slots.iter().enumerate() {
                let Some(at) = time.checked_sub(2 * piece).filter(|&at| at < columns) else { continue };
                let column = if wave.side == Side::West { at } else { width - 1 - at };
                self.go_on_with(wave.side, (column, row), slot, &mut wave.words[piece], lanes)?;
            }
        }
        (0..V::LANES).filter(|lane| lanes.bits() >> lane & 1 == 1).for_each(|lane| wave.come[lane] += 1);
        Some(())
    }

    /// A column adds its sums of a piece to what comes from a side; at the start it may be a cell itself.
    #[inline(always)]
    fn go_on_with(
        &mut self,
        side: Side,
        (column, row): (usize, u32),
        slot: &Slot<'_>,
        words: &mut Arrivals<V>,
        lanes: Mask,
    ) -> Option<()> {
        if self.cells[column].is_some() {
            return self.cell_goes_on_with((column, row), slot, lanes);
        }
        if slot.piece.opens {
            self.fetch(side, column);
        }
        let work = self.work(row, slot, column);
        let (inflow, out, next) = match side {
            Side::West => {
                let (here, next) = self.west.split_at_mut(column + 1);
                ((column > 0).then(|| &mut here[column]), &mut next[0], column + 1)
            }
            Side::East => {
                let (next, here) = self.east.split_at_mut(column);
                ((column + 1 < self.lanes.len()).then(|| &mut here[0]), &mut next[column - 1], column - 1)
            }
        };
        let to_cell = self.cells[next].is_some();
        self.lanes[column].slot(slot, (self.fixed, lanes), work, inflow, (&mut *out, to_cell), words);
        if to_cell {
            out.gives(slot.piece.words as u32, lanes);
        }
        Some(())
    }

    /// The same of a cell.
    fn cell_goes_on_with(&mut self, (column, row): (usize, u32), slot: &Slot<'_>, lanes: Mask) -> Option<()> {
        let steps = slot.piece.first_step + slot.piece.steps.len();
        for lane in (0..self.fixed.weights.len()).filter(|lane| lanes.bits() >> lane & 1 == 1) {
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
    fn work(&self, row: u32, slot: &Slot<'_>, column: usize) -> V {
        if slot.goes_on {
            let made_room_for = row + self.fixed.shape.costs.slots - 1;
            self.counts.of(made_room_for, column).times(self.fixed.weight(column))
        } else {
            V::all(0)
        }
    }

    /// Have the state closer of the columns that come behind one.
    #[inline(always)]
    fn fetch(&self, side: Side, column: usize) {
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
