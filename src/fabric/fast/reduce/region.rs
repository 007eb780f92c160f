//! Columns that go event by event together, in one lane: those from the first one that is not in step to the one that
//! keeps results next.
//!
//! A cell that knows what all of its threads wait for goes on, whatever its neighbours do. Where all miss something, the
//! first event comes first: what one does bears on its neighbours a cycle later at the earliest, so that all is known that
//! bears on it. A cell that has done its part of a row rests, for what it needs then is not known; but where a neighbour
//! waits for what it does, it goes on.

use crate::fabric::fast::reduce::cell::{Cell, Look, News, Place, Side};
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::source::WIDE;
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

/// Most columns of a region.
const MOST: usize = 64;

/// Some columns of a region, from its first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns(u64);

impl Columns {
    const NONE: Self = Self(0);

    /// The first ones.
    fn up_to(count: usize) -> Self {
        Self(u64::MAX >> (MOST - count))
    }

    fn set(&mut self, at: usize, is_one: bool) {
        self.0 = self.0 & !(1 << at) | u64::from(is_one) << at;
    }

    fn at(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }

    /// Whether all of `others` are among them.
    fn has(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// The others of `all`.
    fn but_for(self, all: Self) -> Self {
        Self(all.0 & !self.0)
    }

    /// With those that rest and that a neighbour waits for which does not: for what comes from the west, or the east.
    fn roused(self, west: Self, east: Self, all: Self) -> Self {
        let mut awake = self.0;
        loop {
            let roused = ((awake & west.0) >> 1 | (awake & east.0) << 1) & all.0;
            if roused & !awake == 0 {
                return Self(awake);
            }
            awake |= roused;
        }
    }

    /// Their places, in order.
    fn iter(mut self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            let at = self.0.trailing_zeros();
            self.0 &= self.0.wrapping_sub(1);
            (at < u64::BITS).then_some(at as usize)
        })
    }
}

/// What the cells of a lane were last found to wait for.
#[derive(Clone, Debug)]
pub(super) struct Found {
    looks: [Look; MOST],
    /// Those that have done their part of the row, and those that miss something of a neighbour.
    done: Columns,
    west: Columns,
    east: Columns,
    /// There is something of this row.
    is_some: bool,
}

impl Found {
    pub(super) const NONE: Self = Self {
        looks: [Look::NONE; MOST],
        done: Columns::NONE,
        west: Columns::NONE,
        east: Columns::NONE,
        is_some: false,
    };

    /// What a cell was found to wait for.
    #[inline(always)]
    fn note(&mut self, at: usize, look: Look) {
        self.west.set(at, look.misses(Side::West));
        self.east.set(at, look.misses(Side::East));
        self.looks[at] = look;
    }

    /// Nothing is known of the next row.
    pub(super) fn forget(&mut self) {
        self.is_some = false;
    }
}

