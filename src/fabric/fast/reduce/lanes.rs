//! A column of PEs in the middle of a phase, in all lanes at once: the order of events is the same in all of them.
//!
//! Times differ from lane to lane and the order of what happens does not: the words of a step arrive, the step is made,
//! its words leave. So a piece of a slot is a few maxima and sums on vectors of numbers for each word.
//!
//! The main thread works when the chain does not step, so it is told in **cycles of its own**: those in which no step
//! was made. On that clock a row is pushed its work after the row before it, or after the slot that it needs was given
//! back, whatever comes first or last, and the cycle of the fabric follows from the number of steps until then.

use crate::fabric::fast::reduce::cell::{Cell, Doing, Phase, Tally};
use crate::fabric::fast::reduce::slot::Fixed;
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{Vector, Wide};

/// Main thread and chain of a compute element in all lanes.
#[derive(Clone, Debug)]
pub(super) struct Lanes<V: Vector> {
    /// When the main thread has pushed the rows for which the ring has room, in cycles of its own.
    pub(super) pushed: [Wide<V>; DEPTH],
    /// Cycle of the last step.
    pub(super) last: Wide<V>,
    /// Cycles in which it rested for a slot, and for input and output after its last row.
    pub(super) buffer: Wide<V>,
    pub(super) input: Wide<V>,
    pub(super) output: Wide<V>,
    /// What cells counted before.
    tally: Vec<Tally>,
    /// Rows for which the ring has room.
    ring: usize,
}

impl<V: Vector> Lanes<V> {
    /// Nothing yet.
    pub(super) fn new(ring: usize) -> Self {
        let none = Wide::all(0);
        Self {
            pushed: [none; DEPTH],
            last: none,
            buffer: none,
            input: none,
            output: none,
            tally: vec![Tally::default(); V::LANES],
            ring,
        }
    }

    /// Go on where a cell stops.
    pub(super) fn enter(
        &mut self,
        (lane, first_row): (usize, u32),
        cell: &Cell,
        column: usize,
        fixed: &Fixed<'_>,
    ) {
        let (costs, weight, rows) = (&fixed.shape.costs, fixed.weight(column), fixed.shape.rows);
        let next = cell.first.row;
        let slot = fixed.slot((next, first_row), 0);
        let now = cell.next_step() - slot.steps;
        let end = cell.end.wrapping_sub(slot.steps);
        let ring = costs.slots - 1;
        let work = |row: u32| weight * fixed.weights[lane].count(row, column);
        let has_room = cell.row < next + ring;
        // When the main thread would have pushed the row before its next one, had it not rested since.
        let mut pushed = match cell.doing {
            Doing::RowEnd => end - costs.row_end - work(cell.row),
            Doing::Weight => end + cell.left * weight - work(cell.row),
            // The last step gave back the slot that it waited for.
            _ if has_room && cell.row < rows => end - work(cell.row),
            _ => now - if cell.row < rows { work(cell.row) } else { 0 },
        };
        for row in next..next + ring {
            if row >= cell.row && row < rows {
                pushed += work(row) + costs.row_end;
            }
            self.pushed[(row % ring) as usize].put(lane, pushed);
        }
        self.last.put(lane, cell.next_step() - 1);
        self.tally[lane] = cell.tally;
        for cycles in [&mut self.buffer, &mut self.input, &mut self.output] {
            cycles.put(lane, 0);
        }
    }

    /// The cell of a lane whose chain has come to `row`, where its phase ends or which is one of those that it sends down.
    pub(super) fn leave(
        &self,
        (lane, first_row): (usize, u32),
        (phase, row): (Phase, u32),
        column: usize,
        fixed: &Fixed<'_>,
    ) -> Cell {
        let (costs, weight, rows) = (&fixed.shape.costs, fixed.weight(column), fixed.shape.rows);
        let slot = fixed.slot((row, first_row), 0);
        let (last, low) = (self.last.at(lane), fixed.shape.columns[column].low);
        let mut cell = if phase == Phase::Down && row < low {
            Cell::within(row, low, last)
        } else {
            Cell::after(phase, row, costs.completion, last)
        };
        let Tally { input, output, buffer, .. } = &mut cell.tally;
        (*input, *output, *buffer) = (self.input.at(lane), self.output.at(lane), self.buffer.at(lane));
        cell.tally = cell.tally.plus(&self.tally[lane]);
        let now = self.last.at(lane) + 1;
        let clock = now - slot.steps;
        let ring = costs.slots - 1;
        let pushed = |row: u32| self.pushed[(row % ring) as usize].at(lane);
        // Whether there is room for its next row, and what is left to do until that is pushed.
        cell.row = row;
        while cell.row < rows && cell.row < row + ring && pushed(cell.row) <= clock {
            cell.row += 1;
        }
        (cell.doing, cell.end) = (Doing::Rest, now);
        if cell.row == rows {
            return cell;
        }
        let has_room = cell.row < row + ring;
        let worked = if has_room {
            pushed(cell.row) - costs.row_end
        } else {
            self.pushed[slot.newest].at(lane) + weight * fixed.weights[lane].count(cell.row, column)
        };
        if worked > clock {
            let weights = worked - clock;
            cell.left = (weights - 1) / weight;
            (cell.doing, cell.end) = (Doing::Weight, now + weights - cell.left * weight);
        } else if has_room {
            (cell.doing, cell.end) = (Doing::RowEnd, now + pushed(cell.row) - clock);
        } else {
            cell.tally.buffer += clock - worked;
        }
        cell
    }

    /// The first cycle that bears on what is to come, `steps` after the first one that is counted.
    #[inline(always)]
    pub(super) fn first_cycle(&self, steps: u32) -> V {
        let mut first = self.last.get();
        for pushed in &self.pushed[..self.ring] {
            first = first.min(pushed.get().plus(steps));
        }
        first
    }

    /// Cycle of the last step.
    #[inline(always)]
    pub(super) fn last_cycle(&self) -> V {
        self.last.get()
    }

    /// Count cycles from `by` on, and steps from so many on.
    #[inline(always)]
    pub(super) fn count_from(&mut self, by: V, steps: u32) {
        self.last.count_from(by);
        // Cycles without steps.
        for pushed in &mut self.pushed {
            pushed.set(pushed.get() - (by - V::all(steps)));
        }
        for (lane, tally) in self.tally.iter_mut().enumerate() {
            tally.input += self.input.at(lane);
            tally.output += self.output.at(lane);
            tally.buffer += self.buffer.at(lane);
        }
        (self.input, self.output, self.buffer) = (Wide::all(0), Wide::all(0), Wide::all(0));
    }

    /// Have it closer: it is needed soon.
    #[inline(always)]
    pub(super) fn fetch(&self) {
        V::fetch(&self.pushed);
        V::fetch(&self.last);
        V::fetch(&self.buffer);
    }
}
