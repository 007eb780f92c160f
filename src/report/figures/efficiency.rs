//! How efficiency falls as systems are added.

use plotters::style::RGBColor;

use super::canvas::Canvas;
use super::palette::{BLUE, GREY, VERMILLION};
use super::plane::{Axis, Plane, Scale};
use super::rows::legend;
use crate::record::{ClusterRecord, Scaling};
use crate::report::ReportError;

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
    let across = Axis { title: "systems", most, scale: Scale::Doubling(0) };
    let up = Axis { title: "efficiency in %", most: highest, scale: Scale::Linear };
    let plane = Plane::new(&mut canvas, across, up);
    plane.line(&mut canvas, &[(1.0, 100.0), (most, 100.0)], GREY);
    for (scaling, _, color) in drawn() {
        let points: Vec<(f64, f64)> = record
            .points
            .iter()
            .filter(|point| point.scaling == scaling)
            .map(|point| (f64::from(point.systems), 100.0 * point.efficiency))
            .collect();
        plane.curve(&mut canvas, &points, color);
    }
    canvas.render("efficiency")
}
