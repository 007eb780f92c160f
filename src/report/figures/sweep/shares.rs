//! Where the PE-cycles go, from point to point.

use std::collections::BTreeMap;

use super::named;
use crate::record::{Cell, SweepPoint, SweepRecord};
use crate::report::figures::canvas::Canvas;
use crate::report::figures::palette::Legend;
use crate::report::figures::rows::{Axis, Rows, legend};
use crate::report::format::{percent, tick};

/// Bars that a figure has room for.
const MOST_BARS: usize = 18;

/// A bar a point, stacked by category; where points are many, some of them, evenly.
pub(super) fn paint(record: &SweepRecord) -> Option<Canvas> {
    let points: Vec<&SweepPoint> = record.done().collect();
    let step = points.len().div_ceil(MOST_BARS).max(1);
    let shown: Vec<&SweepPoint> = points.iter().copied().step_by(step).collect();
    let shares: Vec<Vec<(String, f64)>> = shown.iter().map(|point| shares_of(point)).collect();
    let mut weights: BTreeMap<&str, f64> = BTreeMap::new();
    for (category, share) in shares.iter().flatten() {
        *weights.entry(category).or_default() += share;
    }
    if weights.is_empty() {
        return None;
    }
    let colors = Legend::new(&weights, Some("useful"), Some("idle"));
    let caption = match step {
        1 => "PE-cycles of the step by what they go into".to_owned(),
        step => format!("PE-cycles of the step by what they go into; one point of {step} is shown"),
    };
    let useful =
        || shares.iter().flatten().filter(|(category, _)| category == "useful").map(|(_, share)| *share);
    let (least, most) = (useful().fold(f64::INFINITY, f64::min), useful().fold(0.0, f64::max));
    let title = format!("{} to {} of the PE-cycles do useful work", percent(least), percent(most));
    let mut canvas = Canvas::new(&title, &caption);
    let top = legend(&mut canvas, &colors.entries, 76.0);
    let labels: Vec<String> = shown.iter().map(|point| named(point, &[])).collect();
    let axis =
        Axis { title: "share of the step's PE-cycles (%)", maximum: 1.0, tick: &|value| tick(value * 100.0) };
    let rows = Rows::new(&mut canvas, &labels, top, 8.0, &axis);
    for (row, shares) in shares.iter().enumerate() {
        let mut parts = vec![0.0; colors.entries.len()];
        for (category, share) in shares {
            if let Some(index) = colors.index(category) {
                parts[index] += share;
            }
        }
        let mut from = 0.0;
        for (part, (_, color)) in parts.iter().zip(&colors.entries) {
            rows.bar(&mut canvas, row, from, from + part, *color);
            from += part;
        }
    }
    Some(canvas)
}

/// Categories of a point with their shares.
fn shares_of(point: &SweepPoint) -> Vec<(String, f64)> {
    let metrics = point.outcome.iter().flat_map(|outcome| &outcome.metrics);
    metrics
        .filter_map(|metric| {
            let category = metric.name.strip_prefix("pe_cycles_")?.strip_suffix("_ratio")?;
            let Cell::Real(share) = metric.value else { return None };
            Some((category.replace('_', " "), share))
        })
        .collect()
}
