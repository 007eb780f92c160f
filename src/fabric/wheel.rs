//! Who has something to do in which cycle.

use std::collections::BTreeMap;

/// Cycles that the wheel looks ahead without a tree.
const SLOTS: usize = 512;

/// A calendar of wake-ups: one pending cycle per actor, the earliest that was asked for.
#[derive(Debug)]
pub(crate) struct Wheel {
    slots: Vec<Vec<u32>>,
    far: BTreeMap<u64, Vec<u32>>,
    /// Cycle of the pending wake-up of each actor, or `u64::MAX`.
    due: Vec<u64>,
    now: u64,
    near: usize,
}

impl Wheel {
    pub(crate) fn new(actors: usize) -> Self {
        Self {
            slots: vec![Vec::new(); SLOTS],
            far: BTreeMap::new(),
            due: vec![u64::MAX; actors],
            now: 0,
            near: 0,
        }
    }

    /// Wake `actor` in `cycle` (not before the current one) unless it wakes earlier anyhow.
    #[inline]
    pub(crate) fn wake(&mut self, actor: usize, cycle: u64) {
        if cycle >= self.due[actor] {
            return;
        }
        self.due[actor] = cycle;
        if cycle < self.now + SLOTS as u64 {
            self.slots[cycle as usize % SLOTS].push(actor as u32);
            self.near += 1;
        } else {
            self.far.entry(cycle).or_default().push(actor as u32);
        }
    }

    /// The next cycle with a wake-up, at or after the current one, and its actors in `into` (unsorted, each
    /// once). `None` when nobody is waiting for anything.
    pub(crate) fn next(&mut self, into: &mut Vec<u32>) -> Option<u64> {
        into.clear();
        loop {
            let far = self.far.first_key_value().map(|(&cycle, _)| cycle);
            if self.near == 0 {
                self.now = self.now.max(far?);
            }
            if far.is_some_and(|cycle| cycle <= self.now)
                && let Some((_, actors)) = self.far.pop_first()
            {
                into.extend(actors);
            }
            let slot = &mut self.slots[self.now as usize % SLOTS];
            self.near -= slot.len();
            into.append(slot);
            let now = self.now;
            let due = &mut self.due;
            into.retain(|&actor| {
                let hit = due[actor as usize] == now;
                if hit {
                    due[actor as usize] = u64::MAX;
                }
                hit
            });
            self.now += 1;
            if !into.is_empty() {
                return Some(now);
            }
        }
    }
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
}
