//! What one thread of a PE or one link does over time: spans in order, none of which overlap.

use std::collections::BTreeMap;

/// A stretch of cycles, and what was done in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// First cycle.
    pub(super) from: u64,
    /// Cycle after the last.
    pub(super) to: u64,
    /// What: a code that the track gives a meaning.
    pub(super) what: u8,
    /// How much of it: cycles, or wavelets.
    pub(super) amount: u64,
    /// Where several things are drawn together: how much of each, `what` being the most.
    pub(super) mixed: Option<BTreeMap<u8, u64>>,
}

impl Span {
    /// One thing.
    fn of(what: u8, (from, to): (u64, u64), amount: u64) -> Self {
        Self { from, to, what, amount, mixed: None }
    }

    /// Everything in it with its amount.
    pub(super) fn parts(&self) -> BTreeMap<u8, u64> {
        self.mixed.clone().unwrap_or_else(|| BTreeMap::from([(self.what, self.amount)]))
    }

    /// Draw `next` together with this one.
    fn join(&mut self, next: &Self) {
        self.to = next.to;
        if self.what == next.what && self.mixed.is_none() && next.mixed.is_none() {
            self.amount += next.amount;
            return;
        }
        let mut parts = self.parts();
        next.parts().into_iter().for_each(|(what, amount)| *parts.entry(what).or_default() += amount);
        let most = parts.iter().max_by_key(|(what, amount)| (**amount, u8::MAX - **what));
        (self.what, self.amount) = most.map_or((self.what, self.amount), |(what, amount)| (*what, *amount));
        self.mixed = Some(parts);
    }
}

/// Spans in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Track(pub(super) Vec<Span>);

impl Track {
    /// Add what was done last; with the span before it where that is the same and ends at most `gap` cycles before.
    /// Whether there is a span more.
    pub(super) fn add(&mut self, what: u8, (from, to): (u64, u64), amount: u64, gap: u64) -> bool {
        if let Some(last) = self.0.last_mut()
            && (last.what, &last.mixed) == (what, &None)
            && from <= last.to + gap
        {
            last.to = to;
            last.amount += amount;
            return false;
        }
        self.0.push(Span::of(what, (from, to), amount));
        true
    }

    /// Draw neighbours together that are all shorter than `grain` cycles, and as close.
    pub(super) fn coarsen(&mut self, grain: u64) {
        let mut coarse: Vec<Span> = Vec::new();
        let mut last_was_short = false;
        for span in self.0.drain(..) {
            let short = span.to - span.from < grain;
            match coarse.last_mut().filter(|last| short && last_was_short && span.from - last.to < grain) {
                Some(last) => last.join(&span),
                None => coarse.push(span),
            }
            last_was_short = short;
        }
        self.0 = coarse;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A track of `(what, from, to)`.
    fn track(spans: &[(u8, u64, u64)]) -> Track {
        let mut track = Track::default();
        for &(what, from, to) in spans {
            track.add(what, (from, to), to - from, 0);
        }
        track
    }

    #[test]
    fn what_goes_on_is_one_span() {
        assert_eq!(track(&[(1, 0, 3), (1, 3, 9), (2, 9, 10)]).0.len(), 2);
        assert_eq!(track(&[(1, 0, 3), (1, 4, 9)]).0.len(), 2, "not over a gap");
        let mut link = Track::default();
        assert!(link.add(7, (0, 1), 1, 1) && !link.add(7, (2, 3), 1, 1) && link.add(7, (5, 6), 1, 1));
        assert_eq!((link.0[0].to, link.0[0].amount), (3, 2));
    }

    #[test]
    fn short_neighbours_are_drawn_together_and_nothing_is_lost() {
        let mut track = track(&[(0, 0, 1), (1, 1, 3), (0, 3, 4), (2, 4, 20), (0, 20, 21), (1, 30, 31)]);
        track.coarsen(4);
        let ends: Vec<(u64, u64)> = track.0.iter().map(|span| (span.from, span.to)).collect();
        assert_eq!(ends, [(0, 4), (4, 20), (20, 21), (30, 31)]);
        assert_eq!(track.0[0].parts(), BTreeMap::from([(0, 2), (1, 2)]));
        assert_eq!((track.0[0].what, track.0[0].amount), (0, 2), "the first of the largest");
        track.coarsen(32);
        assert_eq!(track.0.len(), 1);
        assert_eq!(track.0[0].parts(), BTreeMap::from([(0, 3), (1, 3), (2, 16)]));
    }
}
