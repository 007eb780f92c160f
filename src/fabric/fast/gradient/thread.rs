//! One main thread, task by task: where more than the end of one block comes between its weights.

use crate::fabric::fast::gradient::shape::Costs;
use crate::fabric::fast::wide::{NEVER, Wide};

/// The task that ran last: the scheduler looks at the others from there on, in the order send, end of a block, weight,
/// end of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Send,
    Turn,
    Weight,
    RowEnd,
}

/// The main thread of one lane between two rows, and what it counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread<'a> {
    pub(super) lane: usize,
    /// Cycle of the next pick, unless it must rest.
    pub(super) free: u32,
    pub(super) last: Last,
    /// From when on wavelets that end blocks wait, in order ([`NONE`]: was taken), and the sender's task is active.
    pub(super) turns: &'a [Wide],
    pub(super) send: u32,
    /// The last of them makes the sender's task active.
    pub(super) sends_next: bool,
    /// Pick and end of the last end of a block, first step of the sender.
    pub(super) taken: u32,
    pub(super) turned: u32,
    pub(super) sends: u32,
    /// Cycles in which it rested, those of them in which the sender started, and the one after the last sum.
    pub(super) rested: u32,
    pub(super) starting: u32,
    pub(super) summed: u32,
}

/// Not a time: later than every cycle, and still a number to add to.
pub(super) const NONE: u32 = 1 << 30;

/// A row that a thread works on.
struct Row {
    /// From when on its vector is there; weights that are left.
    there: u32,
    left: u32,
    begun: bool,
    done: bool,
}

impl Thread<'_> {
    /// Do a row of so many weights, whose vector is there from `there` on, and what comes between them.
    pub(super) fn row(&mut self, there: u32, weights: u32, costs: &Costs) {
        let mut row = Row { there, left: weights, begun: false, done: false };
        while !row.done {
            self.go_on(&mut row, costs);
        }
    }

    /// Whether another task than those of rows waits.
    pub(super) fn has_others(&self) -> bool {
        self.turn().min(self.send) != NONE
    }

    /// Do the tasks that are no rows.
    pub(super) fn others(&mut self, costs: &Costs) {
        while self.has_others() {
            self.go_on(&mut Row { there: NEVER, left: 1, begun: false, done: false }, costs);
        }
    }

    /// From when on the next end of a block waits.
    fn turn(&self) -> u32 {
        self.turns.iter().map(|turn| turn[self.lane]).find(|&turn| turn != NONE).unwrap_or(NONE)
    }

    /// One task, or all weights of a row between which no other comes.
    fn go_on(&mut self, row: &mut Row, costs: &Costs) {
        let (free, turn) = (self.free, self.turn());
        let work = if row.begun { free } else { free.max(row.there) };
        let now = work.min(turn.min(self.send).max(free));
        self.rested += now - free;
        if self.last == Last::Send {
            self.starting += self.sends.clamp(free, now) - free;
        }
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
            self.send = NONE;
            self.sends = end + costs.fabric.launch + costs.fabric.start;
            (self.free, self.last) = (end + costs.fabric.launch, Last::Send);
        } else if !works_first && turns {
            let end = now + stolen + costs.turn;
            self.turns = self.turns.split_first().map_or(self.turns, |(_, others)| others);
            while self.turns.first().is_some_and(|turn| turn[self.lane] == NONE) {
                self.turns = &self.turns[1..];
            }
            (self.taken, self.turned) = (now, end);
            if self.sends_next && self.turns.is_empty() {
                self.send = end;
            }
            (self.free, self.last) = (end, Last::Turn);
        } else if row_ends {
            (self.free, self.last, row.done) = (now + stolen + costs.row_end, Last::RowEnd, true);
        } else {
            let each = costs.each();
            let first = now + stolen + each - 1;
            let other = turn.min(self.send);
            let count = row.left.min(1 + other.saturating_sub(first).div_ceil(each));
            self.free = first + (count - 1) * each;
            self.summed = self.free + 1;
            row.left -= count;
            row.begun = true;
            self.last = Last::Weight;
        }
    }
}