impl<V: Vector> Row<'_, V> {
    /// Let the cells of a lane go on in the order of time; the side from which one wants words, or `None` where they are
    /// done. Stops where something does not go on. What was `found` of a lane before holds but for what waves brought to its
    /// first and last cell.
    #[expect(clippy::option_option, reason = "the outer one is of what does not go on")]
    pub(super) fn lane_goes_on(
        &mut self,
        lane: usize,
        region: Region,
        found: &mut Found,
    ) -> Option<Option<Side>> {
        let Region { row, first, keeper, last } = region;
        let ends = row == self.fixed.shape.rows;
        let count = last + 1 - first;
        (count <= MOST).then_some(())?;
        let all = Columns::up_to(count);
        let kept = Columns::up_to(keeper + 1 - first);
        if found.is_some {
            for (at, side) in [(0, Side::West), (count - 1, Side::East)] {
                let place = Place { column: first + at, lane };
                let look = self.look_again(place, side, found.looks[at])?;
                found.note(at, look);
            }
        } else {
            for at in 0..count {
                let column = first + at;
                let (look, is_done) = self.in_lane(Place { column, lane }, |cell, context| {
                    cell.pump(context);
                    (cell.look(context), !ends && region.has_done(cell, column))
                })?;
                found.note(at, look);
                found.done.set(at, is_done);
            }
            found.is_some = true;
        }
        loop {
            let Found { looks, done, west, east, .. } = &*found;
            if !ends && done.has(kept) {
                return Some(None);
            }
            let awake = done.but_for(all).roused(*west, *east, all);
            // What the ends of the region miss comes with a wave.
            if awake.at(0) && west.at(0) && first > 0 {
                return Some(Some(Side::West));
            }
            if awake.at(count - 1) && east.at(count - 1) && last + 1 < self.lanes.len() {
                return Some(Some(Side::East));
            }
            let goes = |at: &usize| looks[*at].misses_nothing() && looks[*at].when() != NEVER;
            let earliest = || awake.iter().min_by_key(|&at| looks[at].when());
            let at = awake.iter().find(goes).or_else(earliest)?;
            if ends && looks[at].when() == NEVER {
                return Some(None);
            }
            let column = first + at;
            let mut look = looks[at];
            let news = self.goes_on_alone(Place { column, lane }, region, &mut look)?;
            let is_done = !ends && region.has_done(self.cells[column].as_ref()?.get(lane)?, column);
            found.done.set(at, is_done);
            // What was taken makes room at a neighbour, what was given comes to one.
            for side in [Side::West, Side::East] {
                let Some(column) = region.beside(column, side).filter(|_| news.concerns(side)) else {
                    continue;
                };
                let at = column - first;
                let beside = self.look_again(Place { column, lane }, side.opposite(), found.looks[at])?;
                found.note(at, beside);
            }
            // In a short queue the next step needs the room of words that were given just now, and the neighbour has let leave.
            if self.fixed.shape.costs.output < 2 * WIDE as u32 && !look.misses_nothing() {
                look = self.in_lane(Place { column, lane }, |cell, context| cell.look(context))?;
            }
            found.note(at, look);
        }
    }

    /// What a cell waits for after something happened on one side of it.
    fn look_again(&mut self, place: Place, side: Side, mut look: Look) -> Option<Look> {
        self.in_lane(place, |cell, context| {
            cell.pump_from(side, context);
            cell.look_at_chains(&mut look, context);
            debug_assert_eq!(look, cell.look(context), "{place:?}");
            look
        })
    }

    /// A cell does what comes next, and goes on as long as it misses nothing: then it does not matter when neighbours do
    /// what. Whom that concerns; `None` where it goes on for too long.
    fn goes_on_alone(&mut self, place: Place, region: Region, look: &mut Look) -> Option<News> {
        let ends = region.row == self.fixed.shape.rows;
        self.in_lane(place, |cell, context| {
            let mut all = News::default();
            loop {
                (look.when() < LATEST).then_some(())?;
                all = cell.go_on(look, context).after(all);
                let is_done = !ends && region.has_done(cell, place.column);
                if is_done || !look.misses_nothing() || look.when() == NEVER {
                    return Some(all);
                }
            }
        })?
    }
}

impl Region {
    /// The neighbour of a column, if it is one of them.
    fn beside(&self, column: usize, side: Side) -> Option<usize> {
        match side {
            Side::West => column.checked_sub(1).filter(|&west| west >= self.first),
            Side::East => Some(column + 1).filter(|&east| east <= self.last),
        }
    }

    /// Whether the cell of a column has done its part: kept the row or sent it on, or, east of the keeper, sent the row
    /// before (this one where the keeper has an east side alone, and so needs it at once).
    fn has_done(&self, cell: &Cell, column: usize) -> bool {
        let Self { row, keeper, .. } = *self;
        if column > keeper { cell.first.row >= row + u32::from(keeper == 0) } else { cell.first.row > row }
    }
}
