//! `wafersim run`

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum, value_parser};
use wafersim::run::{Request, run};
use wafersim::simulate::Engines;
use wafersim::sparsity::Masks;
use wafersim::spec::gpu;
use wafersim::{host, report};

use crate::cli::failure::Failure;
use crate::cli::specs::{self, specs};
use crate::cli::terminal::{Bar, claim, say, write};
use crate::cli::values::name;

const EXAMPLES: &str = "Examples:
  wafersim run llama2-7b --set sparsity.level=0.7
  wafersim run llama2-13b --arch cs2 --gpu h200 --name mine --out reports
  wafersim run llama2-7b --set fabric.hop_latency_cycles=1 --set io.bandwidth_gbit_per_s=2400
  wafersim run ./my-model.toml --arch ./my-machine.toml --json > record.json
  wafersim run ./Llama-2-7b-hf/config.json --set training.batch_sequences=32";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// Workload: a preset (`wafersim explain presets` lists them) or a path to a TOML file.
    workload: String,
    /// Machine: a preset or a path to a TOML file.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Override a value of workload or machine, as `sparsity.level=0.7`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// GPU to compare with, a preset or a path; may be given again.
    #[arg(long, value_name = "GPU", default_values = gpu::COMPARED)]
    gpu: Vec<String>,
    /// Name of the run and of its folder; made from workload, machine and sparsity if left out.
    #[arg(long, value_parser = name)]
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
    /// Threads, one for each core if left out; the results do not depend on it.
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
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
            .num_threads(usize::from(threads))
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
