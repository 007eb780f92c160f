//! How much of its own theory each group of ops reaches.

use super::canvas::{Anchor, Canvas, MARGIN, WIDTH, ink};
use super::palette::{BLUE, VERMILLION};
use super::rows::{Axis, Rows};
use crate::record::RunRecord;
use crate::report::format::{number, tick, times};
use crate::report::groups::largest_groups;

/// A bar a group for what is achieved, and a mark where its theory is.
pub(super) fn paint(record: &RunRecord) -> Canvas {
    let groups = largest_groups(record, 12);
    let maximum =
        groups.iter().fold(1.0, |maximum: f64, group| maximum.max(group.achieved()).max(group.theory()));
    let mut canvas = Canvas::new(
        "Achieved speedup by group of ops, against its theory",
        "Bars: dense cycles over cycles. Orange marks: theory, 1/density weighted by dense cycles",
    );
    let labels: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    let axis = Axis { title: "speedup over the dense step (×)", maximum, tick: &tick };
    let rows = Rows::new(&mut canvas, &labels, 72.0, 108.0, &axis);
    let one = rows.x(1.0);
    canvas.line((one, 68.0), (one, rows.floor(groups.len())), ink(0.6), 1);
    for (row, group) in groups.iter().enumerate() {
        let (achieved, theory) = (group.achieved(), group.theory());
        rows.bar(&mut canvas, row, 0.0, achieved, BLUE);
        let (x, middle, half) = (rows.x(theory), rows.middle(row), rows.half_bar() + 3.0);
        canvas.fill((x - 1.5, middle - half), (x + 1.5, middle + half), VERMILLION);
        let text = format!("{} of {}", number(achieved), times(theory));
        canvas.text((WIDTH - MARGIN, middle), Anchor::End, ink(1.0), &text);
    }
    canvas
}
