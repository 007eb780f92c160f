//! Times: one number for each lane.

use std::ops::{Add, Index, IndexMut, Sub};

use crate::fabric::fast::LANES;

/// No cycle.
pub(super) const NEVER: u32 = u32::MAX;
/// Longest run that the numbers hold: times are also kept in eighths of a cycle.
pub(super) const LATEST: u32 = 1 << 28;

/// Numbers side by side: what is done to all of them is one vector instruction, on one line of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Wide([u32; LANES]);

impl Wide {
    /// The same number in each lane.
    #[inline(always)]
    pub(super) fn all(value: u32) -> Self {
        Self([value; LANES])
    }

    /// A number for each lane.
    #[inline(always)]
    pub(super) fn of(value: impl FnMut(usize) -> u32) -> Self {
        Self(std::array::from_fn(value))
    }

    /// The larger one in each lane.
    #[inline(always)]
    pub(super) fn max(self, other: Self) -> Self {
        self.zip(other, u32::max)
    }

    /// The smaller one in each lane.
    #[inline(always)]
    pub(super) fn min(self, other: Self) -> Self {
        self.zip(other, u32::min)
    }

    /// A number more in each lane.
    #[inline(always)]
    pub(super) fn plus(self, value: u32) -> Self {
        self.map(|number| number.wrapping_add(value))
    }

    /// What `with` makes of each lane.
    #[inline(always)]
    pub(super) fn map(self, with: impl Fn(u32) -> u32) -> Self {
        let mut made = self;
        for l in 0..LANES {
            made.0[l] = with(self.0[l]);
        }
        made
    }

    /// What `with` makes of each lane of both.
    #[inline(always)]
    pub(super) fn zip(self, other: Self, with: impl Fn(u32, u32) -> u32) -> Self {
        let mut made = self;
        for l in 0..LANES {
            made.0[l] = with(self.0[l], other.0[l]);
        }
        made
    }

    /// Where `which` is not zero that lane, else that of `other`.
    #[inline(always)]
    pub(super) fn or_else(self, which: Self, other: Self) -> Self {
        let mut made = self;
        for l in 0..LANES {
            made.0[l] = if which.0[l] == 0 { other.0[l] } else { self.0[l] };
        }
        made
    }

    /// Whether any lane is not zero.
    #[inline(always)]
    pub(super) fn any(self) -> bool {
        self.0.iter().fold(0, |bits, number| bits | number) != 0
    }
}

impl Add for Wide {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, u32::wrapping_add)
    }
}

impl Sub for Wide {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, u32::wrapping_sub)
    }
}

impl Index<usize> for Wide {
    type Output = u32;

    #[inline(always)]
    fn index(&self, lane: usize) -> &u32 {
        &self.0[lane]
    }
}

impl IndexMut<usize> for Wide {
    #[inline(always)]
    fn index_mut(&mut self, lane: usize) -> &mut u32 {
        &mut self.0[lane]
    }
}
