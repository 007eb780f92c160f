//! Operations of short numbers, one by one: registers do what loops over their numbers do.

use crate::fabric::fast::LANES;
use crate::fabric::fast::wide::{Lanes, Mask, Vector, Wide};

/// An operation on the numbers of a lane.
type OfLane = fn(u16, u16) -> u16;

#[inline(always)]
fn registers_do_what_loops_do<V: Vector<Short = [u16; LANES]>>() {
    let mut state = 1_u64;
    for _ in 0..1000 {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 48) as u16
        };
        // Small and large numbers, some of them equal.
        let mut numbers =
            || -> [u16; LANES] { std::array::from_fn(|_| if next() % 3 == 0 { next() } else { next() % 4 }) };
        let (one, other) = (numbers(), numbers());
        let (a, b) = (V::widen(&one), V::widen(&other));
        let loops: [(V, OfLane); 14] = [
            (a + b, u16::saturating_add),
            (a - b, u16::wrapping_sub),
            (a.max(b), u16::max),
            (a.min(b), u16::min),
            (a.times(7), |a, _| a.wrapping_mul(7)),
            (a.eighth(), |a, _| a / 8),
            (a.beyond_eighths(), |a, _| a % 8),
            (a.beyond(b), u16::saturating_sub),
            (a.only(a.less(b), b), |a, b| if a < b { a } else { b }),
            (a.only(b.less(a), b), |a, b| if b < a { a } else { b }),
            (a.in_lanes(!a.at_most(b)), |a, b| if a <= b { 0 } else { a }),
            (a.in_lanes(a.same(b)), |a, b| if a == b { a } else { 0 }),
            (a.in_lanes(a.less(b) | a.same(b)), |a, b| if a <= b { a } else { 0 }),
            (a.in_lanes(a.at_most(b) & b.at_most(a)), |a, b| if a == b { a } else { 0 }),
        ];
        for (at, (numbers, number)) in loops.into_iter().enumerate() {
            let kept = Wide::of(numbers);
            for lane in 0..LANES {
                let expected = u32::from(number(one[lane], other[lane]));
                assert_eq!(kept.at(lane), expected, "operation {at}, lane {lane}");
            }
        }
        let bits = u32::from(one[0]) << 16 | u32::from(other[0]);
        let chosen = Wide::of(V::all(1).in_lanes(V::Lanes::of(Mask::with(bits))));
        assert!((0..LANES).all(|lane| chosen.at(lane) == bits >> lane & 1), "{bits:x}");
        assert_eq!(V::Lanes::of(Mask::with(bits)).any(), bits != 0);
    }
    assert!(!V::Lanes::of(Mask::NONE).any() && V::Lanes::of(V::ALL).any());
    let mut kept = Wide::<V>::all(0);
    kept.put(3, 70_000);
    kept.put(4, 7);
    assert_eq!([3, 4, 5].map(|lane| kept.at(lane)), [V::LARGEST, 7, 0], "too large becomes the largest");
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn of_512_bits() {
    registers_do_what_loops_do::<crate::fabric::fast::short512::Shorts>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn of_256_bits() {
    registers_do_what_loops_do::<crate::fabric::fast::short256::Pair>();
}

#[test]
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the processor has just said that it can")]
fn short_registers_do_what_loops_do() {
    if is_x86_feature_detected!("avx512bw") {
        unsafe { of_512_bits() }
    }
    if is_x86_feature_detected!("avx2") {
        unsafe { of_256_bits() }
    }
}
