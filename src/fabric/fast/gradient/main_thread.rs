//! The main threads of one column: rows of weights in a piece each, and the tasks that come between them.
//!
//! A row whose vector is there takes its weights and its end, whatever the order in which things arrive: that is done in
//! all lanes at once. Where another task comes between, the lane goes task by task.

use crate::fabric::fast::gradient::shape::Costs;
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::{NEVER, Wide};

/// The task that ran last: the scheduler looks at the others from there on, in the order send, end of a block, weight,
/// end of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Send,
    Turn,
    Weight,
    RowEnd,
}

/// State of the main threads of a column in L lanes.
#[derive(Clone, Debug)]
pub(in crate::fabric::fast) struct Mains<const L: usize> {
    /// Cycle of the next pick, unless a main thread must rest.
    free: Wide<L>,
    last: [Last; L],
    /// Row that it is at, weights of it that are left, and whether it is in the middle of it (1) or not (0).
    row: Wide<L>,
    left: Wide<L>,
    begun: Wide<L>,
    /// From when on the wavelet that ends a block waits, and the sender's task is active.
    turn: Wide<L>,
    send: Wide<L>,
    /// Pick and end of the last end of a block; first step of the sender.
    pub(super) taken: Wide<L>,
    pub(super) turned: Wide<L>,
    pub(super) sends: Wide<L>,
    /// Cycle in which the vector of each row was whole; end of each row.
    filled: [Wide<L>; 2 * DEPTH],
    ends: [Wide<L>; DEPTH],
    /// Cycle of the last sum.
    pub(super) summed: Wide<L>,
    /// Cycles in which a weight waits for its vector, and in which microthreads start.
    pub(super) input: Wide<L>,
    pub(super) latency: Wide<L>,
}

/// What main threads need to know of their column.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a, const L: usize> {
    pub(super) column: usize,
    pub(super) costs: &'a Costs,
    pub(super) rows: u32,
    pub(super) weights: &'a [Weights<'a>; L],
}

impl<const L: usize> At<'_, L> {
    /// Cycles of a weight and of the sum that takes a cycle from the next task.
    #[inline(always)]
    fn each(&self) -> u32 {
        self.costs.weight_setup + self.costs.weight_work + 1
    }
}

impl<const L: usize> Mains<L> {
    /// When the start is done: it launches two microthreads, and lets the first PE send.
    pub(super) fn new(at: &At<'_, L>) -> Self {
        let (none, never) = (Wide::all(0), Wide::all(NEVER));
        Self {
            free: Wide::all(2 * at.costs.fabric.launch),
            last: [Last::RowEnd; L],
            row: none,
            left: Wide::of(|l| at.weights[l].count(0, at.column)),
            begun: none,
            turn: never,
            send: if at.column == 0 { Wide::all(at.costs.fabric.launch) } else { never },
            taken: none,
            turned: none,
            sends: never,
            filled: [never; 2 * DEPTH],
            ends: [none; DEPTH],
            summed: never,
            input: none,
            latency: none,
        }
    }

    /// End of what a lane has done so far.
    pub(super) fn finish(&self, l: usize) -> u32 {
        if self.summed[l] == NEVER { self.free[l] } else { self.free[l].max(self.summed[l] + 1) }
    }

    /// Whether every lane has done all rows.
    pub(super) fn are_through(&self, rows: u32) -> bool {
        self.row == Wide::all(rows)
    }

    /// The vector of a row is whole.
    #[inline(always)]
    pub(super) fn fill(&mut self, row: u32, cycle: Wide<L>) {
        self.filled[row as usize % (2 * DEPTH)] = cycle;
    }

    /// Do rows until `row` is done; its end.
    #[inline(always)]
    pub(super) fn rows_until(&mut self, row: u32, at: &At<'_, L>) -> Wide<L> {
        // After the first rows, all rest is for a vector.
        if row as usize >= DEPTH {
            self.whole_row(row, at);
        }
        for l in self.row.map(|at| u32::from(at <= row)).nonzero() {
            while self.row[l] <= row && self.go_on(l, at) {}
        }
        self.ends[row as usize % DEPTH]
    }

    /// Do `row` in all lanes that are before it, with nothing else to do.
    #[inline(always)]
    fn whole_row(&mut self, row: u32, at: &At<'_, L>) {
        let which = self.row.zip(self.begun, |here, begun| u32::from(here == row && begun == 0));
        let others = self.turn.zip(self.send, |turn, send| u32::from(turn & send == NEVER));
        let which = which.zip(others, |which, free| which & free);
        let (each, row_end) = (at.each(), at.costs.row_end);
        let filled = &mut self.filled[row as usize % (2 * DEPTH)];
        let start = filled.plus(1).max(self.free);
        *filled = Wide::all(NEVER).or_else(which, *filled);
        let worked = start.zip(self.left, |start, weights| start.wrapping_add(weights * each));
        let end = worked.plus(row_end);
        let waited = start.zip(self.free, u32::wrapping_sub).or_else(which, Wide::all(0));
        self.input = self.input.zip(waited, u32::wrapping_add);
        let sums = self.left.zip(which, |weights, which| weights & which.wrapping_neg());
        self.summed = worked.plus(u32::MAX).or_else(sums, self.summed);
        self.free = end.or_else(which, self.free);
        let ends = &mut self.ends[row as usize % DEPTH];
        *ends = end.or_else(which, *ends);
        let next = Wide::of(|l| at.weights[l].count(row + 1, at.column));
        self.left = next.or_else(which, self.left);
        self.row = self.row.zip(which, u32::wrapping_add);
        for l in 0..L {
            self.last[l] = if which[l] == 1 { Last::RowEnd } else { self.last[l] };
        }
    }

