//! `wafersim explain`

use clap::{Args, Subcommand};
use wafersim::spec::{arch_presets, explain, load_arch, load_workload, workload_presets};

use crate::cli::failure::Failure;
use crate::cli::specs::overrides;
use crate::cli::terminal::say;

#[derive(Debug, Subcommand)]
pub(crate) enum Explain {
    /// A machine.
    Arch(ExplainArgs),
    /// A workload.
    Workload(ExplainArgs),
    /// The presets.
    Presets,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Preset or path.
    name: String,
    /// Overrides, as in `run`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Show what a name resolves to.
pub(crate) fn command(what: Explain) -> Result<(), Failure> {
    match what {
        Explain::Arch(args) => say(&explain(&load_arch(&args.name, &overrides(&args.overrides))?)),
        Explain::Workload(args) => {
            say(&explain(&load_workload(&args.name, &overrides(&args.overrides))?));
        }
        Explain::Presets => {
            let (machines, workloads) = (arch_presets().join(", "), workload_presets().join(", "));
            say(&format!("machines:  {machines}\nworkloads: {workloads}\n"));
        }
    }
    Ok(())
}
