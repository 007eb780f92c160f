//! The order of a row of PEs whose slots are longer than what lies between two of them.
//!
//! A sender waits then, within a slot, for what its receiver takes of the same slot. Slots are cut into pieces that do
//! fit, and columns go on in waves: a piece comes to a column when the piece before it has been taken by the next column,
//!
//! ```text
//! cycle of the wave   0  1  2  3  4  5  6
//! column 0            p0    p1    p2             from an end of the row
//! column 1               p0    p1    p2
//! column 2                  p0    p1    p2       to the cells
//! ```
//!
//! and each wave ends at cells (`region`), which go on until one wants a piece that has not come. Where the lanes want
//! different pieces, those that want the same one get it. For a result row the keeper's first chain does that row, and
//! its second one is with the row before or further; so a wave from the east is a row behind one from the west, or two.

use crate::fabric::fast::reduce::ahead::at_once;
use crate::fabric::fast::reduce::cell::{Phase, Side};
use crate::fabric::fast::reduce::region::{Found, Region};
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::reduce::wave::{AHEAD, Wave};
use crate::fabric::fast::wide::{Mask, Vector};

impl<V: Vector> Row<'_, V> {
    /// Piece by piece to the last row.
    #[inline(always)]
    pub(super) fn run_pieces(&mut self) -> Option<()> {
        let shape = self.fixed.shape;
        let pieces = self.fixed.pieces.len();
        let mut waves = Wave::pair(pieces);
        let keeper = |row: u32| shape.columns.iter().position(|column| row < column.low + column.own);
        let (mut now, mut last) = (0, keeper(0)?);
        for row in 0..=shape.rows {
            now = keeper(row).unwrap_or(now);
            self.counts.take_until(row + AHEAD + shape.costs.slots + at_once(pieces));
            self.go_on(Region { row, first: self.steady, keeper: now, last }, &mut waves)?;
            if self.steady == 0 {
                waves[0].come.fill((row + 1) * pieces as u32);
            }
            if self.uniform(&waves[0]) == Some(row + 1) {
                self.settle(row, now);
            }
            let behind = self.uniform(&waves[1]);
            if behind.is_some_and(|behind| behind > 0) {
                (last + 1..shape.columns.len()).for_each(|column| self.make_lanes(column));
            }
            // The column that keeps results next is a cell when the chains still go through it.
            if row == shape.columns[now].low
                && let Some(next) = keeper(row + shape.columns[now].own)
            {
                let behind = behind?;
                for column in last + 1..=next {
                    if self.cells[column].is_none() {
                        self.make_cell(column, Phase::Down, behind);
                    }
                }
                last = next;
            }
            self.keep_in_range(row, &mut waves)?;
        }
        let width = shape.columns.len();
        (last + 1 == width || self.uniform(&waves[1]) == Some(shape.rows)).then_some(())
    }

    /// Rows that have come with a wave, if they are whole and the same in all lanes.
    fn uniform(&self, wave: &Wave<V>) -> Option<u32> {
        let (come, pieces) = (&wave.come[..self.fixed.weights.len()], self.fixed.pieces.len() as u32);
        let same = come.iter().all(|&other| other == come[0]) && come[0].is_multiple_of(pieces);
        same.then_some(come[0] / pieces)
    }

    /// Let cells go on through a row, and bring the pieces that they want.
    #[inline(always)]
    fn go_on(&mut self, region: Region, waves: &mut [Wave<V>; 2]) -> Option<()> {
        let lanes = Mask::first(self.fixed.weights.len());
        let mut found = std::mem::take(&mut self.found);
        found.iter_mut().for_each(Found::forget);
        let mut wants = [Mask::NONE; 2];
        let mut runs = lanes;
        loop {
            wants = wants.map(|wants| wants & !runs);
            for lane in runs.lanes() {
                if let Some(side) = self.lane_goes_on(lane, region, &mut found[lane])? {
                    wants[side as usize] = wants[side as usize] | Mask::one(lane);
                }
            }
            runs = Mask::NONE;
            for wave in &mut *waves {
                let waits = wants[wave.side as usize];
                let Some(piece) = waits.lanes().map(|lane| wave.come[lane]).min() else {
                    continue;
                };
                let boundary = if wave.side == Side::West { region.first } else { region.last };
                let due = piece / self.fixed.pieces.len() as u32 <= region.row;
                let next = wave.next(piece) & lanes;
                let mut gets = next & waits;
                runs = runs | gets;
                if due {
                    gets = gets | self.with_room(next & !waits, boundary, wave.side);
                }
                self.bring(wave, (piece, boundary, region.row), if gets == lanes { V::ALL } else { gets })?;
            }
            if runs == Mask::NONE {
                self.found = found;
                return Some(());
            }
        }
    }

    /// Of some lanes those in which all words that have come to a cell have left their sender, so that it can go on with the
    /// next piece.
    fn with_room(&self, lanes: Mask, column: usize, side: Side) -> Mask {
        let flows = if side == Side::West { &self.west } else { &self.east };
        let flow = &flows[column];
        let has_room = lanes.lanes().filter(|&lane| flow.gone[lane] == flow.given[lane]);
        has_room.fold(Mask::NONE, |all, lane| all | Mask::one(lane))
    }
}
