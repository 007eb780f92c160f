//! A column of PEs in the middle of a phase, in all lanes at once: the order of events is the same in all of them.
//!
//! Times differ from lane to lane and the order of what happens does not: the words of a step arrive, the step is made,
//! its words leave. So a step is a few maxima and sums on L numbers each. The main thread only shows where a step takes
//! the datapath from it and where a row is not pushed yet, so that it is carried along in pieces of whole rows.

use crate::fabric::fast::reduce::cell::{Cell, Doing, NEVER, Phase, Tally};
use crate::fabric::fast::reduce::inflow::{Inflow, ring};
use crate::fabric::fast::reduce::shape::{DEPTH, Shape, WIDE};
use crate::fabric::fast::weights::Weights;

/// Main thread and chain of a compute element in L lanes.
#[derive(Clone, Debug)]
pub(super) struct Lanes<const L: usize> {
    /// End of the piece that the main thread works on; [`NEVER`] where it rests.
    end: [u32; L],
    /// With that piece a row is pushed (1), or else the end of a row is due that may have to wait (0).
    closing: [u32; L],
    /// Rows pushed, and weights of the row after the next one.
    row: [u32; L],
    coming: [u32; L],
    /// Since when it rests, and steps made meanwhile.
    since: [u32; L],
    stolen: [u32; L],
    /// Cycle of the last step.
    last: [u32; L],
    /// Steps of the current slot that the main threads have not heard of: when their words were there, and when they
    /// were made.
    heard: [([u32; L], [u32; L]); DEPTH],
    /// Cycle of the last step that they have heard of.
    before: [u32; L],
    tally: [Tally; L],
    /// Lanes that have pushed their last row.
    done: u32,
}

/// A step of all columns, the same in all lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Row of results, number of the step in its slot, whether it is the first or the last.
    pub(super) row: u32,
    pub(super) at: usize,
    pub(super) opens: bool,
    pub(super) closes: bool,
    /// Words before it in its slot, and words of it.
    pub(super) before: u32,
    pub(super) words: u32,
}

/// When the words of a step are at the router of the next PE.
pub(super) type Arrivals<const L: usize> = [[u32; L]; WIDE];

/// What does not change from step to step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed<'a, const L: usize> {
    pub(super) shape: &'a Shape,
    pub(super) weights: &'a [Weights<'a>; L],
}

