//! `wafersim masks`

use clap::{Args, Subcommand};
use wafersim::inspect;
use wafersim::inspect::InspectError;
use wafersim::spec::{load_arch, split_overrides};

use crate::cli::failure::Failure;
use crate::cli::specs::{overrides, wafer};
use crate::cli::terminal::say;

#[derive(Debug, Subcommand)]
pub(crate) enum MasksCommand {
    /// How many weights are kept, how they are spread and what the spread costs.
    Stats(StatsArgs),
}

const EXAMPLES: &str = "Examples:
  wafersim masks stats llama2-7b --set sparsity.level=0.7
  wafersim masks stats gpt3-tiny --set sparsity.pattern=n_of_m --set sparsity.n=2 --set sparsity.m=4
  wafersim masks stats ./Llama-2-7b-pruned/ --workload llama2-7b --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatsArgs {
    /// Workload (a preset or a path to a TOML file), or checkpoint (.safetensors, index.json, or a folder, with a `/`).
    what: String,
    /// Workload that a checkpoint belongs to; the first preset that it fits if left out.
    #[arg(long, value_name = "WORKLOAD")]
    workload: Option<String>,
    /// Machine: a preset or a path to a TOML file.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Override a value of workload or machine, as `sparsity.level=0.7`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Look at the masks that are asked for and print the table.
pub(crate) fn command(what: &MasksCommand) -> Result<(), Failure> {
    let MasksCommand::Stats(args) = what;
    let (arch, workload) = split_overrides(&overrides(&args.overrides))?;
    let machine = wafer(load_arch(&args.arch, &arch)?, &args.arch)?;
    let refused = |error: InspectError| Failure::Refused(error.to_string());
    let (workload, masks) =
        inspect::open(&args.what, args.workload.as_deref(), &workload).map_err(refused)?;
    let stats = inspect::stats(&workload, &masks, &machine.spec).map_err(|error| refused(error.into()))?;
    say(&if args.json { stats.json() } else { stats.text() });
    Ok(())
}