    /// The wavelet that ends a block waits from `cycle` on: do what comes before it, and what it starts.
    pub(super) fn end_block(&mut self, l: usize, cycle: u32, at: &At<'_, L>) {
        self.turn[l] = cycle;
        while self.turn[l] != NEVER && self.go_on(l, at) {}
    }

    /// The sender's task was activated by the end of a block.
    pub(super) fn send(&mut self, l: usize, at: &At<'_, L>) {
        self.send[l] = self.turned[l];
        self.start_sender(l, at);
    }

    /// Do what comes before the sender.
    pub(super) fn start_sender(&mut self, l: usize, at: &At<'_, L>) {
        while self.send[l] != NEVER && self.go_on(l, at) {}
    }

    /// One task of a lane, or a piece of a row; whether there was any.
    fn go_on(&mut self, l: usize, at: &At<'_, L>) -> bool {
        let costs = at.costs;
        let free = self.free[l];
        let work = if self.begun[l] == 1 {
            free
        } else if self.row[l] < at.rows {
            let filled = self.filled[self.row[l] as usize % (2 * DEPTH)][l];
            if filled == NEVER { NEVER } else { free.max(filled + 1) }
        } else {
            NEVER
        };
        let other = self.turn[l].min(self.send[l]).max(free);
        let now = work.min(other);
        if now == NEVER {
            return false;
        }
        self.rest(l, now, at);
        let works = work <= now;
        let row_ends = works && self.left[l] == 0;
        let (turns, sends) = (self.turn[l] <= now, self.send[l] <= now);
        // A sum leaves in the cycle in which its weight ends, and takes that cycle from the next task.
        let stolen = u32::from(self.last[l] == Last::Weight && now == free);
        let works_first = match self.last[l] {
            Last::Turn => works,
            Last::Weight => row_ends,
            Last::Send | Last::RowEnd => false,
        };
        if !works_first && sends && !(self.last[l] == Last::Send && turns) {
            self.send[l] = NEVER;
            let end = now + stolen + costs.local;
            self.sends[l] = end + costs.fabric.launch + costs.fabric.start;
            (self.free[l], self.last[l]) = (end + costs.fabric.launch, Last::Send);
        } else if !works_first && turns {
            self.turn[l] = NEVER;
            (self.taken[l], self.turned[l]) = (now, now + stolen + costs.turn);
            (self.free[l], self.last[l]) = (self.turned[l], Last::Turn);
        } else if row_ends {
            self.end_row(l, now + stolen + costs.row_end, at);
        } else {
            self.weights(l, now + stolen, at);
        }
        true
    }

    /// Weights from `now` on, until all are done or another task may come between them.
    fn weights(&mut self, l: usize, now: u32, at: &At<'_, L>) {
        let each = at.each();
        let first = now + each - 1;
        let other = self.turn[l].min(self.send[l]);
        let left = self.left[l];
        let count =
            if other == NEVER { left } else { left.min(1 + other.saturating_sub(first).div_ceil(each)) };
        self.free[l] = first + (count - 1) * each;
        self.summed[l] = self.free[l];
        self.left[l] -= count;
        (self.last[l], self.begun[l]) = (Last::Weight, 1);
        if self.left[l] == 0 {
            self.end_row(l, self.free[l] + 1 + at.costs.row_end, at);
        }
    }

    fn end_row(&mut self, l: usize, end: u32, at: &At<'_, L>) {
        let row = self.row[l];
        self.ends[row as usize % DEPTH][l] = end;
        self.filled[row as usize % (2 * DEPTH)][l] = NEVER;
        self.row[l] = row + 1;
        self.left[l] = at.weights[l].count(row + 1, at.column);
        (self.free[l], self.last[l], self.begun[l]) = (end, Last::RowEnd, 0);
    }

    /// Account for the cycles before `now` in which a lane rests: a weight waits for its vector once the stream is
    /// there; before that, and after the last row, a microthread may be starting.
    fn rest(&mut self, l: usize, now: u32, at: &At<'_, L>) {
        let free = self.free[l];
        if now == free {
            return;
        }
        if self.row[l] < at.rows {
            let there = (at.costs.fabric.hop + at.costs.fabric.ramp).clamp(free, now);
            self.latency[l] += there - free;
            self.input[l] += now - there;
        } else if self.last[l] == Last::Send {
            self.latency[l] += self.sends[l].min(now) - free;
        }
    }
}
