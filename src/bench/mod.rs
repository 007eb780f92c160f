//! How fast wafersim is: the reference engine on a few kernels, every PE of them simulated on one thread, and whole
//! steps.

mod kernels;
mod step;

use std::time::Instant;

use serde::Serialize;

use crate::fabric::{Activity, CYCLE_LIMIT, Fault, Prepared, TimingOnly};
use crate::spec::wafer::WaferSpec;
pub use kernels::Kernel;
pub use step::{Point, Series, StepRun, step_line, steps_foot, steps_head, steps_json};

/// A kernel and how long its simulation took.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Kernel.
    pub kernel: String,
    /// PEs that were simulated.
    pub pes: u64,
    /// Cycles of the machine.
    pub cycles: u64,
    /// PE cycles that are not idle.
    pub active_pe_cycles: u64,
    /// Wavelets over links and words to and from compute elements.
    pub events: u64,
    /// Time to put the program and the state of all PEs together.
    pub build_seconds: f64,
    /// Time of the run.
    pub run_seconds: f64,
    /// State of a PE before its first cycle, without code and the contents of SRAM.
    pub state_bytes_per_pe: f64,
}

impl Measured {
    /// PE cycles that are not idle in a second of the run.
    pub fn active_pe_cycles_per_second(&self) -> f64 {
        self.active_pe_cycles as f64 / self.run_seconds
    }

    /// Time of the run for each event.
    pub fn nanoseconds_per_event(&self) -> f64 {
        1e9 * self.run_seconds / self.events.max(1) as f64
    }

    /// Time of the run for each cycle of the machine.
    pub fn microseconds_per_cycle(&self) -> f64 {
        1e6 * self.run_seconds / self.cycles.max(1) as f64
    }
}

/// Simulate a kernel once and time it.
///
/// # Errors
/// The fault of a kernel that does not run on `machine`.
pub fn measure(kernel: Kernel, machine: &WaferSpec) -> Result<Measured, Fault> {
    let began = Instant::now();
    let program = kernel.program(machine);
    let mut values = TimingOnly;
    let prepared = Prepared::new(&program, machine, &mut values, false);
    let state = prepared.state();
    let ready = Instant::now();
    let counters = prepared.run(CYCLE_LIMIT)?.counters;
    let pes = program.pe_count() as u64;
    Ok(Measured {
        kernel: kernel.name(),
        pes,
        cycles: counters.cycles.0,
        active_pe_cycles: counters.activity.total() - counters.activity.of(Activity::Idle),
        events: counters.hops.0 + counters.sent.0 + counters.delivered.0,
        build_seconds: (ready - began).as_secs_f64(),
        run_seconds: ready.elapsed().as_secs_f64(),
        state_bytes_per_pe: state.as_f64() / pes as f64,
    })
}

/// The same as JSON, with the rates.
pub fn json(measured: &[Measured]) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(flatten)]
        measured: &'a Measured,
        active_pe_cycles_per_second: f64,
        nanoseconds_per_event: f64,
        microseconds_per_cycle: f64,
    }
    let lines: Vec<_> = measured
        .iter()
        .map(|measured| Line {
            measured,
            active_pe_cycles_per_second: measured.active_pe_cycles_per_second(),
            nanoseconds_per_event: measured.nanoseconds_per_event(),
            microseconds_per_cycle: measured.microseconds_per_cycle(),
        })
        .collect();
    serde_json::to_string_pretty(&lines).unwrap_or_default() + "\n"
}

/// A table for people.
pub fn text(measured: &[Measured]) -> String {
    let mut text = format!(
        "{:<36} {:>8} {:>8} {:>14} {:>8} {:>8} {:>10} {:>9} {:>8} {:>8}\n",
        "kernel, every PE, one thread",
        "PEs",
        "cycles",
        "active",
        "build s",
        "run s",
        "M active/s",
        "ns/event",
        "us/cycle",
        "B/PE"
    );
    for m in measured {
        text += &format!(
            "{:<36} {:>8} {:>8} {:>14} {:>8.2} {:>8.2} {:>10.1} {:>9.1} {:>8.2} {:>8.0}\n",
            m.kernel,
            m.pes,
            m.cycles,
            m.active_pe_cycles,
            m.build_seconds,
            m.run_seconds,
            m.active_pe_cycles_per_second() / 1e6,
            m.nanoseconds_per_event(),
            m.microseconds_per_cycle(),
            m.state_bytes_per_pe,
        );
    }
    text
}
