//! Numbers as any processor has them: loops, of which the compiler makes what vector instructions there are.

use std::ops::{Add, Sub};

use crate::fabric::fast::LANES;
use crate::fabric::fast::wide::{LONG_LANES, Line, Mask, Vector, Work};

/// Numbers as any processor has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain([u32; LONG_LANES]);

impl Plain {
    #[inline(always)]
    fn zip(mut self, other: Self, with: impl Fn(u32, u32) -> u32) -> Self {
        for lane in 0..LONG_LANES {
            self.0[lane] = with(self.0[lane], other.0[lane]);
        }
        self
    }

    #[inline(always)]
    fn lanes(self, other: Self, with: impl Fn(u32, u32) -> bool) -> Mask {
        Mask::with(
            (0..LONG_LANES).fold(0, |mask, lane| mask | u32::from(with(self.0[lane], other.0[lane])) << lane),
        )
    }
}

impl Add for Plain {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, u32::wrapping_add)
    }
}

impl Sub for Plain {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, u32::wrapping_sub)
    }
}

impl Vector for Plain {
    type Kept = Line;
    type Short = [u16; LONG_LANES];
    type Lanes = Mask;
    const LANES: usize = LONG_LANES;
    const LARGEST: u32 = u32::MAX;

    #[inline(always)]
    fn load(from: &Line) -> Self {
        Self(from.0)
    }

    #[inline(always)]
    fn keep(self) -> Line {
        Line(self.0)
    }

    #[inline(always)]
    fn lane(kept: &Line, lane: usize) -> u32 {
        kept.0[lane]
    }

    #[inline(always)]
    fn put(kept: &mut Line, lane: usize, number: u32) {
        kept.0[lane] = number;
    }

    #[inline(always)]
    fn narrow(from: &[u16; LANES]) -> [u16; LONG_LANES] {
        std::array::from_fn(|lane| from[lane])
    }

    #[inline(always)]
    fn widen(from: &[u16; LONG_LANES]) -> Self {
        Self(std::array::from_fn(|lane| u32::from(from[lane])))
    }

    #[inline(always)]
    fn all(value: u32) -> Self {
        Self([value; LONG_LANES])
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, u32::max)
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, u32::min)
    }

    #[inline(always)]
    fn times(self, factor: u32) -> Self {
        self.zip(Self::all(factor), u32::wrapping_mul)
    }

    #[inline(always)]
    fn eighth(self) -> Self {
        self.zip(self, |number, _| number >> 3)
    }

    #[inline(always)]
    fn beyond_eighths(self) -> Self {
        self.zip(self, |number, _| number & 7)
    }

    #[inline(always)]
    fn beyond(self, other: Self) -> Self {
        self.zip(other, u32::saturating_sub)
    }

    #[inline(always)]
    fn less(self, other: Self) -> Mask {
        self.lanes(other, |one, other| one < other)
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Mask {
        self.lanes(other, |one, other| one <= other)
    }

    #[inline(always)]
    fn same(self, other: Self) -> Mask {
        self.lanes(other, |one, other| one == other)
    }

    #[inline(always)]
    fn only(mut self, lanes: Mask, other: Self) -> Self {
        for lane in 0..LONG_LANES {
            self.0[lane] = if lanes.bits() >> lane & 1 == 1 { self.0[lane] } else { other.0[lane] };
        }
        self
    }

    #[inline(never)]
    fn apart(work: impl Work) {
        work.run();
    }
}
