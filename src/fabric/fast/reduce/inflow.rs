//! The words that come over one link into a compute element, by when they pass each station.
//!
//! ```text
//! sender ── ready ──> output queue ── left ──> link ──> router buffer ── down ──> ramp, input queue ── taken ──>
//! ```
//!
//! A word leaves a station when it is there, when the one before it has left, and when the station behind has room: the
//! word that was there so many words before has gone, a cycle earlier. For runs side by side, one in each lane.

use crate::fabric::fast::link::Link;
use crate::fabric::fast::reduce::shape::Costs;
use crate::fabric::fast::reduce::slot::Fixed;
use crate::fabric::fast::source::{DEPTH, Fabric, before, place};
use crate::fabric::fast::wide::{Mask, Vector, Wide};

/// Times of words of one link; a ring by number of the word at each station.
#[derive(Clone, Debug)]
pub(super) struct Inflow<V: Vector> {
    /// Words that the sender has given, and those of rows that do not come this way; kept where one of both ends is a cell.
    pub(super) given: Vec<u32>,
    /// Of those, the words that have left it, as far as a cell that hears them knows.
    pub(super) gone: Vec<u32>,
    pub(super) link: Link<V>,
    pub(super) ready: [Wide<V>; DEPTH],
    pub(super) left: [Wide<V>; DEPTH],
    pub(super) down: [Wide<V>; DEPTH],
    pub(super) taken: [Wide<V>; DEPTH],
}

impl<V: Vector> Inflow<V> {
    pub(super) fn new(given: u32) -> Self {
        let none = [Wide::all(0); DEPTH];
        Self {
            given: vec![given; V::LANES],
            gone: vec![given; V::LANES],
            link: Link::new(),
            ready: none,
            left: none,
            down: none,
            taken: none,
        }
    }

    /// Every word before `row` was taken: note of each when, where lanes noted the first one of each step only.
    pub(super) fn note_all_taken(&mut self, row: u32, fixed: &Fixed<'_>) -> Reached {
        let words = fixed.shape.slot_words;
        let given = row * words;
        self.given.fill(given);
        self.gone.fill(given);
        for word in given.saturating_sub(DEPTH as u32) + 1..given {
            if !fixed.opens[(word % words) as usize] {
                self.taken[place(word)] = self.taken[before(word, 1)];
            }
        }
        Reached::all(given)
    }

    /// Have it closer: columns in step need it soon.
    #[inline(always)]
    pub(super) fn fetch(&self) {
        V::fetch(&self.link);
        V::fetch(&self.left);
        V::fetch(&self.down);
        V::fetch(&self.taken);
    }

    /// The sender has given so many more words, in some lanes.
    pub(super) fn gives(&mut self, words: u32, lanes: Mask) {
        lanes.lanes().for_each(|lane| self.given[lane] += words);
    }

    /// Count cycles from `by` on.
    #[inline(always)]
    pub(super) fn count_from(&mut self, by: V) {
        self.link.count_from(by);
        for ring in [&mut self.ready, &mut self.left, &mut self.down, &mut self.taken] {
            for time in ring {
                time.count_from(by);
            }
        }
    }
}

/// How far the words of one link have come that have left their sender, in one lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reached {
    pub(super) down: u32,
    pub(super) taken: u32,
}

impl Reached {
    /// All words that were given have been taken.
    pub(super) fn all(given: u32) -> Self {
        Self { down: given, taken: given }
    }

    /// Let words pass link and ramp as far as is known.
    #[inline]
    pub(super) fn pump<V: Vector>(&mut self, flow: &mut Inflow<V>, lane: usize, costs: &Costs) {
        let Fabric { lane: buffer, hop, interval, .. } = costs.fabric;
        let (given, mut gone) = (flow.given[lane], flow.gone[lane]);
        loop {
            // What went down makes room for others.
            if self.down < gone && self.down < self.taken + costs.queue {
                let word = self.down;
                let last = flow.down[before(word, 1)].at(lane) + 1;
                let room = flow.taken[before(word, costs.queue)].at(lane) + 1;
                let there = flow.left[place(word)].at(lane) + hop;
                flow.down[place(word)].put(lane, there.max(last).max(room));
                self.down += 1;
            } else if gone < given && gone < self.down + buffer {
                let room = flow.down[before(gone, buffer)].at(lane) + 1;
                let leaves = flow.ready[place(gone)].at(lane).max(room);
                let left = flow.link.pass_lane(lane, leaves, interval);
                flow.left[place(gone)].put(lane, left);
                gone += 1;
            } else {
                flow.gone[lane] = gone;
                return;
            }
        }
    }

    /// Cycle from which the next `words` words are there, if that is known.
    #[inline(always)]
    pub(super) fn arrival<V: Vector>(
        &self,
        flow: &Inflow<V>,
        lane: usize,
        words: u32,
        costs: &Costs,
    ) -> Option<u32> {
        let last = self.taken + words - 1;
        (last < self.down).then(|| flow.down[place(last)].at(lane) + costs.fabric.ramp)
    }

    /// Take `words` words in `cycle`.
    pub(super) fn take<V: Vector>(&mut self, flow: &mut Inflow<V>, lane: usize, words: u32, cycle: u32) {
        for word in self.taken..self.taken + words {
            flow.taken[place(word)].put(lane, cycle);
        }
        self.taken += words;
    }
}
