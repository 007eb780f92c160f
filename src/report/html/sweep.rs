//! The page of a sweep.

use maud::{Markup, PreEscaped, html};

use super::tables::{Column, table};
use super::{page, provenance_table, tile_row};
use crate::record::{Cell, PointStatus, SweepPoint, SweepRecord, unbeaten};
use crate::report::SweepFigure;
use crate::report::format::{count, number, percent, plural, seconds, times};
use crate::report::sweep::{best, settings};

/// A sweep as one self-contained page.
pub fn sweep_html(record: &SweepRecord, figures: &[SweepFigure]) -> String {
    page(
        &record.name,
        &html! {
            (headline(record))
            (tiles(record))
            .figures { @for figure in figures { figure { (PreEscaped(&figure.svg)) } } }
            (pivot(record, "Achieved speedup", "achieved_speedup_ratio", &times))
            (pivot(record, "Step", "step_seconds", &seconds))
            (traded(record))
            (points(record))
            (not_run(record))
            (axes(record))
            (provenance_table(&[("program", record.program.clone()), ("points by", "wafersim sweep run".to_owned())]))
        },
    )
}

fn headline(record: &SweepRecord) -> Markup {
    let (failed, open) = (record.count(Some(PointStatus::Failed)), record.count(None));
    html! {
        header {
            h1 { (record.asks) }
            p .lead {
                @if let Some((value, point)) = best(record, "step_seconds") {
                    "The shortest step takes " (seconds(value)) ", at " (settings(point)) ". "
                }
                @if let Some((value, point)) = best(record, "achieved_speedup_ratio") {
                    "Zeros are worth most, " (times(value)) ", at " (settings(point)) "."
                }
            }
            p { "Sweep " code { (record.name) } ": " (plural(record.points.len(), "point")) "." }
            @if failed > 0 { span .badge.bad { (plural(failed, "point")) " failed" } }
            @if open > 0 { span .badge.bad { (plural(open, "point")) " not run yet" } }
            @if failed + open == 0 { span .badge.good { "complete" } }
            @if record.done().next().is_some() && failed == 0 {
                span .badge.good { "values of every point verified" }
            }
        }
    }
}

fn tiles(record: &SweepRecord) -> Markup {
    let range = |column: &str, of: &dyn Fn(f64) -> String| {
        let values = || record.done().filter_map(|point| point.number(column));
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        if least <= most { format!("{} to {}", of(least), of(most)) } else { "none".to_owned() }
    };
    tile_row(&[
        (
            "points",
            count(record.count(Some(PointStatus::Done)) as u64),
            format!("{} cannot be run", count(record.count(Some(PointStatus::Refused)) as u64)),
        ),
        ("step", range("step_seconds", &seconds), "shortest and longest".to_owned()),
        (
            "achieved speedup",
            range("achieved_speedup_ratio", &times),
            "over the dense step of the same point".to_owned(),
        ),
        ("of theory", range("achieved_of_theory_ratio", &percent), "achieved over theoretical".to_owned()),
        (
            "cycles that are exact",
            range("exact_ratio", &percent),
            "the others are sampled, with the error measured".to_owned(),
        ),
    ])
}

