//! Twice as many numbers of half the bits in one register of 512 bits: sums stay at the largest of them.

#![expect(unsafe_code, reason = "only used within functions that are compiled for processors with AVX-512")]

use std::arch::x86_64::*;
use std::ops::{Add, Sub};

use crate::fabric::fast::LANES;
use crate::fabric::fast::wide::{Mask, Vector};

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// Numbers of [`LANES`] lanes on one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct ShortLine([u16; LANES]);

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
        u32::from(kept.0[lane])
    }

    #[inline(always)]
    fn put(kept: &mut ShortLine, lane: usize, number: u32) {
        kept.0[lane] = u16::try_from(number).unwrap_or(u16::MAX);
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
        Mask::of(unsafe { _mm512_cmplt_epu16_mask(self.0, other.0) })
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Mask {
        Mask::of(unsafe { _mm512_cmple_epu16_mask(self.0, other.0) })
    }

    #[inline(always)]
    fn only(self, lanes: Mask, other: Self) -> Self {
        Self(unsafe { _mm512_mask_blend_epi16(lanes.bits(), other.0, self.0) })
    }

    #[inline(always)]
    fn fetch<T>(state: &T) {
        let first = std::ptr::from_ref(state).cast::<i8>();
        for line in (0..size_of::<T>()).step_by(LINE) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(line)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An operation on the numbers of a lane.
    type OfLane = fn(u16, u16) -> u16;

    #[test]
    fn a_register_does_what_a_loop_does() {
        if !is_x86_feature_detected!("avx512bw") {
            return;
        }
        let mut state = 1_u64;
        for _ in 0..1000 {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 48) as u16
            };
            // Small and large numbers, some of them equal.
            let mut numbers = || -> [u16; LANES] {
                std::array::from_fn(|_| if next() % 3 == 0 { next() } else { next() % 4 })
            };
            let (one, other) = (numbers(), numbers());
            let (a, b) = (Shorts::widen(&one), Shorts::widen(&other));
            let loops: [(Shorts, OfLane); 10] = [
                (a + b, u16::saturating_add),
                (a - b, u16::wrapping_sub),
                (a.max(b), u16::max),
                (a.min(b), u16::min),
                (a.times(7), |a, _| a.wrapping_mul(7)),
                (a.eighth(), |a, _| a / 8),
                (a.beyond_eighths(), |a, _| a % 8),
                (a.beyond(b), u16::saturating_sub),
                (a.only(a.less(b), b), |a, b| if a < b { a } else { b }),
                (a.in_lanes(!a.at_most(b)), |a, b| if a <= b { 0 } else { a }),
            ];
            for (at, (numbers, number)) in loops.into_iter().enumerate() {
                let kept = numbers.keep();
                for lane in 0..LANES {
                    let expected = u32::from(number(one[lane], other[lane]));
                    assert_eq!(Shorts::lane(&kept, lane), expected, "operation {at}, lane {lane}");
                }
            }
        }
    }

    #[test]
    fn a_number_that_is_too_large_becomes_the_largest() {
        let mut kept = ShortLine([0; LANES]);
        Shorts::put(&mut kept, 3, 70_000);
        Shorts::put(&mut kept, 4, 7);
        assert_eq!([3, 4, 5].map(|lane| Shorts::lane(&kept, lane)), [Shorts::LARGEST, 7, 0]);
    }
}
