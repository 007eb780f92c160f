//! Commands: arguments in, library calls, text and files out. A file a command.

mod bench;
mod campaign;
mod cluster;
mod completions;
mod diff;
#[cfg(test)]
mod examples;
mod explain;
mod failure;
mod masks;
mod query;
mod report;
mod run;
mod schema;
mod specs;
mod sweep;
mod terminal;
mod trace;
mod train;
mod validate;
mod values;
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
  wafersim explain arch cs3

Names without a `/` are presets: `wafersim explain presets` lists them.
Keys for --set, with units: `wafersim explain workload llama2-7b`, `wafersim explain arch cs3`.
Each command has examples: `wafersim run --help`.";

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
    /// Check values: a step on the machine's arithmetic against double precision, or both against PyTorch.
    Verify(verify::VerifyArgs),
    /// Hold the machine model against published measurements.
    Validate(validate::ValidateArgs),
    /// Train a small model for real, dense and sparse, on the machine's own arithmetic.
    Train(train::TrainArgs),
    /// Look at one op cycle by cycle: what PEs, their threads and links do, as a trace for Perfetto.
    Trace(trace::TraceArgs),
    /// Look at masks: how many weights are kept, and how evenly.
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
    /// List presets, show what they resolve to, and say where a model lies and what limits its step.
    Explain {
        /// What to explain.
        #[command(subcommand)]
        what: explain::Explain,
    },
    /// Print the JSON Schema of a kind of file, for editors.
    Schema(schema::SchemaArgs),
    /// Print a script that completes commands and options in a shell.
    Completions(completions::CompletionsArgs),
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
            Command::Trace(args) => trace::command(args),
            Command::Masks { what } => masks::command(&what),
            Command::Bench { what } => bench::command(&what),
            Command::Explain { what } => explain::command(what),
            Command::Completions(args) => {
                completions::command(&args);
                Ok(())
            }
            Command::Schema(args) => {
                schema::command(&args);
                Ok(())
            }
        }
    }
}
