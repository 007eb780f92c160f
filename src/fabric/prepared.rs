//! A run from its start to what it gives back.

use crate::fabric::counters::{Activity, Breakdown, Counters, Link};
use crate::fabric::engine::Engine;
use crate::fabric::values::Values;
use crate::fabric::{CYCLE_LIMIT, Fault, Outcome, code};
use crate::program::{Port, Program};
use crate::spec::wafer::WaferSpec;
use crate::units::{Bytes, Cycles, Macs, Wavelets};

/// A program on a machine before its first cycle: for those who time a run apart from what comes before it.
pub struct Prepared<'a, V: Values>(Engine<'a, V>);

impl<'a, V: Values> Prepared<'a, V> {
    /// As [`run_with`](crate::fabric::run_with), without the run.
    pub fn new(program: &'a Program, spec: &'a WaferSpec, values: &'a mut V, keep_drained: bool) -> Self {
        let code = code::compile(program, &spec.pe);
        Self(Engine::new(program, spec, code, values, keep_drained))
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
        let ends = engine.ces.all().iter().map(|ce| ce.finish.max(ce.settled));
        let elapsed = ends.max().unwrap_or(0).max(engine.shared.end);
        let mut activity = Breakdown::default();
        let mut per_pe = Vec::with_capacity(engine.ces.all().len());
        for ce in engine.ces.all_mut() {
            // The cycle of the last look is what it was found to be; from then on nothing is left to do.
            if ce.settled != ce.finish {
                ce.settle((ce.settled + 1).min(elapsed));
            }
            ce.resting = Activity::Idle;
            ce.settle(elapsed);
            activity.merge(&ce.breakdown(), 1);
            per_pe.push(ce.breakdown());
        }
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
