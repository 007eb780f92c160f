//! Numbers of 16 bits in two registers of 256 bits: sums stay at the largest of them.

#![expect(unsafe_code, reason = "only used within functions that are compiled for processors with AVX2")]

use std::arch::x86_64::*;
use std::ops::{Add, BitAnd, BitOr, Not, Sub};

use crate::fabric::fast::LANES;
use crate::fabric::fast::fetch::fetch;
use crate::fabric::fast::wide::{Lanes, Mask, ShortLine, Vector, Work};

/// Lanes of a register.
const HALF: usize = LANES / 2;

/// A bit for each lane of a register.
const BITS: [u16; HALF] = {
    let mut bits = [1; HALF];
    let mut lane = 1;
    while lane < HALF {
        bits[lane] = 2 * bits[lane - 1];
        lane += 1;
    }
    bits
};

/// Two registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair([__m256i; 2]);

/// Lanes: all bits of a number are one in those that are meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meant([__m256i; 2]);

/// The same instruction on both registers.
macro_rules! both {
    ($instruction:path, $one:expr) => {{
        let [low, high] = $one.0;
        unsafe { [$instruction(low), $instruction(high)] }
    }};
    ($instruction:path, $one:expr, $other:expr) => {{
        let ([low, high], [other_low, other_high]) = ($one.0, $other.0);
        unsafe { [$instruction(low, other_low), $instruction(high, other_high)] }
    }};
}

impl Add for Pair {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(both!(_mm256_adds_epu16, self, other))
    }
}

impl Sub for Pair {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(both!(_mm256_sub_epi16, self, other))
    }
}

impl BitAnd for Meant {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(both!(_mm256_and_si256, self, other))
    }
}

impl BitOr for Meant {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(both!(_mm256_or_si256, self, other))
    }
}

impl Not for Meant {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        let ones = Self([unsafe { _mm256_set1_epi16(-1) }; 2]);
        Self(both!(_mm256_xor_si256, self, ones))
    }
}

impl Lanes for Meant {
    #[inline(always)]
    fn of(mask: Mask) -> Self {
        let (low, high) = (mask.bits() as i16, (mask.bits() >> HALF) as i16);
        let bits = Self(unsafe { [_mm256_set1_epi16(low), _mm256_set1_epi16(high)] });
        let each = Self([unsafe { _mm256_loadu_si256(BITS.as_ptr().cast()) }; 2]);
        let set = Self(both!(_mm256_and_si256, bits, each));
        Self(both!(_mm256_cmpeq_epi16, set, each))
    }

    #[inline(always)]
    fn any(self) -> bool {
        let [low, high] = self.0;
        unsafe {
            let any = _mm256_or_si256(low, high);
            _mm256_testz_si256(any, any) == 0
        }
    }
}

impl Vector for Pair {
    type Kept = ShortLine;
    type Short = [u16; LANES];
    type Lanes = Meant;
    const LANES: usize = LANES;
    const LARGEST: u32 = u16::MAX as u32;

    #[inline(always)]
    fn load(from: &ShortLine) -> Self {
        Self::widen(&from.0)
    }

    #[inline(always)]
    fn keep(self) -> ShortLine {
        // Two registers have as many numbers as a line.
        ShortLine(unsafe { std::mem::transmute::<[__m256i; 2], [u16; LANES]>(self.0) })
    }

    #[inline(always)]
    fn lane(kept: &ShortLine, lane: usize) -> u32 {
        kept.lane(lane)
    }

    #[inline(always)]
    fn put(kept: &mut ShortLine, lane: usize, number: u32) {
        kept.put(lane, number);
    }

    #[inline(always)]
    fn narrow(from: &[u16; LANES]) -> [u16; LANES] {
        *from
    }

    #[inline(always)]
    fn widen(from: &[u16; LANES]) -> Self {
        let from = from.as_ptr().cast::<__m256i>();
        Self(unsafe { [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))] })
    }

    #[inline(always)]
    fn all(value: u32) -> Self {
        Self([unsafe { _mm256_set1_epi16((value as u16).cast_signed()) }; 2])
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(both!(_mm256_max_epu16, self, other))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(both!(_mm256_min_epu16, self, other))
    }

    #[inline(always)]
    fn times(self, factor: u32) -> Self {
        Self(both!(_mm256_mullo_epi16, self, Self::all(factor)))
    }

    #[inline(always)]
    fn eighth(self) -> Self {
        Self(both!(_mm256_srli_epi16::<3>, self))
    }

    #[inline(always)]
    fn beyond_eighths(self) -> Self {
        Self(both!(_mm256_and_si256, self, Self::all(7)))
    }

    #[inline(always)]
    fn beyond(self, other: Self) -> Self {
        Self(both!(_mm256_subs_epu16, self, other))
    }

    #[inline(always)]
    fn less(self, other: Self) -> Meant {
        !other.at_most(self)
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Meant {
        self.min(other).same(self)
    }

    #[inline(always)]
    fn same(self, other: Self) -> Meant {
        Meant(both!(_mm256_cmpeq_epi16, self, other))
    }

    #[inline(always)]
    fn only(self, lanes: Meant, other: Self) -> Self {
        let ([low, high], [other_low, other_high], [in_low, in_high]) = (self.0, other.0, lanes.0);
        Self(unsafe {
            [_mm256_blendv_epi8(other_low, low, in_low), _mm256_blendv_epi8(other_high, high, in_high)]
        })
    }

    #[inline(always)]
    fn in_lanes(self, lanes: Meant) -> Self {
        Self(both!(_mm256_and_si256, self, lanes))
    }

    #[inline(always)]
    fn apart(work: impl Work) {
        #[target_feature(enable = "avx2")]
        #[inline(never)]
        fn apart(work: impl Work) {
            work.run();
        }
        unsafe { apart(work) }
    }

    #[inline(always)]
    fn fetch<T>(state: &T) {
        fetch(state);
    }
}
