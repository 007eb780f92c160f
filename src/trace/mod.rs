//! One op of a step cycle by cycle: what PEs, their threads and links do, as a trace for Perfetto.
//!
//! ```text
//! op name -> job -> Program -> fabric, watched by a Recorder -> tracks of spans -> JSON within a size
//! ```
//!
//! The reference engine runs the whole op on the first rows of PEs, as many as are asked for, up to the last cycle that is.
//! Where the spans would not fit the size, short neighbours are drawn together, with how much of each is in them:
//! nothing is cut off, and the cycles of a PE by activity stay what they were.

mod json;
mod op;
mod recorder;
mod track;

use std::collections::BTreeMap;
use std::ops::Range;

pub use recorder::Window;

use crate::fabric::{Breakdown, Fault, Prepared, TimingOnly};
use crate::lower::job::{Job, jobs};
use crate::lower::plan::{Plan, PlanError, plan_with};
use crate::lower::timing::Timing;
use crate::program::{Program, ProgramErrors, check};
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
use crate::units::Bytes;
use recorder::Recorder;

/// What to look at. Ranges that are `None` are the first few columns and rows.
#[derive(Clone, Debug)]
pub struct TraceRequest {
    /// Name of the op, or a part of it (see [`Step::ops`]).
    pub op: String,
    /// Columns of PEs.
    pub columns: Option<Range<u16>>,
    /// Rows.
    pub rows: Option<Range<u16>>,
    /// Cycles from the start of the op.
    pub cycles: Range<u64>,
    /// Most that the trace may take.
    pub bytes: Bytes,
}

/// A trace.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What it says about itself, as in the file.
    pub about: BTreeMap<&'static str, String>,
    /// What was looked at; no longer than the run.
    pub window: Window,
    /// Spans shorter than this may be drawn together; 1: none are.
    pub grain: u64,
    /// The file.
    pub json: String,
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A workload that has no place on the machine.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A name that is none or several.
    #[error("`{asked}` is not the name of one op; the nearest are {}", shown(names))]
    NoOp {
        /// What was asked for.
        asked: String,
        /// Ops like it.
        names: Vec<String>,
    },
    /// An op of the weight store.
    #[error("`{0}` runs at the weight store and not on the wafer: there are no PEs to look at")]
    OffWafer(String),
    /// PEs that the op does not have.
    #[error("{what} {}..{} are asked for, and the op has {what} 0..{of}", asked.start, asked.end)]
    Range {
        /// Columns or rows.
        what: &'static str,
        /// What was asked for.
        asked: Range<u16>,
        /// Columns or rows of the op.
        of: u16,
    },
    /// Cycles after its end.
    #[error("cycles {}..{} are asked for, and the op ends after {end}", asked.start, asked.end)]
    Late {
        /// What was asked for.
        asked: Range<u64>,
        /// Cycles of the op.
        end: u64,
    },
    /// A size that not even one span for each line fits.
    #[error(
        "{pes} PEs take {least} at least, and {bytes} are allowed: ask for fewer rows and columns, or for more bytes"
    )]
    Size {
        /// PEs that were asked for.
        pes: u64,
        /// What they take with everything drawn together.
        least: Bytes,
        /// What is allowed.
        bytes: Bytes,
    },
    /// A program of ours that is illegal on the machine.
    #[error(transparent)]
    Program(#[from] ProgramErrors),
    /// One that does not run.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Names for a message, not too many.
fn shown(names: &[String]) -> String {
    const MOST: usize = 16;
    let mut text = names.iter().take(MOST).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        text += &format!(" and {} more", names.len() - MOST);
    }
    text
}

/// Columns and rows that are shown where none are asked for.
const FEW: (u16, u16) = (8, 4);

/// A step that was placed on a machine, whose ops can be looked at.
#[derive(Debug)]
pub struct Step<'a> {
    workload: &'a WorkloadSpec,
    machine: &'a WaferSpec,
    masks: &'a Masks,
    plan: Plan,
    jobs: Vec<Job>,
}

impl<'a> Step<'a> {
    /// Place a workload.
    ///
    /// # Errors
    /// [`PlanError`] where it does not fit.
    pub fn new(
        workload: &'a WorkloadSpec,
        machine: &'a WaferSpec,
        masks: &'a Masks,
    ) -> Result<Self, PlanError> {
        let plan = plan_with(workload, machine, masks)?;
        let jobs = jobs(&plan.graph, &plan.mapping, masks, workload, machine);
        Ok(Self { workload, machine, masks, plan, jobs })
    }