impl<const L: usize> Lanes<L> {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            end: [NEVER; L],
            closing: [0; L],
            row: [0; L],
            since: [0; L],
            stolen: [0; L],
            coming: [0; L],
            last: [0; L],
            heard: [([0; L], [0; L]); DEPTH],
            before: [0; L],
            tally: [Tally::default(); L],
            done: 0,
        }
    }

    /// Go on where a cell stops.
    pub(super) fn enter(&mut self, lane: usize, cell: &Cell, column: usize, fixed: &Fixed<'_, L>) {
        let (costs, weight) = (&fixed.shape.costs, fixed.weight(column));
        let room = cell.row - cell.first.row + 1 < costs.slots;
        let rest = cell.end + cell.left * weight;
        (self.end[lane], self.closing[lane]) = match cell.doing {
            Doing::RowEnd => (cell.end, 1),
            Doing::Weight if room => (rest + costs.row_end, 1),
            Doing::Weight => (rest, 0),
            // The last step gave back the slot that it waited for.
            Doing::Rest if room && cell.row < fixed.shape.rows => (cell.end + costs.row_end, 1),
            _ => (NEVER, 0),
        };
        self.row[lane] = cell.row;
        (self.since[lane], self.stolen[lane]) = (cell.end.max(cell.seen), 0);
        self.coming[lane] = fixed.weights[lane].count(cell.row + 1, column);
        self.last[lane] = cell.next_step() - 1;
        self.before[lane] = self.last[lane];
        self.tally[lane] = cell.tally;
        self.done += u32::from(cell.row == fixed.shape.rows);
    }

    /// The cell of a lane whose chain is through with a phase that ends before `row`.
    pub(super) fn leave(
        &self,
        lane: usize,
        (phase, row): (Phase, u32),
        column: usize,
        fixed: &Fixed<'_, L>,
    ) -> Cell {
        let (costs, weight) = (&fixed.shape.costs, fixed.weight(column));
        let last = self.last[lane];
        let mut cell = Cell::after(phase, row, costs.completion, last);
        cell.row = self.row[lane];
        cell.tally = self.tally[lane];
        let now = last + 1;
        if self.end[lane] == NEVER {
            (cell.doing, cell.end) = (Doing::Rest, self.since[lane]);
            if cell.row < fixed.shape.rows {
                cell.tally.buffer += now - self.since[lane] - self.stolen[lane];
            }
            return cell;
        }
        let tail = self.closing[lane] * costs.row_end;
        let work = self.end[lane] - now;
        if self.closing[lane] == 1 && work <= tail {
            (cell.doing, cell.end) = (Doing::RowEnd, self.end[lane]);
        } else {
            let weights = work - tail;
            let others = weights.saturating_sub(1) / weight;
            (cell.doing, cell.left, cell.end) = (Doing::Weight, others, now + weights - others * weight);
        }
        cell
    }

    /// One step: `words` come in from `inflow` (nothing but a constant where that is `None`) and leave to `out`.
    /// Where the next PE has the words pass link and ramp by itself, they end as ready.
    #[inline(always)]
    pub(super) fn step(
        &mut self,
        step: Step,
        (column, fixed): (usize, &Fixed<'_, L>),
        inflow: Option<&mut Inflow<L>>,
        (out, next_is_cell): (&mut Inflow<L>, bool),
        words: &mut Arrivals<L>,
    ) {
        let costs = &fixed.shape.costs;
        let count = step.words as usize;
        let mut ready = [0; L];
        let mut known = None;
        if let Some(flow) = inflow {
            let first = flow.given + step.before;
            for (word, there) in (first..).zip(words.iter()).take(count) {
                let before = flow.down[ring(word + costs.lane - 1, costs.lane)];
                let room = flow.taken[ring(word, costs.queue)];
                let down = &mut flow.down[ring(word, costs.lane)];
                for l in 0..L {
                    down[l] = there[l].max(before[l] + 1).max(room[l] + 1);
                }
                for l in 0..L {
                    ready[l] = down[l] + costs.ramp;
                }
            }
            known = Some((flow, first));
        }
        let from = out.given + step.before;
        let room = out.left[ring(from + step.words - 1, costs.output)];
        let mut now = [0; L];
        for l in 0..L {
            now[l] = (self.last[l] + 1).max(ready[l]).max(room[l] + 1);
        }
        if step.opens {
            self.wait_for_row(step.row, (column, fixed), &mut now);
        }
        self.last = now;
        self.heard[step.at % DEPTH] = (ready, now);
        if step.closes {
            self.hear(step, (column, fixed));
        }
        if let Some((flow, first)) = known {
            for word in first..first + step.words {
                flow.taken[ring(word, costs.queue)] = now;
            }
        }
        for (word, at) in (from..).zip(words.iter_mut()).take(count) {
            if next_is_cell {
                let ready = &mut out.ready[ring(word, DEPTH as u32)];
                for l in 0..L {
                    ready[l] = now[l] + 1 + costs.ramp;
                }
                continue;
            }
            let room = out.down[ring(word, costs.lane)];
            let left = &mut out.left[ring(word, costs.output)];
            for l in 0..L {
                let leaves = (now[l] + 1 + costs.ramp).max(out.free[l] >> 3).max(room[l] + 1);
                out.free[l] = (8 * leaves).max(out.free[l]) + costs.interval;
                left[l] = leaves;
                at[l] = leaves + costs.hop;
            }
        }
    }

    /// A step opens a slot: not before its row has been pushed.
    #[inline(always)]
    fn wait_for_row(&mut self, row: u32, at: (usize, &Fixed<'_, L>), now: &mut [u32; L]) {
        loop {
            let mut late = [0; L];
            for l in 0..L {
                late[l] = u32::from(self.row[l] <= row);
                now[l] = if late[l] == 1 { now[l].max(self.end[l]) } else { now[l] };
            }
            if late == [0; L] {
                return;
            }
            self.pieces(&late, row, at);
        }
    }

    /// The main threads hear of the steps of a slot: each takes a cycle from them, the last one gives a slot back.
    #[inline(always)]
    fn hear(&mut self, step: Step, at: (usize, &Fixed<'_, L>)) {
        let shape = at.1.shape;
        let mut now = [0; L];
        for heard in 0..=step.at % DEPTH {
            let ready;
            (ready, now) = self.heard[heard];
            loop {
                let mut due = [0; L];
                for l in 0..L {
                    due[l] = u32::from(self.end[l] <= now[l]);
                }
                if due == [0; L] {
                    break;
                }
                self.pieces(&due, step.row, at);
            }
            if self.done > 0 {
                let before = if heard == 0 { self.before } else { self.heard[heard - 1].1 };
                self.account(shape.rows, &before, &ready, &now);
            }
            for l in 0..L {
                let busy = u32::from(self.end[l] != NEVER);
                self.end[l] += busy;
                self.stolen[l] += 1 - busy;
            }
        }
        self.before = now;
        self.give_back(shape.rows, shape.costs.row_end, &now);
    }

    /// Pieces of the main threads in `which` are done: begin the next ones. `popped` slots of the ring have been given
    /// back.
    #[inline(always)]
    fn pieces(&mut self, which: &[u32; L], popped: u32, (column, fixed): (usize, &Fixed<'_, L>)) {
        let (costs, weight, rows) = (&fixed.shape.costs, fixed.weight(column), fixed.shape.rows);
        let mut pushed = [0; L];
        let mut last = 0;
        for l in 0..L {
            let now = self.end[l];
            let push = which[l] & self.closing[l];
            let row = self.row[l] + push;
            let weights = push * self.coming[l] * weight;
            let room = row + 1 < popped + costs.slots;
            let ends = push == 1 && row == rows;
            let rests = ends || (!room && weights == 0);
            let next = now.wrapping_add(weights).wrapping_add(if room { costs.row_end } else { 0 });
            let next = if rests { NEVER } else { next };
            let rests = rests && which[l] == 1;
            self.end[l] = if which[l] == 1 { next } else { now };
            self.closing[l] = if which[l] == 1 { u32::from(room) } else { self.closing[l] };
            self.since[l] = if rests { now } else { self.since[l] };
            self.stolen[l] = if rests { 0 } else { self.stolen[l] };
            self.row[l] = row;
            pushed[l] = push as u8;
            last += u32::from(ends);
        }
        self.done += last;
        for (first, chunk) in pushed.chunks(8).enumerate() {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            let mut left = u64::from_le_bytes(bytes);
            while left != 0 {
                let l = 8 * first + left.trailing_zeros() as usize / 8;
                left &= left - 1;
                self.coming[l] = fixed.weights[l].count(self.row[l] + 1, column);
            }
        }
    }

    /// A slot of the ring is given back: who waited for it goes on in the next cycle.
    #[inline(always)]
    fn give_back(&mut self, rows: u32, row_end: u32, now: &[u32; L]) {
        let mut resting = 0_u32;
        for l in 0..L {
            resting += u32::from(self.end[l] == NEVER);
        }
        if resting == self.done {
            return;
        }
        for l in 0..L {
            if self.end[l] == NEVER && self.row[l] < rows {
                self.tally[l].buffer += now[l] + 1 - self.since[l] - self.stolen[l];
                (self.end[l], self.closing[l]) = (now[l] + 1 + row_end, 1);
            }
        }
    }

    /// Cycles between the step in `before` and that in `now` in which nothing was left for the main thread.
    fn account(&mut self, rows: u32, before: &[u32; L], ready: &[u32; L], now: &[u32; L]) {
        for l in 0..L {
            if self.row[l] == rows && self.end[l] == NEVER {
                let from = (before[l] + 1).max(self.since[l]);
                let input = ready[l].clamp(from, now[l].max(from)) - from;
                self.tally[l].input += input;
                self.tally[l].output += now[l].max(from) - from - input;
            }
        }
    }
}

impl<const L: usize> Fixed<'_, L> {
    /// Cycles of a weight.
    #[inline(always)]
    pub(super) fn weight(&self, column: usize) -> u32 {
        self.shape.costs.weight_setup + self.shape.columns[column].weight_work
    }
}
