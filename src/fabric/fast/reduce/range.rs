//! Where cycles in short numbers are counted from, in a row of PEs that adds up.

use crate::fabric::fast::range::{later_by, start_later};
use crate::fabric::fast::reduce::row::Row;
use crate::fabric::fast::reduce::wave::Wave;
use crate::fabric::fast::wide::{Vector, Wide};

/// Rows that a column may be behind the one whose results are kept, and more.
const BEHIND: u32 = 8;

/// Rows from one look at the numbers to the next: what they take fits between what is late and what is too late.
const BETWEEN: u32 = 4;

impl<V: Vector> Row<'_, V> {
    /// Every few rows: count cycles anew where they come to the end of the numbers, when `row` is through; words of the
    /// waves are counted with them. `None` where that does not help.
    #[inline(always)]
    pub(super) fn keep_in_range(&mut self, row: u32, waves: &mut [Wave<V>; 2]) -> Option<()> {
        if V::LARGEST == u32::MAX || !row.is_multiple_of(BETWEEN) {
            return Some(());
        }
        let first_row = row.saturating_sub(BEHIND).max(self.first_row);
        let steps = (first_row - self.first_row) * self.fixed.shape.steps.len() as u32;
        let (first, last) = self.span(steps);
        let Some(by) = later_by(first, last, self.fixed.weights.len(), self.margin)? else { return Some(()) };
        // The first words of a stream come at cycles of the whole run.
        let mut cells = self.cells.iter().flatten().flat_map(|cells| cells.iter());
        cells.all(|cell| cell.has_begun(self.fixed.shape.costs.stream_queue)).then_some(())?;
        self.first_row = first_row;
        let shift = Wide::of(by);
        for column in 0..self.lanes.len() {
            self.lanes[column].count_from(by, steps);
            self.west[column].count_from(by);
            self.east[column].count_from(by);
            for (lane, cell) in self.cells[column].iter_mut().flat_map(|cells| cells.iter_mut().enumerate()) {
                cell.count_from(shift.at(lane));
            }
        }
        for word in waves.iter_mut().flat_map(|wave| wave.words.iter_mut()).flatten() {
            *word = word.beyond(by);
        }
        start_later(&mut self.start, by)
    }

    /// The first cycle that bears on what is to come, `steps` after the first one that is counted, and the last one so far.
    #[inline(always)]
    fn span(&self, steps: u32) -> (V, V) {
        let (mut first, mut last) = (V::all(V::LARGEST), V::all(0));
        let (mut least, mut most) = (Wide::of(first), Wide::of(last));
        for (lanes, cells) in self.lanes.iter().zip(&self.cells) {
            let Some(cells) = cells else {
                first = first.min(lanes.first_cycle(steps));
                last = last.max(lanes.last_cycle());
                continue;
            };
            for (lane, cell) in cells.iter().enumerate() {
                least.put(lane, least.at(lane).min(cell.first_cycle()));
                most.put(lane, most.at(lane).max(cell.next_step()));
            }
        }
        (first.min(least.get()), last.max(most.get()))
    }
}
