//! The same numbers in one register of 512 bits.

#![expect(unsafe_code, reason = "only used within functions that are compiled for processors with AVX-512")]

use std::arch::x86_64::*;
use std::ops::{Add, Sub};

use crate::fabric::fast::wide::{LONG_LANES, Line, Mask, Vector};

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// A register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zmm(__m512i);

impl Add for Zmm {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_epi32(self.0, other.0) })
    }
}

impl Sub for Zmm {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_epi32(self.0, other.0) })
    }
}

impl Vector for Zmm {
    type Kept = Line;
    type Short = [u16; LONG_LANES];
    const LANES: usize = LONG_LANES;
    const LARGEST: u32 = u32::MAX;

    #[inline(always)]
    fn load(from: &Line) -> Self {
        Self(unsafe { _mm512_load_si512(from.0.as_ptr().cast()) })
    }

    #[inline(always)]
    fn keep(self) -> Line {
        // A register has as many numbers as a line.
        Line(unsafe { std::mem::transmute::<__m512i, [u32; LONG_LANES]>(self.0) })
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
    fn widen(from: &[u16; LONG_LANES]) -> Self {
        Self(unsafe { _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast())) })
    }

    #[inline(always)]
    fn all(value: u32) -> Self {
        Self(unsafe { _mm512_set1_epi32(value.cast_signed()) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_epu32(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(unsafe { _mm512_min_epu32(self.0, other.0) })
    }

    #[inline(always)]
    fn times(self, factor: u32) -> Self {
        Self(unsafe { _mm512_mullo_epi32(self.0, Self::all(factor).0) })
    }

    #[inline(always)]
    fn eighth(self) -> Self {
        Self(unsafe { _mm512_srli_epi32::<3>(self.0) })
    }

    #[inline(always)]
    fn beyond_eighths(self) -> Self {
        Self(unsafe { _mm512_and_si512(self.0, Self::all(7).0) })
    }

    #[inline(always)]
    fn beyond(self, other: Self) -> Self {
        self.max(other) - other
    }

    #[inline(always)]
    fn less(self, other: Self) -> Mask {
        Mask::of(u32::from(unsafe { _mm512_cmplt_epu32_mask(self.0, other.0) }))
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Mask {
        Mask::of(u32::from(unsafe { _mm512_cmple_epu32_mask(self.0, other.0) }))
    }

    #[inline(always)]
    fn only(self, lanes: Mask, other: Self) -> Self {
        Self(unsafe { _mm512_mask_blend_epi32(lanes.bits() as u16, other.0, self.0) })
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
    use crate::fabric::fast::plain::Plain;

    /// What both kinds of vectors make of the same numbers, lane by lane.
    fn all<V>(
        one: &[u32; LONG_LANES],
        other: &[u32; LONG_LANES],
        short: &[u16; LONG_LANES],
    ) -> Vec<[u32; LONG_LANES]>
    where
        V: Vector<Kept = Line, Short = [u16; LONG_LANES]>,
    {
        let (a, b) = (V::load(&Line(*one)), V::load(&Line(*other)));
        let lanes = |mask: Mask| [mask.bits(); LONG_LANES];
        let numbers = [
            a + b,
            a - b,
            a.max(b),
            a.min(b),
            a.times(7),
            a.eighth(),
            a.beyond_eighths(),
            a.beyond(b),
            a.plus(5),
            V::all(9),
            V::widen(short),
            a.only(a.less(b), b),
            a.in_lanes(!a.at_most(b)),
        ];
        let numbers = numbers.into_iter().map(|numbers| numbers.keep().0);
        numbers.chain([lanes(a.less(b)), lanes(a.at_most(b)), lanes(a.less(b) | b.less(a))]).collect()
    }

    #[test]
    fn a_register_does_what_a_loop_does() {
        if !is_x86_feature_detected!("avx512f") {
            return;
        }
        let mut state = 1_u64;
        for _ in 0..1000 {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 32) as u32
            };
            // Small and large numbers, some of them equal.
            let mut numbers = || std::array::from_fn(|_| if next() % 3 == 0 { next() } else { next() % 4 });
            let (one, other) = (numbers(), numbers());
            let short = one.map(|number: u32| number as u16);
            assert_eq!(all::<Zmm>(&one, &other, &short), all::<Plain>(&one, &other, &short));
        }
    }
}
