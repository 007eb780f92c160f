//! The words that come over one link into a compute element, by when they pass each station.
//!
//! ```text
//! sender ── ready ──> output queue ── left ──> link ──> router buffer ── down ──> ramp, input queue ── taken ──>
//! ```
//!
//! A word leaves a station when it is there, when the one before it has left, and when the station behind has room: the
//! word that was there so many words before has gone, a cycle earlier. For runs side by side, one in each lane.

use crate::fabric::fast::reduce::shape::Costs;
use crate::fabric::fast::source::{DEPTH, before, place};
use crate::fabric::fast::wide::Wide;

/// Times of words of one link; a ring by number of the word at each station.
#[derive(Clone, Debug)]
pub(super) struct Inflow {
    /// Words that the sender has given, all lanes alike, and those of rows that do not come this way.
    pub(super) given: u32,
    /// Time from which the link is free, in eighths of a cycle.
    pub(super) free: Wide,
    pub(super) ready: [Wide; DEPTH],
    pub(super) left: [Wide; DEPTH],
    pub(super) down: [Wide; DEPTH],
    pub(super) taken: [Wide; DEPTH],
}

impl Inflow {
    pub(super) fn new(given: u32) -> Self {
        let none = [Wide::all(0); DEPTH];
        Self { given, free: Wide::all(0), ready: none, left: none, down: none, taken: none }
    }
}

/// How far the words of one link have come, in one lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reached {
    pub(super) left: u32,
    pub(super) down: u32,
    pub(super) taken: u32,
}

impl Reached {
    /// All words that were given have been taken.
    pub(super) fn all(given: u32) -> Self {
        Self { left: given, down: given, taken: given }
    }

    /// Let words pass link and ramp as far as is known.
    pub(super) fn pump(&mut self, flow: &mut Inflow, lane: usize, costs: &Costs) {
        let given = flow.given;
        loop {
            let reached = (self.left, self.down);
            if self.left < given && self.left < self.down + costs.fabric.lane {
                let word = self.left;
                let room = flow.down[before(word, costs.fabric.lane)][lane] + 1;
                let free = &mut flow.free[lane];
                let left = flow.ready[place(word)][lane].max(*free >> 3).max(room);
                *free = (8 * left).max(*free) + costs.fabric.interval;
                flow.left[place(word)][lane] = left;
                self.left += 1;
            }
            if self.down < self.left && self.down < self.taken + costs.queue {
                let word = self.down;
                let last = flow.down[before(word, 1)][lane] + 1;
                let room = flow.taken[before(word, costs.queue)][lane] + 1;
                let there = flow.left[place(word)][lane] + costs.fabric.hop;
                flow.down[place(word)][lane] = there.max(last).max(room);
                self.down += 1;
            }
            if reached == (self.left, self.down) {
                return;
            }
        }
    }

    /// Cycle from which the next `words` words are there, if that is known.
    pub(super) fn arrival(&self, flow: &Inflow, lane: usize, words: u32, costs: &Costs) -> Option<u32> {
        let last = self.taken + words - 1;
        (last < self.down).then(|| flow.down[place(last)][lane] + costs.fabric.ramp)
    }

    /// Take `words` words in `cycle`.
    pub(super) fn take(&mut self, flow: &mut Inflow, lane: usize, words: u32, cycle: u32) {
        for word in self.taken..self.taken + words {
            flow.taken[place(word)][lane] = cycle;
        }
        self.taken += words;
    }
}
