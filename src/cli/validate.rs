//! `wafersim validate`

use std::path::PathBuf;

use clap::Args;
use wafersim::spec::load_arch;
use wafersim::{report, validate};

use crate::cli::failure::Failure;
use crate::cli::terminal::{claim, say};
use crate::cli::values::percent;

const EXAMPLES: &str = "Examples:
  wafersim validate
  wafersim validate --fail-above 25 --json
  wafersim validate --data ./my-measurements/";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ValidateArgs {
    /// Folder of CSV files with measurements, instead of those that are built in.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Fail if the mean error of any group is above this, or a row was not run.
    #[arg(long, value_name = "PERCENT", value_parser = percent, allow_negative_numbers = true)]
    fail_above: Option<f64>,
    /// Folder that reports go to.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
}

/// Hold every row against the simulator and write the tables.
pub(crate) fn command(args: &ValidateArgs) -> Result<(), Failure> {
    let groups = args.data.as_deref().map_or_else(validate::built_in, validate::folder);
    let _claim = claim(&args.out)?;
    let report = validate::validate(&groups.map_err(Failure::Refused)?, |name| match load_arch(name, &[]) {
        Ok(machine) => Ok(machine.spec),
        Err(faults) => Err(faults.to_string().lines().next().unwrap_or_default().to_owned()),
    });
    let json = report.json();
    let files = [
        ("validation.json".to_owned(), json.clone().into_bytes()),
        ("validation.txt".to_owned(), report.text().into_bytes()),
        ("validation.csv".to_owned(), report.csv()),
        ("errors.csv".to_owned(), report.errors_csv()),
    ];
    let folder = args.out.join("validation");
    report::write_dir(&folder, &files)
        .map_err(|error| Failure::Failed(format!("error: cannot write {}: {error}", folder.display())))?;
    say(&if args.json { json } else { report.text() });
    let failing = args.fail_above.map_or_else(Vec::new, |percent| report.above(percent / 100.0));
    if failing.is_empty() { Ok(()) } else { Err(Failure::Failed(failing.join("\n"))) }
}
