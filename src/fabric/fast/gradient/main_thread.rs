//! The main thread of one PE in one run: rows of weights in a piece each, and the tasks that come between them.

use crate::fabric::fast::gradient::shape::{Costs, DEPTH};

/// No cycle.
pub(super) const NEVER: u32 = u32::MAX;

/// The task that ran last: the scheduler looks at the others from there on, in the order send, end of a block, weight,
/// end of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Send,
    Turn,
    Weight,
    RowEnd,
}

/// State of a main thread.
#[derive(Clone, Copy, Debug)]
pub(in crate::fabric::fast) struct Main {
    /// Cycle of its next pick, unless it must rest.
    free: u32,
    last: Last,
    /// Row that it is at, weights of it that are left, and whether it has begun it.
    pub(super) row: u32,
    left: u32,
    begun: bool,
    /// From when on the wavelet that ends a block waits, and the sender's task is active.
    turn: u32,
    send: u32,
    /// Pick and end of the last end of a block; first step of the sender.
    pub(super) turned: (u32, u32),
    pub(super) sends: u32,
    /// Cycle in which the vector of each row was whole; end of each row.
    filled: [u32; 2 * DEPTH],
    ends: [u32; DEPTH],
    /// Cycle of the last sum.
    pub(super) summed: u32,
    /// Cycles in which a weight waits for its vector, and in which microthreads start.
    pub(super) input: u32,
    pub(super) latency: u32,
}

/// What a main thread needs to know of its column.
pub(super) struct Column<'a, F: Fn(u32) -> u32> {
    pub(super) costs: &'a Costs,
    pub(super) rows: u32,
    /// Weights of a row.
    pub(super) count: F,
}

impl Main {
    /// When the start is done: it launches two microthreads, and lets the first PE send.
    pub(super) fn new(costs: &Costs, first: bool, weights: u32) -> Self {
        Self {
            free: 2 * costs.launch,
            last: Last::RowEnd,
            row: 0,
            left: weights,
            begun: false,
            turn: NEVER,
            send: if first { costs.launch } else { NEVER },
            turned: (0, 0),
            sends: NEVER,
            filled: [NEVER; 2 * DEPTH],
            ends: [0; DEPTH],
            summed: NEVER,
            input: 0,
            latency: 0,
        }
    }

    /// End of what it has done so far.
    pub(super) fn finish(&self) -> u32 {
        if self.summed == NEVER { self.free } else { self.free.max(self.summed + 1) }
    }

    /// End of a row that it has done.
    pub(super) fn end_of(&self, row: u32) -> u32 {
        self.ends[row as usize % DEPTH]
    }

    /// The vector of a row is whole.
    pub(super) fn fill(&mut self, row: u32, cycle: u32) {
        self.filled[row as usize % (2 * DEPTH)] = cycle;
    }

    /// Do rows until `row` is done.
    #[inline(always)]
    pub(super) fn rows_until<F: Fn(u32) -> u32>(&mut self, row: u32, column: &Column<'_, F>) {
        while self.row <= row && self.go_on(column) {}
    }

    /// The wavelet that ends a block waits from `cycle` on: do what comes before it, and what it starts.
    pub(super) fn end_block<F: Fn(u32) -> u32>(&mut self, cycle: u32, column: &Column<'_, F>) {
        self.turn = cycle;
        while self.turn != NEVER && self.go_on(column) {}
    }

    /// The sender's task was activated by the end of a block.
    pub(super) fn send<F: Fn(u32) -> u32>(&mut self, column: &Column<'_, F>) {
        self.send = self.turned.1;
        self.start_sender(column);
    }

    /// Do what comes before the sender.
    pub(super) fn start_sender<F: Fn(u32) -> u32>(&mut self, column: &Column<'_, F>) {
        while self.send != NEVER && self.go_on(column) {}
    }

    /// One task, or a piece of a row; whether there was any.
    #[inline(always)]
    fn go_on<F: Fn(u32) -> u32>(&mut self, column: &Column<'_, F>) -> bool {
        let costs = column.costs;
        let work = if self.begun {
            self.free
        } else if self.row < column.rows {
            let filled = self.filled[self.row as usize % (2 * DEPTH)];
            if filled == NEVER { NEVER } else { self.free.max(filled + 1) }
        } else {
            NEVER
        };
        let other = self.turn.min(self.send).max(self.free);
        let now = work.min(other);
        if now == NEVER {
            return false;
        }
        self.rest(now, column);
        let works = work <= now;
        let row_ends = works && self.left == 0;
        let (turns, sends) = (self.turn <= now, self.send <= now);
        // A sum leaves in the cycle in which its weight ends, and takes that cycle from the next task.
        let stolen = u32::from(self.last == Last::Weight && now == self.free);
        let works_first = match self.last {
            Last::Turn => works,
            Last::Weight => row_ends,
            Last::Send | Last::RowEnd => false,
        };
        if !works_first && sends && !(self.last == Last::Send && turns) {
            self.send = NEVER;
            let end = now + stolen + costs.local;
            self.sends = end + costs.launch + costs.start;
            (self.free, self.last) = (end + costs.launch, Last::Send);
        } else if !works_first && turns {
            self.turn = NEVER;
            self.free = now + stolen + costs.turn;
            self.turned = (now, self.free);
            self.last = Last::Turn;
        } else if row_ends {
            self.end_row(now + stolen + costs.row_end, column);
        } else {
            self.weights(now + stolen, column);
        }
        true
    }

    /// Weights from `now` on, until all are done or another task may come between them.
    #[inline(always)]
    fn weights<F: Fn(u32) -> u32>(&mut self, now: u32, column: &Column<'_, F>) {
        let costs = column.costs;
        let first = now + costs.weight_setup + costs.weight_work;
        let each = costs.weight_setup + costs.weight_work + 1;
        let other = self.turn.min(self.send);
        let count = if other == NEVER {
            self.left
        } else {
            self.left.min(1 + other.saturating_sub(first).div_ceil(each))
        };
        self.free = first + (count - 1) * each;
        self.summed = self.free;
        self.left -= count;
        (self.last, self.begun) = (Last::Weight, true);
        if self.left == 0 {
            self.end_row(self.free + 1 + costs.row_end, column);
        }
    }

    #[inline(always)]
    fn end_row<F: Fn(u32) -> u32>(&mut self, end: u32, column: &Column<'_, F>) {
        self.ends[self.row as usize % DEPTH] = end;
        self.filled[self.row as usize % (2 * DEPTH)] = NEVER;
        self.row += 1;
        self.left = (column.count)(self.row);
        (self.free, self.last, self.begun) = (end, Last::RowEnd, false);
    }

    /// Account for the cycles before `now` in which it rests: a weight waits for its vector once the stream is there;
    /// before that, and after the last row, a microthread may be starting.
    #[inline(always)]
    fn rest<F: Fn(u32) -> u32>(&mut self, now: u32, column: &Column<'_, F>) {
        if now == self.free {
            return;
        }
        if self.row < column.rows {
            let there = (column.costs.hop + column.costs.ramp).clamp(self.free, now);
            self.latency += there - self.free;
            self.input += now - there;
        } else if self.last == Last::Send {
            self.latency += self.sends.min(now) - self.free;
        }
    }
}
