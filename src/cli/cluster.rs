//! `wafersim cluster`

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use wafersim::cluster::{ClusterRequest, scale};
use wafersim::record::Scaling;
use wafersim::run::Request;
use wafersim::simulate::Engines;
use wafersim::sparsity::Masks;
use wafersim::{host, report};

use crate::cli::failure::Failure;
use crate::cli::run::command_line;
use crate::cli::specs::specs;
use crate::cli::terminal::{Bar, claim, say, write};

const EXAMPLES: &str = "Examples:
  wafersim cluster llama2-7b --set sparsity.level=0.7
  wafersim cluster llama2-7b --systems 1,16,64 --scaling strong --set training.batch_sequences=1024
  wafersim cluster llama2-13b --set cluster.tree_latency_us=50 --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ClusterArgs {
    /// Workload: a preset (`wafersim explain presets` lists them) or a path to a TOML file. Its batch is that of a system (weak) or of all (strong).
    workload: String,
    /// Machine: a preset or a path to a TOML file.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Override a value of workload or machine, as `cluster.tree_fanout=2`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Numbers of systems; powers of two up to what the machine allows if left out.
    #[arg(long, value_name = "N,N,...", value_delimiter = ',')]
    systems: Vec<u32>,
    /// What stays the same as systems are added.
    #[arg(long, value_enum, default_value_t)]
    scaling: ScalingArg,
    /// Folder that reports go to.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
    /// Print the record as JSON instead of the table.
    #[arg(long)]
    json: bool,
}

/// `--scaling`
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ScalingArg {
    /// The batch of a system; one simulation serves all sizes.
    Weak,
    /// The batch of all systems together.
    Strong,
    /// First the one, then the other.
    #[default]
    Both,
}

/// Scale a step and write its report.
pub(crate) fn command(args: ClusterArgs) -> Result<(), Failure> {
    let (workload, machine) = specs(&args.workload, &args.arch, &args.overrides)?;
    let systems = systems(args.systems, machine.spec.cluster.most_systems)?;
    let masks = Masks::open(&workload.spec).map_err(|error| Failure::Refused(format!("error: {error}")))?;
    let step = Request {
        workload,
        masks,
        machine,
        gpus: Vec::new(),
        engines: Engines::default(),
        command: command_line(),
    };
    let scalings = match args.scaling {
        ScalingArg::Weak => vec![Scaling::Weak],
        ScalingArg::Strong => vec![Scaling::Strong],
        ScalingArg::Both => vec![Scaling::Weak, Scaling::Strong],
    };
    let _claim = claim(&args.out)?;
    let started = Instant::now();
    let bar = Bar::new();
    let result = scale(&ClusterRequest { step, systems, scalings }, &bar);
    bar.0.finish_and_clear();
    let mut record = result?;
    record.alone.wall_seconds = started.elapsed().as_secs_f64();
    record.alone.peak_memory_bytes = host::peak_memory();
    let folder = args.out.join(&record.name);
    write(&folder, report::cluster_files(&record))?;
    if args.json {
        say(&record.to_json());
    } else {
        say(&report::cluster_text(&record));
        say(&format!("report in {}\n", folder.display()));
    }
    Failure::unless(record.validate_sums(), record.alone.verified, "`wafersim verify` shows them")
}

/// Rising numbers of systems that the machine allows.
fn systems(mut asked: Vec<u32>, most: u32) -> Result<Vec<u32>, Failure> {
    if asked.is_empty() {
        asked = (0..32).map(|power| 1u32 << power).take_while(|systems| *systems <= most).collect();
    }
    if let Some(wrong) = asked.iter().find(|systems| !(1..=most).contains(*systems)) {
        return Err(Failure::systems(*wrong, most));
    }
    asked.sort_unstable();
    asked.dedup();
    Ok(asked)
}
