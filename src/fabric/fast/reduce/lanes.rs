//! A column of PEs in the middle of a phase, in all lanes at once: the order of events is the same in all of them.
//!
//! Times differ from lane to lane and the order of what happens does not: the words of a step arrive, the step is made,
//! its words leave. So a step is a few maxima and sums on L numbers each. The main thread only shows where a step takes
//! the datapath from it and where a row is not pushed yet, so that it is carried along in pieces of whole rows.

use crate::fabric::fast::reduce::cell::{Cell, Doing, Phase, Tally};
use crate::fabric::fast::reduce::inflow::Inflow;
use crate::fabric::fast::reduce::shape::Shape;
use crate::fabric::fast::source::{DEPTH, WIDE, before, place};
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::{NEVER, Wide};

/// Main thread and chain of a compute element in L lanes.
#[derive(Clone, Debug)]
pub(super) struct Lanes<const L: usize> {
    /// End of the piece that the main thread works on; [`NEVER`] where it rests.
    end: Wide<L>,
    /// With that piece a row is pushed (1), or else the end of a row is due that may have to wait (0).
    closing: Wide<L>,
    /// Rows pushed, and weights of the row after the next one.
    row: Wide<L>,
    coming: Wide<L>,
    /// Since when it rests, and steps made meanwhile.
    since: Wide<L>,
    stolen: Wide<L>,
    /// Cycle of the last step.
    last: Wide<L>,
    /// Steps of the current slot that the main threads have not heard of: when their words were there, and when they
    /// were made.
    heard: [(Wide<L>, Wide<L>); DEPTH],
    /// Cycle of the last step that they have heard of.
    before: Wide<L>,
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
pub(super) type Arrivals<const L: usize> = [Wide<L>; WIDE];

/// What does not change from step to step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed<'a, const L: usize> {
    pub(super) shape: &'a Shape,
    pub(super) weights: &'a [Weights<'a>; L],
}

impl<const L: usize> Lanes<L> {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        let none = Wide::all(0);
        Self {
            end: Wide::all(NEVER),
            closing: none,
            row: none,
            coming: none,
            since: none,
            stolen: none,
            last: none,
            heard: [(none, none); DEPTH],
            before: none,
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
        let mut ready = Wide::all(0);
        let mut known = None;
        if let Some(flow) = inflow {
            let first = flow.given + step.before;
            for (word, there) in (first..).zip(words.iter()).take(count) {
                let last = flow.down[before(word, 1)].plus(1);
                let room = flow.taken[before(word, costs.queue)].plus(1);
                let down = there.max(last).max(room);
                flow.down[place(word)] = down;
                ready = down.plus(costs.fabric.ramp);
            }
            known = Some((flow, first));
        }
        let from = out.given + step.before;
        let room = out.left[before(from + step.words - 1, costs.output)].plus(1);
        let mut now = self.last.plus(1).max(ready).max(room);
        if step.opens {
            now = self.wait_for_row(step.row, (column, fixed), now);
        }
        self.last = now;
        self.heard[step.at % DEPTH] = (ready, now);
        if let Some((flow, first)) = known {
            for word in first..first + step.words {
                flow.taken[place(word)] = now;
            }
        }
        let given = now.plus(1 + costs.fabric.ramp);
        for (word, at) in (from..).zip(words.iter_mut()).take(count) {
            if next_is_cell {
                out.ready[place(word)] = given;
                continue;
            }
            let room = out.down[before(word, costs.fabric.lane)].plus(1);
            let left = given.max(out.free.map(|free| free >> 3)).max(room);
            out.free = left.map(|left| 8 * left).max(out.free).plus(costs.fabric.interval);
            out.left[place(word)] = left;
            *at = left.plus(costs.fabric.hop);
        }
        if step.closes {
            self.hear(step, (column, fixed));
        }
    }

    /// A step opens a slot: not before its row has been pushed.
    #[inline(always)]
    fn wait_for_row(&mut self, row: u32, at: (usize, &Fixed<'_, L>), mut now: Wide<L>) -> Wide<L> {
        loop {
            let late = self.row.map(|pushed| u32::from(pushed <= row));
            if !late.any() {
                return now;
            }
            now = now.max(self.end.or_else(late, Wide::all(0)));
            self.pieces(late, row, at);
        }
    }

    /// The main threads hear of the steps of a slot: each takes a cycle from them, the last one gives a slot back.
    #[inline(always)]
    fn hear(&mut self, step: Step, at: (usize, &Fixed<'_, L>)) {
        let shape = at.1.shape;
        for heard in 0..=step.at % DEPTH {
            let (ready, now) = self.heard[heard];
            loop {
                let due = self.end.zip(now, |end, now| u32::from(end <= now));
                if !due.any() {
                    break;
                }
                self.pieces(due, step.row, at);
            }
            if self.done > 0 {
                let before = if heard == 0 { self.before } else { self.heard[heard - 1].1 };
                self.account(shape.rows, before, ready, now);
            }
            let busy = self.end.map(|end| u32::from(end != NEVER));
            self.end = self.end.zip(busy, u32::wrapping_add);
            self.stolen = self.stolen.plus(1).zip(busy, u32::wrapping_sub);
        }
        self.before = self.last;
        self.give_back(shape.rows, shape.costs.row_end);
    }

    /// Pieces of the main threads in `which` are done: begin the next ones. `popped` slots of the ring have been given
    /// back.
    #[inline(always)]
    fn pieces(&mut self, which: Wide<L>, popped: u32, (column, fixed): (usize, &Fixed<'_, L>)) {
        let (costs, weight, rows) = (&fixed.shape.costs, fixed.weight(column), fixed.shape.rows);
        let (now, limit) = (self.end, popped + costs.slots - 1);
        let pushed = which.zip(self.closing, |which, closing| which & closing);
        let row = self.row.zip(pushed, u32::wrapping_add);
        let weights = self.coming.zip(pushed, |coming, pushed| coming * pushed * weight);
        let room = row.map(|row| u32::from(row < limit));
        let ends = row.zip(pushed, |row, pushed| u32::from(row == rows) & pushed);
        let stuck = room.zip(weights, |room, weights| u32::from(room | weights == 0));
        let rests = ends.zip(stuck, |ends, stuck| ends | stuck).zip(which, |rests, which| rests & which);
        let worked = now.zip(weights, u32::wrapping_add);
        let next = worked.plus(costs.row_end).or_else(room, worked);
        let next = Wide::all(NEVER).or_else(rests, next);
        self.end = next.or_else(which, now);
        self.closing = room.or_else(which, self.closing);
        self.since = now.or_else(rests, self.since);
        self.stolen = Wide::all(0).or_else(rests, self.stolen);
        self.row = row;
        self.done += ends.sum();
        for l in pushed.nonzero() {
            self.coming[l] = fixed.weights[l].count(self.row[l] + 1, column);
        }
    }

    /// A slot of the ring is given back: who waited for it goes on in the next cycle.
    #[inline(always)]
    fn give_back(&mut self, rows: u32, row_end: u32) {
        let (now, resting) = (self.last, self.end.map(|end| u32::from(end == NEVER)));
        if resting.sum() == self.done {
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
    fn account(&mut self, rows: u32, before: Wide<L>, ready: Wide<L>, now: Wide<L>) {
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
