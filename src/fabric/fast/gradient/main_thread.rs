//! The main threads of one column: row after row, each with its weights, and other tasks between them.
//!
//! A row whose vector is there takes its weights and its end. The other tasks are ends of blocks, and the one that makes
//! a column send. They are picked between two tasks of rows, so that one only delays what comes after it: before a row, or
//! after some weight of it. When an end of a block is picked must be known when it comes, although the rows until then
//! may have to wait for ends of later blocks: so rows are tried out first ([`Mains::pick_turn`]) and done when nothing
//! can come before their ends any more ([`Mains::row`]).

use std::ops::Range;

use crate::fabric::fast::LANES;
use crate::fabric::fast::gradient::shape::Costs;
use crate::fabric::fast::gradient::thread::Thread;
use crate::fabric::fast::source::{DEPTH, place};
use crate::fabric::fast::weights::Counts;
use crate::fabric::fast::wide::{NEVER, Wide};

/// A task that is no row: when each lane picks it, and the cycles that it takes from what follows.
#[derive(Clone, Copy, Debug)]
struct Task {
    pick: Wide,
    cost: u32,
    /// It is the end of a block, not the start of the sender.
    is_turn: bool,
}

/// How a row goes.
struct Done {
    /// Cycle from which the row could start, its first pick and the cycle after its last weight.
    free: Wide,
    start: Wide,
    worked: Wide,
    /// Cycles of rest before it.
    rested: Wide,
    /// Cycles of other tasks within it, and end of the last one of them.
    shift: Wide,
    after: Wide,
    /// The task before it was the end of a block.
    turned: Wide,
}

/// State of the main threads of a column.
#[derive(Clone, Debug)]
pub(in crate::fabric::fast) struct Mains {
    /// End of the last row.
    free: Wide,
    /// Other tasks whose picks are known and that some lane has not come to, in order.
    tasks: Vec<Task>,
    /// Cycle in which the vector of each row was whole; end of each row.
    filled: [Wide; DEPTH],
    pub(super) ends: [Wide; DEPTH],
    /// Cycle after the last sum.
    pub(super) summed: Wide,
    /// Cycles in which a weight waits for its vector, and in which microthreads start.
    pub(super) input: Wide,
    pub(super) latency: Wide,
    /// First step of the sender.
    pub(super) sends: Wide,
}

/// Cycles of a row of which weights are counted by a product.
const LONG: u64 = 1 << 20;

impl Costs {
    /// Cycles of a weight and of the sum that takes a cycle from the next task.
    #[inline(always)]
    pub(super) fn each(&self) -> u32 {
        self.weight_setup + self.weight_work + 1
    }

    /// Whole weights in so many cycles. A product is faster than a quotient, and the same where what is lost to rounding
    /// (the cycles times those of a weight at most, 4096) is less than 2^32.
    #[inline(always)]
    fn weights_in(&self, cycles: Wide) -> Wide {
        let each = u64::from(self.each());
        let share = (1 << 32) / each + 1;
        cycles.map(|cycles| {
            let cycles = u64::from(cycles);
            if cycles < LONG { ((cycles * share) >> 32) as u32 } else { (cycles / each) as u32 }
        })
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
        Self {
            free: Wide::all(free),
            tasks: Vec::new(),
            filled: [none; DEPTH],
            ends: [none; DEPTH],
            summed: none,
            input: none - Wide::all(latency),
            latency: Wide::all(latency),
            sends: Wide::all(sent + costs.fabric.launch + costs.fabric.start),
        }
    }

    /// End of what a lane has done.
    pub(super) fn finish(&self, lane: usize) -> u32 {
        self.free[lane].max(self.summed[lane])
    }

    /// The vector of a row is whole.
    #[inline(always)]
    pub(super) fn fill(&mut self, row: u32, cycle: Wide) {
        self.filled[place(row)] = cycle;
    }

    /// How a row of so much work goes after `free`, with the other tasks that come before it and within it.
    #[inline(always)]
    fn go(&self, row: u32, mut free: Wide, work: Wide) -> Done {
        let there = self.filled[place(row)].plus(1);
        let (mut rested, mut turned, mut shift) = (Wide::all(0), Wide::all(0), Wide::all(0));
        for task in &self.tasks {
            let start = there.max(free);
            let before = task.pick.zip(free, |pick, free| u32::from(pick >= free));
            let before =
                before.zip(task.pick.zip(start, |pick, start| u32::from(pick <= start)), |a, b| a & b);
            rested = rested + (task.pick - free).or_else(before, Wide::all(0));
            free = task.pick.plus(task.cost).or_else(before, free);
            turned = Wide::all(u32::from(task.is_turn)).or_else(before, turned);
        }
        let start = there.max(free);
        rested = rested + (start - free);
        let (mut worked, mut after) = (start + work, start);
        for task in &self.tasks {
            let within = task.pick.zip(start, |pick, start| u32::from(pick > start));
            let within =
                within.zip(task.pick.zip(worked, |pick, worked| u32::from(pick < worked)), |a, b| a & b);
            let late = within.map(|within| within * task.cost);
            (worked, shift) = (worked + late, shift + late);
            after = task.pick.plus(1 + task.cost).or_else(within, after);
        }
        Done { free, start, worked, rested, shift, after, turned }
    }

