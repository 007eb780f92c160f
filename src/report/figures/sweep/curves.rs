//! A quantity along the axis of a sweep that has the most numbers, a curve for each combination of the others.

use plotters::style::RGBColor;

use super::{ZEROS, named};
use crate::record::{AxisKey, AxisValue, SweepPoint, SweepRecord};
use crate::report::figures::canvas::Canvas;
use crate::report::figures::palette::{BLUE, GREY, SERIES};
use crate::report::figures::plane::{Axis, Plane, Scale};
use crate::report::figures::rows::legend;
use crate::report::format::{number, times};

/// Curves that a reader can tell apart.
const MOST_CURVES: usize = 7;

/// The key that is drawn across: numbers, and most of them.
pub(super) fn across(record: &SweepRecord) -> Option<&AxisKey> {
    let numeric = |axis: &&crate::record::Axis| {
        axis.places.len() > 1 && axis.places.iter().all(|place| !matches!(place[0], AxisValue::Text(_)))
    };
    let axes = record.axes.iter().filter(numeric);
    axes.max_by_key(|axis| (axis.places.len(), axis.keys[0].key == ZEROS)).map(|axis| &axis.keys[0])
}

/// Achieved speedup, with theory behind it.
pub(super) fn speedup(record: &SweepRecord) -> Option<Canvas> {
    let what = Quantity {
        column: "achieved_speedup_ratio",
        behind: Some(("theory", "theoretical_speedup_ratio")),
        title: "Achieved speedup over the dense step of the same point",
        says: &times,
        up: "speedup (×)",
    };
    what.paint(record)
}

/// Tokens a second.
pub(super) fn throughput(record: &SweepRecord) -> Option<Canvas> {
    let what = Quantity {
        column: "tokens_per_s",
        behind: None,
        title: "Thousand tokens a second",
        says: &number,
        up: "thousand tokens a second",
    };
    what.paint(record)
}

struct Quantity {
    column: &'static str,
    behind: Option<(&'static str, &'static str)>,
    title: &'static str,
    says: &'static dyn Fn(f64) -> String,
    up: &'static str,
}

impl Quantity {
    fn of(&self, point: &SweepPoint, column: &str) -> Option<f64> {
        let scale = if self.column == "tokens_per_s" { 1e-3 } else { 1.0 };
        Some(scale * point.number(column)?)
    }

    fn paint(&self, record: &SweepRecord) -> Option<Canvas> {
        let key = across(record)?;
        let percent = key.key == ZEROS;
        let scale = if percent { 100.0 } else { 1.0 };
        let mut curves: Vec<(String, Vec<&SweepPoint>)> = Vec::new();
        let beside: Vec<&str> = in_step(record, &key.key);
        for point in record.done().filter(|point| point.number(&key.key).is_some()) {
            let name = named(point, &beside);
            match curves.iter_mut().find(|(other, _)| *other == name) {
                Some((_, points)) => points.push(point),
                None => curves.push((name, vec![point])),
            }
        }
        let hidden = curves.len().saturating_sub(MOST_CURVES);
        curves.truncate(MOST_CURVES);
        if curves.iter().all(|(_, points)| points.len() < 2) {
            return None;
        }
        let caption = match hidden {
            0 => format!("{}: {}", record.name, record.asks),
            count => format!("{count} curves more are in points.csv. {}", record.asks),
        };
        let reached = || curves.iter().flat_map(|(_, points)| points).filter_map(|p| self.of(p, self.column));
        let (least, best) = (reached().fold(f64::INFINITY, f64::min), reached().fold(0.0, f64::max));
        let title = format!("{}: {} to {}", self.title, (self.says)(least), (self.says)(best));
        let mut canvas = Canvas::new(&title, &caption);
        let colors = || std::iter::once(BLUE).chain(SERIES).take(MOST_CURVES);
        let mut names: Vec<(&str, RGBColor)> = curves
            .iter()
            .map(|(name, _)| name.as_str())
            .zip(colors())
            .filter(|(name, _)| !name.is_empty())
            .collect();
        names.extend(self.behind.map(|(name, _)| (name, GREY)));
        legend(&mut canvas, &names, 76.0);
        let line = |points: &[&SweepPoint], column: &str| {
            let mut line: Vec<(f64, f64)> = points
                .iter()
                .filter_map(|point| Some((scale * point.number(&key.key)?, self.of(point, column)?)))
                .collect();
            line.sort_by(|a, b| a.0.total_cmp(&b.0));
            line
        };
        let all = || curves.iter().flat_map(|(_, points)| points.iter().copied());
        let most = |of: &dyn Fn(&SweepPoint) -> Option<f64>| all().filter_map(of).fold(0.0, f64::max);
        // Theory runs away where nearly all weights are zero; what was achieved sets the scale.
        let reached = most(&|point| self.of(point, self.column));
        let theory = self.behind.map_or(0.0, |(_, column)| most(&|point| self.of(point, column)));
        let highest = theory.min(2.0 * reached).max(1.07 * reached);
        let title = if percent { "zeros in %".to_owned() } else { axis_title(key) };
        let to = if percent { 100.0 } else { most(&|point| point.number(&key.key)) };
        let plane = Plane::new(
            &mut canvas,
            Axis { title: &title, most: to, scale: Scale::Linear },
            Axis { title: self.up, most: highest, scale: Scale::Linear },
        );
        if let Some((_, column)) = self.behind {
            for (_, points) in &curves {
                let inside = line(points, column).into_iter().take_while(|(_, value)| *value <= highest);
                plane.line(&mut canvas, &inside.collect::<Vec<_>>(), GREY);
            }
        }
        for ((_, points), color) in curves.iter().zip(colors()) {
            plane.curve(&mut canvas, &line(points, self.column), color);
        }
        Some(canvas)
    }
}

/// Keys that go in step with a key, itself among them.
fn in_step<'r>(record: &'r SweepRecord, key: &str) -> Vec<&'r str> {
    let of = |axis: &&crate::record::Axis| axis.keys.iter().any(|other| other.key == key);
    let axis = record.axes.iter().find(of);
    axis.map_or_else(Vec::new, |axis| axis.keys.iter().map(|key| key.key.as_str()).collect())
}

/// What an axis shows, with its unit.
pub(super) fn axis_title(key: &AxisKey) -> String {
    let name = key.key.replace('_', " ");
    if key.unit.is_empty() {
        name
    } else {
        format!("{} ({})", super::short(&key.key).replace('.', ": "), key.unit)
    }
}
