//! A column of PEs in the middle of a phase, in all lanes at once: the order of events is the same in all of them.
//!
//! Times differ from lane to lane and the order of what happens does not: the words of a step arrive, the step is made,
//! its words leave. So a piece of a slot is a few maxima and sums on vectors of numbers for each word.
//!
//! The main thread works when the chain does not step, so it is told in **cycles of its own**: those in which no step
//! was made. On that clock a row is pushed its work after the row before it, or after the slot that it needs was given
//! back, whatever comes first or last, and the cycle of the fabric follows from the number of steps until then.

use crate::fabric::fast::LANES;
use crate::fabric::fast::reduce::cell::{Cell, Doing, Phase, Tally};
use crate::fabric::fast::reduce::inflow::Inflow;
use crate::fabric::fast::reduce::slot::{Arrivals, Fixed, Slot, Word};
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{Mask, Vector, Wide};

/// Main thread and chain of a compute element in all lanes.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// When the main thread has pushed the rows for which the ring has room, in cycles of its own.
    pushed: [Wide; DEPTH],
    /// Cycle of the last step.
    last: Wide,
    /// Cycles in which it rested for a slot, and for input and output after its last row.
    buffer: Wide,
    input: Wide,
    output: Wide,
    /// What cells counted before.
    tally: [Tally; LANES],
}

