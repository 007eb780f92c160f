//! `wafersim bench`

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::Subcommand;
use wafersim::bench::{self, Point, Series, StepRun};
use wafersim::record::RunRecord;
use wafersim::report::{GrowthCurve, growth, write_dir};
use wafersim::sparsity::Masks;
use wafersim::spec::workload::WorkloadSpec;
use wafersim::spec::{ArchSpec, load_arch};
use wafersim::sweep::Store;

use crate::cli::failure::Failure;
use crate::cli::specs::specs;
use crate::cli::terminal::say;

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The reference engine: weights through a square of PEs, a broadcast and a reduction on the whole wafer, and
    /// one row at work among idle ones.
    #[command(after_help = "Examples:\n  wafersim bench fabric --only broadcast --json")]
    Fabric {
        /// Only kernels with this in their names.
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        only: String,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Whole training steps, each in a process of its own: published models, a sweep of sparsity, and how the time
    /// grows with layers, batch and area.
    #[command(
        after_help = "Examples:\n  wafersim bench step\n  wafersim bench step --only layers --out reports/bench"
    )]
    Step {
        /// Only this series: step, sweep, layers, batch, rows or columns.
        #[arg(long, value_name = "SERIES")]
        only: Option<String>,
        /// Folder for the table, the numbers and the figure.
        #[arg(long, value_name = "DIR", default_value = "reports/bench")]
        out: PathBuf,
    },
}

/// Time what is asked for and print the table.
pub(crate) fn command(what: &Bench) -> Result<(), Failure> {
    match what {
        Bench::Fabric { only, json } => fabric(only, *json),
        Bench::Step { only, out } => steps(only.as_deref(), out),
    }
}

fn steps(only: Option<&str>, out: &Path) -> Result<(), Failure> {
    let mut series = Series::ALL.to_vec();
    if let Some(name) = only {
        series.retain(|series| series.name() == name);
    }
    if series.is_empty() {
        let names = Series::ALL.map(|series| format!("`{}`", series.name())).join(", ");
        let name = only.unwrap_or_default();
        return Err(Failure::Refused(format!("error: `--only {name}` is none of {names}")));
    }
    let (mut runs, mut text) = (Vec::new(), String::new());
    let mut tell = |line: String| {
        say(&line);
        text += &line;
    };
    tell(bench::steps_head());
    for point in series.into_iter().flat_map(Series::points) {
        let folder = out.join("runs");
        let run = if point.series == Series::Sweep { sweep(point, &folder)? } else { step(point, &folder)? };
        tell(bench::step_line(&run));
        runs.push(run);
    }
    tell(bench::steps_foot(&runs));
    let curves: Vec<GrowthCurve> =
        runs.chunk_by(|one, other| one.point.series == other.point.series).map(curve).collect();
    let mut files = vec![
        ("steps.txt".to_owned(), text.into_bytes()),
        ("steps.json".to_owned(), bench::steps_json(&runs).into_bytes()),
    ];
    let figure = growth(&curves).map_err(|error| failed("growth", &error))?;
    files.extend(figure.map(|figure| ("growth.svg".to_owned(), figure.into_bytes())));
    write_dir(out, &files).map_err(|error| failed("the table", &error))
}

fn failed(of: &str, cause: &dyn Display) -> Failure {
    Failure::Failed(format!("error: {of}: {cause}"))
}

