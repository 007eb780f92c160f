//! Two axes with a grid, and curves between them.

use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, HEIGHT, MARGIN, WIDTH, ink};
use super::rows::ticks;
use crate::report::format::{count, tick};

const TOP: f64 = 118.0;
const FLOOR: f64 = HEIGHT - 56.0;
const LEFT: f64 = MARGIN + 44.0;
const RIGHT: f64 = WIDTH - MARGIN - 16.0;

/// How an axis is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// From zero on, evenly.
    Linear,
    /// From this power of two on, a step for each doubling.
    Doubling(i32),
}

/// An axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis<'a> {
    /// What it shows, with its unit.
    pub(super) title: &'a str,
    /// Largest value.
    pub(super) most: f64,
    /// How it is cut.
    pub(super) scale: Scale,
}

impl Axis<'_> {
    /// Where a value lies, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value / self.most,
            Scale::Doubling(first) => {
                let (first, last) = (f64::from(first), self.most.max(2.0).log2());
                (value.log2().max(first) - first) / (last - first)
            }
        }
    }

    /// A tick in words: powers of two are exact.
    fn says(&self, value: f64) -> String {
        match self.scale {
            Scale::Linear => tick(value),
            Scale::Doubling(_) if value < 1.0 => tick(value),
            Scale::Doubling(_) => count(value as u64),
        }
    }

    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => ticks(self.most),
            // A dozen at most.
            Scale::Doubling(first) => {
                let last = self.most.max(2.0).log2().floor() as i32;
                let step = ((last - first) as usize / 12).max(1);
                (first..=last).step_by(step).map(|power| 2f64.powi(power)).collect()
            }
        }
    }
}

/// The space between two axes.
pub(super) struct Plane<'a> {
    across: Axis<'a>,
    up: Axis<'a>,
}

impl<'a> Plane<'a> {
    /// Draw both axes with their grid.
    pub(super) fn new(canvas: &mut Canvas, across: Axis<'a>, up: Axis<'a>) -> Self {
        let plane = Self { across, up };
        for value in across.ticks() {
            let x = plane.x(value);
            canvas.line((x, TOP), (x, FLOOR), ink(0.12), 1);
            canvas.text((x, FLOOR + 13.0), Anchor::Middle, ink(0.75), &across.says(value));
        }
        for value in up.ticks() {
            let y = plane.y(value);
            canvas.line((LEFT, y), (RIGHT, y), ink(0.12), 1);
            canvas.text((LEFT - 8.0, y), Anchor::End, ink(0.75), &up.says(value));
        }
        canvas.line((LEFT, TOP), (LEFT, FLOOR), ink(1.0), 1);
        canvas.line((LEFT, FLOOR), (RIGHT, FLOOR), ink(1.0), 1);
        canvas.text((LEFT, TOP - 14.0), Anchor::Start, ink(1.0), up.title);
        canvas.text(((LEFT + RIGHT) / 2.0, FLOOR + 35.0), Anchor::Middle, ink(1.0), across.title);
        plane
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * self.across.at(value)
    }

    fn y(&self, value: f64) -> f64 {
        FLOOR - (FLOOR - TOP) * self.up.at(value)
    }

    /// A line through points.
    pub(super) fn line(&self, canvas: &mut Canvas, points: &[(f64, f64)], color: RGBColor) {
        if points.len() > 1 {
            let points = points.iter().map(|&(x, y)| (self.x(x), self.y(y))).collect();
            canvas.curve(points, color.into(), 2);
        }
    }

    /// Points, each a mark.
    pub(super) fn marks(&self, canvas: &mut Canvas, points: &[(f64, f64)], color: RGBColor) {
        for &(x, y) in points {
            let (x, y) = (self.x(x), self.y(y));
            canvas.fill((x - 4.0, y - 4.0), (x + 4.0, y + 4.0), color);
        }
    }

    /// A line through points that are marked.
    pub(super) fn curve(&self, canvas: &mut Canvas, points: &[(f64, f64)], color: RGBColor) {
        self.marks(canvas, points, color);
        self.line(canvas, points, color);
    }
}
