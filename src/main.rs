//! The command line of wafersim: arguments in, library calls, text and files out.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use wafersim::error::Faults;
use wafersim::inspect::InspectError;
use wafersim::record::RunRecord;
use wafersim::run::{Progress, Request, RunError, run};
use wafersim::sparsity::Masks;
use wafersim::spec::gpu::GpuSpec;
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::{
    ArchSpec, Override, Resolved, arch_presets, explain, load_arch, load_workload, split_overrides,
    workload_presets,
};
use wafersim::{host, inspect, report, validate};

/// Cycle-level simulation of sparse transformer training on a wafer-scale dataflow machine.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  wafersim run llama2-7b --arch cs3 --set sparsity.level=0.7
  wafersim run my-model.toml --arch my-machine.toml --json
  wafersim validate --fail-above 25
  wafersim explain arch cs3";

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate one training step and write a report.
    Run(RunArgs),
    /// Hold the machine model against published measurements.
    Validate(ValidateArgs),
    /// Look at masks.
    Masks {
        /// What to do.
        #[command(subcommand)]
        what: MasksCommand,
    },
    /// Show what a preset or file resolves to, with unit and source of each value.
    Explain {
        /// What to explain.
        #[command(subcommand)]
        what: Explain,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Workload: a preset or a path to a TOML file.
    workload: String,
    /// Machine: a preset or a path to a TOML file.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Override a value of workload or machine, as `sparsity.level=0.7`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// GPUs to compare with: presets or paths.
    #[arg(long, value_name = "GPU", default_values = ["a100-80g", "h100-sxm"])]
    gpu: Vec<String>,
    /// Name of the run and of its folder; made from workload, machine and sparsity if left out.
    #[arg(long)]
    name: Option<String>,
    /// Folder that reports go to.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
    /// Print the record as JSON instead of the summary.
    #[arg(long)]
    json: bool,
    /// Threads; the results do not depend on it.
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Debug, Args)]
struct ValidateArgs {
    /// Folder of CSV files with measurements, instead of those that are built in.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Fail if the mean error of any group is above this, or a row was not run.
    #[arg(long, value_name = "PERCENT")]
    fail_above: Option<f64>,
    /// Folder that reports go to.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
}

#[derive(Debug, Subcommand)]
enum MasksCommand {
    /// How many weights are kept, how they are spread and what the spread costs.
    Stats(StatsArgs),
}

#[derive(Debug, Args)]
struct StatsArgs {
    /// Workload (a preset or a path to a TOML file), or checkpoint (.safetensors, index.json, or a folder, with a `/`).
    what: String,
    /// Workload that a checkpoint belongs to; the first preset that it fits if left out.
    #[arg(long)]
    workload: Option<String>,
    /// Machine: a preset or a path to a TOML file.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Overrides, as in `run`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Explain {
    /// A machine.
    Arch(ExplainArgs),
    /// A workload.
    Workload(ExplainArgs),
    /// The presets.
    Presets,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// Preset or path.
    name: String,
    /// Overrides, as in `run`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Why the program ends with something else than success.
enum Failure {
    /// The user can mend it: exit status 2.
    Refused(String),
    /// It ran, but not everything holds, or the machine failed it: exit status 1.
    Failed(String),
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Refused(faults.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Plan(_) | RunError::Masks(_) => Self::Refused(format!("error: {error}")),
            RunError::Simulate(_) | RunError::Verify(_) => Self::Failed(format!("error: {error}")),
        }
    }
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Refused(message)) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run_command(args),
        Command::Validate(args) => validate_command(&args),
        Command::Masks { what: MasksCommand::Stats(args) } => masks_command(&args),
        Command::Explain { what } => explain_command(what),
    }
}

fn overrides(texts: &[String]) -> Vec<Override> {
    texts.iter().cloned().map(Override).collect()
}

fn run_command(args: RunArgs) -> Result<(), Failure> {
    let request = request(&args)?;
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|error| Failure::Refused(format!("error: --threads {threads}: {error}")))?;
    }
    let started = Instant::now();
    let bar = Bar::new();
    let result = run(&request, &bar);
    bar.0.finish_and_clear();
    let mut record = result?;
    if let Some(name) = args.name {
        record.name = name;
    }
    record.summary.wall_seconds = started.elapsed().as_secs_f64();
    record.summary.peak_memory_bytes = host::peak_memory();
    let folder = args.out.join(&record.name);
    let files = report::files(&record).map_err(|error| Failure::Failed(format!("error: {error}")))?;
    report::write_dir(&folder, &files)
        .map_err(|error| Failure::Failed(format!("error: cannot write {}: {error}", folder.display())))?;
    say(&if args.json { record.to_json() } else { report::summary(&record) });
    verdict(&record)
}

