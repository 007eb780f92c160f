//! `wafersim explain`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wafersim::report;
use wafersim::run::Progress;
use wafersim::sparsity::Masks;
use wafersim::spec::recipe::RecipePhase;
use wafersim::spec::{explain, explain_presets, load_arch, load_recipe, load_workload};
use wafersim::study::{bottleneck, scaling, search};

use crate::cli::failure::Failure;
use crate::cli::specs::{overrides, specs};
use crate::cli::terminal::{Bar, say};

#[derive(Debug, Subcommand)]
pub(crate) enum Explain {
    /// A machine: every value with unit, mark and source.
    #[command(
        after_help = "Examples:\n  wafersim explain arch cs3\n  wafersim explain arch h100-sxm\n  wafersim explain arch cs3 --set fabric.hop_latency_cycles=1"
    )]
    Arch(ExplainArgs),
    /// A workload: every value with unit and file.
    #[command(
        after_help = "Examples:\n  wafersim explain workload llama2-7b\n  wafersim explain workload ./my-model.toml --set sparsity.level=0.7"
    )]
    Workload(ExplainArgs),
    /// A recipe, phase by phase.
    #[command(after_help = "Examples:\n  wafersim explain recipe sparse-llama-7b")]
    Recipe(ExplainArgs),
    /// The presets: names of machines, workloads and recipes that are built in.
    #[command(after_help = "Examples:\n  wafersim explain presets")]
    Presets,
    /// Where a model can lie on the wafer: every mapping by its bound, the best by simulation.
    #[command(
        after_help = "Examples:\n  wafersim explain mapping llama2-7b --set sparsity.level=0.7 --simulate 2"
    )]
    Mapping(MappingArgs),
    /// How far a step and its linears follow theory as weights become zero.
    #[command(
        after_help = "Examples:\n  wafersim explain scaling llama2-7b\n  wafersim explain scaling llama2-7b --levels 0.5,0.7,0.9 --out reports"
    )]
    Scaling(ScalingArgs),
    /// What would make a step faster: each number of the machine twice as good, by simulation.
    #[command(after_help = "Examples:\n  wafersim explain bottleneck llama2-7b --set sparsity.level=0.7")]
    Bottleneck(StepArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    /// Workload: a preset (`wafersim explain presets` lists them) or a path to a TOML file.
    workload: String,
    /// Machine: a preset or a path to a TOML file.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Override a value of workload or machine, as `sparsity.level=0.7`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ScalingArgs {
    #[command(flatten)]
    step: StepArgs,
    /// Shares of zeros, from 0 to below 1.
    #[arg(long, value_name = "LEVEL,...", value_delimiter = ',', default_values_t = scaling::LEVELS)]
    levels: Vec<f64>,
    /// Folder for table and figure.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
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
    /// Preset (`wafersim explain presets` lists them) or path.
    name: String,
    /// Override a value, as `--set KEY=VALUE`; may be given again.
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
        Explain::Scaling(args) => scalings(&args)?,
        Explain::Mapping(args) => mapping(&args)?,
        Explain::Bottleneck(args) => bottlenecks(&args)?,
        Explain::Presets => {
            say(&explain_presets());
            say(
                "\nWhat one of them holds: wafersim explain arch|workload|recipe NAME, wafersim sweep plan NAME\n",
            );
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

fn scalings(args: &ScalingArgs) -> Result<(), Failure> {
    let (workload, machine) = specs(&args.step.workload, &args.step.arch, &args.step.overrides)?;
    if let Some(level) = args.levels.iter().find(|level| !(0.0..1.0).contains(*level)) {
        return Err(Failure::Refused(format!(
            "error: `--levels {level}`: a share of zeros is from 0 to below 1"
        )));
    }
    let bar = Bar::new();
    bar.stage("simulating levels");
    let tell = |done, of| bar.kernel(done, of);
    let points = scaling::scaling(&workload.spec, &machine.spec, &args.levels, &tell);
    bar.0.finish_and_clear();
    let points = points?;
    let (workload, machine) = (&workload.spec.name, &machine.spec.name);
    let text = scaling::text(workload, machine, &points);
    let (step, linears) = scaling::curves(&points);
    let failed = |cause: String| Failure::Failed(format!("error: {cause}"));
    let title = format!("{workload} on {machine}: how far zeros speed it up");
    let figure = report::scaling(&title, &step, &linears).map_err(|error| failed(error.to_string()))?;
    let files = [
        ("scaling.txt".to_owned(), text.clone().into_bytes()),
        ("scaling.csv".to_owned(), scaling::csv(&points).into_bytes()),
        ("scaling.svg".to_owned(), figure.into_bytes()),
    ];
    let folder = args.out.join(format!("scaling-{workload}-{machine}"));
    report::write_dir(&folder, &files).map_err(|error| failed(error.to_string()))?;
    say(&format!("{text}\nfigure and table in {}\n", folder.display()));
    Ok(())
}
