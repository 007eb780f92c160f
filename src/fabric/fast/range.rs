//! Cycles in short numbers: counted from a start that moves on, so that none comes to the end of the numbers.

use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::{LATEST, Vector, Wide};

/// Where a cycle is this late, the start moves on; later than the other one none may be.
const LATE: u32 = 40_000;
const TOO_LATE: u32 = 60_000;
/// Most cycles of a row: so many rows of them fit between what is late and what is too late.
const MOST_WORK: u32 = 1024;
const ROWS: u32 = 8;

/// Cycles between the start and the first one that bears on what is to come: what a few rows take, each weight so many
/// cycles. `None` where that is more than short numbers are for.
pub(super) fn margin<V: Vector>(weights: &[Weights<'_>], cycles: u32) -> Option<u32> {
    if V::LARGEST == u32::MAX {
        return Some(0);
    }
    let most = weights.iter().map(Weights::most).max()? * cycles;
    (most <= MOST_WORK).then_some(ROWS * (most + u32::from(u8::MAX)))
}

/// By how much the start moves on where the first cycle that bears on what is to come and the last one so far are
/// these, `None` if it stays. Nothing at all where the last one is too late, so that numbers may have run over.
#[expect(clippy::option_option, reason = "the outer one is of what does not go on")]
#[inline(always)]
pub(super) fn later_by<V: Vector>(first: V, last: V, lanes: usize, margin: u32) -> Option<Option<V>> {
    let latest = |last: V| (0..lanes).map(|lane| Wide::of(last).at(lane)).max();
    match latest(last)? {
        TOO_LATE.. => None,
        LATE.. => {
            let by = first.beyond(V::all(margin));
            (latest(last - by)? < LATE).then_some(Some(by))
        }
        _ => Some(None),
    }
}

/// Whether numbers have not run over where a run ends in this cycle of them.
pub(super) fn ends_in_range<V: Vector>(finish: u32) -> bool {
    V::LARGEST == u32::MAX || finish < TOO_LATE
}

/// The start moves on; `None` where the run takes too long.
#[inline(always)]
pub(super) fn start_later<V: Vector>(start: &mut [u32], by: V) -> Option<()> {
    let by = Wide::of(by);
    for (lane, start) in start.iter_mut().enumerate() {
        *start += by.at(lane);
    }
    start.iter().all(|&start| start < LATEST).then_some(())
}
