//! `wafersim diff`

use std::path::{Path, PathBuf};

use clap::Args;
use wafersim::record::{Record, RunRecord, open};
use wafersim::report::diff;

use crate::cli::failure::Failure;
use crate::cli::terminal::say;

const EXAMPLES: &str = "Examples:
  wafersim diff reports/llama2-7b-cs3-70 reports/llama2-7b-cs3-50
  wafersim diff reports/before/record.json reports/after/record.json --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DiffArgs {
    /// Folder of the first run, or its record.json.
    a: PathBuf,
    /// The same of the second.
    b: PathBuf,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// Print what differs between two runs.
pub(crate) fn command(args: &DiffArgs) -> Result<(), Failure> {
    let (a, b) = match (run(&args.a), run(&args.b)) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(first), Err(second)) => return Err(Failure::Refused(format!("{first}\n{second}"))),
        (Err(fault), _) | (_, Err(fault)) => return Err(Failure::Refused(fault)),
    };
    let diff = diff(&a, &b);
    say(&if args.json { diff.json() } else { diff.text() });
    Ok(())
}

/// The record of a run.
fn run(path: &Path) -> Result<RunRecord, String> {
    match open(path).map_err(|error| format!("error: {error}"))? {
        Record::Run(record) => Ok(*record),
        other => Err(format!(
            "error: {} holds the record of a {}; diff compares runs (`wafersim run`)",
            path.display(),
            other.kind()
        )),
    }
}
