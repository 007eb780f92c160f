//! Cycles in short numbers: counted from a start that moves on with the rows.

use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::wide::{LATEST, MARGIN, TURN_OF_RANGE, Vector, Wide};

/// Rows that a column may be behind the one whose results are kept, and more.
const BEHIND: u32 = 8;

impl<V: Vector> Row<'_, V> {
    /// Count cycles anew where they come to the end of the numbers, when `row` is through; `words` that are under way are
    /// counted with them. `None` where that does not help.
    #[inline(always)]
    pub(super) fn keep_in_range<'w>(&mut self, row: u32, words: impl Iterator<Item = &'w mut V>) -> Option<()>
    where
        V: 'w,
    {
        if V::LARGEST == u32::MAX || self.latest() < TURN_OF_RANGE {
            return Some(());
        }
        let first = self.first_cycle(row.saturating_sub(BEHIND))?;
        let by = first.get().beyond(V::all(MARGIN));
        let shift = Wide::of(by);
        let first_row = row.saturating_sub(BEHIND).max(self.first_row);
        let steps = self.steps(first_row);
        self.first_row = first_row;
        for (column, lanes) in self.lanes.iter_mut().enumerate() {
            lanes.count_from(by, steps);
            self.west[column].count_from(by);
            self.east[column].count_from(by);
            for (lane, cell) in self.cells[column].iter_mut().flat_map(|cells| cells.iter_mut().enumerate()) {
                cell.count_from(shift.at(lane));
            }
        }
        words.for_each(|word| *word = word.beyond(by));
        (0..V::LANES).for_each(|lane| self.start[lane] += shift.at(lane));
        let late = self.start.iter().any(|&start| start >= LATEST);
        (self.latest() < TURN_OF_RANGE && !late).then_some(())
    }

    /// The last cycle that a cell has come to.
    fn latest(&self) -> u32 {
        self.cells
            .iter()
            .flatten()
            .flat_map(|cells| cells.iter())
            .map(|cell| cell.next_step())
            .max()
            .unwrap_or(0)
    }

    /// Cycle in each lane before which nothing is still to come, with columns at `row` or later. `None` where a cell has
    /// not had the first words of its stream, which come at cycles of the whole run.
    fn first_cycle(&self, row: u32) -> Option<Wide<V>> {
        let ahead = self.steps(row);
        let mut first: Wide<V> = Wide::all(V::LARGEST);
        for (lanes, cells) in self.lanes.iter().zip(&self.cells) {
            let Some(cells) = cells else {
                first.set(first.get().min(lanes.first_cycle(ahead)));
                continue;
            };
            for (lane, cell) in cells.iter().enumerate() {
                cell.has_begun(self.fixed.shape.costs.stream_queue).then_some(())?;
                first.put(lane, first.at(lane).min(cell.first_cycle()));
            }
        }
        Some(first)
    }

    /// Steps of all rows from the first one that is counted to `row`.
    fn steps(&self, row: u32) -> u32 {
        row.saturating_sub(self.first_row) * self.fixed.shape.steps.len() as u32
    }
}
