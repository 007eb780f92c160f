//! The number of a run that is alone: a vector of one lane.

use std::ops::{Add, Sub};

use crate::fabric::fast::LANES;
use crate::fabric::fast::wide::{Mask, Vector, Work};

/// A number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone(u32);

impl Add for Alone {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl Sub for Alone {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
}

impl Vector for Alone {
    type Kept = [u32; 1];
    type Short = [u16; 1];
    type Lanes = Mask;
    const LANES: usize = 1;
    const LARGEST: u32 = u32::MAX;

    #[inline(always)]
    fn load(from: &[u32; 1]) -> Self {
        Self(from[0])
    }

    #[inline(always)]
    fn keep(self) -> [u32; 1] {
        [self.0]
    }

    #[inline(always)]
    fn lane(kept: &[u32; 1], lane: usize) -> u32 {
        kept[lane]
    }

    #[inline(always)]
    fn put(kept: &mut [u32; 1], lane: usize, number: u32) {
        kept[lane] = number;
    }

    #[inline(always)]
    fn narrow(from: &[u16; LANES]) -> [u16; 1] {
        [from[0]]
    }

    #[inline(always)]
    fn widen(from: &[u16; 1]) -> Self {
        Self(u32::from(from[0]))
    }

    #[inline(always)]
    fn all(value: u32) -> Self {
        Self(value)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    #[inline(always)]
    fn times(self, factor: u32) -> Self {
        Self(self.0.wrapping_mul(factor))
    }

    #[inline(always)]
    fn eighth(self) -> Self {
        Self(self.0 >> 3)
    }

    #[inline(always)]
    fn beyond_eighths(self) -> Self {
        Self(self.0 & 7)
    }

    #[inline(always)]
    fn beyond(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    #[inline(always)]
    fn less(self, other: Self) -> Mask {
        Mask::with(u32::from(self.0 < other.0))
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Mask {
        Mask::with(u32::from(self.0 <= other.0))
    }

    #[inline(always)]
    fn same(self, other: Self) -> Mask {
        Mask::with(u32::from(self.0 == other.0))
    }

    #[inline(always)]
    fn only(self, lanes: Mask, other: Self) -> Self {
        if lanes.bits() & 1 == 1 { self } else { other }
    }

    #[inline(always)]
    fn apart(work: impl Work) {
        work.run();
    }
}
