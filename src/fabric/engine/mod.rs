//! The cycle loop of the reference engine: routers forward, compute elements issue, nobody sees what others
//! do in the same cycle.
//!
//! ```text
//! mod    the loop, messages of the cycle before, arrivals
//! issue  one cycle of one compute element: threads share the datapath, every cycle is accounted for
//! task   the main thread: which task starts, what its operations do
//! step   vector instructions: take from queues, compute, give to queues
//! ```

mod issue;
mod step;
mod task;

use crate::fabric::ces::Ces;
use crate::fabric::code::{NONE8, RoleCode};
use crate::fabric::mesh::{Mesh, Upstream};
use crate::fabric::observe::Observer;
use crate::fabric::pe::InputQueue;
use crate::fabric::router::{Clash, Deferred};
use crate::fabric::source::Source;
use crate::fabric::values::Values;
use crate::fabric::wheel::{Wheel, element, router};
use crate::fabric::{Fault, FaultKind};
use crate::program::Program;
use crate::spec::wafer::WaferSpec;
use issue::Turn;

/// State of a run.
///
/// Actors on the wheel are router and compute element of each PE in turn, then the edge streams. A visit of one
/// does not see what another does in the same cycle, but for the router of its own PE, which comes first.
pub(crate) struct Engine<'a, V: Values, O> {
    pub(crate) code: Vec<RoleCode>,
    pub(crate) ces: Ces<V::Word>,
    pub(crate) sources: Vec<Source<'a, V>>,
    pub(crate) shared: Shared<'a, V, O>,
    pub(crate) input_high: u16,
}

/// What all compute elements share: the routers that they feed, the calendar, the totals.
pub(crate) struct Shared<'a, V: Values, O> {
    pub(crate) program: &'a Program,
    pub(crate) spec: &'a WaferSpec,
    pub(crate) mesh: Mesh<'a, V::Word>,
    wheel: Wheel,
    values: &'a mut V,
    pub(crate) observer: O,
    deferred: Vec<Deferred>,
    ramp: u64,
    cycle: u64,
    /// Cycle after the last in which anything moved.
    pub(crate) end: u64,
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) macs: u64,
    /// Words of the current vector step: taken for its two operands, and given.
    taken: [Vec<V::Word>; 2],
    out: Vec<V::Word>,
}

impl<V: Values, O> Shared<'_, V, O> {
    pub(crate) fn fault(&self, pe: Option<usize>, kind: FaultKind) -> Fault {
        Fault {
            program: self.program.name.clone(),
            cycle: self.cycle,
            pe: pe.map(|pe| self.program.coord(pe)),
            kind,
        }
    }

    /// Bytes of the calendar.
    pub(crate) fn wheel_footprint(&self) -> usize {
        self.wheel.footprint()
    }

    /// Wake the compute element of a PE.
    #[inline]
    fn wake_ce(&mut self, pe: usize, cycle: u64) {
        self.wheel.wake(element(pe), cycle);
    }
}

