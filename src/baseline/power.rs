//! The board's limit: a kernel that would take more power runs at a lower clock.

use super::device::Device;
use crate::units::Bytes;

/// What runs before and after a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Nothing: a measurement, which ends before the clock has come down unless it is long.
    Alone,
    /// The same again and again, as in training: the clock is where the board's limit leaves it.
    Sustained,
}

impl Device {
    /// Seconds of a kernel that takes `run` at the boost clock and `dynamic_j` joules beyond the board's own: where that is
    /// more than the board's limit, the clock comes down, and with it the energy of each operation, until it is not.
    pub(super) fn throttled(&self, run: f64, dynamic_j: f64, load: Load) -> f64 {
        let power = &self.spec.power;
        let over = dynamic_j / run / (power.board_w - power.static_w);
        if over <= 1.0 || !over.is_finite() {
            return run;
        }
        // Power goes with the clock and with the energy of an operation, which goes with the clock too.
        let limited = run * over.powf(1.0 / (1.0 + power.energy_clock_exponent));
        let down = match load {
            Load::Alone => 1.0 - (-run / (power.throttle_us * 1e-6)).exp(),
            Load::Sustained => 1.0,
        };
        run + (limited - run) * down
    }

    /// Energy at the boost clock beyond what the board takes without work, in joules. `tensor_flops` counts what tensor
    /// cores do; wider elements take as much more as they run slower.
    pub fn dynamic_j(&self, tensor_flops: f64, element: Bytes, traffic: Bytes) -> f64 {
        let power = &self.spec.power;
        let tensor = tensor_flops * self.spec.slowdown(element) * power.tensor_pj_per_flop;
        (tensor + traffic.as_f64() * 8.0 * power.memory_pj_per_bit) * 1e-12
    }
}
