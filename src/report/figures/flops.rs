//! Operations of each phase of the step, and those among them that zeros save.

use super::canvas::Canvas;
use super::palette::{BLUE, GREY};
use super::rows::{Axis, Rows, legend};
use crate::record::{Phase, PhaseFlops, RunRecord};
use crate::report::format::{percent, si, si_tick};

/// A bar a phase: what is done over what would be done without zeros.
pub(super) fn paint(record: &RunRecord) -> Canvas {
    let (counted, table) = record.counted_flops();
    let attention = counted.replace('_', " ");
    let total = table.total();
    let title =
        format!("Zeros save {} of the step's {}", percent(saved(total)), si(total.dense.as_f64(), "FLOP"));
    let caption = format!("Operations of matrix products by phase, counting {attention}");
    let mut canvas = Canvas::new(&title, &caption);
    let top = legend(&mut canvas, &[("as if no weight were zero", GREY), ("done", BLUE)], 76.0);
    let mut rows: Vec<(String, PhaseFlops)> =
        table.phases().map(|(phase, flops)| (words(phase).to_owned(), flops)).collect();
    rows.push(("whole step".to_owned(), total));
    let labels: Vec<String> = rows.iter().map(|(name, _)| name.clone()).collect();
    let axis = Axis { title: "FLOP in a step", maximum: total.dense.as_f64(), tick: &si_tick };
    let frame = Rows::new(&mut canvas, &labels, top, 176.0, &axis);
    for (row, (_, flops)) in rows.iter().enumerate() {
        let (dense, effective) = (flops.dense.as_f64(), flops.effective.as_f64());
        frame.bar(&mut canvas, row, 0.0, dense, GREY);
        frame.bar(&mut canvas, row, 0.0, effective, BLUE);
        let text = if flops.dense == flops.effective {
            si(dense, "FLOP")
        } else {
            format!("{} saved", percent(saved(*flops)))
        };
        frame.beside(&mut canvas, row, dense, &text);
    }
    canvas
}

/// A phase in words.
fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Forward => "forward",
        Phase::Teacher => "teacher",
        Phase::Dx => "gradients of activations",
        Phase::Dw => "gradients of weights",
        Phase::Optimizer => "optimizer",
    }
}

fn saved(flops: PhaseFlops) -> f64 {
    let dense = flops.dense.as_f64();
    if dense > 0.0 { 1.0 - flops.effective.as_f64() / dense } else { 0.0 }
}
