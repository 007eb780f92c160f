//! What the last validation of the built-in machines found, table by table.

use serde::{Deserialize, Serialize};

use super::outcome::{Group, Report};

/// `errors.csv` of `wafersim validate`, as it is committed: validating takes minutes, and every report says how well the
/// models fit.
const COMMITTED: &str = include_str!("../../arch/model-errors.csv");

/// Errors on one table, as fractions of the published values, without their signs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableErrors {
    /// Stem of the table's file.
    pub table: String,
    /// Rows in all.
    pub rows: u64,
    /// Mean.
    pub mean_error: f64,
    /// Half are not above it.
    pub median_error: f64,
    /// Nineteen in twenty are not above it.
    pub p95_error: f64,
    /// Largest.
    pub worst_error: f64,
}

impl TableErrors {
    fn of(group: &Group) -> Self {
        let rounded = |error: f64| (error * 1e4).round() / 1e4;
        Self {
            table: group.name.clone(),
            rows: group.rows as u64,
            mean_error: rounded(group.mean_error),
            median_error: rounded(group.median_error),
            p95_error: rounded(group.p95_error),
            worst_error: rounded(group.worst_error),
        }
    }
}

impl Report {
    /// The errors of each table, to a hundredth of a percent.
    pub fn errors(&self) -> Vec<TableErrors> {
        self.groups.iter().map(TableErrors::of).collect()
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
pub fn committed_errors() -> Vec<TableErrors> {
    let rows = csv::Reader::from_reader(COMMITTED.as_bytes()).into_deserialize::<TableErrors>();
    rows.map(|row| row.expect("the committed errors are a table")).collect()
}
