//! `wafersim sweep`

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use clap::{Args, Subcommand, value_parser};
use wafersim::record::PointRecord;
use wafersim::spec::load_sweep;
use wafersim::sweep::{
    self, Ended, Estimate, Plan, PlanError, Planned, Resources, Store, StoreError, SweepProgress,
};
use wafersim::{host, report};

use crate::cli::failure::Failure;
use crate::cli::query::{self, QueryArgs};
use crate::cli::terminal::{Bar, say, write};
use crate::cli::values;

const EXAMPLES: &str = "Examples:
  wafersim sweep io-by-sparsity                 # as `sweep run io-by-sparsity`
  wafersim sweep run ./my-sweep.toml --out reports --workers 2
  wafersim sweep status reports/io-by-sparsity
  wafersim sweep query reports/io-by-sparsity --where 'sparsity.level >= 0.7' --sort step_seconds
  wafersim sweep query reports/patterns --pivot sparsity.pattern,sparsity.n,step_seconds

On many machines, each point a job (also `--index 0..50` for some in one):
  wafersim sweep plan io-by-sparsity
  wafersim sweep run reports/io-by-sparsity --index 7
  wafersim sweep merge reports/io-by-sparsity";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct SweepArgs {
    #[command(subcommand)]
    what: Option<SweepCommand>,
    #[command(flatten)]
    run: Option<RunArgs>,
}

#[derive(Debug, Subcommand)]
enum SweepCommand {
    /// Number the points of a sweep and say what they will take.
    #[command(after_help = "Examples:\n  wafersim sweep plan io-by-sparsity --out reports")]
    Plan(PlanArgs),
    /// Run a sweep, or some points of a planned one; what is done already is not run again.
    #[command(
        after_help = "Examples:\n  wafersim sweep run io-by-sparsity\n  wafersim sweep run reports/io-by-sparsity --index 0..5"
    )]
    Run(RunArgs),
    /// Say how far a sweep is.
    #[command(after_help = "Examples:\n  wafersim sweep status reports/io-by-sparsity")]
    Status(FolderArgs),
    /// Make tables and report from the points that are done.
    #[command(after_help = "Examples:\n  wafersim sweep merge reports/io-by-sparsity")]
    Merge(FolderArgs),
    /// Ask for some points, as a list, a pivot table or the best in two ways.
    Query(QueryArgs),
}

#[derive(Debug, Args)]
struct PlanArgs {
    /// Sweep: a preset or a path to a TOML file.
    sweep: String,
    /// Folder that the folder of the sweep goes to.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Sweep: a preset, a path to a TOML file, or the folder of a planned one.
    sweep: String,
    /// Folder that the folder of the sweep goes to.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
    /// Points by their numbers, as `7` or `0..50`; all of them if left out.
    #[arg(long, value_name = "POINTS", value_parser = values::points)]
    index: Option<Range<usize>>,
    /// Points at a time; as many as threads and memory allow if left out.
    #[arg(long, value_parser = value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Threads of all points together; the results do not depend on it.
    #[arg(long, value_parser = value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Run points again that failed.
    #[arg(long)]
    retry: bool,
}

#[derive(Debug, Args)]
struct FolderArgs {
    /// Folder of the sweep.
    folder: PathBuf,
}

/// Plan, run, look at or merge a sweep.
pub(crate) fn command(args: SweepArgs) -> Result<(), Failure> {
    let what = args.what.or(args.run.map(SweepCommand::Run));
    let Some(what) = what else {
        return Err(Failure::Refused("error: `wafersim sweep` takes a sweep".to_owned()));
    };
    match what {
        SweepCommand::Plan(args) => {
            let (store, plan) = planned(&args.sweep, &args.out, &host::program())?;
            let all: Vec<usize> = (0..plan.points.len()).collect();
            let estimate = sweep::estimate(&plan, &all);
            let (threads, resources) = resources(None, None, estimate, all.len());
            say(&format!("{} in {}\n", points(&plan), store.plan_file().display()));
            say(&expected(estimate, threads, resources));
            Ok(())
        }
        SweepCommand::Run(args) => run(&args),
        SweepCommand::Status(args) => status(&args.folder),
        SweepCommand::Merge(args) => {
            let store = Store::new(args.folder);
            let plan = store.read_plan()?;
            merge(&store, &plan)
        }
        SweepCommand::Query(args) => query::command(&args),
    }
}

/// Plan a sweep and write the plan to its folder.
fn planned(sweep: &str, out: &Path, program: &str) -> Result<(Store, Plan), Failure> {
    let plan = sweep::plan(load_sweep(sweep)?, program)?;
    let store = Store::new(out.join(&plan.spec.name));
    store.write_plan(&plan)?;
    Ok((store, plan))
}

