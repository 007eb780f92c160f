//! A row of PEs, result by result: each is added up from both ends towards the column that keeps it.
//!
//! This is the order for slots that fit what lies between two columns; `pieces` has that for longer ones. Columns in the
//! middle of a phase go in step in all lanes ([`Lanes`]); the column that keeps the result, and one
//! whose chain changes its phase, are cells ([`Cell`]). What a column does for a result needs of others only what they
//! did for results before, so that the order is fixed:
//!
//! 1. columns west of the keeper, eastwards; columns east of it, westwards;
//! 2. the keeper's first chain for this result, its second one for the result before.

use crate::fabric::fast::counts::Counts;
use crate::fabric::fast::range::ends_in_range;
use crate::fabric::fast::reduce::ahead::at_once;
use crate::fabric::fast::reduce::beat::Beats;
use crate::fabric::fast::reduce::cell::{Cell, Context, Links, Phase, Place, Side};
use crate::fabric::fast::reduce::inflow::Inflow;
use crate::fabric::fast::reduce::lanes::Lanes;
use crate::fabric::fast::reduce::region::Found;
use crate::fabric::fast::reduce::slot::Fixed;
use crate::fabric::fast::reduce::wave::Wave;
use crate::fabric::fast::reduce::{Cells, Ended};
use crate::fabric::fast::wide::{LATEST, Vector};

/// Rows whose counts are kept: those under way, and those whose slots they make room for.
const KEPT: usize = 32;

/// All columns of all runs.
pub(super) struct Row<'a, V: Vector> {
    pub(super) fixed: &'a Fixed<'a>,
    pub(super) lanes: Vec<Lanes<V>>,
    /// Columns that are cells now.
    pub(super) cells: Vec<Option<Cells>>,
    /// What comes into each column from the west and from the east.
    pub(super) west: Vec<Inflow<V>>,
    pub(super) east: Vec<Inflow<V>>,
    /// Columns before this one are in step.
    pub(super) steady: usize,
    /// Weights of each column in the rows that the current slots make room for.
    pub(super) counts: Counts<'a, V>,
    /// What the cells of each lane were last found to wait for, where slots come in pieces.
    pub(super) found: Vec<Found>,
    /// Which columns rest, if that is known.
    pub(super) beats: Beats,
    /// Cycle from which cycles are counted in each lane, the row from which steps are, and how far the start is before
    /// the first cycle that counts.
    pub(super) start: Vec<u32>,
    pub(super) first_row: u32,
    pub(super) margin: u32,
}

impl<'a, V: Vector> Row<'a, V> {
    pub(super) fn new(fixed: &'a Fixed<'a>, margin: u32) -> Self {
        let width = fixed.shape.columns.len();
        let words = fixed.shape.slot_words;
        // The first row that comes over a link from the west is the one behind those that are kept before it.
        let from_west = fixed.shape.columns.iter().map(|column| Inflow::new(column.low * words)).collect();
        let from_east = fixed.shape.columns.iter().map(|_| Inflow::new(0)).collect();
        let cell = |column: usize| {
            let low = fixed.shape.columns[column].low;
            Some(vec![Cell::new(column == 0, low, low * words); fixed.weights.len()].into())
        };
        let counts = Counts::new(width, KEPT, fixed.weights);
        Self {
            fixed,
            lanes: vec![Lanes::new(fixed.shape.costs.slots as usize - 1); width],
            cells: (0..width).map(cell).collect(),
            west: from_west,
            east: from_east,
            steady: 0,
            counts,
            found: vec![Found::NONE; fixed.weights.len()],
            beats: Beats::new(fixed),
            start: vec![0; V::LANES],
            first_row: 0,
            margin,
        }
    }

    /// Run to the end; the cells of all columns then. `None` where something does not go on, or goes on for too long.
    #[inline(always)]
    pub(super) fn run(mut self) -> Option<Ended> {
        let shape = self.fixed.shape;
        if self.fixed.pieces.len() > 1 {
            self.run_pieces()?;
        } else {
            self.run_slots()?;
        }
        let width = shape.columns.len();
        for column in 0..width {
            let phase = if shape.columns[column].low < shape.rows { Phase::Up } else { Phase::Down };
            if self.cells[column].is_none() {
                self.make_cell(column, phase, shape.rows);
            }
            self.each_lane(column, |cell, context| cell.finish(context));
            for (cell, start) in
                self.cells[column].iter_mut().flat_map(|cells| cells.iter_mut()).zip(&self.start)
            {
                ends_in_range::<V>(cell.finish).then_some(())?;
                cell.finish += start;
            }
        }
        let columns: Option<Vec<Cells>> = self.cells.into_iter().collect();
        Some(Ended { columns: columns?, nonzeros: self.counts.nonzeros() })
    }

