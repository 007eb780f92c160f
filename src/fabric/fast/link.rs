//! A link between two routers: one wavelet an interval, which need not be whole cycles.

use crate::fabric::fast::wide::{Vector, Wide};

/// From when on a link is free, in each lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<V: Vector> {
    /// Whole cycles, and eighths of one beyond them.
    whole: Wide<V>,
    eighths: Wide<V>,
}

/// The same at work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Free<V> {
    whole: V,
    eighths: V,
}

impl<V: Vector> Link<V> {
    /// Free from the start.
    pub(super) fn new() -> Self {
        Self { whole: Wide::all(0), eighths: Wide::all(0) }
    }

    /// Work with it.
    #[inline(always)]
    pub(super) fn get(&self) -> Free<V> {
        Free { whole: self.whole.get(), eighths: self.eighths.get() }
    }

    /// Keep what became of it.
    #[inline(always)]
    pub(super) fn set(&mut self, free: Free<V>) {
        self.whole.set(free.whole);
        self.eighths.set(free.eighths);
    }

    /// Whole cycles and eighths of a lane.
    #[inline(always)]
    pub(super) fn at(&self, lane: usize) -> (u32, u32) {
        (self.whole.at(lane), self.eighths.at(lane))
    }

    /// Change those of a lane.
    #[inline(always)]
    pub(super) fn put(&mut self, lane: usize, whole: u32, eighths: u32) {
        self.whole.put(lane, whole);
        self.eighths.put(lane, eighths);
    }

    /// A word of one lane that may leave from `leaves` on: when it does.
    #[inline(always)]
    pub(super) fn pass_lane(&mut self, lane: usize, leaves: u32, interval: u32) -> u32 {
        let left = leaves.max(self.whole.at(lane));
        let eighths = if leaves > self.whole.at(lane) { 0 } else { self.eighths.at(lane) } + interval;
        self.whole.put(lane, left + eighths / 8);
        self.eighths.put(lane, eighths % 8);
        left
    }

    /// Count cycles from `by` on.
    #[inline(always)]
    pub(super) fn count_from(&mut self, by: V) {
        self.whole.count_from(by);
    }
}

impl<V: Vector> Free<V> {
    /// First cycle in which a word can leave.
    #[inline(always)]
    pub(super) fn from(&self) -> V {
        self.whole
    }

    /// A word that may leave from `leaves` on: when it does.
    #[inline(always)]
    pub(super) fn pass(&mut self, leaves: V, interval: u32) -> V {
        let left = leaves.max(self.whole);
        // A word that waited goes as soon as the link is free, eighths included.
        let eighths = self.eighths.in_lanes(left.same(self.whole)).plus(interval);
        self.whole = left + eighths.eighth();
        self.eighths = eighths.beyond_eighths();
        left
    }

    /// Two words, the first of which may leave from `leaves` on, and the second one whenever the link is free: when they do.
    #[inline(always)]
    pub(super) fn pass_both(&mut self, leaves: V, interval: u32) -> (V, V) {
        let first = leaves.max(self.whole);
        let eighths = self.eighths.in_lanes(first.same(self.whole)).plus(interval);
        let second = first + eighths.eighth();
        let eighths = eighths.plus(interval);
        self.whole = first + eighths.eighth();
        self.eighths = eighths.beyond_eighths();
        (first, second)
    }

    /// Where not all `lanes` go on, the others stay as they were in `before`.
    #[inline(always)]
    pub(super) fn only(self, lanes: V::Lanes, before: Self) -> Self {
        Self {
            whole: self.whole.only(lanes, before.whole),
            eighths: self.eighths.only(lanes, before.eighths),
        }
    }
}
