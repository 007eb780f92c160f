//! How efficiency falls as systems are added.

use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, HEIGHT, MARGIN, WIDTH, ink};
use super::palette::{BLUE, GREY, VERMILLION};
use super::rows::{legend, ticks};
use crate::record::{ClusterRecord, Scaling};
use crate::report::ReportError;
use crate::report::format::{count, tick as tick_text};

const TOP: f64 = 118.0;
const FLOOR: f64 = HEIGHT - 56.0;
const LEFT: f64 = MARGIN + 44.0;
const RIGHT: f64 = WIDTH - MARGIN - 16.0;
/// Curves in order, each with its colour.
const DRAWN: [(Scaling, &str, RGBColor); 2] = [
    (Scaling::Weak, "weak: same share of each", BLUE),
    (Scaling::Strong, "strong: same batch of all", VERMILLION),
];

/// Efficiency over the number of systems, on a logarithmic axis.
///
/// # Errors
/// [`ReportError::Figure`] where the drawing library fails.
pub fn efficiency(record: &ClusterRecord) -> Result<String, ReportError> {
    let caption = "Samples per second and system, as a share of those of one system";
    let mut canvas = Canvas::new(&record.title, caption);
    let drawn =
        || DRAWN.into_iter().filter(|(scaling, ..)| record.points.iter().any(|p| p.scaling == *scaling));
    let mut names: Vec<(&str, RGBColor)> = drawn().map(|(_, name, color)| (name, color)).collect();
    names.push(("nothing lost", GREY));
    legend(&mut canvas, &names, 76.0);
    let most = record.points.iter().map(|point| f64::from(point.systems)).fold(2.0, f64::max);
    let highest = record.points.iter().map(|point| 100.0 * point.efficiency).fold(100.0, f64::max);
    let x = |systems: f64| LEFT + (RIGHT - LEFT) * systems.log2() / most.log2();
    let y = |share: f64| FLOOR - (FLOOR - TOP) * share / highest;
    let powers = most.log2().floor() as u32;
    // At most a dozen ticks, at powers of two.
    for power in (0..=powers).step_by((powers as usize / 12).max(1)) {
        let systems = 1u64 << power.min(62);
        let across = x(systems as f64);
        canvas.line((across, TOP), (across, FLOOR), ink(0.12), 1);
        canvas.text((across, FLOOR + 13.0), Anchor::Middle, ink(0.75), &count(systems));
    }
    for tick in ticks(highest) {
        canvas.line((LEFT, y(tick)), (RIGHT, y(tick)), ink(0.12), 1);
        canvas.text((LEFT - 8.0, y(tick)), Anchor::End, ink(0.75), &tick_text(tick));
    }
    canvas.line((LEFT, TOP), (LEFT, FLOOR), ink(1.0), 1);
    canvas.line((LEFT, FLOOR), (RIGHT, FLOOR), ink(1.0), 1);
    canvas.text((LEFT, TOP - 14.0), Anchor::Start, ink(1.0), "efficiency in %");
    canvas.text(((LEFT + RIGHT) / 2.0, FLOOR + 35.0), Anchor::Middle, ink(1.0), "systems");
    canvas.line((LEFT, y(100.0)), (RIGHT, y(100.0)), GREY.into(), 2);
    for (scaling, _, color) in drawn() {
        let points: Vec<(f64, f64)> = record
            .points
            .iter()
            .filter(|point| point.scaling == scaling)
            .map(|point| (x(f64::from(point.systems)), y(100.0 * point.efficiency)))
            .collect();
        for &(across, up) in &points {
            canvas.fill((across - 4.0, up - 4.0), (across + 4.0, up + 4.0), color);
        }
        canvas.curve(points, color.into(), 2);
    }
    canvas.render("efficiency")
}
