//! Maps of the wafer: useful work, links, SRAM, and what takes most time beside useful work.

use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, LABEL, MARGIN, WIDTH, fit, ink};
use super::palette::{DARK_GREY, GREY, categories};
use super::raster::Raster;
use super::rows::ticks;
use crate::record::{Heatmap, RunRecord};
use crate::report::ReportError;
use crate::report::format::{count, percent};

/// What a map shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Share of cycles that are useful.
    Useful,
    /// Load of the busiest link.
    Links,
    /// SRAM at the fullest moment.
    Sram,
    /// What takes most cycles beside useful work.
    Stall,
}

impl Quantity {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 4] = [Self::Useful, Self::Stall, Self::Links, Self::Sram];

    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Useful => "useful cycles",
            Self::Links => "busiest link",
            Self::Sram => "SRAM in use",
            Self::Stall => "largest stall",
        }
    }

    /// How to read it.
    fn caption(self) -> &'static str {
        match self {
            Self::Useful => "Share of the step's cycles in which a PE does multiply-adds",
            Self::Links => {
                "Wavelets over the busiest of a PE's four links, of those that it could carry in the step"
            }
            Self::Sram => "Share of a PE's SRAM in use at the fullest moment of the step",
            Self::Stall => "What takes most of a PE's cycles beside multiply-adds",
        }
    }

    fn cells(self, map: &Heatmap) -> &[f64] {
        match self {
            Self::Useful => &map.useful,
            Self::Links => &map.link_load,
            Self::Sram => &map.sram,
            Self::Stall => &[],
        }
    }
}

/// The four maps side by side.
pub(super) fn paint(record: &RunRecord) -> Result<Canvas, ReportError> {
    const TOP: f64 = 100.0;
    const HEIGHT: f64 = 240.0;
    let Some(map) = sound(record) else { return Ok(nothing()) };
    let title = match spread(map.columns.categories.first().map_or(&[][..], |useful| &useful.share)) {
        Some((low, high)) => {
            format!("Columns of PEs are useful for {} to {} of the step", percent(low), percent(high))
        }
        None => "The step over the wafer".to_owned(),
    };
    let caption = format!("Means of {}, north at the top; grey where the mapping puts nothing", cells(map));
    let mut canvas = Canvas::new(&title, &caption);
    let room = (WIDTH - 2.0 * MARGIN + 18.0) / 4.0;
    for (index, quantity) in Quantity::ALL.into_iter().enumerate() {
        let left = MARGIN + room * index as f64;
        let size = scaled(map, (room - 18.0, HEIGHT));
        canvas.text((left, TOP - 18.0), Anchor::Start, ink(1.0), quantity.title());
        draw(&mut canvas, record, map, quantity, (left, TOP), size)?;
        key(&mut canvas, record, map, quantity, (left, TOP + size.1 + 16.0), room - 18.0)?;
    }
    Ok(canvas)
}

/// One map, larger and with the places of its PEs.
///
/// # Errors
/// [`ReportError::Figure`] where it cannot be drawn.
pub fn wafer_map(record: &RunRecord, quantity: Quantity) -> Result<String, ReportError> {
    const TOP: f64 = 92.0;
    let Some(map) = sound(record) else { return nothing().render("wafer") };
    let mut canvas = Canvas::new(
        &format!("{}{}", quantity.title()[..1].to_uppercase(), &quantity.title()[1..]),
        quantity.caption(),
    );
    let left = MARGIN + 60.0;
    let size = scaled(map, (WIDTH - left - 220.0, 640.0));
    draw(&mut canvas, record, map, quantity, (left, TOP), size)?;
    for tick in ticks(f64::from(map.width_pes)) {
        let x = left + size.0 * tick / f64::from(map.width_pes.max(1));
        canvas.line((x, TOP + size.1), (x, TOP + size.1 + 5.0), ink(0.6), 1);
        canvas.text((x, TOP + size.1 + 14.0), Anchor::Middle, ink(0.75), &count(tick as u64));
    }
    for tick in ticks(f64::from(map.height_pes)) {
        let y = TOP + size.1 * tick / f64::from(map.height_pes.max(1));
        canvas.line((left - 5.0, y), (left, y), ink(0.6), 1);
        canvas.text((left - 9.0, y), Anchor::End, ink(0.75), &count(tick as u64));
    }
    let below = (left + size.0 / 2.0, TOP + size.1 + 36.0);
    canvas.text(below, Anchor::Middle, ink(1.0), "column of PEs");
    canvas.text((MARGIN, TOP - 12.0), Anchor::Start, ink(1.0), "row of PEs");
    let at = (left + size.0 + 24.0, TOP + 10.0);
    key(&mut canvas, record, map, quantity, at, 180.0)?;
    canvas.render("wafer")
}

/// A map whose numbers of cells are those of its values.
fn sound(record: &RunRecord) -> Option<&Heatmap> {
    let fits = |map: &&Heatmap| {
        let cells = map.cells_across as usize * map.cells_down as usize;
        cells > 0 && [map.useful.len(), map.link_load.len(), map.sram.len(), map.stall.len()] == [cells; 4]
    };
    record.heatmap.as_ref().filter(fits)
}

