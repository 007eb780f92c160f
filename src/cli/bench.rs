//! `wafersim bench`

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Subcommand;
use wafersim::bench::{self, Point, Series, StepRun};
use wafersim::record::RunRecord;
use wafersim::report::{GrowthCurve, growth, write_dir};
use wafersim::sparsity::Masks;
use wafersim::spec::{ArchSpec, load_arch};

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
        let run = step(point, &out.join("runs"))?;
        tell(bench::step_line(&run));
        runs.push(run);
    }
    tell(bench::steps_foot(&runs));
    let curves: Vec<GrowthCurve> =
        runs.chunk_by(|one, other| one.point.series == other.point.series).map(curve).collect();
    let failed = |cause: String| Failure::Failed(format!("error: {cause}"));
    let figure = growth(&curves).map_err(|error| failed(error.to_string()))?;
    let files = [
        ("steps.txt".to_owned(), text.into_bytes()),
        ("steps.json".to_owned(), bench::steps_json(&runs).into_bytes()),
        ("growth.svg".to_owned(), figure.into_bytes()),
    ];
    write_dir(out, &files).map_err(|error| failed(error.to_string()))
}

/// One point, by this program in a process of its own, so that its memory is its own.
fn step(point: Point, folder: &Path) -> Result<StepRun, Failure> {
    let failed = |cause: String| Failure::Failed(format!("error: a step of {}: {cause}", point.workload));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let name = format!("{}-{}-{}", point.series.name(), point.workload, point.amount);
    let mut command = Command::new(program);
    command.args(["run", point.workload, "--json", "--name", &name, "--out"]).arg(folder);
    point.overrides.iter().for_each(|text| {
        command.args(["--set", text]);
    });
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let record = RunRecord::from_json(&String::from_utf8_lossy(&output.stdout))
        .map_err(|error| failed(error.to_string()))?;
    let (workload, _) = specs(point.workload, "cs3", &point.overrides)?;
    let masks = Masks::open(&workload.spec).map_err(|error| failed(error.to_string()))?;
    let nonzeros = masks.tensors().map(|(layer, target)| masks.nnz(layer, target)).sum();
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
