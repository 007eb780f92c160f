//! The machine model against published measurements: every row is a small program on the preset that it names.
//!
//! ```text
//! CSV rows -> kernel + machine -> Program -> reference engine -> simulated value -> error, row by row and by group
//! ```

mod collective;
pub mod kernels;
mod measure;
mod open;
mod outcome;
mod params;
mod product;
mod row;
mod scaling;
mod spmm;
mod training;

use rayon::prelude::*;

use crate::spec::wafer::WaferSpec;
use spmm::Runs;

pub use measure::NotRun;
pub use open::{built_in, folder};
pub use outcome::{Group, Outcome, Report, Status};
pub use row::{Row, RowError, read};

/// Run all rows of each group (a file stem and its rows) on the machines that `machine` finds by name.
pub fn validate(
    groups: &[(String, Vec<Row>)],
    machine: impl Fn(&str) -> Result<WaferSpec, String> + Sync,
) -> Report {
    let rows: Vec<_> =
        groups.iter().flat_map(|(group, rows)| rows.iter().map(move |row| (group, row))).collect();
    let runs = Runs::default();
    let outcomes = rows.par_iter().map(|(group, row)| {
        let simulated =
            machine(&row.arch).map_err(NotRun::Machine).and_then(|m| measure::measure(row, &m, &runs));
        Outcome::new(group, row, simulated)
    });
    Report::new(outcomes.collect())
}