impl Lanes {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        let none = Wide::all(0);
        Self {
            pushed: [none; DEPTH],
            last: none,
            buffer: none,
            input: none,
            output: none,
            tally: [Tally::default(); LANES],
        }
    }

    /// Go on where a cell stops.
    pub(super) fn enter(&mut self, lane: usize, cell: &Cell, column: usize, fixed: &Fixed<'_>) {
        let (costs, weight, rows) = (&fixed.shape.costs, fixed.weight(column), fixed.shape.rows);
        let next = cell.first.row;
        let slot = fixed.slot(next, 0);
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
            self.pushed[(row % ring) as usize][lane] = pushed;
        }
        self.last[lane] = cell.next_step() - 1;
        self.tally[lane] = cell.tally;
        (self.buffer[lane], self.input[lane], self.output[lane]) = (0, 0, 0);
    }

    /// The cell of a lane whose chain has come to `row`, where its phase ends or which is one of those that it sends down.
    pub(super) fn leave(
        &self,
        lane: usize,
        (phase, row): (Phase, u32),
        column: usize,
        fixed: &Fixed<'_>,
    ) -> Cell {
        let (costs, weight, rows) = (&fixed.shape.costs, fixed.weight(column), fixed.shape.rows);
        let slot = fixed.slot(row, 0);
        let (last, low) = (self.last[lane], fixed.shape.columns[column].low);
        let mut cell = if phase == Phase::Down && row < low {
            Cell::within(row, low, last)
        } else {
            Cell::after(phase, row, costs.completion, last)
        };
        let Tally { input, output, buffer, .. } = &mut cell.tally;
        (*input, *output, *buffer) = (self.input[lane], self.output[lane], self.buffer[lane]);
        cell.tally = cell.tally.plus(&self.tally[lane]);
        let now = self.last[lane] + 1;
        let clock = now - slot.steps;
        let ring = costs.slots - 1;
        let pushed = |row: u32| self.pushed[(row % ring) as usize][lane];
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
            self.pushed[slot.newest][lane] + weight * fixed.weights[lane].count(cell.row, column)
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

    /// Have it closer: it is needed soon.
    #[inline(always)]
    pub(super) fn fetch<V: Vector>(&self) {
        V::fetch(&self.pushed);
        V::fetch(&self.last);
        V::fetch(&self.buffer);
    }

    /// A piece of a slot: its words come in from `inflow` (nothing but a constant where that is `None`) and leave to
    /// `out`; `work` are the cycles of the main thread's weights in the row that the slot makes room for. Where the next
    /// PE has the words pass link and ramp by itself, they end as ready. Only `lanes` go on, where not ALL do.
    #[inline(always)]
    pub(super) fn slot<V: Vector, const ALL: bool>(
        &mut self,
        slot: &Slot<'_>,
        (fixed, lanes): (&Fixed<'_>, Mask),
        work: V,
        mut inflow: Option<&mut Inflow>,
        (out, next_is_cell): (&mut Inflow, bool),
        words: &mut Arrivals<V>,
    ) {
        let keep = |to: &mut Wide, numbers: V| {
            to.set(if ALL { numbers } else { numbers.only(lanes, to.get()) });
        };
        let carry = |to: &mut V, number: V| *to = if ALL { number } else { number.only(lanes, *to) };
        let (costs, piece) = (&fixed.shape.costs, slot.piece);
        let (lane, nothing) = (costs.fabric.lane as usize, Wide::all(0));
        let mut free: V = out.free.get();
        let mut last: V = self.last.get();
        let mut down: V = out.down[slot.before].get();
        let mut arrived = words[piece.early - 1];
        for (at, &(first, end)) in piece.steps.iter().enumerate() {
            let mut ready = V::all(0);
            if let Some(flow) = &mut inflow {
                for (word, there) in words[..end].iter_mut().enumerate().skip(first.max(piece.early)) {
                    let Word { at, queue, .. } = slot.words[word];
                    let room: V = flow.taken[queue].get();
                    arrived = there.max(room.max(arrived).plus(1));
                    carry(there, arrived);
                    if piece.goes_down[word] {
                        keep(&mut flow.down[at], arrived);
                    }
                }
                ready = words[end - 1].plus(costs.fabric.ramp);
            }
            let room: V = out.left[slot.words[end - 1].output].get();
            let mut now = last.max(room).plus(1).max(ready);
            if at == 0 && piece.opens {
                now = now.max(self.pushed[slot.at].get::<V>().plus(slot.steps));
            }
            if let Some(last_row) = slot.last_row {
                let rests = self.pushed[last_row].get::<V>().plus(slot.steps + at as u32);
                self.account::<V, ALL>(rests.max(last.plus(1)), ready, now, lanes);
            }
            last = now;
            if let Some(flow) = &mut inflow {
                keep(&mut flow.taken[slot.words[first].at], now);
            }
            let given = now.plus(1 + costs.fabric.ramp);
            for word in first..end {
                let place = slot.words[word];
                if next_is_cell {
                    keep(&mut out.ready[place.at], given);
                    continue;
                }
                let room = if word < lane { out.down[place.lane].get() } else { words[word - lane] };
                let leaves = room.plus(1).max(given);
                let left = leaves.max(free.eighth());
                free = leaves.eightfold().max(free).plus(costs.fabric.interval);
                if piece.leaves[word] {
                    keep(&mut out.left[place.at], left);
                }
                // What is not known yet of words of this piece bounds nothing: there stands what was before.
                let room = if piece.asks[word] { &out.taken[place.queue] } else { &nothing };
                down = down.max(room.get()).plus(1).max(left.plus(costs.fabric.hop));
                carry(&mut words[word], down);
                if piece.goes_down[word] {
                    keep(&mut out.down[place.at], down);
                }
            }
        }
        keep(&mut self.last, last);
        if !next_is_cell {
            keep(&mut out.free, free);
        }
        if slot.goes_on {
            let steps = slot.steps + piece.steps.len() as u32;
            let given_back = last.plus(1) - V::all(steps);
            let worked = self.pushed[slot.newest].get::<V>() + work;
            let pushes = worked.max(given_back);
            let rested = self.buffer.get::<V>() + (pushes - worked);
            keep(&mut self.buffer, rested);
            keep(&mut self.pushed[slot.at], pushes.plus(costs.row_end));
        }
    }

    /// Cycles between `from` and the step in `now` in which nothing is left for the main thread.
    #[inline(always)]
    fn account<V: Vector, const ALL: bool>(&mut self, from: V, ready: V, now: V, lanes: Mask) {
        let until = now.max(from);
        let there = ready.max(from).min(until);
        let (input, output) = (there - from, until - there);
        let of = |cycles: V| if ALL { cycles } else { cycles.in_lanes(lanes) };
        self.input.set(self.input.get::<V>() + of(input));
        self.output.set(self.output.get::<V>() + of(output));
    }
}
