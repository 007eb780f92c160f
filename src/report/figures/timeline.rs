//! The step over time: what the PEs and the links do when.

use std::collections::BTreeMap;

use plotters::style::Color;

use super::canvas::{Anchor, Canvas, HEIGHT, LABEL, MARGIN, WIDTH, ink, text_width};
use super::palette::{Legend, on};
use super::rows::{legend, ticks};
use crate::record::{Lane, RunRecord, Span};
use crate::report::format::{cycles as cycles_text, percent, seconds, si_tick};
use crate::units::Cycles;

const LEFT: f64 = MARGIN + 150.0;
const RIGHT: f64 = WIDTH - MARGIN - 10.0;
const GAP: f64 = 22.0;
/// Width of the time axis in pixels.
const PIXELS: usize = (RIGHT - LEFT) as usize;
/// Width of a column where the spans of a lane are too short to be seen one by one.
const WIDE: usize = 12;

/// A lane a resource, cut into columns; a column is filled as far up as the lane is busy in it, with the
/// groups stacked by their share. Where spans are few a column is one pixel wide, so each span is a block;
/// where they are many, the columns show the mix and the drawing keeps its size.
pub(super) fn paint(record: &RunRecord) -> Canvas {
    let last = record.timeline.iter().map(|span| span.end_cycle).max().unwrap_or_default();
    let cycles = last.max(record.summary.step_cycles).as_f64().max(1.0);
    let mut weights: BTreeMap<&str, f64> = BTreeMap::new();
    for span in &record.timeline {
        *weights.entry(&span.group).or_default() += length(span);
    }
    let colors = Legend::new(&weights, None, None);

    let title = format!(
        "One step takes {}, {}",
        cycles_text(record.summary.step_cycles.as_f64()),
        seconds(record.summary.step_seconds)
    );
    let mut canvas = Canvas::new(
        &title,
        "Height: how much of the time the PEs or the links are busy. Colour: the group of ops they work for",
    );
    let top = legend(&mut canvas, &colors.entries, 76.0) + 6.0;
    let floor = HEIGHT - 52.0;
    let height = (floor - top) / Lane::ALL.len() as f64 - GAP;
    for tick in ticks(cycles) {
        let x = LEFT + (RIGHT - LEFT) * tick / cycles;
        canvas.line((x, top - 6.0), (x, floor), ink(0.15), 1);
        canvas.text((x, floor + 12.0), Anchor::Middle, ink(0.75), &si_tick(tick));
    }
    canvas.text(
        ((LEFT + RIGHT) / 2.0, floor + 34.0),
        Anchor::Middle,
        ink(1.0),
        "cycles since the step began",
    );

    for (index, lane) in Lane::ALL.into_iter().enumerate() {
        let y = top + index as f64 * (height + GAP);
        canvas.text((LEFT - 10.0, y + height / 2.0 - 9.0), Anchor::End, ink(1.0), lane.name());
        let busy = format!("{} busy", percent(busy(record, lane) / cycles));
        canvas.text((LEFT - 10.0, y + height / 2.0 + 9.0), Anchor::End, ink(0.75), &busy);
        for column in columns(record, lane, &colors, cycles) {
            stack(&mut canvas, &column, &colors, (y, y + height));
        }
        canvas.line((LEFT, y + height), (RIGHT, y + height), ink(0.6), 1);
    }
    canvas
}

fn length(span: &Span) -> f64 {
    span.end_cycle.saturating_sub(span.start_cycle).as_f64()
}

/// Pixels `from..to` of the time axis, and the share of that time that each legend entry is busy.
struct Column {
    from: usize,
    to: usize,
    shares: Vec<f64>,
}

/// The columns of a lane, equal neighbours joined.
fn columns(record: &RunRecord, lane: Lane, colors: &Legend<'_>, cycles: f64) -> Vec<Column> {
    let spans: Vec<_> = record.timeline.iter().filter(|span| span.lane == lane).collect();
    let width = if spans.len() <= PIXELS / 8 { 1 } else { WIDE };
    let count = PIXELS.div_ceil(width);
    let mut shares = vec![vec![0.0; colors.entries.len()]; count];
    for span in spans {
        let Some(entry) = colors.index(&span.group) else { continue };
        let place = |at: Cycles| at.as_f64() / cycles * PIXELS as f64 / width as f64;
        let (from, to) = (place(span.start_cycle), place(span.end_cycle));
        for (index, share) in shares.iter_mut().enumerate().take(to.ceil() as usize).skip(from as usize) {
            share[entry] += (to.min(index as f64 + 1.0) - from.max(index as f64)).max(0.0);
        }
    }
    let mut columns: Vec<Column> = Vec::new();
    for (index, shares) in shares.into_iter().enumerate() {
        let (from, to) = (index * width, ((index + 1) * width).min(PIXELS));
        match columns.last_mut() {
            Some(last) if last.shares.iter().zip(&shares).all(|(a, b)| (a - b).abs() < 1e-9) => last.to = to,
            _ => columns.push(Column { from, to, shares }),
        }
    }
    columns
}

/// One column of a lane between `top` and `floor`, from the floor upwards; a block of one group says its name where there is room.
fn stack(canvas: &mut Canvas, column: &Column, colors: &Legend<'_>, (top, floor): (f64, f64)) {
    let (left, right) = (LEFT + column.from as f64, LEFT + column.to as f64);
    // Spans of one lane may overlap; a column is never higher than its lane.
    let scale = (floor - top) / column.shares.iter().sum::<f64>().max(1.0);
    let mut bottom = floor;
    for ((name, color), share) in colors.entries.iter().zip(&column.shares) {
        let top = bottom - share * scale;
        canvas.fill((left, top), (right, bottom), *color);
        if *share > 0.99 && text_width(name, LABEL) + 8.0 <= right - left {
            let at = ((left + right) / 2.0, (top + bottom) / 2.0);
            canvas.text(at, Anchor::Middle, on(*color).to_rgba(), name);
        }
        bottom = top;
    }
}

/// Cycles in which at least one span of the lane runs.
fn busy(record: &RunRecord, lane: Lane) -> f64 {
    let mut spans: Vec<_> = record.timeline.iter().filter(|span| span.lane == lane).collect();
    spans.sort_by_key(|span| span.start_cycle);
    let mut covered = Cycles::ZERO;
    let mut total = 0.0;
    for span in spans {
        total += span.end_cycle.saturating_sub(span.start_cycle.max(covered)).as_f64();
        covered = covered.max(span.end_cycle);
    }
    total
}
