//! How the time of a simulation grows with what is simulated.

use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, HEIGHT, MARGIN, WIDTH, ink};
use super::palette::{BLUE, GREEN, GREY, VERMILLION};
use super::rows::{legend, ticks};
use crate::report::ReportError;
use crate::report::format::tick as tick_text;

/// Time over size.
#[derive(Clone, Debug, PartialEq)]
pub struct GrowthCurve {
    /// What grows: one word.
    pub name: String,
    /// Size and time, each relative to the first point.
    pub points: Vec<(f64, f64)>,
}

const TOP: f64 = 118.0;
const FLOOR: f64 = HEIGHT - 56.0;
const LEFT: f64 = MARGIN + 44.0;
const RIGHT: f64 = WIDTH - MARGIN;
/// What grows that is drawn, in this order.
const DRAWN: [(&str, RGBColor); 4] =
    [("layers", BLUE), ("batch", VERMILLION), ("rows", GREEN), ("columns", RGBColor(0xE6, 0x9F, 0x00))];

/// Curves of layers, batch, rows and columns, and a line for time in proportion to size.
///
/// # Errors
/// [`ReportError::Figure`] where the drawing library fails.
pub fn growth(curves: &[GrowthCurve]) -> Result<String, ReportError> {
    let title = "Time of a simulated step by size";
    let mut canvas = Canvas::new(
        title,
        "Wall time of one run against size, both relative to the smallest run of a series",
    );
    let drawn = || {
        DRAWN.into_iter().filter_map(|(name, color)| Some((curves.iter().find(|c| c.name == name)?, color)))
    };
    let mut names: Vec<(&str, RGBColor)> =
        drawn().map(|(curve, color)| (curve.name.as_str(), color)).collect();
    names.push(("in proportion", GREY));
    legend(&mut canvas, &names, 76.0);
    let most = drawn().flat_map(|(curve, _)| curve.points.iter().map(|(size, _)| *size)).fold(1.0, f64::max);
    let highest =
        drawn().flat_map(|(curve, _)| curve.points.iter().map(|(_, time)| *time)).fold(most, f64::max);
    let x = |size: f64| LEFT + (RIGHT - LEFT) * size / most;
    let y = |time: f64| FLOOR - (FLOOR - TOP) * time / highest;
    for tick in ticks(most) {
        canvas.line((x(tick), TOP), (x(tick), FLOOR), ink(0.12), 1);
        canvas.text((x(tick), FLOOR + 13.0), Anchor::Middle, ink(0.75), &tick_text(tick));
    }
    for tick in ticks(highest) {
        canvas.line((LEFT, y(tick)), (RIGHT, y(tick)), ink(0.12), 1);
        canvas.text((LEFT - 8.0, y(tick)), Anchor::End, ink(0.75), &tick_text(tick));
    }
    canvas.line((LEFT, TOP), (LEFT, FLOOR), ink(1.0), 1);
    canvas.line((LEFT, FLOOR), (RIGHT, FLOOR), ink(1.0), 1);
    canvas.text((LEFT, TOP - 14.0), Anchor::Start, ink(1.0), "wall time, relative");
    canvas.text(((LEFT + RIGHT) / 2.0, FLOOR + 35.0), Anchor::Middle, ink(1.0), "size, relative");
    canvas.line((x(0.0), y(0.0)), (x(most), y(most)), GREY.into(), 2);
    for (curve, color) in drawn() {
        let points: Vec<(f64, f64)> = curve.points.iter().map(|&(size, time)| (x(size), y(time))).collect();
        for &(across, up) in &points {
            canvas.fill((across - 4.0, up - 4.0), (across + 4.0, up + 4.0), color);
        }
        canvas.curve(points, color.into(), 2);
    }
    canvas.render("growth")
}
