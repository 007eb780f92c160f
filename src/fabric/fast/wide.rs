//! Times: one number for each lane.

use std::ops::{Add, BitAnd, BitOr, Index, IndexMut, Not, Sub};

use crate::fabric::fast::LANES;

/// No cycle.
pub(super) const NEVER: u32 = u32::MAX;
/// Longest run that the numbers hold: times are also kept in eighths of a cycle.
pub(super) const LATEST: u32 = 1 << 28;

/// A number for each lane, on one line of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Wide([u32; LANES]);

impl Wide {
    /// The same number in each lane.
    pub(super) fn all(value: u32) -> Self {
        Self([value; LANES])
    }

    /// Keep numbers.
    #[inline(always)]
    pub(super) fn of<V: Vector>(numbers: V) -> Self {
        let mut kept = Self::all(0);
        kept.set(numbers);
        kept
    }

    /// Work with the numbers.
    #[inline(always)]
    pub(super) fn get<V: Vector>(&self) -> V {
        V::load(&self.0)
    }

    /// Keep others.
    #[inline(always)]
    pub(super) fn set<V: Vector>(&mut self, numbers: V) {
        numbers.store(&mut self.0);
    }
}

impl Index<usize> for Wide {
    type Output = u32;

    fn index(&self, lane: usize) -> &u32 {
        &self.0[lane]
    }
}

impl IndexMut<usize> for Wide {
    fn index_mut(&mut self, lane: usize) -> &mut u32 {
        &mut self.0[lane]
    }
}

/// Some lanes: bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mask(u16);

impl Mask {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self(u16::MAX);

    /// Lanes by bits.
    #[inline(always)]
    pub(super) fn of(bits: u16) -> Self {
        Self(bits)
    }

    /// A bit for each lane.
    #[inline(always)]
    pub(super) fn bits(self) -> u16 {
        self.0
    }

    /// Whether there is any.
    #[inline(always)]
    pub(super) fn any(self) -> bool {
        self.0 != 0
    }
}

impl BitAnd for Mask {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Mask {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Not for Mask {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        Self(!self.0)
    }
}

/// Numbers in the registers of a processor: what is done to all lanes is one instruction, or a few.
///
/// All of it is inlined into a function that has been compiled for the processor.
pub(super) trait Vector: Copy + Add<Output = Self> + Sub<Output = Self> {
    fn load(from: &[u32; LANES]) -> Self;
    fn store(self, to: &mut [u32; LANES]);
    /// From shorter numbers.
    fn widen(from: &[u16; LANES]) -> Self;
    /// The same number in each lane.
    fn all(value: u32) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    /// Product with a number.
    fn times(self, factor: u32) -> Self;
    /// Eight times the numbers, and an eighth of them.
    fn eightfold(self) -> Self;
    fn eighth(self) -> Self;
    /// Lanes in which they are less, or less or equal.
    fn less(self, other: Self) -> Mask;
    fn at_most(self, other: Self) -> Mask;
    /// The numbers in `lanes`, and those of `other` in the others.
    fn only(self, lanes: Mask, other: Self) -> Self;
    /// Have the processor bring `state` closer: it is needed soon.
    fn fetch<T>(_state: &T) {}

    /// A number more in each lane.
    #[inline(always)]
    fn plus(self, value: u32) -> Self {
        self + Self::all(value)
    }

    /// The numbers in `lanes`, and zero in the others.
    #[inline(always)]
    fn in_lanes(self, lanes: Mask) -> Self {
        self.only(lanes, Self::all(0))
    }
}

/// Numbers as any processor has them.
#[derive(Clone, Copy)]
pub(super) struct Plain([u32; LANES]);

impl Plain {
    #[inline(always)]
    fn zip(mut self, other: Self, with: impl Fn(u32, u32) -> u32) -> Self {
        for lane in 0..LANES {
            self.0[lane] = with(self.0[lane], other.0[lane]);
        }
        self
    }

    #[inline(always)]
    fn lanes(self, other: Self, with: impl Fn(u32, u32) -> bool) -> Mask {
        Mask((0..LANES).fold(0, |mask, lane| mask | u16::from(with(self.0[lane], other.0[lane])) << lane))
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
    #[inline(always)]
    fn load(from: &[u32; LANES]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [u32; LANES]) {
        *to = self.0;
    }

    #[inline(always)]
    fn widen(from: &[u16; LANES]) -> Self {
        Self(std::array::from_fn(|lane| u32::from(from[lane])))
    }

    #[inline(always)]
    fn all(value: u32) -> Self {
        Self([value; LANES])
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
    fn eightfold(self) -> Self {
        self.zip(self, |number, _| number << 3)
    }

    #[inline(always)]
    fn eighth(self) -> Self {
        self.zip(self, |number, _| number >> 3)
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
    fn only(mut self, lanes: Mask, other: Self) -> Self {
        for lane in 0..LANES {
            self.0[lane] = if lanes.0 >> lane & 1 == 1 { self.0[lane] } else { other.0[lane] };
        }
        self
    }
}
