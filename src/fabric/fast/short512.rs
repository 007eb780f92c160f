//! Twice as many numbers of half the bits in one register of 512 bits: sums stay at the largest of them.

#![expect(unsafe_code, reason = "only used within functions that are compiled for processors with AVX-512")]

use std::arch::x86_64::*;
use std::ops::{Add, Sub};

use crate::fabric::fast::LANES;
use crate::fabric::fast::fetch::fetch;
use crate::fabric::fast::wide::{Mask, ShortLine, Vector, Work};

/// A register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shorts(__m512i);

impl Add for Shorts {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_adds_epu16(self.0, other.0) })
    }
}

impl Sub for Shorts {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_epi16(self.0, other.0) })
    }
}

impl Vector for Shorts {
    type Kept = ShortLine;
    type Short = [u16; LANES];
    type Lanes = Mask;
    const LANES: usize = LANES;
    const LARGEST: u32 = u16::MAX as u32;

    #[inline(always)]
    fn load(from: &ShortLine) -> Self {
        Self(unsafe { _mm512_load_si512(from.0.as_ptr().cast()) })
    }

    #[inline(always)]
    fn keep(self) -> ShortLine {
        // A register has as many numbers as a line.
        ShortLine(unsafe { std::mem::transmute::<__m512i, [u16; LANES]>(self.0) })
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
        Self(unsafe { _mm512_loadu_si512(from.as_ptr().cast()) })
    }

    #[inline(always)]
    fn all(value: u32) -> Self {
        Self(unsafe { _mm512_set1_epi16((value as u16).cast_signed()) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_epu16(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { _mm512_min_epu16(self.0, other.0) })
    }

    #[inline(always)]
    fn times(self, factor: u32) -> Self {
        Self(unsafe { _mm512_mullo_epi16(self.0, Self::all(factor).0) })
    }

    #[inline(always)]
    fn eighth(self) -> Self {
        Self(unsafe { _mm512_srli_epi16::<3>(self.0) })
    }

    #[inline(always)]
    fn beyond_eighths(self) -> Self {
        Self(unsafe { _mm512_and_si512(self.0, Self::all(7).0) })
    }

    #[inline(always)]
    fn beyond(self, other: Self) -> Self {
        Self(unsafe { _mm512_subs_epu16(self.0, other.0) })
    }

    #[inline(always)]
    fn less(self, other: Self) -> Mask {
        Mask::with(unsafe { _mm512_cmplt_epu16_mask(self.0, other.0) })
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Mask {
        Mask::with(unsafe { _mm512_cmple_epu16_mask(self.0, other.0) })
    }

    #[inline(always)]
    fn same(self, other: Self) -> Mask {
        Mask::with(unsafe { _mm512_cmpeq_epu16_mask(self.0, other.0) })
    }

    #[inline(always)]
    fn only(self, lanes: Mask, other: Self) -> Self {
        Self(unsafe { _mm512_mask_blend_epi16(lanes.bits(), other.0, self.0) })
    }

    #[inline(always)]
    fn apart(work: impl Work) {
        #[target_feature(enable = "avx512f,avx512bw")]
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
