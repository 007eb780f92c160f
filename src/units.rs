//! Quantities as types: a cycle cannot be added to a byte, and each conversion exists once.
//!
//! Every type is a transparent number with the arithmetic that makes sense for it. Conversions between
//! quantities are the methods of this file and nowhere else; each says how it rounds.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};

use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(0);

            /// The number as a float, for ratios and plots (exact below 2^53).
            pub fn as_f64(self) -> f64 {
                self.0 as f64
            }

            /// `self - other`, or zero where `other` is larger.
            #[must_use]
            pub fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Mul<u64> for $name {
            type Output = Self;
            fn mul(self, factor: u64) -> Self {
                Self(self.0 * factor)
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                Self(items.map(|item| item.0).sum())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", self.0, $unit)
            }
        }
    };
}

quantity!(
    /// Clock cycles of the fabric.
    Cycles,
    "cycles"
);
quantity!(
    /// Bytes.
    Bytes,
    "B"
);
quantity!(
    /// Multiply-accumulates: one multiplication and one addition.
    Macs,
    "MAC"
);
quantity!(
    /// Floating-point operations. One [`Macs`] is two of them.
    Flops,
    "FLOP"
);
quantity!(
    /// 32-bit words on the fabric.
    Wavelets,
    "wavelets"
);

/// A clock frequency in hertz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hertz(pub u64);

/// Wall-clock time in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

impl Hertz {
    /// From megahertz, rounded to the nearest hertz.
    pub fn from_mhz(mhz: f64) -> Self {
        Self((mhz * 1e6).round() as u64)
    }
}

impl Cycles {
    /// The time that this many cycles take at `clock`.
    pub fn at(self, clock: Hertz) -> Seconds {
        Seconds(self.as_f64() / clock.0 as f64)
    }
}

impl Seconds {
    /// The cycles of `clock` that cover this time, rounded up: what has not ended within a cycle takes
    /// another one.
    pub fn cycles_at(self, clock: Hertz) -> Cycles {
        Cycles((self.0 * clock.0 as f64).ceil() as u64)
    }
}

impl Macs {
    /// Two operations a MAC.
    pub fn flops(self) -> Flops {
        Flops(self.0 * 2)
    }
}

/// A whole-number rate of "so many cycles an item", kept in eighths of a cycle so that 1.125 is exact.
///
/// The published link rate of WSE-3 is 9 cycles per 8 wavelets; an eighth is the finest step that any
/// published figure needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EighthCycles(pub u32);

impl EighthCycles {
    /// One item a cycle.
    pub const ONE: Self = Self(8);

    /// From cycles; `None` where `cycles` is not a positive multiple of 1/8.
    pub fn from_cycles(cycles: f64) -> Option<Self> {
        let eighths = cycles * 8.0;
        (eighths >= 1.0 && eighths == eighths.round() && eighths < 1e9).then_some(Self(eighths as u32))
    }

    /// As cycles.
    pub fn cycles(self) -> f64 {
        f64::from(self.0) / 8.0
    }

    /// Cycles from the first of `items` to the last, rounded down: item k leaves in cycle floor(k x rate).
    pub fn span(self, items: u64) -> Cycles {
        Cycles(items.saturating_sub(1) * u64::from(self.0) / 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_rounds_up_to_whole_cycles() {
        let clock = Hertz::from_mhz(850.0);
        assert_eq!(Seconds(1e-9).cycles_at(clock), Cycles(1));
        assert_eq!(Cycles(850).at(clock), Seconds(1e-6));
        assert_eq!(Seconds(1e-6).cycles_at(clock), Cycles(850));
    }

    #[test]
    fn eighths_are_exact_or_refused() {
        assert_eq!(EighthCycles::from_cycles(1.125), Some(EighthCycles(9)));
        assert_eq!(EighthCycles::from_cycles(1.1), None);
        assert_eq!(EighthCycles::from_cycles(0.0), None);
        assert_eq!(EighthCycles(9).span(9), Cycles(9));
        assert_eq!(EighthCycles(9).span(0), Cycles(0));
    }
}
