//! A run from its start to what it gives back.

use crate::fabric::counters::{Activity, Breakdown, Counters, Link};
use crate::fabric::engine::Engine;
use crate::fabric::observe::{Nobody, Observer};
use crate::fabric::values::Values;
use crate::fabric::{CYCLE_LIMIT, Fault, FaultKind, Outcome, code};
use crate::program::{Port, Program};
use crate::spec::wafer::WaferSpec;
use crate::units::{Bytes, Cycles, Macs, Wavelets};

/// A run that was watched, as far as it went.
#[derive(Clone, Debug)]
pub struct Watched<O> {
    /// Its end, or the cycle until which it was to run.
    pub cycles: Cycles,
    /// Activity of each PE until then, row-major.
    pub per_pe: Vec<Breakdown>,
    /// Who watched.
    pub observer: O,
}

/// A program on a machine before its first cycle: for those who time a run apart from what comes before it.
pub struct Prepared<'a, V: Values, O = Nobody>(Engine<'a, V, O>);

impl<'a, V: Values> Prepared<'a, V> {
    /// As [`run_with`](crate::fabric::run_with), without the run.
    pub fn new(program: &'a Program, spec: &'a WaferSpec, values: &'a mut V, keep_drained: bool) -> Self {
        let code = code::compile(program, &spec.pe);
        Self(Engine::new(program, spec, code, (values, Nobody), keep_drained))
    }
}

impl<'a, V: Values, O: Observer> Prepared<'a, V, O> {
    /// The same with somebody who watches.
    pub fn observed(program: &'a Program, spec: &'a WaferSpec, values: &'a mut V, observer: O) -> Self {
        let code = code::compile(program, &spec.pe);
        Self(Engine::new(program, spec, code, (values, observer), false))
    }

    /// Run to the end, or until a cycle.
    ///
    /// # Errors
    /// As [`run`](crate::fabric::run), but not for its limit.
    pub fn run_until(self, until: u64) -> Result<Watched<O>, Fault> {
        let mut engine = self.0;
        let until = until.clamp(1, CYCLE_LIMIT);
        let cycles = match engine.run(until - 1) {
            Ok(()) => {
                let end = elapsed(&engine);
                close(&mut engine, end);
                end
            }
            Err(Fault { kind: FaultKind::CycleLimit(_), .. }) => {
                let observer = &mut engine.shared.observer;
                for (pe, ce) in engine.ces.all_mut().iter_mut().enumerate() {
                    ce.settle(until, pe, observer);
                }
                until
            }
            Err(fault) => return Err(fault),
        };
        let per_pe = engine.ces.all().iter().map(|ce| ce.breakdown()).collect();
        Ok(Watched { cycles: Cycles(cycles), per_pe, observer: engine.shared.observer })
    }

    /// Memory that the state of all PEs takes (routers, queues, threads, calendar), without the values of their
    /// SRAM and without code, which PEs of a role share.
    pub fn state(&self) -> Bytes {
        Bytes(self.0.footprint() as u64)
    }

    /// Run to the end and count.
    ///
    /// # Errors
    /// As [`run`](crate::fabric::run).
    pub fn run(self, limit: u64) -> Result<Outcome<V::Word>, Fault> {
        let mut engine = self.0;
        engine.run(limit.min(CYCLE_LIMIT))?;
        let elapsed = elapsed(&engine);
        close(&mut engine, elapsed);
        let per_pe: Vec<Breakdown> = engine.ces.all().iter().map(|ce| ce.breakdown()).collect();
        let mut activity = Breakdown::default();
        per_pe.iter().for_each(|of_pe| activity.merge(of_pe, 1));
        let program = engine.shared.program;
        let mesh = &engine.shared.mesh;
        let links = mesh.carried();
        Ok(Outcome {
            counters: Counters {
                cycles: Cycles(elapsed),
                activity,
                macs: Macs(engine.shared.macs),
                sent: Wavelets(engine.shared.sent),
                copied: Wavelets(mesh.copied),
                delivered: Wavelets(engine.shared.delivered),
                drained: Wavelets(mesh.drained_count),
                last_drained: Cycles(mesh.last_drained),
                hops: Wavelets(mesh.hops),
                input_high_water: u32::from(engine.input_high),
                router_high_water: u32::from(mesh.high_water),
                busiest_link: busiest(program, &links),
                sram_high_water: sram_high_water(program),
            },
            per_pe,
            finish: engine.ces.all().iter().map(|ce| Cycles(ce.finish)).collect(),
            links,
            drained: mesh
                .drained
                .iter()
                .map(|&(pe, port, word)| (program.coord(pe as usize), port, word))
                .collect(),
        })
    }
}

/// Cycle after the last in which anything moved or worked, of a run that has ended.
fn elapsed<V: Values, O>(engine: &Engine<'_, V, O>) -> u64 {
    let ends = engine.ces.all().iter().map(|ce| ce.finish.max(ce.settled));
    ends.max().unwrap_or(0).max(engine.shared.end)
}

/// Account for all cycles before `end` of a run that has ended.
fn close<V: Values, O: Observer>(engine: &mut Engine<'_, V, O>, end: u64) {
    let observer = &mut engine.shared.observer;
    for (pe, ce) in engine.ces.all_mut().iter_mut().enumerate() {
        // The cycle of the last look is what it was found to be; from then on nothing is left to do.
        if ce.settled != ce.finish {
            ce.settle((ce.settled + 1).min(end), pe, observer);
        }
        ce.resting = Activity::Idle;
        ce.settle(end, pe, observer);
    }
}

/// The link that carried most of `links`, the first if there are several.
pub(super) fn busiest(program: &Program, links: &[[u32; 4]]) -> Option<Link> {
    let all =
        links.iter().enumerate().flat_map(|(pe, of)| Port::ALL.into_iter().zip(of).map(move |l| (pe, l)));
    let most = all.rev().max_by_key(|(_, (_, carried))| **carried);
    most.filter(|(_, (_, carried))| **carried > 0).map(|(pe, (port, &carried))| Link {
        pe: program.coord(pe),
        port,
        wavelets: Wavelets(u64::from(carried)),
    })
}

/// Most SRAM of the roles that any PE has.
pub(super) fn sram_high_water(program: &Program) -> Bytes {
    let mut used = vec![false; program.roles.len()];
    program.role_of.iter().for_each(|role| used[role.index()] = true);
    let roles = program.roles.iter().zip(used).filter(|(_, used)| *used);
    roles.map(|(role, _)| role.sram()).max().unwrap_or_default()
}
