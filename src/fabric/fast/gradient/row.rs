//! A row of PEs, vector by vector: each goes out from the PE that has it to all others.
//!
//! A word passes a router when it is there, the one before it has passed, links and queues have room: all of that is
//! known from words before it, in the order in which they come by, whatever the weights are. A vector is received when
//! its words are there and the slot is free, that is when the main thread is done with the row so many rows before.

use crate::fabric::fast::gradient::main_thread::{Column, Main};
use crate::fabric::fast::gradient::shape::{DEPTH, Shape, WIDE};
use crate::fabric::fast::weights::Weights;

/// Longest run that the engine's numbers hold: times are also kept in eighths of a cycle.
const LATEST: u32 = 1 << 28;

/// Router and receiver of a column, in L lanes.
#[derive(Clone, Debug)]
struct Router<const L: usize> {
    /// When each of the last words passed it and was taken by the receiver.
    passed: [[u32; L]; DEPTH],
    taken: [[u32; L]; DEPTH],
    /// Time from which the links east and west are free, in eighths of a cycle.
    free: [[u32; L]; 2],
    /// First cycle of its switch position.
    open: [u32; L],
    /// Cycle of the last step of the receiver.
    received: [u32; L],
}

/// Which way a word goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    East,
    West,
}

/// A step of a vector: its row, whether it is the first or the last, its first word and how many.
#[derive(Clone, Copy, Debug)]
struct Step {
    row: u32,
    opens: bool,
    closes: bool,
    word: u32,
    words: u32,
}

/// Arrivals of the words of a step at a router.
type Arrivals<const L: usize> = [[u32; L]; WIDE];

/// All columns of L runs.
pub(super) struct Row<'a, const L: usize> {
    shape: &'a Shape,
    weights: &'a [Weights<'a>; L],
    routers: Vec<Router<L>>,
    mains: Vec<[Main; L]>,
    /// Words that were sent.
    words: u32,
}

/// Place of a word in a ring of `depth` words, a power of two.
#[inline(always)]
fn ring(word: u32, depth: u32) -> usize {
    (word & (depth - 1)) as usize % DEPTH
}

impl<'a, const L: usize> Row<'a, L> {
    pub(super) fn new(shape: &'a Shape, weights: &'a [Weights<'a>; L]) -> Self {
        let width = shape.own.len();
        let router = Router {
            passed: [[0; L]; DEPTH],
            taken: [[0; L]; DEPTH],
            free: [[0; L]; 2],
            open: [0; L],
            received: [0; L],
        };
        let main = |column| {
            std::array::from_fn(|l| Main::new(&shape.costs, column == 0, weights[l].count(0, column)))
        };
        Self { shape, weights, routers: vec![router; width], mains: (0..width).map(main).collect(), words: 0 }
    }

    /// Run to the end; the main threads of all columns then. `None` where that takes too long.
    #[inline(always)]
    pub(super) fn run(mut self) -> Option<Vec<[Main; L]>> {
        let shape = self.shape;
        let mut row = 0;
        for sender in 0..shape.own.len() {
            let mut sent = self.sends_from(sender);
            for _ in 0..shape.own[sender] {
                self.vector(row, sender, &mut sent);
                row += 1;
            }
            self.end_block(sender, &sent);
            self.mains[sender].iter().all(|main| main.finish() < LATEST).then_some(())?;
        }
        for column in 0..shape.own.len() {
            for l in 0..L {
                self.main(column, l, |main, at| main.rows_until(shape.rows - 1, at));
            }
        }
        self.mains.iter().flatten().all(|main| main.row == shape.rows).then_some(self.mains)
    }

    /// Do something with a main thread.
    #[inline(always)]
    fn main<T>(
        &mut self,
        column: usize,
        l: usize,
        act: impl FnOnce(&mut Main, &Column<'_, &dyn Fn(u32) -> u32>) -> T,
    ) -> T {
        let weights = &self.weights[l];
        let count = |row| weights.count(row, column);
        let at =
            Column { costs: &self.shape.costs, rows: self.shape.rows, count: &count as &dyn Fn(u32) -> u32 };
        act(&mut self.mains[column][l], &at)
    }

    /// One cycle before the first step of a sender.
    fn sends_from(&mut self, sender: usize) -> [u32; L] {
        std::array::from_fn(|l| {
            if sender == 0 {
                self.main(sender, l, |main, at| main.start_sender(at));
            }
            self.mains[sender][l].sends - 1
        })
    }

    /// A vector goes out.
    #[inline(always)]
    fn vector(&mut self, row: u32, sender: usize, sent: &mut [u32; L]) {
        let (costs, steps) = (&self.shape.costs, &self.shape.steps);
        for (at, &words) in steps.iter().enumerate() {
            let step = Step { row, opens: at == 0, closes: at + 1 == steps.len(), word: self.words, words };
            let room = self.routers[sender].passed[ring(step.word + words - 1, costs.output)];
            for l in 0..L {
                sent[l] = (sent[l] + 1).max(room[l] + 1);
            }
            let ready = sent.map(|sent| sent + 1 + costs.ramp);
            self.spread(step, sender, [ready; WIDE]);
            self.words += words;
        }
    }

    /// The wavelet that ends a block goes out, and every main thread takes it when it comes to that.
    fn end_block(&mut self, sender: usize, sent: &[u32; L]) {
        let costs = &self.shape.costs;
        let word = self.words;
        let room = self.routers[sender].passed[ring(word, costs.output)];
        let mut ready = [0; L];
        for l in 0..L {
            // With the last word, or when there is room. Without a word before it, it is the sender's first step.
            let last = if self.shape.own[sender] == 0 { sent[l] + 1 } else { sent[l] };
            ready[l] = last.max(room[l] + 1) + 1 + costs.ramp;
        }
        let step = Step { row: 0, opens: false, closes: false, word, words: 1 };
        self.pass(step, sender, [ready; WIDE], |_, _, _| ());
        self.words += 1;
        for column in 0..self.routers.len() {
            for l in 0..L {
                let router = &self.routers[column];
                let there = router.passed[ring(word, DEPTH as u32)][l] + costs.ramp;
                let head = there.max(router.received[l] + 1);
                let next = column == sender + 1;
                let (taken, done) = self.main(column, l, |main, at| {
                    main.end_block(head, at);
                    if next {
                        main.send(at);
                    }
                    main.turned
                });
                let router = &mut self.routers[column];
                router.taken[ring(word, costs.queue)][l] = taken;
                router.received[l] = router.received[l].max(taken - 1);
                if next || column == sender {
                    router.open[l] = done + 1;
                }
            }
        }
    }

    /// The words of a step go to all columns, and every receiver takes them.
    #[inline(always)]
    fn spread(&mut self, step: Step, sender: usize, ready: Arrivals<L>) {
        let (shape, weights) = (self.shape, self.weights);
        let mut mains = std::mem::take(&mut self.mains);
        self.pass(step, sender, ready, |column, router, there| {
            receive(step, shape, (column, weights), router, &mut mains[column], there);
        });
        self.mains = mains;
    }

    /// Let the words of a step pass all routers, outwards; `take` hears of each router and when the last word is there.
    #[inline(always)]
    fn pass(
        &mut self,
        step: Step,
        sender: usize,
        ready: Arrivals<L>,
        mut take: impl FnMut(usize, &mut Router<L>, &[u32; L]),
    ) {
        let width = self.routers.len();
        let costs = &self.shape.costs;
        let mut arrivals = ready;
        // The sender's router sends to both sides at once.
        for word in 0..step.words as usize {
            let at = step.word + word as u32;
            let mut open = self.enter(sender, at, &arrivals[word]);
            let east = (sender + 1 < width).then_some(Way::East);
            let ways = [east, (sender > 0).then_some(Way::West)];
            for way in ways.into_iter().flatten() {
                self.wait_for_link(sender, way, at, &mut open);
            }
            for way in ways.into_iter().flatten() {
                self.use_link(sender, way, &open);
            }
            self.routers[sender].passed[ring(at, DEPTH as u32)] = open;
            arrivals[word] = open;
        }
        let there = arrivals[step.words as usize - 1].map(|passed| passed + costs.ramp);
        take(sender, &mut self.routers[sender], &there);
        let start = arrivals.map(|word| word.map(|passed| passed + costs.hop));
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
                let mut there = [0; L];
                for word in 0..step.words as usize {
                    let at = step.word + word as u32;
                    let mut open = self.enter(column, at, &arrivals[word]);
                    if !ends {
                        self.wait_for_link(column, way, at, &mut open);
                        self.use_link(column, way, &open);
                    }
                    self.routers[column].passed[ring(at, DEPTH as u32)] = open;
                    for l in 0..L {
                        arrivals[word][l] = open[l] + costs.hop;
                        there[l] = open[l] + costs.ramp;
                    }
                }
                take(column, &mut self.routers[column], &there);
            }
        }
    }

