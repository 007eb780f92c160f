//! One cycle of one compute element: threads share the datapath, and the cycle counts as one activity.
//!
//! Microthreads come before the main thread, in the order of their numbers. At most one thread uses the
//! datapath; microthreads that only move words use none.

use crate::fabric::Fault;
use crate::fabric::ces::Parts;
use crate::fabric::code::{NONE8, RoleCode};
use crate::fabric::counters::Activity;
use crate::fabric::engine::Shared;
use crate::fabric::fifo::short;
use crate::fabric::observe::{Doing, Observer};
use crate::fabric::pe::{Ce, Phase, Progress};
use crate::fabric::values::Values;

/// Why a running instruction did not step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Wavelets are missing; they are known to be there from this cycle on, if any.
    Input(Option<u64>),
    Output,
    /// The ring that it writes is full.
    Buffer,
    /// The ring that it reads is empty: there is nothing to do yet.
    Empty,
}

/// One compute element in one cycle, with all that it can reach.
pub(super) struct Turn<'t, 'a, V: Values, O> {
    pub(super) pe: usize,
    pub(super) cycle: u64,
    pub(super) ce: &'t mut Ce<V::Word>,
    pub(super) parts: Parts<'t>,
    pub(super) role: &'t RoleCode,
    pub(super) shared: &'t mut Shared<'a, V, O>,
    /// What the datapath did in this cycle, once it did something.
    spent: Option<Activity>,
    /// When to look again, as far as the compute element knows by itself.
    next: u64,
    /// Input queues that an instruction waits for words of (bit set).
    listen: u8,
}

impl<'t, 'a, V: Values, O: Observer> Turn<'t, 'a, V, O> {
    pub(super) fn new(
        pe: usize,
        cycle: u64,
        (ce, parts): (&'t mut Ce<V::Word>, Parts<'t>),
        role: &'t RoleCode,
        shared: &'t mut Shared<'a, V, O>,
    ) -> Self {
        Self { pe, cycle, ce, parts, role, shared, spent: None, next: u64::MAX, listen: 0 }
    }

    /// Do what can be done in this cycle.
    pub(super) fn issue(&mut self) -> Result<(), Fault> {
        self.ce.settle(self.cycle, self.pe, &mut self.shared.observer);
        self.begin_and_end_microthreads();
        self.ce.wants_room = false;
        let held = self.schedule()?;
        let micro_wait = self.run_microthreads();
        let main_wait = self.run_main();
        self.rest(held.or(main_wait).or(micro_wait));
        Ok(())
    }

    /// Look again in `cycle` at the latest.
    #[inline]
    fn look_at(&mut self, cycle: u64) {
        self.next = self.next.min(cycle);
    }

    /// Starts and ends of microthreads that take effect now.
    fn begin_and_end_microthreads(&mut self) {
        for micro in &mut *self.parts.micros {
            match micro.phase {
                Phase::Starting(at) if u64::from(at) <= self.cycle => micro.phase = Phase::Running,
                Phase::Ending(at) if u64::from(at) <= self.cycle => {
                    micro.phase = Phase::Off;
                    self.ce.active |= self.role.vectors[usize::from(micro.at.vector)].activates;
                }
                _ => {}
            }
        }
    }

    /// Let every microthread step; what those that cannot wait for.
    fn run_microthreads(&mut self) -> Option<Activity> {
        let mut waits = None;
        for thread in 0..self.parts.micros.len() {
            match self.parts.micros[thread].phase {
                Phase::Off => self.tell(thread, Doing::Nothing),
                Phase::Starting(at) | Phase::Ending(at) => {
                    self.look_at(u64::from(at));
                    waits = waits.or(Some(Activity::Latency));
                    self.tell(thread, Doing::Waits(Activity::Latency));
                }
                Phase::Busy(until) => {
                    self.spent = Some(Activity::Reduce);
                    self.look_at(self.cycle + 1);
                    if u64::from(until) == self.cycle + 1 {
                        self.parts.micros[thread].phase = Phase::Running;
                    }
                }
                Phase::Running => waits = waits.or(self.run_microthread(thread)),
            }
        }
        waits
    }

    /// Tell what a microthread does from this cycle on.
    #[inline]
    fn tell(&mut self, thread: usize, doing: Doing) {
        if O::WATCHES {
            self.shared.observer.thread(self.pe, self.role.threads[thread], doing, self.cycle);
        }
    }

