//! State that is needed soon comes closer.

#![expect(
    unsafe_code,
    reason = "asking for a line of the cache reads nothing, and every processor of this kind can"
)]

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// Have the processor bring all lines of `state` closer.
#[inline(always)]
pub(super) fn fetch<T>(state: &T) {
    let first = std::ptr::from_ref(state).cast::<i8>();
    for line in (0..size_of::<T>()).step_by(LINE) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(line)) }
    }
}