    /// When a word that is there may pass a router, as far as the router and its input queue go.
    #[inline(always)]
    fn enter(&self, column: usize, word: u32, there: &[u32; L]) -> [u32; L] {
        let router = &self.routers[column];
        let before = &router.passed[ring(word + DEPTH as u32 - 1, DEPTH as u32)];
        let room = &router.taken[ring(word, self.shape.costs.queue)];
        let mut open = [0; L];
        for l in 0..L {
            open[l] = there[l].max(before[l] + 1).max(room[l] + 1).max(router.open[l]);
        }
        open
    }

    /// The same of a link and the router behind it.
    #[inline(always)]
    fn wait_for_link(&self, column: usize, way: Way, word: u32, open: &mut [u32; L]) {
        let next = if way == Way::East { column + 1 } else { column - 1 };
        let free = &self.routers[column].free[way as usize];
        let room =
            &self.routers[next].passed[ring(word + DEPTH as u32 - self.shape.costs.lane, DEPTH as u32)];
        for l in 0..L {
            open[l] = open[l].max(free[l] >> 3).max(room[l] + 1);
        }
    }

    #[inline(always)]
    fn use_link(&mut self, column: usize, way: Way, passed: &[u32; L]) {
        let free = &mut self.routers[column].free[way as usize];
        for l in 0..L {
            free[l] = (8 * passed[l]).max(free[l]) + self.shape.costs.interval;
        }
    }
}

/// A receiver takes the words of a step, which are there from `there` on.
#[inline(always)]
fn receive<const L: usize>(
    step: Step,
    shape: &Shape,
    (column, weights): (usize, &[Weights<'_>; L]),
    router: &mut Router<L>,
    mains: &mut [Main; L],
    there: &[u32; L],
) {
    let costs = &shape.costs;
    let mut now = [0; L];
    for l in 0..L {
        now[l] = there[l].max(router.received[l] + 1);
    }
    if step.opens && step.row >= costs.slots {
        let row = step.row - costs.slots;
        for l in 0..L {
            let count = |row| weights[l].count(row, column);
            mains[l].rows_until(row, &Column { costs, rows: shape.rows, count });
            now[l] = now[l].max(mains[l].end_of(row));
        }
    }
    for word in step.word..step.word + step.words {
        router.taken[ring(word, costs.queue)] = now;
    }
    router.received = now;
    if step.closes {
        for l in 0..L {
            mains[l].fill(step.row, now[l]);
        }
    }
}
