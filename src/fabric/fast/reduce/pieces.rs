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
//! and each wave ends at cells: those from the first column that is not in step to the one that keeps results next. They
//! go on event by event, in the order of time, until one wants a piece that has not come. Where the lanes want different
//! pieces, those that want the same one get it. For a result row the keeper's first chain does that row and its second
//! one the row before, as where slots fit; so a wave from the east is a row behind one from the west.

use crate::fabric::fast::LANES;
use crate::fabric::fast::reduce::cell::{Cell, Look, Phase, Place, Side};
use crate::fabric::fast::reduce::lanes::Arrivals;
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{LATEST, Mask, NEVER, Vector};

/// Rows that a column that has kept its results may be ahead, at most: as many as fit what lies behind it.
const AHEAD: u32 = 3;

/// A wave from one end of the row.
struct Wave<V> {
    side: Side,
    /// Words of each piece as they come to the next column.
    words: Vec<Arrivals<V>>,
    /// Pieces that have come to the cells in each lane, all rows together.
    come: [u32; LANES],
}

/// Columns that go event by event together, in one result row.
#[derive(Clone, Copy)]
struct Region {
    row: u32,
    first: usize,
    keeper: usize,
    last: usize,
}

impl<V: Vector> Wave<V> {
    fn new(side: Side, pieces: usize) -> Self {
        Self { side, words: vec![[V::all(0); DEPTH]; pieces], come: [0; LANES] }
    }
}

