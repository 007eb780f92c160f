//! One main thread, task by task: in the column that sends next, where one more task comes.

use crate::fabric::fast::gradient::shape::Costs;
use crate::fabric::fast::wide::NEVER;

/// The task that ran last: the scheduler looks at the others from there on, in the order send, end of a block, weight,
/// end of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Send,
    Turn,
    Weight,
    RowEnd,
}

/// The main thread of one lane, from between two rows on.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    /// Cycle of the next pick, unless it must rest.
    free: u32,
    last: Last,
    /// From when on wavelets that end blocks wait, in order; the last one makes the sender's task active.
    turns: Vec<u32>,
    /// How many of them were taken.
    taken: usize,
    /// From when on the sender's task is active.
    send: u32,
    /// Pick and end of the last end of a block, pick of the sender's task, and the sender's first step.
    pub(super) turn: u32,
    pub(super) turned: u32,
    pub(super) sent: u32,
    pub(super) sends: u32,
}

/// A row that a thread works on.
struct Row {
    /// From when on its vector is there; weights that are left.
    there: u32,
    left: u32,
    begun: bool,
    done: bool,
}

impl Thread {
    /// A thread whose row ends in `free`.
    pub(super) fn new(free: u32, turns: Vec<u32>) -> Self {
        Self {
            free,
            last: Last::RowEnd,
            turns,
            taken: 0,
            send: NEVER,
            turn: NEVER,
            turned: NEVER,
            sent: NEVER,
            sends: NEVER,
        }
    }

    /// Do a row of so many weights, whose vector is there from `there` on, and what comes between them.
    pub(super) fn row(&mut self, there: u32, weights: u32, costs: &Costs) {
        let mut row = Row { there, left: weights, begun: false, done: false };
        while !row.done {
            self.go_on(&mut row, costs);
        }
    }

    /// Do the tasks that are no rows.
    pub(super) fn others(&mut self, costs: &Costs) {
        while self.sends == NEVER {
            self.go_on(&mut Row { there: NEVER, left: 1, begun: false, done: false }, costs);
        }
    }

    /// One task, or all weights of a row between which no other comes.
    fn go_on(&mut self, row: &mut Row, costs: &Costs) {
        let (free, turn) = (self.free, self.turns.get(self.taken).copied().unwrap_or(NEVER));
        let work = if row.begun { free } else { free.max(row.there) };
        let now = work.min(turn.min(self.send).max(free));
        let works = work <= now;
        let row_ends = works && row.left == 0;
        let (turns, sends) = (turn <= now, self.send <= now);
        // A sum leaves in the cycle in which its weight ends, and takes that cycle from the next task.
        let stolen = u32::from(self.last == Last::Weight && now == free);
        let works_first = match self.last {
            Last::Turn => works,
            Last::Weight => row_ends,
            Last::Send | Last::RowEnd => false,
        };
        if !works_first && sends && !(self.last == Last::Send && turns) {
            let end = now + stolen + costs.local;
            (self.sent, self.send) = (now, NEVER);
            self.sends = end + costs.fabric.launch + costs.fabric.start;
            (self.free, self.last) = (end + costs.fabric.launch, Last::Send);
        } else if !works_first && turns {
            self.taken += 1;
            (self.turn, self.turned) = (now, now + stolen + costs.turn);
            (self.free, self.last) = (self.turned, Last::Turn);
            if self.taken == self.turns.len() {
                self.send = self.turned;
            }
        } else if row_ends {
            (self.free, self.last, row.done) = (now + stolen + costs.row_end, Last::RowEnd, true);
        } else {
            let each = costs.each();
            let first = now + stolen + each - 1;
            let other = turn.min(self.send);
            let count = row.left.min(1 + other.saturating_sub(first).div_ceil(each));
            self.free = first + (count - 1) * each;
            row.left -= count;
            (row.begun, self.last) = (true, Last::Weight);
        }
    }
}