fn nothing() -> Canvas {
    let mut canvas = Canvas::new("The step over the wafer", "");
    canvas.text((MARGIN, 80.0), Anchor::Start, ink(0.75), "the record has no map");
    canvas
}

/// What a cell is.
fn cells(map: &Heatmap) -> String {
    let of = |pes: u32, cells: u32| count(u64::from(pes.div_ceil(cells.max(1))));
    match (map.width_pes > map.cells_across, map.height_pes > map.cells_down) {
        (false, false) => "single PEs".to_owned(),
        _ => format!(
            "cells of up to {} × {} PEs",
            of(map.width_pes, map.cells_across),
            of(map.height_pes, map.cells_down)
        ),
    }
}

/// The largest size with the wafer's sides within `room`.
fn scaled(map: &Heatmap, room: (f64, f64)) -> (f64, f64) {
    let (width, height) = (f64::from(map.width_pes.max(1)), f64::from(map.height_pes.max(1)));
    let scale = (room.0 / width).min(room.1 / height);
    ((width * scale).max(1.0), (height * scale).max(1.0))
}

fn draw(
    canvas: &mut Canvas,
    record: &RunRecord,
    map: &Heatmap,
    quantity: Quantity,
    (left, top): (f64, f64),
    (width, height): (f64, f64),
) -> Result<(), ReportError> {
    let across = map.cells_across as usize;
    let raster = match quantity {
        Quantity::Stall => {
            let (names, colors) = stalls(record, map);
            let last = names.len();
            let palette: Vec<RGBColor> = colors.into_iter().chain([GREY]).collect();
            let (used_rows, rows) = (map.used_rows as usize, map.height_pes as usize);
            let used = |at: usize| at / across * rows < used_rows * map.cells_down as usize;
            let name =
                |stall: &u32| map.columns.categories.get(*stall as usize).map(|row| row.category.as_str());
            let index = |(at, stall)| {
                let place = name(stall).and_then(|name| names.iter().position(|other| *other == name));
                if used(at) { place.unwrap_or(last) } else { last }
            };
            Raster::of_indices(across, &palette, map.stall.iter().enumerate().map(index))
        }
        _ => {
            let cells = quantity.cells(map);
            let range = spread(cells).unwrap_or((0.0, 1.0));
            Raster::of_scale(
                across,
                range,
                GREY,
                cells.iter().map(|&cell| Some(cell).filter(|&cell| cell > 0.0)),
            )
        }
    };
    canvas.image((left, top), (left + width, top + height), raster.address("wafer")?);
    canvas.frame((left, top), (left + width, top + height), ink(0.6));
    Ok(())
}

/// What colours stand for, below or beside a map.
fn key(
    canvas: &mut Canvas,
    record: &RunRecord,
    map: &Heatmap,
    quantity: Quantity,
    (left, top): (f64, f64),
    room: f64,
) -> Result<(), ReportError> {
    if quantity == Quantity::Stall {
        let (names, colors) = stalls(record, map);
        for (index, (name, color)) in names.iter().zip(colors).enumerate() {
            let y = top + 18.0 * index as f64;
            canvas.fill((left, y - 6.0), (left + 12.0, y + 6.0), color);
            canvas.text((left + 18.0, y), Anchor::Start, ink(1.0), &fit(name, room - 18.0, LABEL));
        }
        return Ok(());
    }
    let right = left + room * 0.8;
    canvas.image((left, top - 6.0), (right, top + 6.0), Raster::scale().address("wafer")?);
    let (low, high) = spread(quantity.cells(map)).unwrap_or((0.0, 1.0));
    canvas.text((left, top + 18.0), Anchor::Start, ink(0.75), &percent(low));
    canvas.text((right, top + 18.0), Anchor::End, ink(0.75), &percent(high));
    Ok(())
}

/// Stalls that are the largest somewhere, with their colours.
fn stalls<'a>(record: &'a RunRecord, map: &'a Heatmap) -> (Vec<&'a str>, Vec<RGBColor>) {
    let mut found: Vec<u32> = map.stall.clone();
    found.sort_unstable();
    found.dedup();
    let names = found.iter().filter_map(|&stall| map.columns.categories.get(stall as usize));
    let names: Vec<&str> = names.map(|row| row.category.as_str()).take(8).collect();
    let legend = categories(record);
    let color = |name: &&str| legend.index(name).map_or(DARK_GREY, |index| legend.entries[index].1);
    let colors = names.iter().map(color).collect();
    (names, colors)
}

/// Where most of the values above zero lie: a scale from zero would hide how they differ. Nothing where there are none.
fn spread(values: &[f64]) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> =
        values.iter().copied().filter(|value| value.is_finite() && *value > 0.0).collect();
    sorted.sort_by(f64::total_cmp);
    let at =
        |share: f64| sorted.get(((sorted.len().saturating_sub(1)) as f64 * share).round() as usize).copied();
    let (low, high) = (at(0.02)?, at(0.98)?);
    Some(if high > low * 1.001 { (low, high) } else { (0.0, high) })
}
