//! What trades against what: every point, and those that no other one beats in both.

use super::curves::axis_title;
use crate::record::{AxisKey, SweepPoint, SweepRecord, unbeaten};
use crate::report::figures::canvas::Canvas;
use crate::report::figures::palette::{BLUE, GREY};
use crate::report::figures::plane::{Axis, Plane, Scale};
use crate::report::figures::rows::legend;

/// A mark a point, and a line through the front; nothing where a sweep names nothing to trade.
pub(super) fn paint(record: &SweepRecord) -> Option<Canvas> {
    let traded @ [(first, _), (second, _)] = record.pareto.as_ref()?;
    let pair = |point: &SweepPoint| Some((point.number(first)?, point.number(second)?));
    let pairs: Vec<(f64, f64)> = record.done().filter_map(pair).collect();
    let scales =
        [scale_of(first, pairs.iter().map(|pair| pair.0)), scale_of(second, pairs.iter().map(|pair| pair.1))];
    let scaled = |(a, b): (f64, f64)| (a * scales[0].0, b * scales[1].0);
    let pairs: Vec<(f64, f64)> = pairs.into_iter().map(scaled).collect();
    if pairs.is_empty() {
        return None;
    }
    let on: Vec<(f64, f64)> =
        unbeaten(record.done(), traded).into_iter().map(|(_, pair)| scaled(pair)).collect();
    let title = format!("{} of {} points are not beaten in both", on.len(), pairs.len());
    let mut canvas = Canvas::new(&title, &format!("{}: {}", record.name, record.asks));
    legend(&mut canvas, &[("not beaten", BLUE), ("others", GREY)], 76.0);
    // Marks lie inside of the axes.
    let most = |of: &dyn Fn(&(f64, f64)) -> f64| 1.05 * pairs.iter().map(of).fold(0.0, f64::max);
    let titles = [title_of(record, first, scales[0].1), title_of(record, second, scales[1].1)];
    let plane = Plane::new(
        &mut canvas,
        Axis { title: &titles[0], most: most(&|pair| pair.0), scale: Scale::Linear },
        Axis { title: &titles[1], most: most(&|pair| pair.1), scale: Scale::Linear },
    );
    plane.marks(&mut canvas, &pairs, GREY);
    plane.curve(&mut canvas, &on, BLUE);
    Some(canvas)
}

/// A factor with which the numbers of a column are easily read, and the unit that they then have; seconds alone.
fn scale_of(column: &str, values: impl Iterator<Item = f64>) -> (f64, &'static str) {
    match values.fold(0.0, f64::max) {
        _ if !column.ends_with("_seconds") => (1.0, ""),
        most if most < 1e-3 => (1e6, "µs"),
        most if most < 1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    }
}

/// A column in words.
fn title_of(record: &SweepRecord, column: &str, seconds: &str) -> String {
    let key = record.axes.iter().flat_map(|axis| &axis.keys).find(|key| key.key == column);
    let metric = |name: &str| match name.rsplit_once('_') {
        Some((what, "seconds")) => format!("{} ({seconds})", what.replace('_', " ")),
        Some((what, "ratio")) => format!("{} (×)", what.replace('_', " ")),
        _ => name.replace('_', " "),
    };
    key.map_or_else(|| metric(column), |key: &AxisKey| axis_title(key))
}
