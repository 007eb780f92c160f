//! Where the cycles of each column of PEs go, column by column.

use super::canvas::{Anchor, Canvas, MARGIN, WIDTH, ink};
use super::palette::{DARK_GREY, categories};
use super::rows::{legend, ticks};
use crate::record::{CategoryColumns, RunRecord};
use crate::report::format::{count, percent};

const LEFT: f64 = MARGIN + 46.0;
const RIGHT: f64 = WIDTH - MARGIN;
const HEIGHT: f64 = 260.0;

/// Shares of all categories on top of each other, a pixel or so a column.
pub(super) fn paint(record: &RunRecord) -> Canvas {
    let profile = record.heatmap.as_ref().map(|map| (map.width_pes, &map.columns));
    let columns =
        profile.and_then(|(_, profile)| profile.categories.first()).map_or(0, |row| row.share.len());
    let Some((width, profile)) = profile.filter(|_| columns > 0) else {
        let mut canvas = Canvas::new("Columns of PEs", "");
        canvas.text((MARGIN, 80.0), Anchor::Start, ink(0.75), "the record has no map");
        return canvas;
    };
    let stalls = profile.categories.iter().filter(|row| row.category != "useful" && row.category != "idle");
    let range = |row: &CategoryColumns| {
        let fold = |start: f64, with: fn(f64, f64) -> f64| row.share.iter().copied().fold(start, with);
        fold(0.0, f64::max) - fold(1.0, f64::min)
    };
    let uneven = stalls.max_by(|a, b| range(a).total_cmp(&range(b)));
    let title = match uneven {
        Some(row) => {
            let most = row.share.iter().copied().fold(0.0, f64::max);
            let least = row.share.iter().copied().fold(1.0, f64::min);
            format!("From column to column, {} takes {} to {}", row.category, percent(least), percent(most))
        }
        None => "Where the cycles of each column of PEs go".to_owned(),
    };
    let mut canvas = Canvas::new(&title, "Share of the step's cycles, a mean over the rows of PEs in use");
    let colors = categories(record);
    let top = legend(&mut canvas, &colors.entries, 76.0) + 8.0;
    let floor = top + HEIGHT;

    // Stacks, in the order of the legend.
    let mut stacks = vec![vec![0.0; columns]; colors.entries.len()];
    for row in &profile.categories {
        let Some(entry) = colors.index(&row.category) else { continue };
        for (sum, share) in stacks[entry].iter_mut().zip(&row.share) {
            *sum += share;
        }
    }
    for entry in 1..stacks.len() {
        let (below, above) = stacks.split_at_mut(entry);
        for (sum, share) in above[0].iter_mut().zip(&below[entry - 1]) {
            *sum += share;
        }
    }
    // The highest first, so that each is covered by what lies below it.
    for (stack, (_, color)) in stacks.iter().zip(&colors.entries).rev() {
        let x = |column: usize| LEFT + (RIGHT - LEFT) * column as f64 / columns as f64;
        let steps = stack.iter().enumerate().flat_map(|(column, share)| {
            let y = floor - HEIGHT * share.clamp(0.0, 1.0);
            [(x(column), y), (x(column + 1), y)]
        });
        let outline: Vec<(f64, f64)> = steps.chain([(RIGHT, floor), (LEFT, floor)]).collect();
        canvas.area(outline, *color);
    }
    for share in ticks(1.0) {
        let y = floor - HEIGHT * share;
        canvas.line((LEFT - 4.0, y), (LEFT, y), DARK_GREY.into(), 1);
        canvas.text((LEFT - 8.0, y), Anchor::End, ink(0.75), &format!("{:.0} %", 100.0 * share));
    }
    for tick in ticks(f64::from(width)) {
        let x = LEFT + (RIGHT - LEFT) * tick / f64::from(width.max(1));
        canvas.line((x, floor), (x, floor + 4.0), DARK_GREY.into(), 1);
        canvas.text((x, floor + 13.0), Anchor::Middle, ink(0.75), &count(tick as u64));
    }
    canvas.line((LEFT, floor), (RIGHT, floor), ink(1.0), 1);
    canvas.text(((LEFT + RIGHT) / 2.0, floor + 35.0), Anchor::Middle, ink(1.0), "column of PEs");
    canvas
}
