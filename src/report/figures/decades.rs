//! Two axes of powers of ten, with room for names at the right.

use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, HEIGHT, MARGIN, WIDTH, ink};
use super::palette::DARK_GREY;
use crate::report::format::{si_tick, tick};

/// Upper end of the upward axis, in pixels.
pub(super) const TOP: f64 = 116.0;
/// Its lower end.
pub(super) const FLOOR: f64 = HEIGHT - 56.0;
const LEFT: f64 = MARGIN + 60.0;
/// Right end of the axis across.
pub(super) const RIGHT: f64 = WIDTH - MARGIN - 142.0;

/// Two axes of decades.
pub(super) struct Decades {
    x: (f64, f64),
    y: (f64, f64),
}

impl Decades {
    /// Whole decades around values across, and little more than the values upwards.
    pub(super) fn around(across: impl Iterator<Item = f64>, up: impl Iterator<Item = f64>) -> Self {
        let (up, most) = (up.collect::<Vec<_>>(), 1e9);
        let (low, high) = ends(up.into_iter());
        Self { x: decades(across), y: ((low / 1.6).max(high / most), high * 1.3) }
    }

    /// Where a value lies across, in pixels.
    pub(super) fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * share(self.x, value)
    }

    /// Where a value lies upwards.
    pub(super) fn y(&self, value: f64) -> f64 {
        FLOOR - (FLOOR - TOP) * share(self.y, value)
    }

    /// Both axes with their grid.
    pub(super) fn draw(&self, canvas: &mut Canvas, across: &str, up: &str) {
        for power in powers(self.x) {
            let x = self.x(power);
            canvas.line((x, TOP), (x, FLOOR), ink(0.12), 1);
            canvas.text((x, FLOOR + 13.0), Anchor::Middle, ink(0.75), &x_tick(power));
        }
        for value in steps(self.y) {
            let y = self.y(value);
            canvas.line((LEFT, y), (RIGHT, y), ink(0.12), 1);
            canvas.text((LEFT - 8.0, y), Anchor::End, ink(0.75), &si_tick(value));
        }
        canvas.line((LEFT, TOP), (LEFT, FLOOR), ink(1.0), 1);
        canvas.line((LEFT, FLOOR), (RIGHT, FLOOR), ink(1.0), 1);
        canvas.text((LEFT, TOP - 14.0), Anchor::Start, ink(1.0), up);
        let middle = ((LEFT + RIGHT) / 2.0, FLOOR + 35.0);
        canvas.text(middle, Anchor::Middle, ink(1.0), across);
    }

    /// `slope` times what is across, up to `peak`.
    pub(super) fn slope(&self, canvas: &mut Canvas, slope: f64, peak: f64, color: RGBColor) {
        let start = (self.y.0 / slope).max(self.x.0);
        let end = (peak / slope).min(self.x.1);
        if start < end {
            let points = [start, (start * end).sqrt(), end];
            let points = points.map(|x| (self.x(x), self.y(x * slope)));
            canvas.curve(points.to_vec(), color.into(), 2);
        }
    }

    /// A ceiling.
    pub(super) fn level(&self, canvas: &mut Canvas, value: f64, width: u32) {
        let y = self.y(value);
        canvas.line((LEFT, y), (RIGHT, y), DARK_GREY.into(), width);
    }
}

/// Smallest and largest of what is sound; 1 and 10 where nothing is.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let sound = values.filter(|value| value.is_finite() && *value > 0.0);
    sound
        .fold(None, |ends: Option<(f64, f64)>, value| {
            let (low, high) = ends.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        })
        .unwrap_or((1.0, 10.0))
}

/// From the power of ten below the smallest to the one above the largest.
fn decades(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = ends(values);
    let low = 10f64.powf(low.log10().floor()).max(high * 1e-12);
    (low, 10f64.powf((high * 1.05).log10().ceil()).max(low * 10.0))
}

/// Powers of ten, with twice and five times each where there are few.
fn steps((low, high): (f64, f64)) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let apart = ((last - first) as usize / 12).max(1);
    let factors: &[f64] = if high / low < 1000.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let powers = (first..=last).step_by(apart).map(|power| 10f64.powi(power));
    powers
        .flat_map(|power| factors.iter().map(move |factor| factor * power))
        .filter(|value| (low..=high).contains(value))
        .collect()
}

fn powers((low, high): (f64, f64)) -> impl Iterator<Item = f64> {
    let (first, last) = (low.log10().round() as i32, high.log10().round() as i32);
    (first..=last).step_by(((last - first) as usize / 12).max(1)).map(|power| 10f64.powi(power))
}

fn share((low, high): (f64, f64), value: f64) -> f64 {
    ((value / low).ln() / (high / low).ln()).clamp(0.0, 1.0)
}

fn x_tick(value: f64) -> String {
    if value >= 1e3 { si_tick(value) } else { tick(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_powers_of_ten() {
        assert_eq!(decades([0.33, 16_384.0].into_iter()), (0.1, 100_000.0));
        assert_eq!(decades([f64::NAN, f64::INFINITY].into_iter()), (1.0, 100.0));
        assert_eq!(steps((0.9, 60.0)), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
    }
}
