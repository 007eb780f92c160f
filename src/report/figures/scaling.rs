//! Achieved and theoretical speedup as weights become zero.

use plotters::style::RGBColor;

use super::canvas::Canvas;
use super::palette::{BLUE, DARK_GREY, GREY, SERIES};
use super::plane::{Axis, Plane, Scale};
use super::rows::legend;
use crate::report::ReportError;

/// Speedup over the share of zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingCurve {
    /// Of what.
    pub name: String,
    /// Share of zeros, theory, achieved.
    pub points: Vec<(f64, f64, f64)>,
}

/// The step and the linears of a block, each achieved curve beside its theory.
///
/// # Errors
/// [`ReportError::Figure`] where the drawing library fails.
pub fn scaling(title: &str, step: &ScalingCurve, linears: &[ScalingCurve]) -> Result<String, ReportError> {
    let mut canvas = Canvas::new(title, "Speedup over the same without zeros, on an axis of doublings");
    let colors = || SERIES.into_iter().cycle();
    let mut names: Vec<(&str, RGBColor)> =
        vec![("theory of a linear", GREY), ("theory of the step", DARK_GREY), (step.name.as_str(), BLUE)];
    names.extend(linears.iter().map(|curve| curve.name.as_str()).zip(colors()));
    legend(&mut canvas, &names, 76.0);
    let all = || linears.iter().chain([step]).flat_map(|curve| curve.points.iter());
    let highest = all().fold(2.0, |highest: f64, (_, theory, achieved)| highest.max(*theory).max(*achieved));
    let across = Axis { title: "zeros in %", most: 100.0, scale: Scale::Linear };
    let lowest = all().fold(1.0, |lowest: f64, (_, _, achieved)| lowest.min(*achieved));
    // A step may be slower than the dense one, but hardly by more than this.
    let first = lowest.log2().floor().max(-4.0) as i32;
    let up = Axis { title: "speedup (×)", most: highest, scale: Scale::Doubling(first) };
    let plane = Plane::new(&mut canvas, across, up);
    let theory = |curve: &ScalingCurve| -> Vec<(f64, f64)> {
        curve.points.iter().map(|&(level, theory, _)| (100.0 * level, theory)).collect()
    };
    let achieved = |curve: &ScalingCurve| -> Vec<(f64, f64)> {
        curve.points.iter().map(|&(level, _, achieved)| (100.0 * level, achieved)).collect()
    };
    if let Some(linear) = linears.first() {
        plane.line(&mut canvas, &theory(linear), GREY);
    }
    plane.line(&mut canvas, &theory(step), DARK_GREY);
    for (curve, color) in linears.iter().zip(colors()) {
        plane.curve(&mut canvas, &achieved(curve), color);
    }
    plane.curve(&mut canvas, &achieved(step), BLUE);
    canvas.render("scaling")
}