    /// Let a running microthread step; what it waits for if it cannot.
    fn run_microthread(&mut self, thread: usize) -> Option<Activity> {
        let mut at = self.parts.micros[thread].at;
        let role = self.role;
        let code = &role.vectors[usize::from(at.vector)];
        if self.spent.is_some() && !code.is_move {
            self.look_at(self.cycle + 1);
            self.tell(thread, Doing::Datapath);
            return None;
        }
        if let Err(wait) = self.step(&mut at) {
            let reason = self.note(wait, at.vector);
            // An endless instruction between two rounds has nothing to wait for.
            let reason = reason.filter(|_| !code.endless || at.done > 0);
            self.tell(thread, reason.map_or(Doing::Nothing, Doing::Waits));
            return reason;
        }
        self.tell(thread, Doing::Elements(code.instr.op));
        let held = if code.is_move { 1 } else { u64::from(code.cost.step_cycles) };
        let free = self.cycle + held;
        self.look_at(self.cycle + 1);
        if !code.is_move {
            self.spent = Some(Activity::Reduce);
        }
        self.shared.end = self.shared.end.max(free);
        let completion = if code.activates == 0 { 0 } else { self.completion() };
        let micro = &mut self.parts.micros[thread];
        micro.at = at;
        if at.is_through() {
            if code.endless {
                (micro.at.done, micro.at.within) = (0, 0);
            } else {
                let end = free + completion;
                micro.phase = Phase::Ending(short(end));
                self.look_at(end);
            }
        } else if held > 1 {
            micro.phase = Phase::Busy(short(free));
        }
        None
    }

    /// Cycles from the end of a microthread's instruction to what it activates.
    fn completion(&self) -> u64 {
        u64::from(self.shared.spec.pe.overhead.completion_cycles)
    }

    /// Let the main thread use the datapath if it is free; what it waits for if it cannot.
    fn run_main(&mut self) -> Option<Activity> {
        if self.spent.is_some() {
            if self.ce.main.stream.is_some() && !self.ce.main.busy() {
                self.look_at(self.cycle + 1);
            }
            return None;
        }
        let main = &mut self.ce.main;
        if main.setup > 0 {
            main.setup -= 1;
            self.spent = Some(main.kind.0);
        } else if main.work > 0 {
            main.work -= 1;
            self.spent = Some(main.kind.1);
        } else if let Some(at) = main.stream {
            return self.run_stream(at);
        }
        None
    }

    /// Let the main thread's instruction on the fabric step; what it waits for if it cannot.
    fn run_stream(&mut self, at: Progress) -> Option<Activity> {
        let mut at = at;
        if let Err(wait) = self.step(&mut at) {
            return self.note(wait, at.vector);
        }
        let hold = self.role.vectors[usize::from(at.vector)].cost.step_cycles;
        let main = &mut self.ce.main;
        main.stream = (!at.is_through()).then_some(at);
        main.work = hold - 1;
        self.spent = Some(main.kind.1);
        self.look_at(self.cycle + 1);
        None
    }

    /// Arrange to hear of what an instruction waits for; what the waiting counts as.
    fn note(&mut self, wait: Wait, vector: u16) -> Option<Activity> {
        match wait {
            Wait::Input(known) => {
                self.listen |= self.role.vectors[usize::from(vector)].listens;
                self.look_at(known.unwrap_or(u64::MAX));
                Some(Activity::WaitInput)
            }
            Wait::Output => {
                self.ce.wants_room = true;
                Some(Activity::WaitOutput)
            }
            Wait::Buffer => Some(Activity::WaitBuffer),
            Wait::Empty => None,
        }
    }

    /// Account for this cycle and decide when to look again.
    fn rest(&mut self, wait: Option<Activity>) {
        let after = self.cycle + 1;
        let ce = &mut *self.ce;
        ce.resting = wait.unwrap_or(Activity::Idle);
        ce.listen = self.listen;
        // A cycle of rest is accounted for with those that follow it, so that a last look is not one of the run.
        if let Some(spent) = self.spent {
            ce.count(spent, 1);
            ce.settled = after;
            ce.finish = after;
            self.shared.end = self.shared.end.max(after);
            if O::WATCHES {
                self.shared.observer.spent(self.pe, spent, self.cycle, 1);
            }
        }
        let mut next = self.next;
        let left = u64::from(ce.main.setup + ce.main.work);
        if left > 0 || (self.spent.is_some() && ce.main.task != NONE8) {
            next = next.min(after + left);
        } else if ce.main.task == NONE8 {
            for input in &*self.parts.inputs {
                if let Some((ready, _)) = input.head(&self.shared.mesh.arena)
                    && ready > self.cycle
                {
                    next = next.min(ready);
                }
            }
        }
        if next != u64::MAX {
            self.shared.wake_ce(self.pe, next.max(after));
        }
    }
}
