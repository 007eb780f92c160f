//! Down a column: a PE takes its share and then hands on what is for the rows below it.

use std::ops::Range;

use crate::fabric::fast::alone::Alone;
use crate::fabric::fast::column::shape::Shape;
use crate::fabric::fast::column::{Ended, Row, Times, hold, room};
use crate::fabric::fast::link::Link;
use crate::fabric::fast::source::{DEPTH, WIDE};

/// One PE under way.
#[derive(Clone, Copy)]
struct Pe {
    /// When words went down the ramp, were taken, and left for the next row.
    down: Times,
    taken: Times,
    left: Times,
    link: Link<Alone>,
    /// Words that have come, and the step that they make: its words so far, and its number in the share.
    come: u32,
    words: u32,
    step: usize,
    /// First cycle of the next step.
    from: u32,
    /// Words for the rows below.
    others: u32,
    row: Row,
}

/// Words of a step that come to a row.
struct Step {
    to: usize,
    /// When they left the row above.
    left: [u32; WIDE],
    /// Those that have not come.
    words: Range<usize>,
}

/// Run to the end.
pub(super) fn run(shape: &Shape) -> Ended {
    let from = shape.first_step(0);
    let row = Row {
        latency: shape.fabric.start,
        control: shape.fabric.launch,
        finish: shape.fabric.launch,
        ..Row::default()
    };
    let zero = [0; DEPTH];
    let pe = |y: usize| Pe {
        down: zero,
        taken: zero,
        left: zero,
        link: Link::new(),
        come: 0,
        words: 0,
        step: 0,
        from,
        others: (shape.rows - 1 - y) as u32 * shape.share,
        row,
    };
    let mut pes: Vec<Pe> = (0..shape.rows).map(pe).collect();
    let (mut source, mut end, mut queue, mut lane) = (Link::<Alone>::new(), 0, 0, 0);
    let mut under_way: Vec<Step> = Vec::with_capacity(shape.rows);
    for word in 0..shape.share * shape.rows as u32 {
        // Words are numbered by row from the first one that comes there.
        let left = source.pass_lane(0, room(&pes[0].down, word, shape.fabric.lane), shape.fabric.interval);
        under_way.push(Step { to: 0, left: [left; WIDE], words: 0..1 });
        // What a step hands on comes to the next row before anything else happens.
        while let Some(step) = under_way.last_mut() {
            let (at, Some(word)) = (step.to, step.words.next()) else {
                under_way.pop();
                continue;
            };
            let left = step.left[word];
            let (here, below) = pes.split_at_mut(at + 1);
            let pe = &mut here[at];
            // In a cycle, a row's router sends before that of the row below, and the source after all of them.
            let gone = left + u32::from(at == 0);
            hold(&mut lane, shape.fabric.lane, pe.come, &pe.down, |down| down >= gone);
            let Some(cycle) = pe.takes(left, shape, &mut queue) else { continue };
            end = end.max(cycle + 1);
            if pe.come <= shape.share {
                continue;
            }
            let mut step = Step { to: at + 1, left: [0; WIDE], words: 0..pe.words as usize };
            for (word, left) in (pe.come - pe.words..pe.come).zip(&mut step.left) {
                let number = word - shape.share;
                let given = cycle + 1 + shape.fabric.ramp;
                let leaves = given.max(room(&below[0].down, number, shape.fabric.lane));
                *left = pe.link.pass_lane(0, leaves, shape.fabric.interval);
                pe.left[word as usize % DEPTH] = *left;
                pe.row.carried += 1;
            }
            pe.words = 0;
            under_way.push(step);
        }
    }
    Ended { rows: pes.iter().map(|pe| pe.row).collect(), end, drained: 0, queue, lane }
}

impl Pe {
    /// A word that has left the row above comes; the step that takes it if it is the last one of that.
    #[inline(always)]
    fn takes(&mut self, left: u32, shape: &Shape, queue: &mut u32) -> Option<u32> {
        let word = self.come;
        let last = if word == 0 { 0 } else { self.down[(word - 1) as usize % DEPTH] + 1 };
        let down = (left + shape.fabric.hop).max(last).max(room(&self.taken, word, shape.queue));
        hold(queue, shape.queue, word, &self.taken, |taken| taken >= down);
        self.down[word as usize % DEPTH] = down;
        // Not taken yet.
        self.taken[word as usize % DEPTH] = u32::MAX;
        self.come += 1;
        self.words += 1;
        let own = word < shape.share;
        let whole = if own { shape.steps[self.step] } else { self.whole(shape) };
        if self.words < whole {
            return None;
        }
        let (base, ready) = (self.from, down + shape.fabric.ramp);
        let there = base.max(ready);
        // Words that the row hands on need as much room in the output queue, behind those that have left.
        let step = if own { there } else { there.max(self.has_room(shape)) };
        self.row.input += there - base;
        self.row.output += step - there;
        for word in self.come - self.words..self.come {
            self.taken[word as usize % DEPTH] = step;
        }
        self.from = step + 1;
        if own {
            self.words = 0;
            self.step += 1;
            if self.step == shape.steps.len() {
                self.goes_on(step, shape);
            }
        }
        Some(step)
    }

    /// Words of the step that hands on the next ones: the last one may have fewer.
    #[inline(always)]
    fn whole(&self, shape: &Shape) -> u32 {
        let first = self.come - self.words;
        shape.step.min(self.others - (first - shape.share))
    }

    /// When the output queue has room for the words of a step.
    #[inline(always)]
    fn has_room(&self, shape: &Shape) -> u32 {
        let last = self.come - 1 - shape.share;
        if last < shape.output { 0 } else { self.left[(self.come - 1 - shape.output) as usize % DEPTH] + 1 }
    }

    /// Its share is there: the task that hands on others' is dispatched and launches an instruction.
    fn goes_on(&mut self, step: u32, shape: &Shape) {
        if self.others == 0 {
            return;
        }
        let launched = step + 1 + shape.completion + shape.local;
        self.from = shape.first_step(launched);
        self.row.latency += shape.completion + shape.fabric.start;
        self.row.control += shape.local + shape.fabric.launch;
        self.row.finish = launched + shape.fabric.launch;
    }
}
