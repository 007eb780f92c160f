//! Where cycles in short numbers are counted from, in a row of PEs that makes gradients.

use crate::fabric::fast::gradient::main_thread::Mains;
use crate::fabric::fast::gradient::router::Router;
use crate::fabric::fast::gradient::row::Row;
use crate::fabric::fast::range::{later_by, start_later};
use crate::fabric::fast::wide::{LATEST, Vector, Wide};

/// The main thread of a column at the end, in one lane.
#[derive(Clone, Copy, Debug)]
pub(in crate::fabric::fast) struct End {
    /// Cycles in which a weight waited for its vector, and in which microthreads started.
    pub(super) input: u32,
    pub(super) latency: u32,
    /// Cycle after the last sum, and after all that it did.
    pub(super) summed: u32,
    pub(super) finish: u32,
}

/// What a lane counted before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    pub(super) input: u32,
    pub(super) latency: u32,
    pub(super) summed: u32,
}

impl<V: Vector> Row<'_, V> {
    /// Count cycles anew where they come to the end of the numbers. `None` where that does not help.
    #[inline(always)]
    pub(super) fn keep_in_range(&mut self, sender: usize) -> Option<()> {
        let lanes = self.weights.len();
        if V::LARGEST == u32::MAX {
            return (0..lanes).all(|lane| self.mains[sender].finish(lane) < LATEST).then_some(());
        }
        // No main thread is behind the end of its last row, and all else is behind that.
        let (mut first, mut last) = (V::all(V::LARGEST), V::all(0));
        for (router, mains) in self.routers.iter().zip(&self.mains) {
            first = first.min(mains.free.get());
            last = last.max(mains.free.get()).max(router.received.get());
        }
        let Some(by) = later_by(first, last, lanes, self.margin)? else { return Some(()) };
        for (router, mains) in self.routers.iter_mut().zip(&mut self.mains) {
            mains.count_from(by, &self.start);
            router.count_from(by);
        }
        start_later(&mut self.start, by)
    }
}

impl<V: Vector> Router<V> {
    /// Count cycles from `by` on.
    #[inline(always)]
    fn count_from(&mut self, by: V) {
        for cycles in [&mut self.passed, &mut self.taken] {
            for cycle in cycles {
                cycle.count_from(by);
            }
        }
        self.open.count_from(by);
        self.received.count_from(by);
        for link in &mut self.links {
            link.count_from(by);
        }
    }
}

impl<V: Vector> Mains<V> {
    /// A lane at the end, whose cycles count from `start`.
    pub(super) fn end(&self, lane: usize, start: u32) -> End {
        let Before { input, latency, summed } = self.before[lane];
        End {
            input: input.wrapping_add(self.input.at(lane)),
            latency: latency + self.latency.at(lane),
            summed: if self.summed.at(lane) == 0 { summed } else { start + self.summed.at(lane) },
            finish: start + self.finish(lane),
        }
    }

    /// Count cycles from `by` on, `start` in all.
    #[inline(always)]
    pub(super) fn count_from(&mut self, by: V, start: &[u32]) {
        for (lane, before) in self.before.iter_mut().enumerate() {
            before.input = before.input.wrapping_add(self.input.at(lane));
            before.latency += self.latency.at(lane);
            if self.summed.at(lane) > 0 {
                before.summed = start[lane] + self.summed.at(lane);
            }
        }
        (self.input, self.latency, self.summed) = (Wide::all(0), Wide::all(0), Wide::all(0));
        self.free.count_from(by);
        self.sends.count_from(by);
        for cycles in [&mut self.filled, &mut self.ends] {
            for cycle in cycles {
                cycle.count_from(by);
            }
        }
        for task in &mut self.tasks {
            task.pick.count_from(by);
        }
    }
}