    /// Slot by slot to the last row.
    #[inline(always)]
    fn run_slots(&mut self) -> Option<()> {
        let shape = self.fixed.shape;
        let mut waves = Wave::pair(1);
        let mut keeper = 0;
        for row in 0..shape.rows {
            let before = keeper;
            while row >= shape.columns[keeper].low + shape.columns[keeper].own {
                keeper += 1;
            }
            if row > 0 && keeper > before {
                (before + 1..=keeper).for_each(|column| self.make_cell(column, Phase::Down, row));
            }
            self.counts.take_until(row + shape.costs.slots + at_once(1));
            for wave in &mut waves {
                let boundary = if wave.side == Side::West { self.steady } else { keeper };
                self.bring(wave, (row, boundary, row), V::ALL)?;
            }
            (self.steady..keeper).try_for_each(|column| self.chain(column, row))?;
            self.keep(row, keeper)?;
            self.settle(row, keeper);
            if row == 0 {
                (keeper + 1..shape.columns.len()).for_each(|column| self.make_lanes(column));
            }
            self.keep_in_range(row, &mut waves)?;
        }
        Some(())
    }

    /// A cell's first chain does a row.
    fn chain(&mut self, column: usize, row: u32) -> Option<()> {
        let steps = self.fixed.shape.steps.len();
        self.each_lane(column, |cell, context| cell.first_until(row, steps, context));
        let cells = self.cells[column].as_ref()?;
        cells.iter().all(|cell| cell.first.row > row && cell.next_step() < LATEST).then_some(())
    }

    /// The keeper takes a row.
    fn keep(&mut self, row: u32, keeper: usize) -> Option<()> {
        self.chain(keeper, row)?;
        let column = self.fixed.shape.columns[keeper];
        let meets = keeper > 0 && keeper + 1 < self.fixed.shape.columns.len();
        // After its last result the first chain goes on to the next phase, before the second one has ended or after it.
        if meets && row > column.low && row + 1 < column.low + column.own {
            self.each_lane(keeper, |cell, context| cell.second_until(row - 1, context));
            self.cells[keeper].as_ref()?.iter().all(|cell| cell.second.row >= row).then_some(())?;
        }
        self.each_lane(keeper, |cell, context| cell.pump(context));
        Some(())
    }

    /// Cells that do what all lanes do, and are through with `row` and no further, go in step from now on.
    pub(super) fn settle(&mut self, row: u32, keeper: usize) {
        let steady = |cells: &Option<Cells>| {
            let through = |cell: &Cell| cell.is_steady() && cell.first.row == row + 1;
            cells.as_ref().is_none_or(|cells| cells.iter().all(through))
        };
        while self.steady < keeper && steady(&self.cells[self.steady]) {
            self.make_lanes(self.steady);
            self.steady += 1;
        }
    }

    pub(super) fn make_lanes(&mut self, column: usize) {
        if let Some(cells) = self.cells[column].take() {
            self.beats.begin(column, cells[0].first.row);
            for (lane, cell) in cells.iter().enumerate() {
                self.lanes[column].enter((lane, self.first_row), cell, column, self.fixed);
            }
        }
    }

    pub(super) fn make_cell(&mut self, column: usize, phase: Phase, row: u32) {
        // It knows what those beside it did.
        (column.saturating_sub(1)..=column + 1).for_each(|column| self.wake(column));
        self.beats.begin(column, row);
        let west =
            self.west[column].note_all_taken(row.max(self.fixed.shape.columns[column].low), self.fixed);
        let east = self.east[column].note_all_taken(row, self.fixed);
        let cell = |lane| {
            let mut cell = self.lanes[column].leave((lane, self.first_row), (phase, row), column, self.fixed);
            (cell.west, cell.east) = (west, east);
            cell
        };
        self.cells[column] = Some((0..self.fixed.weights.len()).map(cell).collect());
    }

    /// Do something with the cell of each lane of a column.
    fn each_lane(&mut self, column: usize, act: impl Fn(&mut Cell, &mut Context<'_, '_, V>)) {
        for lane in 0..self.fixed.weights.len() {
            self.in_lane(Place { column, lane }, &act);
        }
    }

    /// Do something with the cell of a column in one lane.
    #[inline]
    pub(super) fn in_lane<T>(
        &mut self,
        place: Place,
        act: impl FnOnce(&mut Cell, &mut Context<'_, '_, V>) -> T,
    ) -> Option<T> {
        let Place { column, lane } = place;
        let (west, to_east) = self.west.split_at_mut(column + 1);
        let (to_west, east) = self.east.split_at_mut(column);
        let mut links = Links {
            west: &mut west[column],
            east: &mut east[0],
            to_west: to_west.last_mut(),
            to_east: to_east.first_mut(),
        };
        let mut context =
            Context { shape: self.fixed.shape, weights: &self.fixed.weights[lane], place, links: &mut links };
        let cell = self.cells[column].as_mut()?.get_mut(lane)?;
        Some(act(cell, &mut context))
    }
}
