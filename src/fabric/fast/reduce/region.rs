//! Columns that go event by event together, in one lane: those from the first one that is not in step to the one that
//! keeps results next.
//!
//! What one does bears on its neighbours a cycle later at the earliest, so that all is known where the first event comes
//! first. A cell that has done its part of a row rests, for what it needs then is not known; but where a neighbour waits
//! for what it does, it goes on.

use crate::fabric::fast::reduce::cell::{Cell, Look, Place, Side};
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::wide::{LATEST, NEVER, Vector};

/// Columns that go event by event together, in one result row.
#[derive(Clone, Copy)]
pub(super) struct Region {
    pub(super) row: u32,
    /// The first column that is not in step, the one that keeps the row, and the one that keeps results next.
    pub(super) first: usize,
    pub(super) keeper: usize,
    pub(super) last: usize,
}

impl<V: Vector> Row<'_, V> {
    /// Let the cells of a lane go on in the order of time; the side from which one wants words, or `None` where they are
    /// done. Stops where something does not go on.
    #[expect(clippy::option_option, reason = "the outer one is of what does not go on")]
    pub(super) fn lane_goes_on(&mut self, lane: usize, region: Region) -> Option<Option<Side>> {
        let Region { row, first, keeper, last } = region;
        let ends = row == self.fixed.shape.rows;
        let count = last + 1 - first;
        let (mut looks, mut rests) = (Vec::with_capacity(count), vec![false; count]);
        for column in first..=last {
            self.in_lane(Place { column, lane }, |cell, context| cell.pump(context))?;
        }
        for column in first..=last {
            looks.push(self.in_lane(Place { column, lane }, |cell, context| cell.look(context))?);
        }
        loop {
            for (column, rests) in (first..=last).zip(&mut rests) {
                *rests = !ends && region.has_done(self.cells[column].as_ref()?.get(lane)?, column);
            }
            if !ends && rests[..keeper + 1 - first].iter().all(|&rests| rests) {
                return Some(None);
            }
            rouse(&looks, &mut rests);
            // What the ends of the region miss comes with a wave.
            if !rests[0] && looks[0].west && first > 0 {
                return Some(Some(Side::West));
            }
            if !rests[count - 1] && looks[count - 1].east && last + 1 < self.lanes.len() {
                return Some(Some(Side::East));
            }
            let awake = (0..count).filter(|&at| !rests[at]);
            let at = awake.min_by_key(|&at| looks[at].when())?;
            let (look, column) = (looks[at], first + at);
            if ends && look.when() == NEVER {
                return Some(None);
            }
            (look.when() < LATEST).then_some(())?;
            self.in_lane(Place { column, lane }, |cell, context| cell.go_on(&look, context))?;
            // A step is news to the neighbours.
            let near = if look.main == look.when() { at..at + 1 } else { at.max(1) - 1..(at + 2).min(count) };
            for at in near.clone() {
                let place = Place { column: first + at, lane };
                self.in_lane(place, |cell, context| cell.pump(context))?;
            }
            for at in near {
                let place = Place { column: first + at, lane };
                looks[at] = self.in_lane(place, |cell, context| cell.look(context))?;
            }
        }
    }
}

impl Region {
    /// Whether the cell of a column has done its part: kept the row or sent it on, or, east of the keeper, sent the row
    /// before (this one where the keeper has an east side alone, and so needs it at once).
    fn has_done(&self, cell: &Cell, column: usize) -> bool {
        let Self { row, keeper, .. } = *self;
        if column > keeper { cell.first.row >= row + u32::from(keeper == 0) } else { cell.first.row > row }
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
