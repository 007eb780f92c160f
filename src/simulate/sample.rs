//! One kernel's time: whole where that is short, else from parts of it.

use crate::fabric::{Activity, Breakdown, CYCLE_LIMIT, Outcome, run};
use crate::program::{Fold, Program, check};
use crate::record::Simulated;
use crate::simulate::{KernelTime, Sample, SimulateError};
use crate::spec::wafer::WaferSpec;

/// A kernel that can be built whole or in part.
pub(super) struct Sampler<'a> {
    pub(super) machine: &'a WaferSpec,
    /// Rows of PEs that a folded program stands for.
    pub(super) rows: u16,
    /// Three parts, ascending.
    pub(super) parts: [u32; 3],
    /// The part that is the whole.
    pub(super) most: u32,
    /// Units of work (rows, values) in a part.
    pub(super) units: Box<dyn Fn(u32) -> u64 + 'a>,
    /// The program of a part.
    pub(super) build: Box<dyn Fn(Option<u32>) -> Program + 'a>,
}

impl Sampler<'_> {
    /// The kernel's time. It is simulated whole where that is not more work than its three parts together;
    /// else the line through the first and the last part is extended to the whole.
    pub(super) fn time(&self) -> Result<KernelTime, SimulateError> {
        if self.most <= self.parts.iter().sum::<u32>() {
            return self.run(None);
        }
        let [first, second, third] = [self.part(0)?, self.part(1)?, self.part(2)?];
        let [u0, u1, u2] = self.parts.map(&*self.units);
        let total = (self.units)(self.most);
        let line = |low: u64, high: u64, from: u64, to: u64, at: u64| {
            let slope = (high as f64 - low as f64) / (to - from) as f64;
            (high as f64 + slope * (at as f64 - to as f64)).max(0.0).round() as u64
        };
        let predicted = line(first.cycles, second.cycles, u0, u1, u2);
        let cycles = line(first.cycles, third.cycles, u0, u2, total);
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
            sample: Some(Sample {
                simulated: u2,
                total,
                error: (predicted as f64 / third.cycles as f64 - 1.0).abs(),
            }),
        })
    }

    /// The smallest part alone: to compare kernels of a class.
    pub(super) fn smallest(&self) -> Result<KernelTime, SimulateError> {
        self.part(0)
    }

    /// Units of the whole.
    pub(super) fn total(&self) -> u64 {
        (self.units)(self.most)
    }

    fn part(&self, part: usize) -> Result<KernelTime, SimulateError> {
        self.run(Some(self.parts[part]))
    }

    fn run(&self, part: Option<u32>) -> Result<KernelTime, SimulateError> {
        let program = (self.build)(part);
        check(&program, self.machine).map_err(SimulateError::Program)?;
        let outcome = run(&program, self.machine, CYCLE_LIMIT)?;
        Ok(unfold(&program, &outcome, self.machine, self.rows))
    }
}

/// Lines through parts sum to the line through the sums but for rounding and for what would go below zero: the
/// largest activities take the difference.
fn balance(activity: &mut Breakdown, total: u64) {
    activity.add(Activity::Idle, total.saturating_sub(activity.total()));
    while activity.total() > total {
        let excess = activity.total() - total;
        let Some(largest) = Activity::ALL.into_iter().max_by_key(|&kind| activity.of(kind)) else { return };
        activity.take(largest, excess.min(activity.of(largest)));
    }
}

/// The time of `rows` rows of PEs, from a run of the program of one of them if it is a fold.
pub fn unfold<W>(program: &Program, outcome: &Outcome<W>, machine: &WaferSpec, rows: u16) -> KernelTime {
    let fabric = &machine.fabric;
    let hop = u64::from(fabric.hop_latency_cycles);
    let shift = match program.fold {
        Fold::None | Fold::Alike => 0,
        Fold::Forwarded => hop,
        Fold::Relayed => hop + 2 * u64::from(fabric.ramp_latency_cycles) + 1,
    };
    let copies = if program.fold == Fold::None { 1 } else { u64::from(rows) };
    let cycles = outcome.counters.cycles.0 + shift * (copies - 1);
    let pes = program.pe_count() as u64 * copies;
    let mut activity = Breakdown::default();
    activity.merge(&outcome.counters.activity, copies);
    activity.add(Activity::Idle, cycles * pes - activity.total());
    let simulated = outcome.counters.cycles.0 * program.pe_count() as u64;
    KernelTime { cycles, activity, pes, simulated, how: Simulated::Whole, sample: None }
}
