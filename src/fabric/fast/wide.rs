//! Times: one number for each lane.

use std::fmt::Debug;
use std::ops::{Add, BitAnd, BitOr, Index, IndexMut, Not, Sub};

use crate::fabric::fast::LANES;

/// No cycle.
pub(super) const NEVER: u32 = u32::MAX;
/// Longest run that the numbers hold: times are also kept in eighths of a cycle.
pub(super) const LATEST: u32 = 1 << 28;

/// A number for each lane, in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide<V: Vector>(V::Kept);

impl<V: Vector> Wide<V> {
    /// The same number in each lane.
    pub(super) fn all(value: u32) -> Self {
        Self(V::all(value).keep())
    }

    /// Keep numbers.
    #[inline(always)]
    pub(super) fn of(numbers: V) -> Self {
        Self(numbers.keep())
    }

    /// Work with the numbers.
    #[inline(always)]
    pub(super) fn get(&self) -> V {
        V::load(&self.0)
    }

    /// Keep others.
    #[inline(always)]
    pub(super) fn set(&mut self, numbers: V) {
        self.0 = numbers.keep();
    }
}

impl<V: Vector> Index<usize> for Wide<V> {
    type Output = u32;

    #[inline(always)]
    fn index(&self, lane: usize) -> &u32 {
        &self.0.as_ref()[lane]
    }
}

impl<V: Vector> IndexMut<usize> for Wide<V> {
    #[inline(always)]
    fn index_mut(&mut self, lane: usize) -> &mut u32 {
        &mut self.0.as_mut()[lane]
    }
}

/// Numbers of [`LANES`] lanes on one line of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u32; LANES]);

impl AsRef<[u32]> for Line {
    #[inline(always)]
    fn as_ref(&self) -> &[u32] {
        &self.0
    }
}

impl AsMut<[u32]> for Line {
    #[inline(always)]
    fn as_mut(&mut self) -> &mut [u32] {
        &mut self.0
    }
}

/// Some lanes: bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mask(u16);

impl Mask {
    pub(super) const NONE: Self = Self(0);

    /// The first lanes.
    pub(super) const fn first(lanes: usize) -> Self {
        Self((u32::MAX >> (u32::BITS as usize - lanes)) as u16)
    }

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
pub(super) trait Vector: Copy + Debug + Add<Output = Self> + Sub<Output = Self> {
    /// The numbers in memory.
    type Kept: Copy + Debug + AsRef<[u32]> + AsMut<[u32]>;
    /// Shorter numbers in memory.
    type Short: Copy + Debug + Default + AsMut<[u16]>;
    /// How many there are.
    const LANES: usize;
    /// All lanes.
    const ALL: Mask = Mask::first(Self::LANES);

    fn load(from: &Self::Kept) -> Self;
    fn keep(self) -> Self::Kept;
    /// From shorter numbers.
    fn widen(from: &Self::Short) -> Self;
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
#[derive(Clone, Copy, Debug)]
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
    type Kept = Line;
    type Short = [u16; LANES];
    const LANES: usize = LANES;

    #[inline(always)]
    fn load(from: &Line) -> Self {
        Self(from.0)
    }

    #[inline(always)]
    fn keep(self) -> Line {
        Line(self.0)
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
