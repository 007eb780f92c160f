//! `wafersim trace`

use std::ops::Range;
use std::path::PathBuf;

use clap::Args;
use wafersim::report;
use wafersim::sparsity::Masks;
use wafersim::trace::{Step, Trace, TraceError, TraceRequest};
use wafersim::units::Bytes;

use crate::cli::failure::Failure;
use crate::cli::specs::specs;
use crate::cli::terminal::{Bar, say};
use crate::cli::values::{bytes, cycles, pes};

const EXAMPLES: &str = "Examples:
  wafersim trace llama2-7b
  wafersim trace llama2-7b --set sparsity.level=0.7 --op layers.0.gate --out trace.json
  wafersim trace llama2-7b --op layers.0.down.dw --columns 0..16 --rows 0..2 --cycles 5000..9000
  wafersim trace llama2-tiny --op layers.1.softmax --rows 0 --bytes 512KiB

Open the file at https://ui.perfetto.dev: a process for each PE, with a line for its cycles, its
main thread, each microthread and each link. A cycle of the machine is shown as a microsecond.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TraceArgs {
    /// Workload: a preset (`wafersim explain presets` lists them) or a path to a TOML file.
    workload: String,
    /// Machine: a preset or a path to a TOML file.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Override a value of workload or machine, as `sparsity.level=0.7`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Op of the step to look at; parts in the middle of its name may be left out. Lists all ops if left out.
    #[arg(long)]
    op: Option<String>,
    /// Columns of PEs of the op; the first 8 if left out.
    #[arg(long, value_name = "FROM..TO", value_parser = pes)]
    columns: Option<Range<u16>>,
    /// Rows of PEs of the op; the first 4 if left out.
    #[arg(long, value_name = "FROM..TO", value_parser = pes)]
    rows: Option<Range<u16>>,
    /// Cycles from the start of the op.
    #[arg(long, value_name = "FROM..TO", value_parser = cycles, default_value = "0..2000")]
    cycles: Range<u64>,
    /// Most that the file may take; where that is too little, short spans are drawn together.
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "8MiB")]
    bytes: Bytes,
    /// File that the trace goes to.
    #[arg(long, value_name = "FILE", default_value = "trace.json")]
    out: PathBuf,
}

/// Run an op and write its trace, or list the ops.
pub(crate) fn command(args: TraceArgs) -> Result<(), Failure> {
    let (workload, machine) = specs(&args.workload, &args.arch, &args.overrides)?;
    let refused = |error: &dyn std::fmt::Display| Failure::Refused(format!("error: {error}"));
    let masks = Masks::open(&workload.spec).map_err(|error| refused(&error))?;
    let step = Step::new(&workload.spec, &machine.spec, &masks).map_err(|error| refused(&error))?;
    let TraceArgs { columns, rows, cycles, bytes, .. } = args;
    let Some(op) = args.op else {
        say(&format!("{}\n`--op` takes one of these.\n", step.ops()));
        return Ok(());
    };
    let bar = Bar::new();
    bar.0.set_message("running the op");
    let trace = step.trace(&TraceRequest { op, columns, rows, cycles, bytes });
    bar.0.finish_and_clear();
    let trace = trace.map_err(|error| match error {
        TraceError::Program(_) | TraceError::Fault(_) => Failure::Failed(format!("error: {error}")),
        TraceError::NoOp { .. } => refused(&format!("{error}\nhelp: without `--op` all ops are listed")),
        _ => refused(&error),
    })?;
    let name = args.out.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| refused(&format!("`--out {}` is no file", args.out.display())))?;
    let folder = args.out.parent().map(PathBuf::from).unwrap_or_default();
    report::write_dir(&folder, &[(name, trace.json.clone().into_bytes())])
        .map_err(|error| Failure::Failed(format!("error: {error}")))?;
    say(&summary(&trace));
    say(&format!("trace in {}, to be opened at https://ui.perfetto.dev\n", args.out.display()));
    Ok(())
}

/// What the trace shows.
fn summary(trace: &Trace) -> String {
    let window = &trace.window;
    let mut lines: Vec<(&str, String)> = trace.about.iter().map(|(what, is)| (*what, is.clone())).collect();
    let range = |range: &Range<u16>| format!("{}..{}", range.start, range.end);
    let cycles = format!("{}..{}", window.cycles.start, window.cycles.end);
    lines.push((
        "shown",
        format!("columns {}, rows {}, cycles {cycles}", range(&window.columns), range(&window.rows)),
    ));
    lines.push(("bytes", trace.json.len().to_string()));
    let widest = lines.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
    lines.iter().map(|(what, is)| format!("{what:widest$}  {is}\n")).collect()
}