impl Row<'_> {
    /// Piece by piece to the last row.
    #[inline(always)]
    pub(super) fn run_pieces<V: Vector>(&mut self) -> Option<()> {
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
                waves[0].come = [(row + 1) * pieces as u32; LANES];
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
        }
        let width = shape.columns.len();
        (last + 1 == width || self.uniform(&waves[1]) == Some(shape.rows)).then_some(())
    }

    /// Rows that have come with a wave, if they are whole and the same in all lanes.
    fn uniform<V>(&self, wave: &Wave<V>) -> Option<u32> {
        let (come, pieces) = (&wave.come[..self.fixed.weights.len()], self.fixed.pieces.len() as u32);
        let same = come.iter().all(|&other| other == come[0]) && come[0].is_multiple_of(pieces);
        same.then_some(come[0] / pieces)
    }

    /// Let cells go on through a row, and bring the pieces that they want.
    #[inline(always)]
    fn go_on<V: Vector>(&mut self, region: Region, waves: &mut [Wave<V>; 2]) -> Option<()> {
        let lanes = self.fixed.weights.len();
        let mut wants = [None; LANES];
        let mut runs = Mask::ALL;
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
                runs = runs | Mask::of(bits & waiting);
                self.bring(wave, (piece, boundary, region.row), Mask::of(bits))?;
            }
            if !runs.any() {
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
    fn bring<V: Vector>(
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
        for time in from..columns + 2 * piece {
            for piece in 0..pieces {
                let Some(at) = time.checked_sub(2 * piece).filter(|&at| at < columns) else { continue };
                match wave.side {
                    Side::West => self.piece_goes_east(at, (row, piece), &mut wave.words[piece], lanes),
                    Side::East => {
                        let column = self.lanes.len() - 1 - at;
                        self.piece_goes_west(column, (row, piece), &mut wave.words[piece], lanes)?;
                    }
                }
            }
        }
        (0..LANES).filter(|lane| lanes.bits() >> lane & 1 == 1).for_each(|lane| wave.come[lane] += 1);
        Some(())
    }

    /// A column west of the cells adds its sums of a piece.
    #[inline(always)]
    fn piece_goes_east<V: Vector>(
        &mut self,
        column: usize,
        (row, piece): (u32, usize),
        words: &mut Arrivals<V>,
        lanes: Mask,
    ) {
        let fixed = &self.fixed;
        let slot = fixed.slot(row, piece);
        let (here, next) = self.west.split_at_mut(column + 1);
        let inflow = (column > 0).then(|| &mut here[column]);
        let to_cell = self.cells[column + 1].is_some();
        let work = self.counts.of::<V>(row + fixed.shape.costs.slots - 1, column).times(fixed.weight(column));
        let out = (&mut next[0], to_cell);
        self.lanes[column].slot::<V, false>(&slot, (fixed, lanes), work, inflow, out, words);
        if to_cell {
            next[0].gives::<V>(fixed.pieces[piece].words as u32, lanes);
        }
    }

    /// A column east of the cells adds its sums of a piece; at the start it may be a cell itself.
    #[inline(always)]
    fn piece_goes_west<V: Vector>(
        &mut self,
        column: usize,
        (row, piece): (u32, usize),
        words: &mut Arrivals<V>,
        lanes: Mask,
    ) -> Option<()> {
        let fixed = &self.fixed;
        let now = &fixed.pieces[piece];
        if self.cells[column].is_some() {
            let steps = now.first_step + now.steps.len();
            for lane in (0..LANES).filter(|lane| lanes.bits() >> lane & 1 == 1) {
                let place = Place { column, lane };
                let done = self.in_lane(place, |cell, context| {
                    cell.first_until(row, steps, context);
                    cell.has_done(row, steps) && cell.next_step() < LATEST
                });
                done.filter(|&done| done)?;
            }
            return Some(());
        }
        let slot = fixed.slot(row, piece);
        let (next, here) = self.east.split_at_mut(column);
        let inflow = (column + 1 < self.lanes.len()).then(|| &mut here[0]);
        let to_cell = self.cells[column - 1].is_some();
        let work = self.counts.of::<V>(row + fixed.shape.costs.slots - 1, column).times(fixed.weight(column));
        let out = (&mut next[column - 1], to_cell);
        self.lanes[column].slot::<V, false>(&slot, (fixed, lanes), work, inflow, out, words);
        if to_cell {
            next[column - 1].gives::<V>(now.words as u32, lanes);
        }
        Some(())
    }

    /// Let the cells of a lane go on in the order of time; the side from which one wants words, or `None` where they are
    /// done. Stops where something does not go on.
    #[expect(clippy::option_option, reason = "the outer one is of what does not go on")]
    fn lane_goes_on(&mut self, lane: usize, region: Region) -> Option<Option<Side>> {
        let Region { row, first, keeper, last } = region;
        let ends = row == self.fixed.shape.rows;
        let mut looks = vec![Look { when: NEVER, west: false, east: false }; last + 1 - first];
        let mut rests = vec![false; last + 1 - first];
        let mut changed = first..last + 1;
        loop {
            for column in changed.clone() {
                self.in_lane(Place { column, lane }, |cell, context| cell.pump(context))?;
            }
            for column in changed {
                looks[column - first] =
                    self.in_lane(Place { column, lane }, |cell, context| cell.look(context))?;
            }
            for (column, rests) in (first..=last).zip(&mut rests) {
                *rests = !ends && self.has_done(self.cells[column].as_ref()?.get(lane)?, column, region);
            }
            if !ends && rests[..keeper + 1 - first].iter().all(|&rests| rests) {
                return Some(None);
            }
            rouse(&looks, &mut rests);
            let awake = || looks.iter().zip(&rests).filter(|(_, rests)| !**rests).map(|(look, _)| look);
            // What the ends of the region miss comes with a wave.
            if !rests[0] && looks[0].west && first > 0 {
                return Some(Some(Side::West));
            }
            if !rests[last - first] && looks[last - first].east && last + 1 < self.lanes.len() {
                return Some(Some(Side::East));
            }
            let next = awake().map(|look| look.when).min()?;
            if ends && next == NEVER {
                return Some(None);
            }
            (next < LATEST).then_some(())?;
            let at = looks.iter().zip(&rests).position(|(look, rests)| !rests && look.when == next)?;
            let column = first + at;
            self.in_lane(Place { column, lane }, |cell, context| cell.event(context))?;
            changed = column.saturating_sub(1).max(first)..(column + 2).min(last + 1);
        }
    }

    /// Whether a cell has done what it does in a row: sent it or kept it, or brought the row before it to where that is
    /// kept. Its keeper's second chain has then kept the row before, unless the first one goes on to send or just came.
    fn has_done(&self, cell: &Cell, column: usize, region: Region) -> bool {
        let Region { row, keeper, .. } = region;
        if column > keeper {
            return cell.first.row >= row + u32::from(keeper == 0);
        }
        let of = self.fixed.shape.columns[column];
        let meets = column > 0 && column + 1 < self.fixed.shape.columns.len();
        let keeps = column == keeper && meets && row > of.low && row + 1 < of.low + of.own;
        cell.first.row > row && (!keeps || cell.second.row >= row)
    }
}

/// A cell that rests goes on where a neighbour that does not rest waits for it.
fn rouse(looks: &[Look], rests: &mut [bool]) {
    let mut roused = true;
    while std::mem::take(&mut roused) {
        for at in 0..looks.len() {
            let west = at > 0 && !rests[at - 1] && looks[at - 1].east;
            let east = at + 1 < looks.len() && !rests[at + 1] && looks[at + 1].west;
            if rests[at] && (west || east) {
                rests[at] = false;
                roused = true;
            }
        }
    }
}
