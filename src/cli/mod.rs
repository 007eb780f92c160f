//! Commands: arguments in, library calls, text and files out. A file a command.

mod bench;
mod campaign;
mod cluster;
mod diff;
mod explain;
mod failure;
mod masks;
mod query;
mod report;
mod run;
mod specs;
mod sweep;
mod terminal;
mod train;
mod validate;
mod verify;

use clap::{Parser, Subcommand};

pub(crate) use failure::Failure;

/// Cycle-level simulation of sparse transformer training on a wafer-scale dataflow machine.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  wafersim run llama2-7b --arch cs3 --set sparsity.level=0.7
  wafersim run my-model.toml --arch my-machine.toml --json
  wafersim sweep run io-by-sparsity
  wafersim cluster llama2-7b --set sparsity.level=0.7
  wafersim campaign sparse-llama-7b --systems 16
  wafersim validate --fail-above 25
  wafersim explain arch cs3";

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate one training step and write a report.
    Run(run::RunArgs),
    /// Make the report of a record again: HTML, Markdown, SVG, CSV.
    Report(report::ReportArgs),
    /// Compare two runs: what differs in their specs, and in every metric.
    Diff(diff::DiffArgs),
    /// Run a recipe: a whole training, phase by phase, against its dense twin.
    Campaign(campaign::CampaignArgs),
    /// Run many points: axes over any values of machine and workload.
    Sweep(sweep::SweepArgs),
    /// Scale a step over many systems, in data parallel.
    Cluster(cluster::ClusterArgs),
    /// Compare values: the oracle and the machine with a training step of PyTorch.
    Verify(verify::VerifyArgs),
    /// Hold the machine model against published measurements.
    Validate(validate::ValidateArgs),
    /// Train a small model for real, dense and sparse, on the machine's own arithmetic.
    Train(train::TrainArgs),
    /// Look at masks.
    Masks {
        /// What to do.
        #[command(subcommand)]
        what: masks::MasksCommand,
    },
    /// Time the simulator itself.
    Bench {
        /// What to time.
        #[command(subcommand)]
        what: bench::Bench,
    },
    /// Show what a preset or file resolves to, with unit and source of each value.
    Explain {
        /// What to explain.
        #[command(subcommand)]
        what: explain::Explain,
    },
}

impl Cli {
    /// Do what was asked for.
    pub(crate) fn dispatch(self) -> Result<(), Failure> {
        match self.command {
            Command::Run(args) => run::command(args),
            Command::Report(args) => report::command(&args),
            Command::Diff(args) => diff::command(&args),
            Command::Campaign(args) => campaign::command(&args),
            Command::Sweep(args) => sweep::command(args),
            Command::Cluster(args) => cluster::command(args),
            Command::Verify(args) => verify::command(&args),
            Command::Validate(args) => validate::command(&args),
            Command::Train(args) => train::command(&args),
            Command::Masks { what } => masks::command(&what),
            Command::Bench { what } => bench::command(&what),
            Command::Explain { what } => explain::command(what),
        }
    }
}
