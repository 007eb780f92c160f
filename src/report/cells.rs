//! Rows that more than one kind of page has, as cells.

use super::format::{count, error, percent};
use crate::record::{Check, ValidationRow};

/// Compared, elements, largest error, tolerance, whether it holds.
pub(super) fn check(check: &Check) -> Vec<String> {
    let holds = if check.ok { "yes" } else { "NO" };
    vec![
        check.what.clone(),
        count(check.elements),
        error(check.largest_error),
        error(check.tolerance),
        holds.to_owned(),
    ]
}

/// Table, rows, and its errors: mean, median, what 95 % are below, worst.
pub(super) fn validation(row: &ValidationRow) -> Vec<String> {
    let errors = [row.mean_error, row.median_error, row.p95_error, row.worst_error];
    [row.table.replace('_', " "), count(row.rows)].into_iter().chain(errors.map(percent)).collect()
}