fn run(args: &RunArgs) -> Result<(), Failure> {
    let (program, there) = (host::program(), Store::new(&args.sweep));
    let (store, plan) = if there.plan_file().is_file() {
        let plan = there.read_plan()?;
        if plan.program != program {
            return Err(Failure::Refused(format!(
                "error: {} was planned by {}, and this is {program}: plan it again with `wafersim sweep plan`",
                args.sweep, plan.program
            )));
        }
        (there, plan)
    } else {
        planned(&args.sweep, &args.out, &program)?
    };
    let asked = args.index.clone().unwrap_or(0..plan.points.len());
    if asked.end > plan.points.len() {
        return Err(Failure::Refused(format!(
            "error: --index: the sweep has the points 0 to {}",
            plan.points.len() - 1
        )));
    }
    let all: Vec<usize> = asked.collect();
    let open = sweep::open(&store, &plan, &all, args.retry)?;
    say(&format!("{}, {} of {} to run\n", points(&plan), open.len(), all.len()));
    let estimate = sweep::estimate(&plan, &open);
    let (threads, resources) = resources(args.workers, args.threads, estimate, open.len());
    if !open.is_empty() {
        say(&expected(estimate, threads, resources));
    }
    let gpus = plan.spec.gpus()?;
    let shown = Shown { bar: Bar::new(), total: open.len(), ended: Mutex::new(0) };
    shown.bar.0.set_length(open.len() as u64);
    let ended = sweep::run(&store, &plan, &all, &gpus, (resources, args.retry), &shown);
    shown.bar.0.finish_and_clear();
    let ended = ended?;
    say(&sentence(ended));
    if args.index.is_none() {
        merge(&store, &plan)?;
    }
    if ended.failed > 0 {
        let why = "their lines in points.csv have the reason; `--retry` runs them again";
        return Err(Failure::Failed(format!("error: {} points failed: {why}", ended.failed)));
    }
    Ok(())
}

/// How many threads there are, and how points share them: a point for each thread, as far as memory goes.
fn resources(
    workers: Option<u16>,
    threads: Option<u16>,
    estimate: Estimate,
    points: usize,
) -> (usize, Resources) {
    let threads = threads.map_or_else(rayon::current_num_threads, usize::from);
    let fit = host::free_memory().map_or(usize::MAX, |free| {
        // Half of it: estimates may be wrong, and others need some.
        (free.0 / 2 / estimate.memory.0.max(1)) as usize
    });
    let workers = workers.map_or_else(|| threads.min(fit).min(points).max(1), usize::from);
    (threads, Resources { workers, threads: (threads / workers).max(1) })
}

fn points(plan: &Plan) -> String {
    let left_out = match plan.left_out {
        0 => String::new(),
        count => format!(" ({count} left out by conditions)"),
    };
    format!("{}: {} points{left_out}", plan.spec.name, plan.points.len())
}

/// What is to come.
fn expected(estimate: Estimate, threads: usize, resources: Resources) -> String {
    let seconds = estimate.seconds / threads as f64;
    let memory = estimate.memory.as_f64() * resources.workers as f64;
    format!(
        "about {} on {threads} threads, {} points at a time; {:.1} GB of memory, {:.1} MB of disk\n",
        clock(seconds),
        resources.workers,
        memory / 1e9,
        estimate.disk.as_f64() / 1e6
    )
}

/// A time in words: "3 min".
fn clock(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn sentence(ended: Ended) -> String {
    let mut parts = vec![format!("{} run", ended.done)];
    let more = [
        (ended.before, "done before"),
        (ended.refused, "that cannot be run"),
        (ended.failed, "failed"),
        (ended.elsewhere, "being run by other processes"),
    ];
    parts.extend(more.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    format!("points: {}\n", parts.join(", "))
}

fn status(folder: &Path) -> Result<(), Failure> {
    let store = Store::new(folder);
    let plan = store.read_plan()?;
    let status = sweep::status(&plan, &store)?;
    let mut text = format!(
        "{}\n{:>6} done\n{:>6} running\n{:>6} left\n{:>6} cannot be run\n{:>6} failed\n",
        points(&plan),
        status.done,
        status.running,
        status.left,
        status.refused,
        status.failed
    );
    if let Some(seconds) = status.seconds_a_point {
        text += &format!("{} a point", clock(seconds));
        text += &match status.seconds_left() {
            Some(left) => format!("; about {} to go\n", clock(left)),
            None => "\n".to_owned(),
        };
    }
    say(&text);
    Ok(())
}

/// Tables and report of what is done.
fn merge(store: &Store, plan: &Plan) -> Result<(), Failure> {
    let record = plan.record(store)?;
    write(store.dir(), report::sweep_files(&record))?;
    say(&report::sweep_text(&record));
    say(&format!("report in {}\n", store.dir().join("report.html").display()));
    Ok(())
}

/// Lines of points as they end, over a bar.
struct Shown {
    bar: Bar,
    total: usize,
    ended: Mutex<usize>,
}

impl SweepProgress for Shown {
    fn began(&self, point: &Planned) {
        self.bar.0.set_message(format!("point {}", point.index));
    }

    fn kernels(&self, _: &Planned, _: usize, _: usize) {
        self.bar.0.tick();
    }

    fn ended(&self, point: &Planned, record: &PointRecord, seconds: f64) {
        let Ok(mut ended) = self.ended.lock() else { return };
        *ended += 1;
        let set = point.settings.iter().filter(|setting| !setting.value.is_unset());
        let settings: Vec<String> = set.map(|setting| format!("{}={}", setting.key, setting.value)).collect();
        let (result, took) = (report::outcome_text(record), clock(seconds));
        let line = format!("{:>4}/{} {}  {result}  ({took})", *ended, self.total, settings.join(" "));
        self.bar.line(&line);
        self.bar.0.set_position(*ended as u64);
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(format!("error: {error}"))
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::Refused(format!("error: {error}"))
    }
}