    fn timing(&self) -> Timing<'_> {
        let precision = self.workload.training.precision;
        Timing { mapping: &self.plan.mapping, precision, machine: self.machine }
    }

    /// A table of the ops on the wafer in their order: name, columns and rows of PEs of one copy, copies.
    pub fn ops(&self) -> String {
        let widest = self.jobs.iter().map(|job| job.name.len()).max().unwrap_or(0);
        let mut text = format!("{:widest$}  {:>7}  {:>7}  {:>7}\n", "op", "columns", "rows", "copies");
        for job in &self.jobs {
            if let Some(op::Placed { size: (columns, rows), .. }) = op::placed(&job.kernel, self.timing()) {
                text += &format!("{:widest$}  {columns:>7}  {rows:>7}  {:>7}\n", job.name, job.copies);
            }
        }
        text
    }

    /// Look at an op.
    ///
    /// # Errors
    /// [`TraceError`]: the user's are an unknown op, ranges that it does not have and a size that nothing fits.
    pub fn trace(&self, request: &TraceRequest) -> Result<Trace, TraceError> {
        let job = op::find(&self.jobs, &request.op)?;
        let placed = op::placed(&job.kernel, self.timing());
        let placed = placed.ok_or_else(|| TraceError::OffWafer(job.name.clone()))?;
        let columns = op::within("columns", request.columns.as_ref(), placed.size.0, FEW.0)?;
        let rows = op::within("rows", request.rows.as_ref(), placed.size.1, FEW.1)?;
        let program = op::program(&job.kernel, self.timing(), self.masks, (columns.end, rows.end));
        let program = program.ok_or_else(|| TraceError::OffWafer(job.name.clone()))?;
        let window = Window { columns, rows, cycles: request.cycles.clone() };
        let mut about = self.about(job, &program, &placed);
        about.insert("op", job.name.clone());
        watched(&program, self.machine, window, request.bytes, about).map(|(trace, _)| trace)
    }

    /// What is known before the run.
    fn about(&self, job: &Job, program: &Program, placed: &op::Placed) -> BTreeMap<&'static str, String> {
        let (columns, rows) = placed.size;
        let mut about = BTreeMap::from([
            ("workload", self.workload.name.clone()),
            ("machine", self.machine.name.clone()),
            ("kernel", program.name.clone()),
            ("PEs of a copy", format!("{columns} columns, {rows} rows")),
            ("copies", job.copies.to_string()),
            ("PEs simulated", format!("{} columns, {} rows", program.width, program.height)),
        ]);
        if program.height < rows {
            about.insert("rows that are not simulated", op::further_rows(program.fold).to_owned());
        }
        if !placed.alike.is_empty() {
            about.insert("columns", placed.alike.to_owned());
        }
        about
    }
}

/// Spans are held in some twice the memory that they take in the file: no more of them than fit it.
const BYTES_OF_SPAN: u64 = 64;

/// Run `program` up to the end of a window and write down what is seen in it, in at most `bytes`; with what the engine
/// itself counts until then, for each PE.
///
/// # Errors
/// [`TraceError::Program`], [`TraceError::Fault`], [`TraceError::Size`].
pub fn watched(
    program: &Program,
    machine: &WaferSpec,
    window: Window,
    bytes: Bytes,
    mut about: BTreeMap<&'static str, String>,
) -> Result<(Trace, Vec<Breakdown>), TraceError> {
    check(program, machine)?;
    let most = usize::try_from(bytes.0 / BYTES_OF_SPAN).unwrap_or(usize::MAX);
    let recorder = Recorder::new(program, machine, window.clone(), most);
    let asked = window.cycles.end;
    let run = Prepared::observed(program, machine, &mut TimingOnly, recorder).run_until(asked)?;
    let (mut recorder, end) = (run.observer, run.cycles.0);
    if end <= window.cycles.start {
        return Err(TraceError::Late { asked: window.cycles, end });
    }
    recorder.end(end);
    about.insert("unit of time", format!("1 us is 1 cycle of {} MHz", machine.fabric.clock.0 as f64 / 1e6));
    about.insert(
        "run",
        if end < asked { format!("ends after {end} cycles") } else { format!("watched until cycle {asked}") },
    );
    loop {
        let grain = recorder.grain();
        if grain > 1 {
            let text = format!(
                "neighbours shorter than {grain} cycles are one span, with how much of each is in it"
            );
            about.insert("drawn together", text);
        }
        let json = json::json(program, &recorder, &about);
        if json.len() as u64 <= bytes.0 {
            let window = recorder.window().clone();
            return Ok((Trace { about, window, grain, json }, run.per_pe));
        }
        if !recorder.can_coarsen() {
            let pes = recorder.pes().count() as u64;
            return Err(TraceError::Size { pes, least: Bytes(json.len() as u64), bytes });
        }
        recorder.coarsen();
    }
}
