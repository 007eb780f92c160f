//! Which lanes are worth a look.

use crate::fabric::footprint::of_vec;

/// A set of lanes, one bit each: whoever looks for work never touches a lane that has none.
#[derive(Debug, Default)]
pub(crate) struct Lanes(Vec<u64>);

impl Lanes {
    /// None of `count` lanes.
    pub(crate) fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    /// Bytes that it takes.
    pub(crate) fn footprint(&self) -> usize {
        of_vec(&self.0)
    }

    #[inline]
    pub(crate) fn insert(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    #[inline]
    pub(crate) fn remove(&mut self, at: usize) {
        self.0[at / 64] &= !(1 << (at % 64));
    }

    /// The first lane of the set in `from..end`.
    #[inline]
    pub(crate) fn next(&self, from: usize, end: usize) -> Option<usize> {
        let mut from = from;
        while from < end {
            let rest = self.0[from / 64] >> (from % 64);
            if rest != 0 {
                let at = from + rest.trailing_zeros() as usize;
                return (at < end).then_some(at);
            }
            from = (from / 64 + 1) * 64;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_found_across_words() {
        let mut lanes = Lanes::none(200);
        for at in [0, 63, 64, 190] {
            lanes.insert(at);
        }
        let found = |lanes: &Lanes, from, end| {
            let mut at = from;
            let mut all = Vec::new();
            while let Some(next) = lanes.next(at, end) {
                all.push(next);
                at = next + 1;
            }
            all
        };
        assert_eq!(found(&lanes, 0, 200), [0, 63, 64, 190]);
        assert_eq!(found(&lanes, 1, 190), [63, 64]);
        lanes.remove(63);
        assert_eq!(found(&lanes, 1, 64), [0_usize; 0]);
    }
}