/// This program in a process of its own, what it makes in a folder; what it prints.
fn by_itself(args: &[&str], folder: &Path) -> Result<String, Failure> {
    let of = args.join(" ");
    let program = std::env::current_exe().map_err(|error| failed(&of, &error))?;
    let output = Command::new(program).args(args).arg("--out").arg(folder).output();
    let output = output.map_err(|error| failed(&of, &error))?;
    if !output.status.success() {
        return Err(failed(&of, &String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Weights that the masks of a workload keep, in all layers.
fn kept(workload: &WorkloadSpec) -> Result<u64, Failure> {
    let masks = Masks::open(workload).map_err(|error| failed("masks", &error))?;
    Ok(masks.tensors().map(|(layer, target)| masks.nnz(layer, target)).sum())
}

/// One point, by this program in a process of its own, so that its memory is its own.
fn step(point: Point, folder: &Path) -> Result<StepRun, Failure> {
    let name = format!("{}-{}-{}", point.series.name(), point.workload, point.amount);
    let mut args = vec!["run", point.workload, "--json", "--name", &name];
    point.overrides.iter().for_each(|text| args.extend(["--set", text]));
    let output = by_itself(&args, folder)?;
    let record = RunRecord::from_json(&output).map_err(|error| failed(point.workload, &error))?;
    let (workload, _) = specs(point.workload, "cs3", &point.overrides)?;
    let nonzeros = kept(&workload.spec)?;
    let summary = record.summary;
    Ok(StepRun {
        point,
        wall_seconds: summary.wall_seconds,
        peak_memory_bytes: summary.peak_memory_bytes.0,
        pe_cycles: summary.pe_cycles_simulated,
        nonzeros,
        exact_share: summary.exact_share,
        step_cycles: summary.step_cycles.0,
    })
}

/// A sweep, by this program in a process of its own. It is run anew: of points that are done there is no time.
fn sweep(point: Point, folder: &Path) -> Result<StepRun, Failure> {
    let store = Store::new(folder.join(point.workload));
    store.remove()?;
    let began = Instant::now();
    by_itself(&["sweep", "run", point.workload], folder)?;
    let wall_seconds = began.elapsed().as_secs_f64();
    let plan = store.read_plan()?;
    let record = plan.record(&store)?;
    let numbers = |column: &'static str| record.done().filter_map(move |point| point.number(column));
    let mut nonzeros = 0;
    for planned in &plan.points {
        nonzeros += kept(&plan.spec.specs(&planned.settings)?.workload.spec)?;
    }
    Ok(StepRun {
        wall_seconds,
        peak_memory_bytes: numbers("peak_memory_bytes").fold(0.0, f64::max) as u64,
        pe_cycles: numbers("pe_cycles_simulated").sum::<f64>() as u64,
        nonzeros,
        exact_share: numbers("exact_ratio").fold(1.0, f64::min),
        step_cycles: numbers("step_cycles").sum::<f64>() as u64,
        point,
    })
}

/// Time over size, both relative to the first point of a series.
fn curve(runs: &[StepRun]) -> GrowthCurve {
    let (amount, wall) = runs.first().map_or((1, 1.0), |run| (run.point.amount.max(1), run.wall_seconds));
    let relative = |run: &StepRun| (f64::from(run.point.amount) / f64::from(amount), run.wall_seconds / wall);
    GrowthCurve {
        name: runs.first().map_or("", |run| run.point.series.name()).to_owned(),
        points: runs.iter().map(relative).collect(),
    }
}

fn fabric(only: &str, json: bool) -> Result<(), Failure> {
    let ArchSpec::Wafer(machine) = load_arch("cs3", &[])?.spec else {
        return Err(Failure::Failed("error: `cs3` is no wafer".to_owned()));
    };
    let mut kernels = bench::Kernel::ALL.to_vec();
    kernels.retain(|kernel| kernel.name().contains(only));
    if kernels.is_empty() {
        let names = bench::Kernel::ALL.map(|kernel| format!("`{}`", kernel.name())).join(", ");
        return Err(Failure::Refused(format!("error: `--only {only}` is in none of {names}")));
    }
    let measured: Result<Vec<_>, _> =
        kernels.into_iter().map(|kernel| bench::measure(kernel, &machine)).collect();
    let measured = measured.map_err(|fault| Failure::Failed(format!("error: {fault}")))?;
    say(&if json { bench::json(&measured) } else { bench::text(&measured) });
    Ok(())
}
