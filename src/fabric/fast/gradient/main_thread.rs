//! The main threads of one column: row after row, each with its weights, and the ends of blocks between them.
//!
//! A row whose vector is there takes its weights and its end. The end of a block is taken between two tasks, so that it
//! only delays what comes after it: before a row, or after some weight of it. All lanes do that at once; where more than
//! one other task comes within a row, a lane goes task by task ([`Thread`]).
//!
//! The end of a block must be known when it comes, although the end of the next one may come before the rows until then
//! are done. So it is tried out from the last row on that is done ([`Mains::try_turn`]), and counts when rows are done.

use std::ops::Range;

use crate::fabric::fast::LANES;
use crate::fabric::fast::gradient::shape::Costs;
use crate::fabric::fast::gradient::thread::{Last, NONE, Thread};
use crate::fabric::fast::source::{DEPTH, place};
use crate::fabric::fast::weights::Count;
use crate::fabric::fast::wide::Wide;

/// Where main threads stand between two rows.
#[derive(Clone, Debug)]
struct Pace {
    /// Cycle of the next pick, unless a main thread must rest.
    free: Wide,
    /// The task that ran last, as a [`Last`].
    last: Wide,
    /// From when on wavelets that end blocks wait, in order ([`NONE`]: was taken).
    turns: Vec<Wide>,
    /// From when on the sender's task is active.
    send: Wide,
    /// Whether any of these waits.
    has_others: bool,
    /// Pick and end of the last end of a block.
    taken: Wide,
    turned: Wide,
}

/// How a row went.
struct Done {
    /// Cycles of rest.
    rested: Wide,
    /// Cycle after the last sum, where there was any.
    summed: Wide,
}

/// State of the main threads of a column.
#[derive(Clone, Debug)]
pub(in crate::fabric::fast) struct Mains {
    pace: Pace,
    /// Cycle in which the vector of each row was whole; end of each row.
    filled: [Wide; DEPTH],
    pub(super) ends: [Wide; DEPTH],
    /// First step of the sender.
    pub(super) sends: Wide,
    /// Cycle after the last sum.
    pub(super) summed: Wide,
    /// Cycles in which a weight waits for its vector, and in which microthreads start.
    pub(super) input: Wide,
    pub(super) latency: Wide,
}

/// When the end of a block was taken, and its task done; both go with it until it counts.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pace: Pace,
    /// Lanes that have not come to it.
    pub(super) is_open: bool,
}

impl Costs {
    /// Cycles of a weight and of the sum that takes a cycle from the next task.
    #[inline(always)]
    pub(super) fn each(&self) -> u32 {
        self.weight_setup + self.weight_work + 1
    }
}

impl Pace {
    /// Do a row of so much work, whose vector is there from `there` on.
    #[inline(always)]
    fn row(&mut self, there: Wide, work: Wide, costs: &Costs) -> Done {
        let start = there.max(self.free);
        let rested = start - self.free;
        let summed = start + work;
        self.free = summed.plus(costs.row_end);
        self.last = Wide::all(Last::RowEnd as u32);
        Done { rested, summed }
    }