impl<'a, V: Values, O: Observer> Engine<'a, V, O> {
    pub(crate) fn new(
        program: &'a Program,
        spec: &'a WaferSpec,
        code: Vec<RoleCode>,
        (values, observer): (&'a mut V, O),
        keep_drained: bool,
    ) -> Self {
        let mut mesh = Mesh::new(program, spec, keep_drained);
        let ces = crate::fabric::ces::build(program, &code, spec, &mut mesh);
        let sources = Source::all(program, spec, &mut mesh);
        mesh.arena.close();
        let n = program.pe_count();
        let mut wheel = Wheel::new(2 * n + sources.len());
        for (pe, _) in ces.all().iter().enumerate().filter(|(_, ce)| ce.active != 0) {
            wheel.wake(element(pe), 0);
        }
        for source in 0..sources.len() {
            wheel.wake(2 * n + source, 0);
        }
        let shared = Shared {
            program,
            spec,
            mesh,
            wheel,
            values,
            observer,
            deferred: Vec::new(),
            ramp: u64::from(spec.fabric.ramp_latency_cycles),
            cycle: 0,
            end: 0,
            sent: 0,
            delivered: 0,
            macs: 0,
            taken: [Vec::new(), Vec::new()],
            out: Vec::new(),
        };
        Self { code, ces, sources, shared, input_high: 0 }
    }

    /// Run until nobody waits for anything, or past `limit`.
    pub(crate) fn run(&mut self, limit: u64) -> Result<(), Fault> {
        let n = self.shared.program.pe_count();
        let mut woken = Vec::new();
        while let Some(cycle) = self.shared.wheel.next(&mut woken) {
            if cycle > limit {
                self.shared.cycle = limit;
                return Err(self.shared.fault(None, FaultKind::CycleLimit(limit)));
            }
            self.shared.cycle = cycle;
            // In the order of actors, so that what is next to each other in memory comes one after the other.
            let (visits, sources) = woken.split_at(woken.partition_point(|&actor| (actor as usize) < 2 * n));
            for &actor in visits {
                let pe = actor as usize / 2;
                if actor as usize == router(pe) {
                    self.route(pe, cycle)?;
                } else {
                    self.issue(pe, cycle)?;
                }
            }
            for &source in sources {
                self.send(source as usize - 2 * n, cycle);
            }
            self.deliver_all(cycle + 1);
        }
        self.stuck()
    }

    /// One cycle of one compute element.
    fn issue(&mut self, pe: usize, cycle: u64) -> Result<(), Fault> {
        let role = &self.code[self.shared.program.role_of[pe].index()];
        let (ce, parts) = self.ces.split(pe, role);
        Turn::new(pe, cycle, (ce, parts), role, &mut self.shared).issue()
    }

    /// One cycle of one edge stream.
    fn send(&mut self, source: usize, cycle: u64) {
        let Shared { program, mesh, wheel, .. } = &mut self.shared;
        let actor = 2 * program.pe_count() + source;
        if self.sources[source].send(cycle, mesh, wheel, actor) {
            self.shared.sent += 1;
            self.shared.end = cycle + 1;
        }
    }

    /// One cycle of one router.
    fn route(&mut self, pe: usize, cycle: u64) -> Result<(), Fault> {
        let Shared { mesh, wheel, deferred, observer, .. } = &mut self.shared;
        match mesh.route(pe, cycle, wheel, deferred, observer) {
            Ok(moved) => {
                for at in 0..self.shared.mesh.arrivals.len() {
                    let (queue, word) = self.shared.mesh.arrivals[at];
                    self.arrive(pe, queue, cycle + self.shared.ramp, word);
                }
                if moved {
                    self.shared.end = cycle + 1;
                }
                Ok(())
            }
            Err(Clash { pe, color, ports }) => {
                Err(self.shared.fault(Some(pe as usize), FaultKind::Clash(color, ports)))
            }
        }
    }

    /// A word comes into an input queue; wake the compute element if it cares.
    #[inline]
    fn arrive(&mut self, pe: usize, queue: u8, ready: u64, word: V::Word) {
        let (ce, InputQueue { fifo, .. }) = self.ces.input(pe, queue);
        self.shared.mesh.arena.push(fifo, ready, word);
        self.input_high = self.input_high.max(fifo.len);
        let cares = ce.listen >> queue & 1 == 1 || (fifo.len == 1 && ce.main.task == NONE8);
        if cares {
            self.shared.wake_ce(pe, ready);
        }
    }

    /// What was given back in this cycle can be used from the `next` one on.
    fn deliver_all(&mut self, next: u64) {
        let mut messages = std::mem::take(&mut self.shared.deferred);
        for message in messages.drain(..) {
            if let Some(actor) = self.deliver(message) {
                self.shared.wheel.wake(actor, next);
            }
        }
        self.shared.deferred = messages;
    }

    /// Apply a message; the actor that it concerns.
    #[inline]
    fn deliver(&mut self, message: Deferred) -> Option<usize> {
        let n = self.shared.program.pe_count();
        let mesh = &mut self.shared.mesh;
        match message {
            Deferred::Credit(Upstream::Slot { slot, port }) => {
                mesh.apply_link_credit(slot, port).map(|pe| router(pe as usize))
            }
            Deferred::Credit(Upstream::Output { pe, queue }) => {
                let (ce, output) = self.ces.output(pe as usize, queue);
                output.room += 1;
                ce.wants_room.then_some(element(pe as usize))
            }
            Deferred::Credit(Upstream::Source(source)) => {
                self.sources[source as usize].credit += 1;
                Some(2 * n + source as usize)
            }
            Deferred::Credit(Upstream::Nobody) => None,
            Deferred::InputCredit(slot) => mesh.apply_input_credit(slot).map(|pe| router(pe as usize)),
            Deferred::Switch(slot) => Some(router(mesh.apply_switch(slot) as usize)),
        }
    }
}
