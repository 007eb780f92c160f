//! The board's limit: a kernel that would take more power runs at a lower clock.

use super::device::Device;
use crate::units::{Bytes, Flops};

/// What runs before and after a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Nothing: a measurement, which ends before the clock has come down unless it is long.
    Alone,
    /// The same again and again, as in training: the clock is where the board's limit leaves it.
    Sustained,
}

impl Device {
    /// Seconds of a kernel that takes `run` at the boost clock: where it needs more than the board's limit, the clock comes
    /// down until it does not.
    pub(super) fn throttled(
        &self,
        run: f64,
        flops: Flops,
        element: Bytes,
        traffic: Bytes,
        load: Load,
    ) -> f64 {
        let power = &self.spec.power;
        let limited = self.dynamic_j(flops, element, traffic) / (power.board_w - power.static_w);
        if limited <= run {
            return run;
        }
        let down = match load {
            Load::Alone => 1.0 - (-run / (power.throttle_us * 1e-6)).exp(),
            Load::Sustained => 1.0,
        };
        run + (limited - run) * down
    }

    /// Energy beyond what the board takes without work, in joules: wider elements take as much more as they run slower.
    pub fn dynamic_j(&self, flops: Flops, element: Bytes, traffic: Bytes) -> f64 {
        let power = &self.spec.power;
        let tensor = flops.as_f64() * self.spec.slowdown(element) * power.tensor_pj_per_flop;
        (tensor + traffic.as_f64() * 8.0 * power.memory_pj_per_bit) * 1e-12
    }
}
