//! Who has something to do in which cycle.

use std::collections::BTreeMap;

use crate::fabric::fifo::short;
use crate::fabric::footprint::of_vec;

/// Cycles that the wheel looks ahead without a tree.
const SLOTS: usize = 128;

/// The actor that the router of a PE is.
#[inline]
pub(crate) fn router(pe: usize) -> usize {
    2 * pe
}

/// The actor that the compute element of a PE is: next to its router, with which it shares most of its state.
#[inline]
pub(crate) fn element(pe: usize) -> usize {
    2 * pe + 1
}

/// No cycle.
const NEVER: u32 = u32::MAX;

/// A calendar of wake-ups: one pending cycle per actor, the earliest that was asked for.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// For each of the next cycles a bit for each actor that may be due in it.
    near: Vec<u64>,
    /// For each of these cycles a bit for each word of bits that is not zero, so that actors at rest cost nothing.
    filled: Vec<u64>,
    /// Words of either for one cycle.
    words: usize,
    blocks: usize,
    far: BTreeMap<u64, Vec<u32>>,
    /// Cycle of the pending wake-up of each actor, or [`NEVER`].
    due: Vec<u32>,
    now: u64,
    /// Bits that are set.
    set: usize,
}

impl Wheel {
    pub(crate) fn new(actors: usize) -> Self {
        let (words, blocks) = (actors.div_ceil(64), actors.div_ceil(64 * 64));
        Self {
            near: vec![0; SLOTS * words],
            filled: vec![0; SLOTS * blocks],
            words,
            blocks,
            far: BTreeMap::new(),
            due: vec![NEVER; actors],
            now: 0,
            set: 0,
        }
    }

    /// Bytes that it takes.
    pub(crate) fn footprint(&self) -> usize {
        of_vec(&self.near) + of_vec(&self.filled) + of_vec(&self.due)
    }

    /// Wake `actor` in `cycle` (not before the current one) unless it wakes earlier anyhow.
    #[inline]
    pub(crate) fn wake(&mut self, actor: usize, cycle: u64) {
        let due = &mut self.due[actor];
        if short(cycle) >= *due {
            return;
        }
        *due = short(cycle);
        if cycle < self.now + SLOTS as u64 {
            self.mark(cycle, actor);
        } else {
            self.wake_far(actor, cycle);
        }
    }

    /// Apart, so that the frequent case of [`Self::wake`] stays small.
    #[cold]
    fn wake_far(&mut self, actor: usize, cycle: u64) {
        self.far.entry(cycle).or_default().push(actor as u32);
    }

    #[inline]
    fn mark(&mut self, cycle: u64, actor: usize) {
        let slot = cycle as usize % SLOTS;
        self.filled[slot * self.blocks + actor / (64 * 64)] |= 1 << (actor / 64 % 64);
        let word = &mut self.near[slot * self.words + actor / 64];
        let bit = 1 << (actor % 64);
        self.set += usize::from(*word & bit == 0);
        *word |= bit;
    }

    /// The next cycle with a wake-up, at or after the current one, and its actors in `into`, in order.
    /// `None` when nobody is waiting for anything.
    pub(crate) fn next(&mut self, into: &mut Vec<u32>) -> Option<u64> {
        into.clear();
        loop {
            if self.set == 0 {
                self.now = self.now.max(*self.far.first_key_value()?.0);
            }
            let now = self.now;
            if let Some(first) = self.far.first_entry().filter(|first| *first.key() <= now) {
                for actor in first.remove() {
                    self.mark(now, actor as usize);
                }
            }
            let slot = now as usize % SLOTS;
            for block in 0..self.blocks {
                for word in ones(std::mem::take(&mut self.filled[slot * self.blocks + block])) {
                    let word = 64 * block + word;
                    for bit in ones(std::mem::take(&mut self.near[slot * self.words + word])) {
                        self.set -= 1;
                        let actor = 64 * word + bit;
                        // It may have asked for an earlier cycle since.
                        if self.due[actor] == short(now) {
                            self.due[actor] = NEVER;
                            into.push(actor as u32);
                        }
                    }
                }
            }
            self.now += 1;
            if !into.is_empty() {
                return Some(now);
            }
        }
    }
}

/// The places of the bits of a word that are set, in order.
#[inline]
fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            bit
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_request_wins_and_later_ones_vanish() {
        let mut wheel = Wheel::new(3);
        wheel.wake(0, 9);
        wheel.wake(0, 4);
        wheel.wake(1, 4);
        wheel.wake(2, 5000);
        let mut woken = Vec::new();
        assert_eq!(wheel.next(&mut woken), Some(4));
        assert_eq!(woken, [0, 1]);
        wheel.wake(1, 700);
        assert_eq!(wheel.next(&mut woken), Some(700));
        assert_eq!(woken, [1]);
        assert_eq!(wheel.next(&mut woken), Some(5000));
        assert_eq!(woken, [2]);
        assert_eq!(wheel.next(&mut woken), None);
    }

    #[test]
    fn actors_far_apart_wake_together() {
        let mut wheel = Wheel::new(20_000);
        for actor in [19_999, 4096, 0, 4095] {
            wheel.wake(actor, 7);
        }
        wheel.wake(8000, 7 + SLOTS as u64);
        let mut woken = Vec::new();
        assert_eq!(wheel.next(&mut woken), Some(7));
        assert_eq!(woken, [0, 4095, 4096, 19_999]);
        assert_eq!(wheel.next(&mut woken), Some(7 + SLOTS as u64));
        assert_eq!(woken, [8000]);
    }

    #[test]
    fn actors_wake_in_order_whenever_they_asked() {
        let mut wheel = Wheel::new(200);
        for actor in [199, 3, 64, 63] {
            wheel.wake(actor, 300);
        }
        let mut woken = Vec::new();
        wheel.wake(150, 200);
        assert_eq!(wheel.next(&mut woken), Some(200));
        wheel.wake(100, 300);
        assert_eq!(wheel.next(&mut woken), Some(300));
        assert_eq!(woken, [3, 63, 64, 100, 199]);
    }
}
