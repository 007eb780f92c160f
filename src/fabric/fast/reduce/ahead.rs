//! Pieces of several rows set out with a wave at once: each is two columns behind the one before it, so that it has the room
//! that it needs, and what a column keeps is brought to the processor once for all of them. They stop before the columns
//! that could notice what the cells do.

use std::ops::Range;

use crate::fabric::fast::reduce::cell::Side;
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::reduce::slot::Slot;
use crate::fabric::fast::reduce::wave::{AHEAD, Wave};
use crate::fabric::fast::wide::{Mask, Vector};

/// Columns from a piece to the next one of a wave.
const STRIDE: usize = 2;

/// Rows whose pieces set out at once: what a column keeps is brought to the processor once for all of them.
const AT_ONCE: u32 = 8;
/// The same in pieces: so many, with two columns for each, fit the second cache.
const PIECES: u32 = 32;

/// A piece that goes on with others.
pub(super) struct UnderWay<'a> {
    pub(super) row: u32,
    pub(super) slot: Slot<'a>,
    /// Place in the rings of its wave.
    pub(super) place: usize,
    /// Columns that it goes through, from an end of the row, in some lanes.
    pub(super) columns: Range<usize>,
    pub(super) lanes: Mask,
    /// It may rest in the last of them, behind which none works for it yet.
    pub(super) may_rest: bool,
}

/// Rows that set out at once, of slots of so many pieces.
pub(super) fn at_once(pieces: usize) -> u32 {
    (PIECES / pieces as u32).clamp(1, AT_ONCE)
}

impl<'a, V: Vector> Row<'a, V> {
    /// Pieces from `piece` on set out; how they and those under way go on, as far as is the same in all lanes. `None` where
    /// some lane is too far behind.
    #[inline(always)]
    pub(super) fn set_out(
        &mut self,
        wave: &mut Wave<V>,
        (piece, boundary): (u32, usize),
    ) -> Option<Vec<UnderWay<'a>>> {
        let pieces = self.fixed.pieces.len();
        let come = &wave.come[..self.fixed.weights.len()];
        let behind = come.iter().fold(u32::MAX, |least, &come| least.min(come));
        let all = self.fixed.shape.rows * pieces as u32;
        let out = (piece + at_once(pieces) * pieces as u32).min(all);
        ((out - behind) as usize <= wave.words.len()).then_some(())?;
        let set = wave.out.max(behind);
        // The last one stays behind the first one; where it stops, a column works.
        let most = (self.columns(wave.side, boundary) + 1).saturating_sub(STRIDE * (out - behind) as usize);
        let rest = self.rest(wave.side, most.saturating_sub(1), (set, out));
        for piece in set..out {
            let place = wave.place(piece);
            wave.through[place] = rest;
        }
        wave.out = out;
        // At the start all are cells.
        if self.cells[self.column(wave.side, 0)].is_some() {
            return Some(Vec::new());
        }
        let under_way = self.under_way(wave, behind, boundary);
        for UnderWay { place, columns, .. } in &under_way {
            wave.through[*place] = wave.through[*place].max(columns.end);
        }
        Some(under_way)
    }

    /// How pieces from `behind` on go on.
    fn under_way(&self, wave: &Wave<V>, behind: u32, boundary: usize) -> Vec<UnderWay<'a>> {
        let lanes = self.fixed.weights.len();
        // The first one goes up to the last column before the cells, which may have to wait for them.
        let mut until = self.columns(wave.side, boundary) + 1;
        let piece = |piece: u32| {
            let row = self.row_of(piece);
            until = until.saturating_sub(STRIDE).min(self.undisturbed(wave.side, row));
            let waits = (0..lanes).filter(|&lane| wave.come[lane] <= piece);
            let bits = waits.fold(0_u32, |bits, lane| bits | 1 << lane);
            let all = bits.count_ones() as usize == lanes;
            let place = wave.place(piece);
            UnderWay {
                row,
                slot: self.fixed.nth(piece, self.first_row),
                place,
                columns: wave.through[place]..until,
                lanes: if all { V::ALL } else { Mask::with(bits) },
                may_rest: false,
            }
        };
        (behind..wave.out).map(piece).collect()
    }

    /// Pieces go through their columns, each behind the one before it.
    #[inline(always)]
    pub(super) fn go_through(&mut self, wave: &mut Wave<V>, under_way: &[UnderWay<'_>]) -> Option<()> {
        let at = |column: usize, nth: usize| column + STRIDE * nth;
        let pieces = || under_way.iter().map(|piece| &piece.columns).enumerate();
        let start = pieces().map(|(nth, columns)| at(columns.start, nth)).min().unwrap_or(0);
        let end = pieces().map(|(nth, columns)| at(columns.end, nth)).max().unwrap_or(0);
        for time in start..end {
            for (nth, piece) in under_way.iter().enumerate() {
                let Some(at) = time.checked_sub(STRIDE * nth) else { break };
                if !piece.columns.contains(&at) {
                    continue;
                }
                if nth == 0 {
                    self.fetch(wave.side, self.column(wave.side, at));
                }
                let may_rest = piece.may_rest || at + 1 < piece.columns.end;
                let words = &mut wave.words[piece.place];
                self.go_on_with((wave.side, at, may_rest), piece.row, &piece.slot, words, piece.lanes)?;
            }
        }
        Some(())
    }

    /// How many columns from an end of the row, `most` of them, rest for all pieces from one to another one.
    #[inline(always)]
    fn rest(&mut self, side: Side, most: usize, (piece, out): (u32, u32)) -> usize {
        let pieces = self.fixed.pieces.len() as u32;
        // With the last rows, nothing is made room for.
        let last_row = out.div_ceil(pieces) + self.fixed.shape.costs.slots - 1;
        if V::LANES > 1 || piece >= out || last_row >= self.fixed.shape.rows {
            return 0;
        }
        let most = most.min(self.undisturbed(side, out / pieces).saturating_sub(1));
        let width = self.lanes.len();
        match side {
            Side::West => self.beats.rest_of(0..width, most, (piece, out)),
            Side::East => self.beats.rest_of((0..width).rev(), most, (piece, out)),
        }
    }

    /// Columns from an end of the row that are no cells, nor beside one, when the cells have a row.
    fn undisturbed(&self, side: Side, row: u32) -> usize {
        match side {
            Side::West => usize::MAX,
            // Cells then are those up to the column that keeps next.
            Side::East => {
                let columns = &self.fixed.shape.columns;
                let keeper = |row: u32| columns.partition_point(|column| column.low + column.own <= row);
                let keeps = columns.get(keeper(row + AHEAD));
                let next = keeps.map_or(columns.len(), |column| keeper(column.low + column.own));
                self.lanes.len().saturating_sub(next + 3)
            }
        }
    }
}
