//! A row of PEs, vector by vector: each goes out from the PE that has it to all others.
//!
//! A word passes a router when it is there, the one before it has passed, links and queues have room: all of that is
//! known from words before it, in the order in which they come by, whatever the weights are. A vector is received when
//! its words are there and the slot is free, that is when the main thread is done with the row so many rows before.

use crate::fabric::fast::gradient::main_thread::{At, Mains};
use crate::fabric::fast::gradient::shape::Shape;
use crate::fabric::fast::source::{DEPTH, WIDE, before, place};
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::{LATEST, Wide};

/// Router and receiver of a column, in L lanes.
#[derive(Clone, Debug)]
struct Router<const L: usize> {
    /// When each of the last words passed it and was taken by the receiver.
    passed: [Wide<L>; DEPTH],
    taken: [Wide<L>; DEPTH],
    /// Time from which the links east and west are free, in eighths of a cycle.
    free: [Wide<L>; 2],
    /// First cycle of its switch position.
    open: Wide<L>,
    /// Cycle of the last step of the receiver.
    received: Wide<L>,
}

/// Which way a word goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    East,
    West,
}

/// A step of a vector, or the wavelet that ends a block: the vector's row, whether it is the first step of it or the
/// last, its first word and how many.
#[derive(Clone, Copy, Debug)]
struct Step {
    row: u32,
    of_vector: bool,
    opens: bool,
    closes: bool,
    word: u32,
    words: u32,
}

/// Arrivals of the words of a step at a router.
type Arrivals<const L: usize> = [Wide<L>; WIDE];

/// All columns of L runs.
pub(super) struct Row<'a, const L: usize> {
    shape: &'a Shape,
    weights: &'a [Weights<'a>; L],
    routers: Vec<Router<L>>,
    mains: Vec<Mains<L>>,
    /// Words that were sent.
    words: u32,
}

