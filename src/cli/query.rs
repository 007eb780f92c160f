//! `wafersim sweep query`

use std::path::PathBuf;

use clap::Args;
use wafersim::error::{Fault, Faults, SourceText};
use wafersim::expr::Condition;
use wafersim::record::{Better, side};
use wafersim::report;
use wafersim::sweep::{Query, Store};

use crate::cli::failure::Failure;
use crate::cli::terminal::say;

const EXAMPLES: &str = "Examples:
  wafersim sweep query reports/io-by-sparsity --where 'sparsity.level >= 0.7' --sort -tokens_per_s
  wafersim sweep query reports/io-by-sparsity --columns index,step_seconds,reason --csv
  wafersim sweep query reports/patterns --pivot sparsity.pattern,sparsity.n,step_seconds
  wafersim sweep query reports/io-by-sparsity --pareto 'min io.bandwidth_gbit_per_s,step_seconds'";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct QueryArgs {
    /// Folder of the sweep.
    folder: PathBuf,
    /// What points must fulfil, as `sparsity.level >= 0.7`; may be given again.
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// Columns to show.
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// Columns to sort by, `-` before one for falling values.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    sort: Vec<String>,
    /// A pivot table: the columns of its rows, its columns and its values.
    #[arg(
        long,
        value_name = "ROWS,COLUMNS,VALUES",
        value_delimiter = ',',
        num_args = 1,
        conflicts_with = "columns"
    )]
    pivot: Vec<String>,
    /// The points that no other one beats in two columns, `min` or `max` before one that has no better side of its own.
    #[arg(long, value_name = "FIRST,SECOND", value_delimiter = ',', num_args = 1)]
    pareto: Vec<String>,
    /// As CSV.
    #[arg(long)]
    csv: bool,
}

/// Ask.
pub(crate) fn command(args: &QueryArgs) -> Result<(), Failure> {
    let (mut conditions, mut faults) = (Vec::new(), Vec::new());
    for text in &args.conditions {
        match Condition::parse(text) {
            Ok(condition) => conditions.push(condition),
            Err(error) => {
                let fault = Fault::new(&SourceText::new("--where", text.as_str()), error.at, error.message);
                faults
                    .push(fault.help("for example `sparsity.level >= 0.7`, with the columns of points.csv"));
            }
        }
    }
    if !faults.is_empty() {
        return Err(Faults(faults).into());
    }
    let pivot = exactly(&args.pivot, "--pivot", "ROWS,COLUMNS,VALUES")?;
    let pareto = exactly(&args.pareto, "--pareto", "FIRST,SECOND")?.map(|both: [String; 2]| {
        both.map(|text| {
            let (name, side) = side(&text);
            (name, side.unwrap_or(Better::Lower))
        })
    });
    let query = Query { conditions, columns: args.columns.clone(), sort: args.sort.clone(), pivot, pareto };
    let store = Store::new(&args.folder);
    let record = store.read_plan()?.record(&store)?;
    let table = query.ask(&record).map_err(|error| Failure::Refused(format!("error: {error}")))?;
    say(&if args.csv {
        report::cells_csv(&table.head, &table.rows)
    } else {
        report::cells_text(&table.head, &table.rows)
    });
    Ok(())
}

/// A list of so many names, or none.
fn exactly<const N: usize>(names: &[String], flag: &str, form: &str) -> Result<Option<[String; N]>, Failure> {
    match <[String; N]>::try_from(names.to_vec()) {
        Ok(names) => Ok(Some(names)),
        Err(names) if names.is_empty() => Ok(None),
        Err(_) => Err(Failure::Refused(format!("error: {flag} takes {form}"))),
    }
}