/// Everything must hold: the record's own arithmetic and the values.
fn verdict(record: &RunRecord) -> Result<(), Failure> {
    let mut broken = record.validate_sums();
    if !record.summary.verified {
        broken.push(format!("values are not verified: {}", record.verification.verdict));
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(Failure::Failed(format!("error: {}", broken.join("\nerror: "))))
    }
}

fn request(args: &RunArgs) -> Result<Request, Failure> {
    let (arch, workload) = split_overrides(&overrides(&args.overrides))?;
    let workload = load_workload(&args.workload, &workload);
    let machine = load_arch(&args.arch, &arch);
    let (workload, machine) = match (workload, machine) {
        (Ok(workload), Ok(machine)) => (workload, machine),
        (Err(first), Err(second)) => return Err(Failure::Refused(format!("{first}\n\n{second}"))),
        (Err(faults), _) | (_, Err(faults)) => return Err(faults.into()),
    };
    let machine = wafer(machine, &args.arch)?;
    let masks = Masks::open(&workload.spec).map_err(|error| Failure::Refused(format!("error: {error}")))?;
    let gpus = args.gpu.iter().map(|name| gpu(name)).collect::<Result<_, _>>()?;
    Ok(Request {
        workload,
        masks,
        machine,
        gpus,
        command: std::env::args().skip(1).fold("wafersim".to_owned(), |line, arg| format!("{line} {arg}")),
    })
}

fn gpu(name: &str) -> Result<(String, GpuSpec), Failure> {
    match load_arch(name, &[])?.spec {
        ArchSpec::Gpu(spec) => Ok((spec.name.clone(), spec)),
        ArchSpec::Wafer(_) => Err(Failure::Refused(format!("error: `--gpu {name}` is a wafer; give a GPU"))),
    }
}

fn validate_command(args: &ValidateArgs) -> Result<(), Failure> {
    let groups = args.data.as_deref().map_or_else(validate::built_in, validate::folder);
    let report = validate::validate(&groups.map_err(Failure::Refused)?, |name| match load_arch(name, &[]) {
        Ok(Resolved { spec: ArchSpec::Wafer(machine), .. }) => Ok(machine),
        Ok(_) => Err(format!("`{name}` is a GPU")),
        Err(faults) => Err(faults.to_string().lines().next().unwrap_or_default().to_owned()),
    });
    let json = report.json();
    let files = [
        ("validation.json".to_owned(), json.clone().into_bytes()),
        ("validation.txt".to_owned(), report.text().into_bytes()),
    ];
    let folder = args.out.join("validation");
    report::write_dir(&folder, &files)
        .map_err(|error| Failure::Failed(format!("error: cannot write {}: {error}", folder.display())))?;
    say(&if args.json { json } else { report.text() });
    let failing = args.fail_above.map_or_else(Vec::new, |percent| report.above(percent / 100.0));
    if failing.is_empty() { Ok(()) } else { Err(Failure::Failed(failing.join("\n"))) }
}

fn masks_command(args: &StatsArgs) -> Result<(), Failure> {
    let (arch, workload) = split_overrides(&overrides(&args.overrides))?;
    let machine = wafer(load_arch(&args.arch, &arch)?, &args.arch)?;
    let refused = |error: InspectError| Failure::Refused(error.to_string());
    let (workload, masks) =
        inspect::open(&args.what, args.workload.as_deref(), &workload).map_err(refused)?;
    let stats = inspect::stats(&workload, &masks, &machine.spec).map_err(|error| refused(error.into()))?;
    say(&if args.json { stats.json() } else { stats.text() });
    Ok(())
}

/// The wafer of `--arch name`.
fn wafer(machine: Resolved<ArchSpec>, name: &str) -> Result<Resolved<WaferSpec>, Failure> {
    match machine.spec {
        ArchSpec::Wafer(spec) => Ok(Resolved { spec, entries: machine.entries }),
        ArchSpec::Gpu(_) => Err(Failure::Refused(format!(
            "error: `--arch {name}` is a GPU; the step runs on a wafer (GPUs are given with --gpu)"
        ))),
    }
}

fn explain_command(what: Explain) -> Result<(), Failure> {
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

/// Print; a reader who has seen enough and closed the pipe is no fault.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// A progress bar on the terminal; invisible where there is none.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg:20} {bar:40} {pos}/{len} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }
}

impl Progress for Bar {
    fn stage(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    fn kernel(&self, done: usize, of: usize) {
        self.0.set_length(of as u64);
        self.0.set_position(done as u64);
    }
}