impl<'a, const L: usize> Row<'a, L> {
    pub(super) fn new(shape: &'a Shape, weights: &'a [Weights<'a>; L]) -> Self {
        let width = shape.own.len();
        let none = Wide::all(0);
        let router = Router {
            passed: [none; DEPTH],
            taken: [none; DEPTH],
            free: [none; 2],
            open: none,
            received: none,
        };
        let main = |column| Mains::new(&at(shape, weights, column));
        Self { shape, weights, routers: vec![router; width], mains: (0..width).map(main).collect(), words: 0 }
    }

    /// Run to the end; the main threads of all columns then. `None` where that takes too long.
    #[inline(always)]
    pub(super) fn run(mut self) -> Option<Vec<Mains<L>>> {
        let shape = self.shape;
        let mut row = 0;
        for sender in 0..shape.own.len() {
            let mut sent = self.sends_from(sender);
            for _ in 0..shape.own[sender] {
                self.vector(row, sender, &mut sent);
                row += 1;
            }
            self.end_block(sender, sent);
            (0..L).all(|l| self.mains[sender].finish(l) < LATEST).then_some(())?;
        }
        for column in 0..shape.own.len() {
            let at = at(shape, self.weights, column);
            // From the row on that the slowest lane may be at, one after the other.
            for row in shape.rows.saturating_sub(2 * DEPTH as u32)..shape.rows {
                self.mains[column].rows_until(row, &at);
            }
        }
        self.mains.iter().all(|mains| mains.are_through(shape.rows)).then_some(self.mains)
    }

    /// One cycle before the first step of a sender.
    fn sends_from(&mut self, sender: usize) -> Wide<L> {
        if sender == 0 {
            let at = at(self.shape, self.weights, sender);
            (0..L).for_each(|l| self.mains[sender].start_sender(l, &at));
        }
        self.mains[sender].sends.plus(u32::MAX)
    }

    /// A vector goes out.
    #[inline(always)]
    fn vector(&mut self, row: u32, sender: usize, sent: &mut Wide<L>) {
        let (costs, steps) = (&self.shape.costs, &self.shape.steps);
        for (at, &words) in steps.iter().enumerate() {
            let (opens, closes) = (at == 0, at + 1 == steps.len());
            let step = Step { row, of_vector: true, opens, closes, word: self.words, words };
            *sent = sent.max(self.passed_before(sender, step.word + words - 1, costs.output)).plus(1);
            self.pass(step, sender, [sent.plus(1 + costs.fabric.ramp); WIDE]);
            self.words += words;
        }
    }

    /// The wavelet that ends a block goes out, and every main thread takes it when it comes to that.
    #[inline(always)]
    fn end_block(&mut self, sender: usize, sent: Wide<L>) {
        let costs = &self.shape.costs;
        let word = self.words;
        let room = self.passed_before(sender, word, costs.output).plus(1);
        // With the last word, or when there is room. Without a word before it, it is the sender's first step.
        let last = if self.shape.own[sender] == 0 { sent.plus(1) } else { sent };
        let ready = last.max(room).plus(1 + costs.fabric.ramp);
        let step = Step { row: 0, of_vector: false, opens: false, closes: false, word, words: 1 };
        self.pass(step, sender, [ready; WIDE]);
        self.words += 1;
        for (column, (router, mains)) in self.routers.iter_mut().zip(&mut self.mains).enumerate() {
            let at = at(self.shape, self.weights, column);
            let there = router.passed[place(word)].plus(costs.fabric.ramp);
            let head = there.max(router.received.plus(1));
            let next = column == sender + 1;
            for l in 0..L {
                mains.end_block(l, head[l], &at);
            }
            router.taken[place(word)] = mains.taken;
            router.received = router.received.max(mains.taken.plus(u32::MAX));
            if next || column == sender {
                router.open = mains.turned.plus(1);
            }
            if next {
                (0..L).for_each(|l| mains.send(l, &at));
            }
        }
    }

    /// The receiver of a column takes the words of a step of a vector, the last of which is there from `there` on.
    #[inline(always)]
    fn take(&mut self, step: Step, column: usize, there: Wide<L>) {
        if step.of_vector {
            let at = at(self.shape, self.weights, column);
            receive(step, &at, &mut self.routers[column], &mut self.mains[column], there);
        }
    }

    /// Let the words of a step pass all routers, outwards.
    #[inline(always)]
    fn pass(&mut self, step: Step, sender: usize, ready: Arrivals<L>) {
        let width = self.routers.len();
        let costs = &self.shape.costs;
        let mut start = ready;
        // The sender's router sends to both sides at once.
        for word in 0..step.words as usize {
            let at = step.word + word as u32;
            let mut open = self.enter(sender, at, ready[word]);
            let (east, west) = (sender + 1 < width, sender > 0);
            if east {
                open = self.wait_for_link(sender, Way::East, at, open);
            }
            if west {
                open = self.wait_for_link(sender, Way::West, at, open);
            }
            if east {
                self.use_link(sender, Way::East, open);
            }
            if west {
                self.use_link(sender, Way::West, open);
            }
            self.routers[sender].passed[place(at)] = open;
            start[word] = open.plus(costs.fabric.hop);
            if word + 1 == step.words as usize {
                self.take(step, sender, open.plus(costs.fabric.ramp));
            }
        }
        for way in [Way::East, Way::West] {
            let mut arrivals = start;
            let columns = match way {
                Way::East => width - sender - 1,
                Way::West => sender,
            };
            for distance in 1..=columns {
                let (column, ends) = match way {
                    Way::East => (sender + distance, sender + distance + 1 == width),
                    Way::West => (sender - distance, sender == distance),
                };
                let mut there = Wide::all(0);
                for (at, arrival) in (step.word..).zip(&mut arrivals).take(step.words as usize) {
                    let mut open = self.enter(column, at, *arrival);
                    if !ends {
                        open = self.wait_for_link(column, way, at, open);
                        self.use_link(column, way, open);
                    }
                    self.routers[column].passed[place(at)] = open;
                    *arrival = open.plus(costs.fabric.hop);
                    there = open.plus(costs.fabric.ramp);
                }
                self.take(step, column, there);
            }
        }
    }

    /// When the word that is so many before another one passed a router.
    #[inline(always)]
    fn passed_before(&self, column: usize, word: u32, words: u32) -> Wide<L> {
        self.routers[column].passed[before(word, words)]
    }

    /// When a word that is there may pass a router, as far as the router and its input queue go.
    #[inline(always)]
    fn enter(&self, column: usize, word: u32, there: Wide<L>) -> Wide<L> {
        let router = &self.routers[column];
        let last = self.passed_before(column, word, 1);
        let room = router.taken[before(word, self.shape.costs.queue)];
        there.max(last.max(room).plus(1)).max(router.open)
    }

    /// The same of a link and the router behind it.
    #[inline(always)]
    fn wait_for_link(&self, column: usize, way: Way, word: u32, open: Wide<L>) -> Wide<L> {
        let next = if way == Way::East { column + 1 } else { column - 1 };
        let free = self.routers[column].free[way as usize].map(|free| free >> 3);
        let room = self.passed_before(next, word, self.shape.costs.fabric.lane);
        open.max(free).max(room.plus(1))
    }

    #[inline(always)]
    fn use_link(&mut self, column: usize, way: Way, passed: Wide<L>) {
        let free = &mut self.routers[column].free[way as usize];
        *free = passed.map(|passed| 8 * passed).max(*free).plus(self.shape.costs.fabric.interval);
    }
}

/// What the main threads of a column need to know.
#[inline(always)]
fn at<'a, const L: usize>(shape: &'a Shape, weights: &'a [Weights<'a>; L], column: usize) -> At<'a, L> {
    At { column, costs: &shape.costs, rows: shape.rows, weights }
}

/// A receiver takes the words of a step, which are there from `there` on.
#[inline(always)]
fn receive<const L: usize>(
    step: Step,
    at: &At<'_, L>,
    router: &mut Router<L>,
    mains: &mut Mains<L>,
    there: Wide<L>,
) {
    let mut now = there.max(router.received.plus(1));
    if step.opens && step.row >= at.costs.slots {
        now = now.max(mains.rows_until(step.row - at.costs.slots, at));
    }
    for word in step.word..step.word + step.words {
        router.taken[place(word)] = now;
    }
    router.received = now;
    if step.closes {
        mains.fill(step.row, now);
    }
}
