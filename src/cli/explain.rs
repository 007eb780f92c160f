//! `wafersim explain`

use clap::{Args, Subcommand};
use wafersim::run::Progress;
use wafersim::sparsity::Masks;
use wafersim::spec::recipe::RecipePhase;
use wafersim::spec::{
    arch_presets, explain, load_arch, load_recipe, load_workload, recipe_presets, workload_presets,
};
use wafersim::study::{bottleneck, search};

use crate::cli::failure::Failure;
use crate::cli::specs::{overrides, specs};
use crate::cli::terminal::{Bar, say};

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
    /// Where a model can lie on the wafer: every mapping by its bound, the best by simulation.
    Mapping(MappingArgs),
    /// What would make a step faster: each number of the machine twice as good, by simulation.
    Bottleneck(StepArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    /// Workload: a preset or a path to a TOML file.
    workload: String,
    /// Machine: a preset or a path to a TOML file.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Overrides, as in `run`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct MappingArgs {
    #[command(flatten)]
    step: StepArgs,
    /// Mappings to simulate at most.
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    simulate: usize,
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
        Explain::Mapping(args) => mapping(&args)?,
        Explain::Bottleneck(args) => bottlenecks(&args)?,
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

fn mapping(args: &MappingArgs) -> Result<(), Failure> {
    let (workload, machine) = specs(&args.step.workload, &args.step.arch, &args.step.overrides)?;
    let masks = Masks::open(&workload.spec).map_err(|error| Failure::Refused(format!("error: {error}")))?;
    let bar = Bar::new();
    bar.stage("simulating mappings");
    let found =
        search(&workload.spec, &machine.spec, &masks, args.simulate, &|done, of| bar.kernel(done, of));
    bar.0.finish_and_clear();
    say(&found?.text(&workload.spec.name, &machine.spec.name));
    Ok(())
}

fn bottlenecks(args: &StepArgs) -> Result<(), Failure> {
    let (workload, machine) = specs(&args.workload, &args.arch, &args.overrides)?;
    let bar = Bar::new();
    bar.stage("simulating changes");
    let found = bottleneck(&workload.spec, &machine.spec, &|done, of| bar.kernel(done, of));
    bar.0.finish_and_clear();
    say(&found?.text(&workload.spec.name, &machine.spec.name));
    Ok(())
}
