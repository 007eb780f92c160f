//! The step on this machine, without skipping, and on GPUs.

use super::canvas::{Canvas, ink};
use super::palette::{BLUE, DARK_GREY, GREY, SERIES};
use super::rows::{Axis, Rows, legend};
use crate::record::{BaselineKind, BaselineRow, RunRecord};
use crate::report::format::{si, si_tick, times};

/// Baselines that are drawn.
const MOST: usize = 12;

/// A bar a machine, as long as its tokens in a second; a whisker where the error of its model is known.
pub(super) fn paint(record: &RunRecord) -> Canvas {
    let rows: Vec<&BaselineRow> = record.baselines.iter().take(MOST).collect();
    let best = rows
        .iter()
        .filter(|row| row.kind == BaselineKind::Gpu)
        .max_by(|a, b| a.tokens_per_s.total_cmp(&b.tokens_per_s));
    let title = match best {
        Some(gpu) => format!("{} the pace of {}", times(gpu.wafer_speedup), name(gpu)),
        None => "The same step without skipping".to_owned(),
    };
    let mut canvas = Canvas::new(
        &title,
        "Same model, batch and precision. Whiskers: mean error of a GPU's model on measurements",
    );
    let entries = [("this run", BLUE), ("without skipping", GREY), ("GPUs", SERIES[0])];
    let top = legend(&mut canvas, &entries, 76.0);
    let labels: Vec<String> = rows.iter().map(|row| name(row)).collect();
    let upper = |row: &BaselineRow| row.tokens_per_s * (1.0 + row.validation_error.unwrap_or(0.0));
    let axis = Axis {
        title: "tokens per second",
        maximum: rows.iter().map(|row| upper(row)).filter(|value| value.is_finite()).fold(0.0, f64::max),
        tick: &si_tick,
    };
    let frame = Rows::new(&mut canvas, &labels, top, 210.0, &axis);
    for (index, row) in rows.iter().enumerate() {
        let color = match row.kind {
            BaselineKind::ThisRun => BLUE,
            BaselineKind::DenseWafer => GREY,
            BaselineKind::Gpu => SERIES[0],
        };
        frame.bar(&mut canvas, index, 0.0, row.tokens_per_s, color);
        if let Some(error) = row.validation_error {
            let (low, high) = (row.tokens_per_s * (1.0 - error), row.tokens_per_s * (1.0 + error));
            let (low, high, y) = (frame.x(low.max(0.0)), frame.x(high), frame.middle(index));
            canvas.line((low, y), (high, y), ink(1.0), 1);
            for x in [low, high] {
                canvas.line((x, y - 4.0), (x, y + 4.0), DARK_GREY.into(), 1);
            }
        }
        frame.beside(&mut canvas, index, upper(row), &beside(row));
    }
    canvas
}

fn name(row: &BaselineRow) -> String {
    if row.devices > 1 { format!("{} × {}", row.devices, row.name) } else { row.name.clone() }
}

/// Its rate, how much faster this run is, and how many GPUs are as fast.
fn beside(row: &BaselineRow) -> String {
    let rate = si(row.tokens_per_s, "");
    let pace = match row.kind {
        BaselineKind::ThisRun => return rate,
        BaselineKind::DenseWafer | BaselineKind::Gpu => {
            format!("{rate}, {} slower", times(row.wafer_speedup))
        }
    };
    match row.gpus.as_ref().and_then(|gpus| gpus.to_match) {
        Some(count) => format!("{pace}, {count} match"),
        None => pace,
    }
}
