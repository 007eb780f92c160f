//! What lies in the SRAM of a PE at the fullest moment.

use std::collections::BTreeMap;

use plotters::style::{Color, RGBColor};

use super::canvas::{Anchor, Canvas, LABEL, MARGIN, WIDTH, fit, ink, text_width};
use super::palette::{Legend, OTHER, on};
use crate::record::RunRecord;
use crate::report::format::{bytes, percent};

const TOP: f64 = 84.0;
const BOTTOM: f64 = 170.0;

/// One stacked bar as long as the SRAM, and a line a use under it.
pub(super) fn paint(record: &RunRecord) -> Canvas {
    let capacity = record.memory.capacity_bytes_per_pe.as_f64();
    let mut weights = BTreeMap::new();
    for row in &record.memory.rows {
        *weights.entry(row.what.as_str()).or_default() += row.bytes_per_pe.as_f64();
    }
    let colors = Legend::new(&weights, None, None);
    let mut parts = vec![0.0; colors.entries.len()];
    for (what, amount) in &weights {
        if let Some(index) = colors.index(what) {
            parts[index] += amount;
        }
    }
    let used: f64 = parts.iter().sum();
    let scale = (WIDTH - 2.0 * MARGIN) / used.max(capacity).max(1.0);

    let title = format!("{} of {} SRAM in use in the fullest PE", bytes(used), bytes(capacity));
    let mut canvas =
        Canvas::new(&title, "Bytes of one PE at the fullest moment of the step; the frame is the SRAM");
    let end = MARGIN + capacity * scale;
    let mut from = MARGIN;
    let mut y = BOTTOM + 40.0;
    for ((what, color), part) in colors.entries.iter().zip(&parts) {
        let to = from + part * scale;
        segment(&mut canvas, from, to, *color, what);
        entry(&mut canvas, y, Some(*color), what, *part, capacity);
        (from, y) = (to, y + 28.0);
    }
    entry(&mut canvas, y, None, "free", (capacity - used).max(0.0), capacity);
    for (start, stop) in [
        ((MARGIN, TOP), (end, TOP)),
        ((end, TOP), (end, BOTTOM)),
        ((end, BOTTOM), (MARGIN, BOTTOM)),
        ((MARGIN, BOTTOM), (MARGIN, TOP)),
    ] {
        canvas.line(start, stop, ink(0.6), 1);
    }
    if colors.entries.iter().any(|(what, _)| *what == OTHER) {
        canvas.text(
            (MARGIN, y + 28.0),
            Anchor::Start,
            ink(0.75),
            &format!("{OTHER}: see the table of the report"),
        );
    }
    canvas
}

fn segment(canvas: &mut Canvas, from: f64, to: f64, color: RGBColor, what: &str) {
    canvas.fill((from, TOP), (to, BOTTOM), color);
    if text_width(what, LABEL) + 6.0 <= to - from {
        let at = ((from + to) / 2.0, (TOP + BOTTOM) / 2.0);
        canvas.text(at, Anchor::Middle, on(color).to_rgba(), what);
    }
}

fn entry(canvas: &mut Canvas, y: f64, color: Option<RGBColor>, what: &str, amount: f64, capacity: f64) {
    if let Some(color) = color {
        canvas.fill((MARGIN, y - 6.0), (MARGIN + 13.0, y + 7.0), color);
    }
    let share = if capacity > 0.0 { amount / capacity } else { 0.0 };
    canvas.text((MARGIN + 22.0, y), Anchor::Start, ink(1.0), &fit(what, 300.0, LABEL));
    canvas.text((WIDTH - MARGIN - 90.0, y), Anchor::End, ink(1.0), &bytes(amount));
    canvas.text((WIDTH - MARGIN, y), Anchor::End, ink(0.75), &percent(share));
}
