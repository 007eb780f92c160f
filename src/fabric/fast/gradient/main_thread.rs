//! The main threads of one column: row after row, each with its weights, and other tasks between them.
//!
//! A row whose vector is there takes its weights and its end. The other tasks are ends of blocks, and the one that makes
//! a column send. They are picked between two tasks of rows, so that one only delays what comes after it: before a row, or
//! after some weight of it. When an end of a block is picked must be known when it comes, although the rows until then
//! may have to wait for ends of later blocks: so rows are tried out first ([`Mains::pick_turn`]) and done when nothing
//! can come before their ends any more ([`Mains::row`]).

use crate::fabric::fast::counts::Counts;
use crate::fabric::fast::gradient::range::Before;
use crate::fabric::fast::gradient::shape::Costs;
use crate::fabric::fast::gradient::thread::Thread;
use crate::fabric::fast::source::{DEPTH, place};
use crate::fabric::fast::wide::{Lanes, Mask, Vector, Wide};

/// A task that is no row: when each lane picks it, and the cycles that it takes from what follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task<V: Vector> {
    pub(super) pick: Wide<V>,
    cost: u32,
    /// It is the end of a block, not the start of the sender.
    is_turn: bool,
}

/// How a row goes.
struct Done<V: Vector> {
    /// Cycle from which the row could start, its first pick and the cycle after its last weight.
    free: V,
    start: V,
    worked: V,
    /// Cycles of rest before it.
    rested: V,
    /// Cycles of other tasks within it, and end of the last one of them.
    shift: V,
    after: V,
    /// Where the task before it was the end of a block.
    turned: V::Lanes,
}

/// State of the main threads of a column.
#[derive(Clone, Debug)]
pub(super) struct Mains<V: Vector> {
    /// End of the last row.
    pub(super) free: Wide<V>,
    /// Other tasks whose picks are known and that some lane has not come to, in order.
    pub(super) tasks: Vec<Task<V>>,
    /// Rows that are done.
    pub(super) done: u32,
    /// Cycle in which the vector of each row was whole; end of each row.
    pub(super) filled: [Wide<V>; DEPTH],
    pub(super) ends: [Wide<V>; DEPTH],
    /// Cycle after the last sum.
    pub(super) summed: Wide<V>,
    /// Cycles in which a weight waits for its vector, and in which microthreads start.
    pub(super) input: Wide<V>,
    pub(super) latency: Wide<V>,
    /// First step of the sender.
    pub(super) sends: Wide<V>,
    /// What there was before cycles were last counted anew.
    pub(super) before: Vec<Before>,
}

/// Cycles of a row of which weights are counted by a product.
const LONG: u64 = 1 << 20;

impl Costs {
    /// Cycles of a weight and of the sum that takes a cycle from the next task.
    #[inline(always)]
    pub(super) fn each(&self) -> u32 {
        self.weight_setup + self.weight_work + 1
    }

    /// Cycles of the weights that are begun within so many cycles. A product is faster than a quotient, and the same where
    /// what is lost to rounding (the cycles times those of a weight at most, 4096) is less than 2^32.
    fn weights_in(&self, cycles: u32) -> u32 {
        let (cycles, each) = (u64::from(cycles), u64::from(self.each()));
        let share = (1 << 32) / each + 1;
        let whole = if cycles < LONG { (cycles * share) >> 32 } else { cycles / each };
        ((whole + 1) * each) as u32
    }
}

impl<V: Vector> Mains<V> {
    /// When the start is done: it launches two microthreads, and lets the first PE send.
    pub(super) fn new(column: usize, costs: &Costs) -> Self {
        let none = Wide::all(0);
        let started = costs.wait + 2 * costs.fabric.launch;
        let (sent, free) = if column == 0 {
            (started + costs.local, started + costs.local + costs.fabric.launch)
        } else {
            (0, started)
        };
        Self {
            free: Wide::all(free),
            tasks: Vec::new(),
            done: 0,
            filled: [none; DEPTH],
            ends: [none; DEPTH],
            summed: none,
            input: none,
            latency: none,
            sends: Wide::all(sent + costs.fabric.launch + costs.fabric.start),
            before: vec![Before::default(); V::LANES],
        }
    }