    /// The same where ends of blocks wait.
    #[inline(always)]
    fn row_and_turn(&mut self, there: Wide, work: Wide, costs: &Costs) -> Done {
        let (free, each) = (self.free, costs.each());
        let (mut turn, mut next) = (Wide::all(NONE), Wide::all(NONE));
        for &other in &self.turns {
            next = next.min(turn.max(other));
            turn = turn.min(other);
        }
        let (starts, turns) = (there.max(free), turn.max(free));
        // A weight that is there comes first after the end of a block.
        let turned_last = self.last.map(|last| u32::from(last == Last::Turn as u32));
        let works_first = starts.zip(turns, |starts, turns| u32::from(starts <= turns));
        let works_first = works_first.zip(turned_last, |works, turned| works & turned);
        let before = turn.zip(starts, |turn, starts| u32::from(turn <= starts));
        let before = before.zip(works_first, |before, works| before & (1 - works));
        let start = there.max(turns.plus(costs.turn).or_else(before, free));
        let rested = start - free - before.map(|before| before * costs.turn);
        // Not before the row: after a weight that is not the last one, or after the row.
        let since = turn.max(start);
        let within = since.zip(start + work, |since, worked| u32::from(since + each < worked));
        let within = within.zip(before, |within, before| within & (1 - before));
        let mut taken = turns;
        if within.any() {
            let weights = (since - start).map(|cycles| cycles / each + 1);
            let picked = start + weights.map(|weights| weights * each);
            taken = picked.plus(u32::MAX).or_else(within, turns);
        }
        let done = before.zip(within, |before, within| before | within);
        // What comes within a row delays its end.
        let summed = start + work + within.map(|within| within * costs.turn);
        let end = summed.plus(costs.row_end);
        let mut made = Done { rested, summed };
        let crowded = next.zip(end, |next, end| u32::from(next <= end));
        let crowded = crowded.zip(self.send, |crowded, send| crowded | u32::from(send != NONE));
        if crowded.any() {
            for lane in (0..LANES).filter(|&lane| crowded[lane] != 0) {
                self.row_of_lane(lane, there[lane], work[lane] / each, costs, &mut made);
            }
        }
        let alone = crowded.map(|crowded| 1 - crowded);
        let done = done.zip(alone, |done, alone| done & alone);
        self.taken = taken.or_else(done, self.taken);
        self.turned = (taken + within).plus(costs.turn).or_else(done, self.turned);
        for other in &mut self.turns {
            let gone =
                other.zip(turn, |other, turn| u32::from(other == turn)).zip(done, |gone, done| gone & done);
            *other = Wide::all(NONE).or_else(gone, *other);
        }
        self.turns.retain(|turn| *turn != Wide::all(NONE));
        self.has_others = !self.turns.is_empty() || self.send != Wide::all(NONE);
        self.free = end.or_else(alone, self.free);
        self.last = Wide::all(Last::RowEnd as u32);
        made
    }

    /// The main thread of one lane.
    fn thread(&self, lane: usize, sends_next: bool) -> Thread<'_> {
        let known = [Last::Send, Last::Turn, Last::Weight, Last::RowEnd];
        let last = known.into_iter().find(|&last| last as u32 == self.last[lane]);
        let taken = self.turns.iter().take_while(|turn| turn[lane] == NONE).count();
        Thread {
            lane,
            free: self.free[lane],
            last: last.unwrap_or(Last::RowEnd),
            turns: &self.turns[taken..],
            send: self.send[lane],
            sends_next,
            taken: self.taken[lane],
            turned: self.turned[lane],
            sends: 0,
            rested: 0,
            starting: 0,
            summed: 0,
        }
    }

    /// Do a row in one lane, task by task.
    fn row_of_lane(&mut self, lane: usize, there: u32, weights: u32, costs: &Costs, made: &mut Done) {
        let mut thread = self.thread(lane, false);
        thread.row(there, weights, costs);
        let Thread { free, send, taken, turned, rested, summed, turns, .. } = thread;
        let left = turns.len();
        (self.free[lane], self.send[lane]) = (free, send);
        (self.taken[lane], self.turned[lane]) = (taken, turned);
        (made.rested[lane], made.summed[lane]) = (rested, summed);
        let count = self.turns.len();
        self.turns[..count - left].iter_mut().for_each(|turn| turn[lane] = NONE);
    }
}

impl Mains {
    /// When the start is done: it launches two microthreads, and lets the first PE send.
    pub(super) fn new(column: usize, costs: &Costs) -> Self {
        let none = Wide::all(0);
        let started = 2 * costs.fabric.launch;
        let sent = if column == 0 { started + costs.local } else { 0 };
        let free = started.max(sent + costs.fabric.launch * u32::from(column == 0));
        // Until the stream is there, a rest is no wait for a vector.
        let latency = (costs.fabric.hop + costs.fabric.ramp).saturating_sub(free);
        let pace = Pace {
            free: Wide::all(free),
            last: Wide::all(if column == 0 { Last::Send } else { Last::RowEnd } as u32),
            turns: Vec::new(),
            send: Wide::all(NONE),
            has_others: false,
            taken: none,
            turned: none,
        };
        Self {
            pace,
            filled: [none; DEPTH],
            ends: [none; DEPTH],
            sends: Wide::all(sent + costs.fabric.launch + costs.fabric.start),
            summed: none,
            input: none - Wide::all(latency),
            latency: Wide::all(latency),
        }
    }

