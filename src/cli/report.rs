//! `wafersim report`

use std::path::{Path, PathBuf};

use clap::Args;
use wafersim::record::{RECORD, Record, open};
use wafersim::report::{ReportError, campaign_files, cluster_files, files, sweep_files};
use wafersim::sweep::Store;

use crate::cli::failure::Failure;
use crate::cli::terminal::{say, write};

const EXAMPLES: &str = "Examples:
  wafersim report reports/llama2-7b-cs3-70
  wafersim report ./record.json --out reports/again";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReportArgs {
    /// Folder of a run, a cluster, a campaign or a sweep, or a record.json.
    #[arg(value_name = "DIR")]
    path: PathBuf,
    /// Folder to write to, with a copy of the record; left out, the report lies beside the record.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Make a report from its record alone.
pub(crate) fn command(args: &ReportArgs) -> Result<(), Failure> {
    if Store::new(&args.path).plan_file().is_file() {
        return sweep(args);
    }
    let record = open(&args.path).map_err(|error| Failure::Refused(format!("error: {error}")))?;
    let (files, folder) = match &args.out {
        Some(out) => (report(&record), out.clone()),
        None => (report(&record).map(without_record), beside(&args.path)),
    };
    write(&folder, files)?;
    say(&format!("report of a {} in {}\n", record.kind(), folder.join("report.html").display()));
    Failure::unless(faults(&record), true, "")
}

/// Make the report of a sweep from the points that are done.
fn sweep(args: &ReportArgs) -> Result<(), Failure> {
    let store = Store::new(&args.path);
    let record = store.read_plan()?.record(&store)?;
    let folder = args.out.as_ref().unwrap_or(&args.path);
    write(folder, sweep_files(&record))?;
    say(&format!("report of a sweep in {}\n", folder.join("report.html").display()));
    Ok(())
}

/// The files of whatever the record is of.
fn report(record: &Record) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    match record {
        Record::Run(record) => files(record),
        Record::Cluster(record) => cluster_files(record),
        Record::Campaign(record) => campaign_files(record),
    }
}

fn faults(record: &Record) -> Vec<String> {
    match record {
        Record::Run(record) => record.validate_sums(),
        Record::Cluster(record) => record.validate_sums(),
        Record::Campaign(record) => record.validate_sums(),
    }
}

/// The record stays as it was written.
fn without_record(mut files: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    files.retain(|(name, _)| name != RECORD);
    files
}

fn beside(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    path.parent().map_or_else(PathBuf::new, PathBuf::from)
}
