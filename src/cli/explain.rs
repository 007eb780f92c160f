//! `wafersim explain`

use clap::{Args, Subcommand};
use wafersim::spec::recipe::RecipePhase;
use wafersim::spec::{
    arch_presets, explain, load_arch, load_recipe, load_workload, recipe_presets, workload_presets,
};

use crate::cli::failure::Failure;
use crate::cli::specs::overrides;
use crate::cli::terminal::say;

#[derive(Debug, Subcommand)]
pub(crate) enum Explain {
    /// A machine.
    Arch(ExplainArgs),
    /// A workload.
    Workload(ExplainArgs),
    /// A recipe, phase by phase.
    Recipe(ExplainArgs),
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
        Explain::Recipe(args) => {
            let recipe = load_recipe(&args.name, &overrides(&args.overrides))?;
            let phases: Vec<String> = recipe.phases.iter().map(phase).collect();
            say(&phases.join("\n"));
        }
        Explain::Presets => {
            let presets = [
                ("machines: ", arch_presets()),
                ("workloads:", workload_presets()),
                ("recipes:  ", recipe_presets()),
            ];
            presets.iter().for_each(|(what, names)| say(&format!("{what} {}\n", names.join(", "))));
        }
    }
    Ok(())
}

/// A phase: its name, length and source, and the values of its workload.
fn phase(RecipePhase { phase, workload }: &RecipePhase) -> String {
    let source = phase.source.as_deref().map(|source| format!("  {source}\n")).unwrap_or_default();
    let steps = phase.steps(&workload.spec.training);
    format!("phase `{}`: {steps} steps\n{source}{}", phase.name, explain(workload))
}