    /// Do a row; nothing that comes later comes before its end.
    #[inline(always)]
    pub(super) fn row(&mut self, row: u32, column: usize, counts: &Counts, costs: &Costs) {
        let work = counts.of(row, column).map(|count| count * costs.each());
        let done = self.go(row, self.free, work);
        self.input = self.input + done.rested;
        self.summed = done.worked.or_else(work, self.summed);
        self.free = done.worked.plus(costs.row_end);
        self.ends[place(row)] = self.free;
        while let Some(task) = self.tasks.first() {
            if task.pick.zip(self.free, |pick, free| u32::from(pick >= free)).any() {
                break;
            }
            self.tasks.remove(0);
        }
    }

    /// The wavelet that ends a block waits from `head` on, after `rows` or within them: when is it picked,
    /// and when has the block ended?
    #[inline(always)]
    pub(super) fn pick_turn(
        &mut self,
        head: Wide,
        rows: Range<u32>,
        column: usize,
        counts: &Counts,
        costs: &Costs,
    ) -> (Wide, Wide) {
        let each = costs.each();
        let (mut free, mut open) = (self.free, Wide::all(1));
        // Where it is picked at once, and else the start of the weights before it and the cycles from there on.
        let (mut pick, mut from, mut cycles) = (Wide::all(NEVER), Wide::all(0), Wide::all(0));
        for row in rows {
            let done = self.go(row, free, counts.of(row, column).map(|count| count * each));
            let ready = head.max(done.free);
            // A weight that is there comes first after the end of a block.
            let works_first = done.start.zip(ready, |start, ready| u32::from(start <= ready));
            let works_first = works_first.zip(done.turned, |works, turned| works & turned);
            let before = head.zip(done.start, |head, start| u32::from(head <= start));
            let before = before.zip(works_first, |before, works| before & (1 - works));
            let since = head.max(done.after);
            let within = since.zip(done.worked, |since, worked| u32::from(since + each < worked));
            let within = within.zip(before, |within, before| within & (1 - before));
            pick = ready.or_else(before.zip(open, |before, open| before & open), pick);
            let chosen = within.zip(open, |within, open| within & open);
            from = (done.start + done.shift).or_else(chosen, from);
            cycles = (since - done.start - done.shift).or_else(chosen, cycles);
            open = open
                .zip(before, |open, before| open & (1 - before))
                .zip(within, |open, within| open & (1 - within));
            free = done.worked.plus(costs.row_end);
            if !open.any() {
                break;
            }
        }
        // After the rows.
        let mut last = free;
        for task in &self.tasks {
            let waits = task.pick.zip(last, |pick, free| u32::from(pick >= free));
            last = task.pick.plus(task.cost).or_else(waits, last);
        }
        pick = head.max(last).or_else(open, pick);
        let within = from.zip(pick, |from, pick| u32::from(from != 0 && pick == NEVER));
        let weights = costs.weights_in(cycles).map(|weights| (weights + 1).wrapping_mul(each));
        let pick = (from + weights).plus(u32::MAX).or_else(within, pick);
        self.tasks.push(Task { pick, cost: costs.turn, is_turn: true });
        // A sum takes a cycle from what follows its weight.
        (pick, pick.plus(costs.turn) + within)
    }

    /// The same in the column that sends when the block has ended, lane by lane.
    pub(super) fn pick_sender(
        &mut self,
        head: Wide,
        rows: Range<u32>,
        weights: impl Fn(usize, u32) -> u32,
        costs: &Costs,
    ) -> (Wide, Wide) {
        let (mut turn, mut turned, mut send) = (head, head, head);
        for lane in 0..LANES {
            let waits = self.tasks.iter().map(|task| task.pick[lane]).filter(|&pick| pick >= self.free[lane]);
            let mut thread = Thread::new(self.free[lane], waits.chain([head[lane]]).collect());
            for row in rows.clone() {
                thread.row(self.filled[place(row)][lane] + 1, weights(lane, row), costs);
            }
            thread.others(costs);
            (turn[lane], turned[lane]) = (thread.turn, thread.turned);
            (send[lane], self.sends[lane]) = (thread.sent, thread.sends);
        }
        self.tasks.push(Task { pick: turn, cost: costs.turn, is_turn: true });
        self.tasks.push(Task { pick: send, cost: costs.local + costs.fabric.launch, is_turn: false });
        (turn, turned)
    }

    /// After the last row: tasks that wait.
    pub(super) fn finish_tasks(&mut self) {
        for lane in 0..LANES {
            let mut starts = false;
            for task in &self.tasks {
                let (pick, free) = (task.pick[lane], self.free[lane]);
                if pick >= free {
                    if starts {
                        self.latency[lane] += self.sends[lane].clamp(free, pick) - free;
                    }
                    self.free[lane] = pick + task.cost;
                    starts = !task.is_turn;
                }
            }
        }
    }
}
