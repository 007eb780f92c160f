//! Cycles of each group of ops, dense and sparse.

use super::canvas::Canvas;
use super::palette::{BLUE, GREY};
use super::rows::{Axis, Rows, legend};
use crate::record::RunRecord;
use crate::report::format::{cycles, si, si_tick};
use crate::report::groups::largest_groups;

/// Two bars a group: the dense step's cycles above this run's.
pub(super) fn paint(record: &RunRecord) -> Canvas {
    let groups = largest_groups(record, 12);
    let maximum =
        groups.iter().fold(0.0, |maximum: f64, group| maximum.max(group.cycles).max(group.dense_cycles));
    let title = match groups.first() {
        Some(group) => format!("The largest group is {}, with {}", group.name, cycles(group.cycles)),
        None => "Cycles by group of ops".to_owned(),
    };
    let mut canvas =
        Canvas::new(&title, "Elapsed cycles of each group of ops over the step, dense and in this run");
    let top = legend(&mut canvas, &[("dense step", GREY), ("this run", BLUE)], 76.0);
    let labels: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    let axis = Axis { title: "cycles", maximum, tick: &si_tick };
    let rows = Rows::new(&mut canvas, &labels, top, 132.0, &axis);
    for (row, group) in groups.iter().enumerate() {
        let (middle, half) = (rows.middle(row), rows.half_bar());
        canvas.fill((rows.x(0.0), middle - half), (rows.x(group.dense_cycles), middle), GREY);
        canvas.fill((rows.x(0.0), middle), (rows.x(group.cycles), middle + half), BLUE);
        let text = format!("{} → {}", si(group.dense_cycles, ""), si(group.cycles, ""));
        rows.beside(&mut canvas, row, group.cycles.max(group.dense_cycles), &text);
    }
    canvas
}