    /// End of what a lane has done.
    pub(super) fn finish(&self, lane: usize) -> u32 {
        self.free.at(lane).max(self.summed.at(lane))
    }

    /// Have the first of its tasks closer.
    #[inline(always)]
    pub(super) fn fetch_tasks(&self) {
        self.tasks.first().into_iter().for_each(V::fetch);
    }

    /// The vector of a row is whole.
    #[inline(always)]
    pub(super) fn fill(&mut self, row: u32, cycle: Wide<V>) {
        self.filled[place(row)] = cycle;
    }

    /// How a row of so much work goes after `free`, with the other tasks that come before it and within it.
    #[inline(always)]
    fn go(&self, row: u32, mut free: V, work: V) -> Done<V> {
        let there = self.filled[place(row)].get().plus(1);
        let (mut rested, mut turned, mut shift) = (V::all(0), V::Lanes::of(Mask::NONE), V::all(0));
        for task in &self.tasks {
            let pick: V = task.pick.get();
            let before = free.at_most(pick) & pick.at_most(there.max(free));
            rested = rested + (pick - free).in_lanes(before);
            free = pick.plus(task.cost).only(before, free);
            turned = if task.is_turn { turned | before } else { turned & !before };
        }
        let start = there.max(free);
        rested = rested + (start - free);
        let (mut worked, mut after) = (start + work, start);
        for task in &self.tasks {
            let pick: V = task.pick.get();
            let within = start.less(pick) & pick.less(worked);
            let late = V::all(task.cost).in_lanes(within);
            (worked, shift) = (worked + late, shift + late);
            after = pick.plus(1 + task.cost).only(within, after);
        }
        Done { free, start, worked, rested, shift, after, turned }
    }

    /// Do the next row; nothing that comes later comes before its end.
    #[inline(always)]
    pub(super) fn row(&mut self, column: usize, counts: &Counts<'_, V>, costs: &Costs) {
        let work = counts.of(self.done, column).times(costs.each());
        let done = self.go(self.done, self.free.get(), work);
        self.note(&done, work, costs);
    }

    /// The next row is done.
    #[inline(always)]
    fn note(&mut self, done: &Done<V>, work: V, costs: &Costs) {
        let (input, summed): (V, V) = (self.input.get(), self.summed.get());
        self.input.set(input + done.rested);
        self.summed.set(done.worked.only(V::all(0).less(work), summed));
        let free = done.worked.plus(costs.row_end);
        self.free.set(free);
        self.ends[place(self.done)].set(free);
        self.done += 1;
        while self.tasks.first().is_some_and(|task| !free.at_most(task.pick.get()).any()) {
            self.tasks.remove(0);
        }
    }