/// A metric over the first two axes with more than one place, shaded by its size; for sweeps of two axes.
fn pivot(record: &SweepRecord, title: &str, column: &str, of: &dyn Fn(f64) -> String) -> Markup {
    let axes: Vec<&str> = record
        .axes
        .iter()
        .filter(|axis| axis.places.len() > 1)
        .map(|axis| axis.keys[0].key.as_str())
        .collect();
    let [down, across] = axes.as_slice() else { return html! {} };
    let places = |key: &str| {
        let axis = record.axes.iter().find(|axis| axis.keys[0].key == key);
        let values = axis.into_iter().flat_map(|axis| &axis.places);
        let mut values: Vec<Cell> = values.map(|place| place[0].clone().into()).collect();
        values.dedup();
        values
    };
    let value = |row: &Cell, over: &Cell| {
        let here = |point: &&SweepPoint| {
            point.cell(down).as_ref() == Some(row) && point.cell(across).as_ref() == Some(over)
        };
        record.done().find(here)?.number(column)
    };
    let (rows, columns) = (places(down), places(across));
    let all = || record.done().filter_map(|point| point.number(column));
    let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let shade = |value: f64| {
        let strength = if most > least { 45.0 * (value - least) / (most - least) } else { 0.0 };
        format!("background: color-mix(in srgb, var(--accent) {strength:.0}%, transparent)")
    };
    html! {
        h2 { (title) " by " code { (down) } " and " code { (across) } }
        .scroll {
            table {
                thead { tr { th scope="col" { (down) } @for over in &columns { th .n scope="col" { (over.to_string()) } } } }
                tbody {
                    @for row in &rows {
                        tr {
                            th scope="row" { (row.to_string()) }
                            @for over in &columns {
                                @match value(row, over) {
                                    Some(value) => { td .n style=(shade(value)) { (of(value)) } }
                                    None => { td .n { "–" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The points that no other one beats in the two columns that the sweep trades.
fn traded(record: &SweepRecord) -> Markup {
    let Some(columns @ [(first, _), (second, _)]) = &record.pareto else { return html! {} };
    let rows = unbeaten(record.done(), columns)
        .into_iter()
        .map(|(point, (a, b))| vec![point.index.to_string(), number(a), number(b), settings(point)]);
    let columns =
        [Column::number("point"), Column::number(first), Column::number(second), Column::text("sets")];
    html! {
        h2 { "Not beaten in both" }
        (table(&columns, rows))
    }
}

fn points(record: &SweepRecord) -> Markup {
    let keys: Vec<&str> =
        record.axes.iter().flat_map(|axis| &axis.keys).map(|key| key.key.as_str()).collect();
    let mut columns = vec![Column::number("point")];
    columns.extend(keys.iter().map(|key| Column::number(key)));
    columns.extend(
        ["step", "tokens/s", "theory", "bound", "achieved", "utilization", "exact"].map(Column::number),
    );
    let rows = record.done().map(|point| {
        let of =
            |column: &str, form: &dyn Fn(f64) -> String| point.number(column).map(form).unwrap_or_default();
        let mut row = vec![point.index.to_string()];
        row.extend(keys.iter().map(|key| point.cell(key).map(|cell| cell.to_string()).unwrap_or_default()));
        row.extend([
            of("step_seconds", &seconds),
            of("tokens_per_s", &number),
            of("theoretical_speedup_ratio", &times),
            of("bound_speedup_ratio", &times),
            of("achieved_speedup_ratio", &times),
            of("utilization_ratio", &percent),
            of("exact_ratio", &percent),
        ]);
        row
    });
    html! {
        h2 { "Points" }
        p .soft { "Every column is in " code { "points.csv" } " and " code { "points.parquet" } "; the record of a point is in "
            code { "points/KEY/record.json" } "." }
        (table(&columns, rows))
    }
}

/// Points without numbers, and why.
fn not_run(record: &SweepRecord) -> Markup {
    let without: Vec<&SweepPoint> = record
        .points
        .iter()
        .filter(|point| !matches!(point.status(), None | Some(PointStatus::Done)))
        .collect();
    let columns =
        [Column::number("point"), Column::text("sets"), Column::text("state"), Column::text("reason")];
    let rows = without.iter().map(|point| {
        let cell = |column| point.cell(column).map(|cell| cell.to_string()).unwrap_or_default();
        vec![cell("index"), settings(point), cell("status"), cell("reason")]
    });
    html! {
        @if !without.is_empty() {
            h2 { "Points without numbers" }
            (table(&columns, rows))
        }
    }
}

fn axes(record: &SweepRecord) -> Markup {
    let columns = [Column::text("sets"), Column::text("unit"), Column::text("values")];
    let rows = record.axes.iter().flat_map(|axis| {
        axis.keys.iter().enumerate().map(|(at, key)| {
            let values = axis.places.iter().map(|place| place[at].to_string());
            vec![key.key.clone(), key.unit.clone(), values.collect::<Vec<_>>().join(", ")]
        })
    });
    html! {
        h2 { "Axes" }
        (table(&columns, rows))
        @if record.left_out > 0 {
            p .soft { (count(record.left_out as u64)) " combinations are left out by conditions." }
        }
    }
}
