//! Where the PE-cycles of the step go, by group of ops.

use super::canvas::Canvas;
use super::palette::categories;
use super::rows::{Axis, Rows, legend};
use crate::record::RunRecord;
use crate::report::format::{percent, tick};
use crate::report::groups::largest_groups;

/// A bar a group, as long as its share of the step's PE-cycles, stacked by category.
pub(super) fn paint(record: &RunRecord) -> Canvas {
    let groups = largest_groups(record, 12);
    let total = (record.summary.step_cycles.as_f64() * record.summary.pe_count as f64).max(1.0);
    let colors = categories(record);

    let useful = record.breakdown.iter().find(|row| row.category == "useful").map_or(0.0, |row| row.share);
    let title = format!("{} of the step's PE-cycles do useful work", percent(useful));
    let mut canvas = Canvas::new(&title, "PE-cycles of each group of ops, as a share of the step");
    let top = legend(&mut canvas, &colors.entries, 76.0);
    let labels: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    let share = |group: &crate::report::groups::Group<'_>| group.categories.values().sum::<f64>() / total;
    let axis = Axis {
        title: "share of the step's PE-cycles (%)",
        maximum: groups.iter().map(share).fold(0.0, f64::max),
        tick: &|value| tick(value * 100.0),
    };
    let rows = Rows::new(&mut canvas, &labels, top, 64.0, &axis);
    for (row, group) in groups.iter().enumerate() {
        let mut parts = vec![0.0; colors.entries.len()];
        for (category, cycles) in &group.categories {
            if let Some(index) = colors.index(category) {
                parts[index] += cycles / total;
            }
        }
        let mut from = 0.0;
        for (part, (_, color)) in parts.iter().zip(&colors.entries) {
            rows.bar(&mut canvas, row, from, from + part, *color);
            from += part;
        }
        rows.beside(&mut canvas, row, from, &percent(share(group)));
    }
    canvas
}
