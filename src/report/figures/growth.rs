//! How the time of a simulation grows with what is simulated.

use plotters::style::RGBColor;

use super::canvas::Canvas;
use super::palette::{BLUE, GREEN, GREY, SERIES, VERMILLION};
use super::plane::{Axis, Plane, Scale};
use super::rows::legend;
use crate::report::ReportError;

/// Time over size.
#[derive(Clone, Debug, PartialEq)]
pub struct GrowthCurve {
    /// What grows: one word.
    pub name: String,
    /// Size and time, each relative to the first point.
    pub points: Vec<(f64, f64)>,
}

/// What grows that is drawn, in this order.
const DRAWN: [(&str, RGBColor); 4] =
    [("layers", BLUE), ("batch", VERMILLION), ("rows", GREEN), ("columns", SERIES[0])];

/// Curves of layers, batch, rows and columns, and a line for time in proportion to size; `None` without any of them.
///
/// # Errors
/// [`ReportError::Figure`] where the drawing library fails.
pub fn growth(curves: &[GrowthCurve]) -> Result<Option<String>, ReportError> {
    let drawn = || {
        DRAWN.into_iter().filter_map(|(name, color)| Some((curves.iter().find(|c| c.name == name)?, color)))
    };
    if drawn().next().is_none() {
        return Ok(None);
    }
    let title = "Time of a simulated step by size";
    let mut canvas = Canvas::new(
        title,
        "Wall time of one run against size, both relative to the smallest run of a series",
    );
    let mut names: Vec<(&str, RGBColor)> =
        drawn().map(|(curve, color)| (curve.name.as_str(), color)).collect();
    names.push(("in proportion", GREY));
    legend(&mut canvas, &names, 76.0);
    let most = drawn().flat_map(|(curve, _)| curve.points.iter().map(|(size, _)| *size)).fold(1.0, f64::max);
    let highest =
        drawn().flat_map(|(curve, _)| curve.points.iter().map(|(_, time)| *time)).fold(most, f64::max);
    let across = Axis { title: "size, relative", most, scale: Scale::Linear };
    let up = Axis { title: "wall time, relative", most: highest, scale: Scale::Linear };
    let plane = Plane::new(&mut canvas, across, up);
    plane.line(&mut canvas, &[(0.0, 0.0), (most, most)], GREY);
    for (curve, color) in drawn() {
        plane.curve(&mut canvas, &curve.points, color);
    }
    canvas.render("growth").map(Some)
}
