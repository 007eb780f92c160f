//! `wafersim run`

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use wafersim::run::{Request, run};
use wafersim::simulate::Engines;
use wafersim::sparsity::Masks;
use wafersim::spec::gpu;
use wafersim::{host, report};

use crate::cli::failure::Failure;
use crate::cli::specs::{self, specs};
use crate::cli::terminal::{Bar, claim, say, write};

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Workload: a preset or a path to a TOML file.
    workload: String,
    /// Machine: a preset or a path to a TOML file.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Override a value of workload or machine, as `sparsity.level=0.7`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// GPUs to compare with: presets or paths.
    #[arg(long, value_name = "GPU", default_values = gpu::COMPARED)]
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
    /// Which engine times the kernels.
    #[arg(long, value_enum, default_value_t)]
    engine: EngineArg,
    /// Threads; the results do not depend on it.
    #[arg(long)]
    threads: Option<usize>,
}

/// `--engine`
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum EngineArg {
    /// Cycle by cycle; long kernels are sampled.
    Reference,
    /// The fast engine for every kernel that it knows, whole and exact; the reference engine for the others.
    #[default]
    Fast,
    /// As fast, after both engines gave the same on a part of every kind of kernel that both know.
    Both,
}

impl From<EngineArg> for Engines {
    fn from(engine: EngineArg) -> Self {
        match engine {
            EngineArg::Reference => Self::Reference,
            EngineArg::Fast => Self::Fast,
            EngineArg::Both => Self::Both,
        }
    }
}

/// Simulate a step and write its report.
pub(crate) fn command(args: RunArgs) -> Result<(), Failure> {
    let request = request(&args)?;
    if let Some(threads) = args.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|error| Failure::Refused(format!("error: --threads {threads}: {error}")))?;
    }
    let _claim = claim(&args.out)?;
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
    write(&folder, report::files(&record))?;
    say(&if args.json { record.to_json() } else { report::summary(&record, &folder) });
    Failure::unless(record.validate_sums(), record.summary.verified, &record.verification.verdict)
}

/// The command as it was typed, for records.
pub(crate) fn command_line() -> String {
    std::env::args().skip(1).fold("wafersim".to_owned(), |line, arg| format!("{line} {arg}"))
}

fn request(args: &RunArgs) -> Result<Request, Failure> {
    let (workload, machine) = specs(&args.workload, &args.arch, &args.overrides)?;
    let masks = Masks::open(&workload.spec).map_err(|error| Failure::Refused(format!("error: {error}")))?;
    let gpus = args.gpu.iter().map(|name| specs::gpu(name)).collect::<Result<_, _>>()?;
    Ok(Request { workload, masks, machine, gpus, engines: args.engine.into(), command: command_line() })
}