    /// The wavelet that ends a block waits from `head` on, after the first `rows` or within them: when is it picked, and
    /// when has the block ended? More rows follow if it `goes_on`.
    #[inline(always)]
    pub(super) fn pick_turn(
        &mut self,
        head: V,
        (rows, goes_on): (u32, bool),
        column: usize,
        counts: &Counts<'_, V>,
        costs: &Costs,
    ) -> (Wide<V>, Wide<V>) {
        let each = costs.each();
        // Lanes that have not picked it; the others have before a row, or within the weights of one: its start then, and
        // the cycles from there on.
        let (mut open, mut within) = (V::Lanes::of(V::ALL), V::Lanes::of(Mask::NONE));
        let (mut pick, mut from, mut cycles) = (head, head, V::all(0));
        let mut free: V = self.free.get();
        for row in self.done..rows {
            let work = counts.of(row, column).times(each);
            let done = self.go(row, free, work);
            free = done.worked.plus(costs.row_end);
            if row == self.done && !head.less(free).any() {
                self.note(&done, work, costs);
                continue;
            }
            let ready = head.max(done.free);
            // A weight that is there comes first after the end of a block.
            let works_first = done.start.at_most(ready) & done.turned;
            let before = head.at_most(done.start) & !works_first & open;
            pick = ready.only(before, pick);
            let since = head.max(done.after);
            let here = since.plus(each).less(done.worked) & !before & open;
            let start = done.start + done.shift;
            from = start.only(here, from);
            cycles = (since - start).only(here, cycles);
            (within, open) = (within | here, open & !before & !here);
            if !open.any() {
                break;
            }
        }
        if self.done == rows && goes_on {
            self.do_tasks();
            free = self.free.get();
        }
        // After the rows.
        for task in &self.tasks {
            let waits = free.at_most(task.pick.get());
            free = task.pick.get().plus(task.cost).only(waits, free);
        }
        pick = head.max(free).only(open, pick);
        let mut weights = Wide::all(0);
        if within.any() {
            weights.set(cycles);
            (0..V::LANES).for_each(|lane| weights.put(lane, costs.weights_in(weights.at(lane))));
        }
        pick = (from + weights.get() - V::all(1)).only(within, pick);
        // A sum takes a cycle from what follows its weight.
        let ended = pick.plus(costs.turn) + V::all(1).in_lanes(within);
        let (pick, ended) = (Wide::of(pick), Wide::of(ended));
        self.tasks.push(Task { pick, cost: costs.turn, is_turn: true });
        (pick, ended)
    }

    /// No row comes before the tasks that wait.
    #[inline(always)]
    fn do_tasks(&mut self) {
        let (mut free, mut input): (V, V) = (self.free.get(), self.input.get());
        for task in self.tasks.drain(..) {
            let pick: V = task.pick.get();
            let waits = free.at_most(pick);
            input = input + (pick - free).in_lanes(waits);
            free = pick.plus(task.cost).only(waits, free);
        }
        self.input.set(input);
        self.free.set(free);
    }

    /// The same in the column that sends when the block has ended, lane by lane.
    pub(super) fn pick_sender(
        &mut self,
        head: Wide<V>,
        rows: u32,
        weights: impl Fn(usize, u32) -> u32,
        costs: &Costs,
    ) -> (Wide<V>, Wide<V>) {
        let (mut turn, mut turned, mut send) = (head, head, head);
        for lane in 0..V::LANES {
            let waits =
                self.tasks.iter().map(|task| task.pick.at(lane)).filter(|&pick| pick >= self.free.at(lane));
            let mut thread = Thread::new(self.free.at(lane), waits.chain([head.at(lane)]).collect());
            for row in self.done..rows {
                thread.row(self.filled[place(row)].at(lane) + 1, weights(lane, row), costs);
            }
            thread.others(costs);
            turn.put(lane, thread.turn);
            turned.put(lane, thread.turned);
            send.put(lane, thread.sent);
            self.sends.put(lane, thread.sends);
        }
        self.tasks.push(Task { pick: turn, cost: costs.turn, is_turn: true });
        self.tasks.push(Task { pick: send, cost: costs.local + costs.fabric.launch, is_turn: false });
        (turn, turned)
    }

    /// After the last row: tasks that wait.
    pub(super) fn finish_tasks(&mut self) {
        for lane in 0..V::LANES {
            // Its sender may still have to start, if that was launched within the rows.
            let waits = |task: &Task<V>, free: u32| task.pick.at(lane) >= free;
            let free = self.free.at(lane);
            let mut starts = !self.tasks.iter().any(|task| !task.is_turn && waits(task, free));
            for task in &self.tasks {
                let (pick, free) = (task.pick.at(lane), self.free.at(lane));
                if pick >= free {
                    if starts {
                        let starts = self.sends.at(lane).clamp(free, pick) - free;
                        self.latency.put(lane, self.latency.at(lane) + starts);
                    }
                    self.free.put(lane, pick + task.cost);
                    starts = !task.is_turn;
                }
            }
        }
    }
}
