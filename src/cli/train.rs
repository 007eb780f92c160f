//! `wafersim train`

use std::path::PathBuf;

use clap::{Args, value_parser};
use wafersim::report::{self, LossCurve};
use wafersim::run::{Progress, Request, run};
use wafersim::simulate::Engines;
use wafersim::sparsity::Masks;
use wafersim::spec::Resolved;
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::workload::WorkloadSpec;
use wafersim::train::{Curve, Recipe, TrainError, train};

use crate::cli::failure::Failure;
use crate::cli::specs::specs;
use crate::cli::terminal::{Bar, say};

const EXAMPLES: &str = "Examples:
  wafersim train
  wafersim train llama2-tiny --steps 50 --set training.optimizer.learning_rate=1e-3";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TrainArgs {
    /// Workload: a preset or a path; its vocabulary must be that of the text (96).
    #[arg(default_value = "llama2-tiny")]
    workload: String,
    /// Steps of each training; one that was cut short goes on where it was.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = value_parser!(u32).range(1..))]
    steps: u32,
    /// Machine: a preset or a path; 16 x 8 of its PEs train.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Override a value of workload or machine, as `training.optimizer.learning_rate=1e-3`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Folder that reports go to.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
}

/// PEs that train: a model of this size leaves more of them idle.
const RECTANGLE: (u16, u16) = (16, 8);

/// Train dense and sparse, and draw the losses.
pub(crate) fn command(args: &TrainArgs) -> Result<(), Failure> {
    let steps = args.steps as usize;
    let (workload, mut machine) = specs(&args.workload, &args.arch, &args.overrides)?;
    let fabric = &mut machine.spec.fabric;
    (fabric.width_pes, fabric.height_pes) =
        (fabric.width_pes.min(RECTANGLE.0), fabric.height_pes.min(RECTANGLE.1));
    let folder = args.out.join(format!("train-{}", workload.spec.name));
    let recipes = Recipe::of_the_paper(steps);
    let bar = Bar::new();
    bar.stage("training");
    let done = std::sync::atomic::AtomicUsize::new(0);
    let of = recipes.len() * steps;
    let step = |_: &str, _: usize| {
        bar.kernel(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, of);
    };
    let curves = train(&workload.spec, &machine.spec, &recipes, steps, &folder, &step);
    bar.0.finish_and_clear();
    let curves = curves.map_err(|error| match error {
        TrainError::Values(_) | TrainError::Reference(_) | TrainError::Write { .. } => {
            Failure::Failed(format!("error: {error}"))
        }
        _ => Failure::Refused(format!("error: {error}")),
    })?;
    let timed = curves.iter().map(|curve| timed(curve, &workload, &machine));
    let curves = timed.collect::<Result<Vec<_>, Failure>>()?;
    let title = format!("{} on {}, {} steps", workload.spec.name, machine.spec.name, steps);
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("error: {error}"));
    let files = [
        ("loss.svg".to_owned(), report::losses(&title, &curves).map_err(|e| failed(&e))?.into_bytes()),
        ("losses.csv".to_owned(), report::losses_csv(&curves).map_err(|e| failed(&e))?.into_bytes()),
    ];
    report::write_dir(&folder, &files).map_err(|error| failed(&error))?;
    say(&report::losses_text(&curves));
    say(&format!("\nlosses and figure in {}\n", folder.display()));
    Ok(())
}

/// A curve with the time that each of its steps takes on the machine.
fn timed(
    curve: &Curve,
    workload: &Resolved<WorkloadSpec>,
    machine: &Resolved<WaferSpec>,
) -> Result<LossCurve, Failure> {
    let mut seconds = 0.0;
    let mut of_level: Option<(f64, f64)> = None;
    let mut ends = Vec::new();
    for step in 0..curve.losses.len() {
        let level = curve.recipe.at(step);
        let of_step = match of_level {
            Some((known, of_step)) if known == level => of_step,
            _ => step_seconds(level, workload, machine)?,
        };
        of_level = Some((level, of_step));
        seconds += of_step;
        ends.push(seconds);
    }
    Ok(LossCurve {
        name: curve.recipe.name(),
        label: curve.recipe.label(),
        losses: curve.losses.clone(),
        seconds: ends,
    })
}

/// Seconds of a simulated step with so many zeros.
fn step_seconds(
    level: f64,
    workload: &Resolved<WorkloadSpec>,
    machine: &Resolved<WaferSpec>,
) -> Result<f64, Failure> {
    struct Quiet;
    impl Progress for Quiet {
        fn stage(&self, _: &str) {}
        fn kernel(&self, _: usize, _: usize) {}
    }
    let mut workload = workload.clone();
    workload.spec.sparsity.level = level;
    let masks = Masks::new(&workload.spec).map_err(|error| Failure::Refused(format!("error: {error}")))?;
    let request = Request {
        workload,
        masks,
        machine: machine.clone(),
        gpus: Vec::new(),
        engines: Engines::default(),
        command: String::new(),
    };
    Ok(run(&request, &Quiet)?.summary.step_seconds)
}
