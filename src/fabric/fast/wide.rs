//! Times: one number for each lane.

use std::fmt::Debug;
use std::ops::{Add, BitAnd, BitOr, Not, Sub};

use crate::fabric::fast::LANES;

/// Lanes of numbers of 32 bits.
pub(super) const LONG_LANES: usize = 16;

/// No cycle.
pub(super) const NEVER: u32 = u32::MAX;
/// Longest run.
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

    /// The number of a lane.
    #[inline(always)]
    pub(super) fn at(&self, lane: usize) -> u32 {
        V::lane(&self.0, lane)
    }

    /// Change the number of a lane; one that is too large becomes the largest.
    #[inline(always)]
    pub(super) fn put(&mut self, lane: usize, number: u32) {
        V::put(&mut self.0, lane, number);
    }

    /// Count from `by` on: what was before becomes zero.
    #[inline(always)]
    pub(super) fn count_from(&mut self, by: V) {
        self.set(self.get().beyond(by));
    }
}

/// Numbers of [`LONG_LANES`] lanes on one line of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u32; LONG_LANES]);

/// Numbers of 16 bits of [`LANES`] lanes on one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct ShortLine(pub(super) [u16; LANES]);

impl ShortLine {
    /// The number of a lane.
    #[inline(always)]
    pub(super) fn lane(&self, lane: usize) -> u32 {
        u32::from(self.0[lane % LANES])
    }

    /// Change the number of a lane; one that is too large becomes the largest.
    #[inline(always)]
    pub(super) fn put(&mut self, lane: usize, number: u32) {
        self.0[lane % LANES] = number.min(u32::from(u16::MAX)) as u16;
    }
}

/// Some lanes: bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mask(u32);

impl Mask {
    pub(super) const NONE: Self = Self(0);

    /// The first lanes.
    pub(super) const fn first(lanes: usize) -> Self {
        Self(u32::MAX >> (u32::BITS as usize - lanes))
    }

    /// Lanes by bits.
    #[inline(always)]
    pub(super) fn with(bits: u32) -> Self {
        Self(bits)
    }

    /// One lane.
    #[inline(always)]
    pub(super) const fn one(lane: usize) -> Self {
        Self(1 << lane)
    }

    /// Its lanes, in order.
    #[inline(always)]
    pub(super) fn lanes(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let lane = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (lane < u32::BITS).then_some(lane as usize)
        })
    }

    /// A bit for each lane.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0
    }
}

/// Some lanes, in the form in which a kind of vectors compares and chooses.
pub(super) trait Lanes:
    Copy + Debug + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self>
{
    /// Those of a mask.
    fn of(mask: Mask) -> Self;
    /// Whether there is any.
    fn any(self) -> bool;
}

impl Lanes for Mask {
    #[inline(always)]
    fn of(mask: Mask) -> Self {
        mask
    }

    #[inline(always)]
    fn any(self) -> bool {
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

/// Work that is compiled as a function of its own, for a kind of vectors.
pub(super) trait Work {
    fn run(self);
}

/// Numbers in the registers of a processor: what is done to all lanes is one instruction, or a few.
///
/// All of it is inlined into a function that has been compiled for the processor.
pub(super) trait Vector: Copy + Debug + Add<Output = Self> + Sub<Output = Self> {
    /// The numbers in memory.
    type Kept: Copy + Debug;
    /// As many numbers of 16 bits in memory.
    type Short: Copy + Debug + Default + AsMut<[u16]>;
    /// Lanes that it compares and chooses.
    type Lanes: Lanes;
    /// How many there are.
    const LANES: usize;
    /// The largest number: sums stay there where numbers are short.
    const LARGEST: u32;
    /// All lanes.
    const ALL: Mask = Mask::first(Self::LANES);

    fn load(from: &Self::Kept) -> Self;
    fn keep(self) -> Self::Kept;
    /// The number of a lane, and another one in its place: the largest where it is larger than that.
    fn lane(kept: &Self::Kept, lane: usize) -> u32;
    fn put(kept: &mut Self::Kept, lane: usize, number: u32);
    /// As many numbers of 16 bits as there are lanes.
    fn narrow(from: &[u16; LANES]) -> Self::Short;
    /// From numbers of 16 bits.
    fn widen(from: &Self::Short) -> Self;
    /// The same number in each lane.
    fn all(value: u32) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    /// Product with a number.
    fn times(self, factor: u32) -> Self;
    /// An eighth of the numbers, and what is left of them then.
    fn eighth(self) -> Self;
    fn beyond_eighths(self) -> Self;
    /// The differences, zero where they are negative.
    fn beyond(self, other: Self) -> Self;
    /// Lanes in which they are less, less or equal, or the same.
    fn less(self, other: Self) -> Self::Lanes;
    fn at_most(self, other: Self) -> Self::Lanes;
    fn same(self, other: Self) -> Self::Lanes;
    /// The numbers in `lanes`, and those of `other` in the others.
    fn only(self, lanes: Self::Lanes, other: Self) -> Self;
    /// Have the processor bring `state` closer: it is needed soon.
    fn fetch<T>(_state: &T) {}

    /// Do work in a function of its own: it is compiled once, and what is around it stays small.
    fn apart(work: impl Work);

    /// A number more in each lane.
    #[inline(always)]
    fn plus(self, value: u32) -> Self {
        self + Self::all(value)
    }

    /// The numbers in `lanes`, and zero in the others.
    #[inline(always)]
    fn in_lanes(self, lanes: Self::Lanes) -> Self {
        self.only(lanes, Self::all(0))
    }
}
