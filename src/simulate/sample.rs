//! One kernel's time: whole where that is short, else from parts of it.

use std::sync::Arc;

use crate::fabric::fast::run_alike;
use crate::fabric::{Activity, Breakdown, CYCLE_LIMIT, Outcome, rows_are_alike, run};
use crate::program::{Fold, Program, check};
use crate::record::{Engine, Simulated};
use crate::simulate::{KernelTime, Sample, SimulateError, Spread};
use crate::spec::wafer::WaferSpec;

/// A kernel that can be built whole or in part.
pub(super) struct Sampler<'a> {
    pub(super) machine: &'a WaferSpec,
    /// Rows of PEs that a folded program stands for.
    pub(super) rows: u16,
    /// Three parts, ascending: rows or values.
    pub(super) parts: [u32; 3],
    /// A small part, for comparisons.
    pub(super) glance: u32,
    /// The part that is the whole.
    pub(super) most: u32,
    /// The program of a part.
    pub(super) build: Box<dyn Fn(Option<u32>) -> Program + 'a>,
    /// The program of a corner on so many rows of PEs, where one row stands for others that wait for each other.
    pub(super) corner: Option<Box<dyn Fn(u16) -> Program + 'a>>,
}

impl Sampler<'_> {
    /// The kernel's time. It is simulated whole where that is not more work than its three parts together;
    /// else the line through the first and the last part is extended to the whole.
    pub(super) fn time(&self) -> Result<KernelTime, SimulateError> {
        if self.most <= self.parts.iter().sum::<u32>() {
            return self.run(None);
        }
        let [first, second, third] = [self.part(0)?, self.part(1)?, self.part(2)?];
        let [u0, u1, u2] = self.parts.map(u64::from);
        let total = self.total();
        let line = |low: u64, high: u64, from: u64, to: u64, at: u64| {
            let slope = (high as f64 - low as f64) / (to - from) as f64;
            (high as f64 + slope * (at as f64 - to as f64)).max(0.0).round() as u64
        };
        let cycles = line(first.cycles, third.cycles, u0, u2, total);
        // How far two lines come apart: that through the smaller parts at the third part, and that through the
        // larger ones at the whole, where a bend that goes on shows.
        let at_third = line(first.cycles, second.cycles, u0, u1, u2) as f64 / third.cycles as f64 - 1.0;
        let at_whole = line(second.cycles, third.cycles, u1, u2, total) as f64 / cycles as f64 - 1.0;
        let mut activity = Breakdown::default();
        for kind in Activity::ALL {
            activity.add(kind, line(first.activity.of(kind), third.activity.of(kind), u0, u2, total));
        }
        balance(&mut activity, cycles * third.pes);
        Ok(KernelTime {
            cycles,
            activity,
            pes: third.pes,
            simulated: first.simulated + second.simulated + third.simulated,
            how: Simulated::Sampled,
            engine: Some(Engine::Reference),
            sample: Some(Sample { simulated: u2, total, error: at_third.abs().max(at_whole.abs()) }),
            spread: third.spread,
        })
    }

    /// A small part alone, or the whole where it is smaller: to compare kernels of a class.
    pub(super) fn glance(&self) -> Result<KernelTime, SimulateError> {
        self.run(Some(self.glance).filter(|&part| part < self.most))
    }

    /// Units of the whole.
    pub(super) fn total(&self) -> u64 {
        u64::from(self.most)
    }

    fn part(&self, part: usize) -> Result<KernelTime, SimulateError> {
        self.run(Some(self.parts[part]))
    }

    /// How far one row, unfolded to two, is from two rows, in a corner; `None` where folding is exact.
    pub(super) fn folding_error(&self) -> Result<Option<f64>, SimulateError> {
        let Some(corner) = self.corner.as_ref().filter(|_| self.rows > 1) else { return Ok(None) };
        let program = corner(1);
        if rows_are_alike(&program, self.machine) {
            return Ok(None);
        }
        let one = match run_alike(&[&program], self.machine).as_deref() {
            Some([one]) => unfold(&program, one, self.machine, 2),
            _ => unfold(&program, &outcome(&program, self.machine)?, self.machine, 2),
        };
        let two = outcome(&corner(2), self.machine)?.counters.cycles.0;
        Ok(Some((one.cycles as f64 / two as f64 - 1.0).abs()))
    }

    fn run(&self, part: Option<u32>) -> Result<KernelTime, SimulateError> {
        let program = (self.build)(part);
        Ok(unfold(&program, &outcome(&program, self.machine)?, self.machine, self.rows))
    }
}

/// Check a program and run it to its end.
pub(super) fn outcome(
    program: &Program,
    machine: &WaferSpec,
) -> Result<Outcome<impl Sized + use<>>, SimulateError> {
    check(program, machine)?;
    Ok(run(program, machine, CYCLE_LIMIT)?)
}

/// Lines through parts sum to the line through the sums but for rounding and for what would go below zero: the
/// largest activities take the difference.
pub(super) fn balance(activity: &mut Breakdown, total: u64) {
    activity.add(Activity::Idle, total.saturating_sub(activity.total()));
    while activity.total() > total {
        let excess = activity.total() - total;
        let Some(largest) = Activity::ALL.into_iter().max_by_key(|&kind| activity.of(kind)) else { return };
        activity.take(largest, excess.min(activity.of(largest)));
    }
}

/// The time of `rows` rows of PEs, from a run of the program of one of them if it is a fold.
pub fn unfold<W>(program: &Program, outcome: &Outcome<W>, machine: &WaferSpec, rows: u16) -> KernelTime {
    let hop = u64::from(machine.fabric.hop_latency_cycles);
    let copies = if program.fold == Fold::None { 1 } else { u64::from(rows) };
    let end = outcome.counters.cycles.0;
    let cycles = match program.fold {
        Fold::None | Fold::Alike => end,
        Fold::Forwarded => end + hop * (copies - 1),
        Fold::Staggered { cycles } => end + u64::from(cycles) * (copies - 1),
    };
    let pes = program.pe_count() as u64 * copies;
    let mut activity = Breakdown::default();
    activity.merge(&outcome.counters.activity, copies);
    if let Fold::Staggered { cycles } = program.fold {
        // They wait before they start.
        let waits = u64::from(cycles) * (copies * (copies - 1) / 2);
        activity.add(Activity::Control, waits * program.pe_count() as u64);
    }
    activity.add(Activity::Idle, cycles * pes - activity.total());
    let simulated = outcome.counters.cycles.0 * program.pe_count() as u64;
    KernelTime {
        cycles,
        activity,
        pes,
        simulated,
        how: Simulated::Whole,
        engine: Some(Engine::Reference),
        sample: None,
        spread: Some(Arc::new(Spread::of(program, outcome))),
    }
}
