//! Times: one number for each lane.

use std::ops::{Index, IndexMut};

/// No cycle.
pub(super) const NEVER: u32 = u32::MAX;
/// Longest run that the numbers hold: times are also kept in eighths of a cycle.
pub(super) const LATEST: u32 = 1 << 28;

/// L numbers side by side: what is done to all of them is one vector instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Wide<const L: usize>([u32; L]);

impl<const L: usize> Wide<L> {
    /// The same number in each lane.
    #[inline(always)]
    pub(super) fn all(value: u32) -> Self {
        Self([value; L])
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

    /// A number more in each lane.
    #[inline(always)]
    pub(super) fn plus(self, value: u32) -> Self {
        self.map(|number| number.wrapping_add(value))
    }

    /// What `with` makes of each lane.
    #[inline(always)]
    pub(super) fn map(self, with: impl Fn(u32) -> u32) -> Self {
        let mut made = self;
        for l in 0..L {
            made.0[l] = with(self.0[l]);
        }
        made
    }

    /// What `with` makes of each lane of both.
    #[inline(always)]
    pub(super) fn zip(self, other: Self, with: impl Fn(u32, u32) -> u32) -> Self {
        let mut made = self;
        for l in 0..L {
            made.0[l] = with(self.0[l], other.0[l]);
        }
        made
    }

    /// Where `which` is not zero that lane, else that of `other`.
    #[inline(always)]
    pub(super) fn or_else(self, which: Self, other: Self) -> Self {
        let mut made = self;
        for l in 0..L {
            made.0[l] = if which.0[l] == 0 { other.0[l] } else { self.0[l] };
        }
        made
    }

    /// Sum over the lanes.
    #[inline(always)]
    pub(super) fn sum(self) -> u32 {
        self.0.iter().sum()
    }

    /// Whether any lane is not zero.
    #[inline(always)]
    pub(super) fn any(self) -> bool {
        self.0.iter().fold(0, |bits, number| bits | number) != 0
    }

    /// The lanes that are not zero; L is 16 at most.
    #[inline(always)]
    pub(super) fn nonzero(self) -> impl Iterator<Item = usize> {
        let mut bytes = [0_u8; 16];
        bytes.iter_mut().zip(self.0).for_each(|(byte, number)| *byte = u8::from(number != 0));
        let mut left = u128::from_le_bytes(bytes);
        std::iter::from_fn(move || {
            (left != 0).then(|| {
                let lane = left.trailing_zeros() as usize / 8;
                left &= left - 1;
                lane
            })
        })
    }
}

impl<const L: usize> Index<usize> for Wide<L> {
    type Output = u32;

    #[inline(always)]
    fn index(&self, lane: usize) -> &u32 {
        &self.0[lane]
    }
}

impl<const L: usize> IndexMut<usize> for Wide<L> {
    #[inline(always)]
    fn index_mut(&mut self, lane: usize) -> &mut u32 {
        &mut self.0[lane]
    }
}