    /// End of what a lane has done.
    pub(super) fn finish(&self, lane: usize) -> u32 {
        self.pace.free[lane].max(self.summed[lane])
    }

    /// The vector of a row is whole.
    #[inline(always)]
    pub(super) fn fill(&mut self, row: u32, cycle: Wide) {
        self.filled[place(row)] = cycle;
    }

    /// Do a row; nothing that comes later comes before its end.
    #[inline(always)]
    pub(super) fn row(&mut self, row: u32, count: &Count, costs: &Costs) {
        let there = self.filled[place(row)].plus(1);
        let work = count.wide().map(|count| count * costs.each());
        let done = if self.pace.has_others {
            self.pace.row_and_turn(there, work, costs)
        } else {
            self.pace.row(there, work, costs)
        };
        self.input = self.input + done.rested;
        self.summed = done.summed.or_else(work, self.summed);
        self.ends[place(row)] = self.pace.free;
    }

    /// The wavelet that ends a block waits from `head` on: see when it is taken.
    #[inline(always)]
    pub(super) fn try_turn(&mut self, head: Wide, trial: &mut Trial) {
        self.pace.turns.push(head);
        self.pace.has_others = true;
        trial.pace.clone_from(&self.pace);
        trial.is_open = true;
    }

    /// See whether it is taken before the end of a row.
    #[inline(always)]
    pub(super) fn try_row(&self, row: u32, count: &Count, trial: &mut Trial, costs: &Costs) {
        if trial.is_open {
            let there = self.filled[place(row)].plus(1);
            trial.pace.row_and_turn(there, count.wide().map(|count| count * costs.each()), costs);
            trial.is_open = !trial.pace.turns.is_empty();
        }
    }

    /// The column sends when the block has ended: see when, with the rows before it.
    pub(super) fn try_sender(
        &mut self,
        rows: Range<u32>,
        weights: impl Fn(usize, u32) -> u32,
        trial: &mut Trial,
        costs: &Costs,
    ) {
        for lane in 0..LANES {
            let mut thread = self.pace.thread(lane, true);
            for row in rows.clone() {
                if thread.has_others() {
                    thread.row(self.filled[place(row)][lane] + 1, weights(lane, row), costs);
                }
            }
            thread.others(costs);
            (trial.pace.taken[lane], trial.pace.turned[lane]) = (thread.taken, thread.turned);
            self.sends[lane] = thread.sends;
        }
        self.pace.send = trial.pace.turned;
        trial.is_open = false;
    }

    /// After the last row: ends of blocks that wait.
    pub(super) fn finish_turns(&mut self, costs: &Costs) {
        for lane in 0..LANES {
            let mut thread = self.pace.thread(lane, false);
            thread.sends = self.sends[lane];
            thread.others(costs);
            self.latency[lane] += thread.starting;
            self.pace.free[lane] = thread.free;
        }
    }
}

impl Trial {
    /// Before the first block.
    pub(super) fn new(column: usize, costs: &Costs) -> Self {
        Self { pace: Mains::new(column, costs).pace, is_open: false }
    }

    /// When it was taken and when its task was done, if no row comes before it any more.
    #[inline(always)]
    pub(super) fn result(&mut self, costs: &Costs) -> (Wide, Wide) {
        let pace = &mut self.pace;
        if self.is_open {
            for lane in 0..LANES {
                let mut thread = pace.thread(lane, false);
                thread.others(costs);
                (pace.taken[lane], pace.turned[lane]) = (thread.taken, thread.turned);
            }
        }
        (pace.taken, pace.turned)
    }
}
