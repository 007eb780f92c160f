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

use crate::fabric::fast::reduce::cell::{Phase, Place, Side};
use crate::fabric::fast::reduce::region::Region;
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::reduce::slot::{Arrivals, Slot};
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{LATEST, Mask, Vector};

/// Rows that a column may be ahead that has kept its results and waits for the last of them: as many as fit what lies
/// between it and the next one, which goes on only then.
const AHEAD: u32 = 3;

/// A wave from one end of the row.
struct Wave<V> {
    side: Side,
    /// Words of each piece as they come to the next column.
    words: Vec<Arrivals<V>>,
    /// Pieces that have come to the cells in each lane, all rows together.
    come: Vec<u32>,
}

impl<V: Vector> Wave<V> {
    fn new(side: Side, pieces: usize) -> Self {
        Self { side, words: vec![[V::all(0); DEPTH]; pieces], come: vec![0; V::LANES] }
    }
}

impl<V: Vector> Row<'_, V> {
    /// Piece by piece to the last row.
    #[inline(always)]
    pub(super) fn run_pieces(&mut self) -> Option<()> {
        let shape = self.fixed.shape;
        let pieces = self.fixed.pieces.len();
        let mut waves = [Side::West, Side::East].map(|side| Wave::<V>::new(side, pieces));
        let keeper = |row: u32| shape.columns.iter().position(|column| row < column.low + column.own);
        let (mut now, mut last) = (0, keeper(0)?);
        for row in 0..=shape.rows {
            now = keeper(row).unwrap_or(now);
            let slots = shape.costs.slots - 1;
            let taken = if row == 0 { slots } else { slots + AHEAD };
            (row + taken..=row + slots + AHEAD).for_each(|row| self.counts.take(row, self.fixed.weights));
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
            self.keep_in_range(
                row,
                waves.iter_mut().flat_map(|wave| wave.words.iter_mut().map(|words| &mut words[..])),
            )?;
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
        let lanes = self.fixed.weights.len();
        let mut wants = vec![None; V::LANES];
        let mut runs = V::ALL;
        loop {
            for (lane, wants) in wants[..lanes].iter_mut().enumerate() {
                if runs.bits() >> lane & 1 == 1 {
                    *wants = self.lane_goes_on(lane, region)?;
                }
            }
            runs = Mask::NONE;
            for wave in &mut *waves {
                let waits = |lane: &usize| wants[*lane] == Some(wave.side);
                let Some(piece) = (0..lanes).filter(waits).map(|lane| wave.come[lane]).min() else {
                    continue;
                };
                let boundary = if wave.side == Side::West { region.first } else { region.last };
                let due = piece / self.fixed.pieces.len() as u32 <= region.row;
                let gets = |lane: &usize| {
                    let room = || due && self.has_room(Place { column: boundary, lane: *lane }, wave.side);
                    wave.come[*lane] == piece && (waits(lane) || room())
                };
                let bits = (0..lanes).filter(gets).fold(0, |bits, lane| bits | 1 << lane);
                let waiting = (0..lanes).filter(waits).fold(0, |bits, lane| bits | 1 << lane);
                runs = runs | Mask::with(bits & waiting);
                let all = bits.count_ones() as usize == lanes;
                let gets = if all { V::ALL } else { Mask::with(bits) };
                self.bring(wave, (piece, boundary, region.row), gets)?;
            }
            if runs == Mask::NONE {
                return Some(());
            }
        }
    }

    /// Whether all words that have come to a cell have left their sender, so that it can go on with the next piece.
    fn has_room(&self, place: Place, side: Side) -> bool {
        let flows = if side == Side::West { &self.west } else { &self.east };
        let flow = &flows[place.column];
        flow.gone[place.lane] == flow.given[place.lane]
    }

    /// The next piece comes with a wave to the cell at `boundary`.
    #[inline(always)]
    fn bring(
        &mut self,
        wave: &mut Wave<V>,
        (piece, boundary, now): (u32, usize, u32),
        lanes: Mask,
    ) -> Option<()> {
        let pieces = self.fixed.pieces.len();
        let (row, piece) = (piece / pieces as u32, piece as usize % pieces);
        (row <= now + AHEAD).then_some(())?;
        let columns = match wave.side {
            Side::West => boundary,
            Side::East => self.lanes.len() - boundary - 1,
        };
        let from = if piece == 0 { 0 } else { columns + 2 * piece - 2 };
        let fixed = self.fixed;
        let slots: Vec<Slot<'_>> =
            (0..pieces).map(|piece| fixed.slot((row, self.first_row), piece)).collect();
        for time in from..columns + 2 * piece {
            for (piece, slot) in slots.iter().enumerate() {
                let Some(at) = time.checked_sub(2 * piece).filter(|&at| at < columns) else { continue };
                match wave.side {
                    Side::West => self.piece_goes_east(at, row, slot, &mut wave.words[piece], lanes),
                    Side::East => {
                        let column = self.lanes.len() - 1 - at;
                        self.piece_goes_west(column, row, slot, &mut wave.words[piece], lanes)?;
                    }
                }
            }
        }
        (0..V::LANES).filter(|lane| lanes.bits() >> lane & 1 == 1).for_each(|lane| wave.come[lane] += 1);
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

    /// A column west of the cells adds its sums of a piece.
    #[inline(always)]
    fn piece_goes_east(
        &mut self,
        column: usize,
        row: u32,
        slot: &Slot<'_>,
        words: &mut Arrivals<V>,
        lanes: Mask,
    ) {
        let fixed = self.fixed;
        if slot.piece.opens {
            self.fetch_east(column);
        }
        let work = self.work(row, slot, column);
        let (here, next) = self.west.split_at_mut(column + 1);
        let inflow = (column > 0).then(|| &mut here[column]);
        let to_cell = self.cells[column + 1].is_some();
        let out = (&mut next[0], to_cell);
        self.lanes[column].slot(slot, (fixed, lanes), work, inflow, out, words);
        if to_cell {
            next[0].gives(slot.piece.words as u32, lanes);
        }
    }

    /// A column east of the cells adds its sums of a piece; at the start it may be a cell itself.
    #[inline(always)]
    fn piece_goes_west(
        &mut self,
        column: usize,
        row: u32,
        slot: &Slot<'_>,
        words: &mut Arrivals<V>,
        lanes: Mask,
    ) -> Option<()> {
        let (fixed, now) = (self.fixed, slot.piece);
        if self.cells[column].is_some() {
            let steps = now.first_step + now.steps.len();
            for lane in (0..self.fixed.weights.len()).filter(|lane| lanes.bits() >> lane & 1 == 1) {
                let place = Place { column, lane };
                let done = self.in_lane(place, |cell, context| {
                    cell.first_until(row, steps, context);
                    cell.has_done(row, steps) && cell.next_step() < LATEST
                });
                done.filter(|&done| done)?;
            }
            return Some(());
        }
        if now.opens {
            self.fetch_west(column);
        }
        let work = self.work(row, slot, column);
        let (next, here) = self.east.split_at_mut(column);
        let inflow = (column + 1 < self.lanes.len()).then(|| &mut here[0]);
        let to_cell = self.cells[column - 1].is_some();
        let out = (&mut next[column - 1], to_cell);
        self.lanes[column].slot(slot, (fixed, lanes), work, inflow, out, words);
        if to_cell {
            next[column - 1].gives(now.words as u32, lanes);
        }
        Some(())
    }
}
