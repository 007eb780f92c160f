//! What the last validation of the built-in machines found, table by table.

use super::outcome::{Group, Report};
use crate::record::ValidationRow;

/// `errors.csv` of `wafersim validate`, as it is committed: validating takes minutes, and every report says how well the
/// models fit.
const COMMITTED: &str = include_str!("../../arch/model-errors.csv");

/// The errors of a group, to a hundredth of a percent.
fn row(group: &Group) -> ValidationRow {
    let rounded = |error: f64| (error * 1e4).round() / 1e4;
    ValidationRow {
        table: group.name.clone(),
        rows: group.rows as u64,
        mean_error: rounded(group.mean_error),
        median_error: rounded(group.median_error),
        p95_error: rounded(group.p95_error),
        worst_error: rounded(group.worst_error),
    }
}

impl Report {
    /// The errors of each table, as reports show them.
    pub fn errors(&self) -> Vec<ValidationRow> {
        self.groups.iter().map(row).collect()
    }

    /// The same as CSV.
    pub fn errors_csv(&self) -> Vec<u8> {
        let mut table = csv::Writer::from_writer(Vec::new());
        for errors in self.errors() {
            table.serialize(errors).expect("a buffer in memory takes every row");
        }
        table.into_inner().expect("a buffer in memory takes every row")
    }
}

/// The errors of the built-in tables as they are committed.
///
/// # Panics
/// Never: a test reads them.
pub fn committed_errors() -> Vec<ValidationRow> {
    let rows = csv::Reader::from_reader(COMMITTED.as_bytes()).into_deserialize::<ValidationRow>();
    rows.map(|row| row.expect("the committed errors are a table")).collect()
}
