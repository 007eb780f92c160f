//! From the speedup that arithmetic allows to the one that the machine delivers.

use super::canvas::{Canvas, ink};
use super::palette::{BLUE, GREEN, GREY, VERMILLION};
use super::rows::{Axis, Rows};
use crate::record::RunRecord;
use crate::report::format::{tick, times};

enum Bar {
    Total(f64),
    Change(f64, f64),
}

/// One bar a loss, floating between the speedup before and after it; totals start at 0.
pub(super) fn paint(record: &RunRecord) -> Canvas {
    let s = &record.summary;
    let bars = bars(record);
    let maximum = bars.iter().fold(1.0, |maximum: f64, (_, bar)| match bar {
        Bar::Total(value) => maximum.max(*value),
        Bar::Change(before, after) => maximum.max(*before).max(*after),
    });
    let title =
        format!("Of {} in theory, {} is achieved", times(s.theoretical_speedup), times(s.achieved_speedup));
    let mut canvas =
        Canvas::new(&title, "Speedup over the dense step; orange bars are losses, green ones gains");
    let labels: Vec<String> = bars.iter().map(|(label, _)| label.clone()).collect();
    let axis = Axis { title: "speedup over the dense step (×)", maximum, tick: &tick };
    let rows = Rows::new(&mut canvas, &labels, 72.0, 64.0, &axis);
    let one = rows.x(1.0);
    canvas.line((one, 68.0), (one, rows.floor(bars.len())), ink(0.6), 1);

    for (row, (_, bar)) in bars.iter().enumerate() {
        let end = match *bar {
            Bar::Total(value) => {
                let last = row + 1 == bars.len();
                rows.bar(&mut canvas, row, 0.0, value, if last { BLUE } else { GREY });
                rows.beside(&mut canvas, row, value, &times(value));
                value
            }
            Bar::Change(before, after) => {
                let (low, high) = (before.min(after), before.max(after));
                let (color, sign) = if after <= before { (VERMILLION, '−') } else { (GREEN, '+') };
                rows.bar(&mut canvas, row, low, high, color);
                rows.beside(&mut canvas, row, high, &change(sign, high - low));
                after
            }
        };
        if row + 1 < bars.len() {
            let (x, half) = (rows.x(end), rows.half_bar());
            canvas.line((x, rows.middle(row) + half), (x, rows.middle(row + 1) - half), ink(0.6), 1);
        }
    }
    canvas
}

/// A part in thousandths of the dense step's speed, so that parts can be compared and added up; the record has all
/// digits of what is smaller.
fn change(sign: char, size: f64) -> String {
    if size == 0.0 {
        "0".to_owned()
    } else if size < 0.0005 {
        "< 0.001".to_owned()
    } else {
        format!("{sign}{size:.3}")
    }
}

/// Theory, the losses with the bound where they reach it, and what is achieved.
fn bars(record: &RunRecord) -> Vec<(String, Bar)> {
    let s = &record.summary;
    let is_bound = |value: f64| (value - s.bound_speedup).abs() <= 1e-6 * s.bound_speedup.abs();
    let mut bound_drawn = is_bound(s.theoretical_speedup);
    let theory = if bound_drawn { "theory and bound" } else { "theory (FLOPs)" };
    let mut bars = vec![(theory.to_owned(), Bar::Total(s.theoretical_speedup))];
    for step in &record.waterfall {
        bars.push((step.label.clone(), Bar::Change(step.speedup_before, step.speedup_after)));
        if !bound_drawn && is_bound(step.speedup_after) {
            bars.push(("bound (dense cycles)".to_owned(), Bar::Total(s.bound_speedup)));
            bound_drawn = true;
        }
    }
    bars.push(("achieved".to_owned(), Bar::Total(s.achieved_speedup)));
    bars
}
