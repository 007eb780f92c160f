//! Memory on the package, command by command: how much of its peak a pattern of accesses achieves.
//!
//! ```text
//! pattern -> requests of one pseudo-channel -> controller (queues, oldest ready first) -> commands to banks -> cycles
//! ```
//!
//! Addresses interleave over pseudo-channels, so that each sees the same pattern: one is simulated, cycle by cycle, and
//! stands for all. Values are not carried.

mod bank;
mod channel;
mod controller;
mod pattern;
mod timing;

pub use pattern::Pattern;
pub use timing::Timing;

use crate::spec::dram::DramSpec;
use controller::Controller;

/// What a pattern of accesses achieved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Achieved {
    /// Share of the peak that the data bus was in use for words that were asked for, in [0, 1].
    pub share: f64,
    /// Cycles of the command clock, from the first command to the last word.
    pub cycles: u64,
    /// Accesses.
    pub accesses: u64,
    /// Rows that were opened.
    pub activates: u64,
    /// Refresh commands.
    pub refreshes: u64,
}

/// `accesses` accesses of `pattern` on one pseudo-channel that always has enough of them waiting.
pub fn simulate(pattern: Pattern, accesses: u64, spec: &DramSpec) -> Achieved {
    let timing = Timing::new(spec);
    let counts = Controller::new(&timing, spec).run(pattern.requests(accesses, spec));
    Achieved {
        share: (counts.served * timing.ccd_s) as f64 / counts.cycles.max(1) as f64,
        cycles: counts.cycles,
        accesses: counts.served,
        activates: counts.activates,
        refreshes: counts.refreshes,
    }
}

/// Accesses after which the share does not change any more: some ten refresh intervals.
const LONG: u64 = 16_384;

/// Bandwidth of the whole memory with `pattern`, in bytes per second.
pub fn bandwidth(pattern: Pattern, spec: &DramSpec) -> f64 {
    simulate(pattern, LONG, spec).share * spec.peak_bytes_per_s()
}
