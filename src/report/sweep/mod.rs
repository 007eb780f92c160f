//! A sweep as tables, text and the files of its report.

mod parquet_file;
mod table;

pub use table::{cells_csv, cells_text};

use super::figures::{SweepFigure, sweep_figures};
use super::format::{plural, seconds, times};
use super::html::sweep_html;
use crate::record::{Better, Cell, PointRecord, PointStatus, SweepPoint, SweepRecord, better};
use crate::report::ReportError;

/// All files of a sweep's report: `points.csv`, `points.parquet`, `figures/*.svg`, `report.html`.
///
/// # Errors
/// [`ReportError`] where a figure or a table cannot be made.
pub fn sweep_files(record: &SweepRecord) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let (head, rows) = cells(record);
    let figures = sweep_figures(record)?;
    let mut files = vec![
        ("points.csv".to_owned(), cells_csv(&head, &rows).into_bytes()),
        ("points.parquet".to_owned(), parquet_file::file(record, &head, &rows)?),
    ];
    for SweepFigure { name, svg } in &figures {
        files.push((format!("figures/{name}.svg"), svg.clone().into_bytes()));
    }
    files.push(("report.html".to_owned(), sweep_html(record, &figures).into_bytes()));
    Ok(files)
}

/// Every point in every column.
fn cells(record: &SweepRecord) -> (Vec<String>, Vec<Vec<Option<Cell>>>) {
    let head: Vec<String> = record.columns().into_iter().map(|column| column.name).collect();
    let row = |point: &SweepPoint| head.iter().map(|name| point.cell(name)).collect();
    let rows = record.points.iter().map(row).collect();
    (head, rows)
}

/// What came of a point, in a few words.
pub fn outcome_text(outcome: &PointRecord) -> String {
    let number = |name: &str| outcome.metric(name).and_then(Cell::number).unwrap_or(f64::NAN);
    match (outcome.status, &outcome.reason) {
        (PointStatus::Done, _) => {
            format!("{}, {}", seconds(number("step_seconds")), times(number("achieved_speedup_ratio")))
        }
        (status, reason) => format!("{}: {}", status.name(), reason.as_deref().unwrap_or_default()),
    }
}

/// What a sweep says in a few lines: how many points, the fastest, and what did not run.
pub fn sweep_text(record: &SweepRecord) -> String {
    let mut text = format!("{}\n", record.asks);
    let states = [
        (Some(PointStatus::Done), "done"),
        (Some(PointStatus::Refused), "that cannot be run"),
        (Some(PointStatus::Failed), "failed"),
        (None, "open"),
    ];
    let states: Vec<String> = states
        .into_iter()
        .map(|(status, what)| (record.count(status), what))
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    text += &format!("{}: {}\n", plural(record.points.len(), "point"), states.join(", "));
    if let Some((value, point)) = best(record, "achieved_speedup_ratio") {
        text += &format!("largest speedup   {:>8}  at {}\n", times(value), settings(point));
    }
    if let Some((value, point)) = best(record, "step_seconds") {
        text += &format!("shortest step     {:>8}  at {}\n", seconds(value), settings(point));
    }
    text
}

/// The point that is best in a column, with its value there.
pub(super) fn best<'r>(record: &'r SweepRecord, column: &str) -> Option<(f64, &'r SweepPoint)> {
    let sign = if better(column) == Some(Better::Higher) { -1.0 } else { 1.0 };
    let points = record.done().filter_map(|point| Some((sign * point.number(column)?, point)));
    points.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(value, point)| (sign * value, point))
}

/// What a point sets, on one line.
pub(super) fn settings(point: &SweepPoint) -> String {
    let all = point
        .settings
        .iter()
        .filter(|setting| !setting.value.is_unset())
        .map(|setting| format!("{} = {}", setting.key, setting.value));
    all.collect::<Vec<_>>().join(", ")
}
