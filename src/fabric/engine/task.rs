//! The main thread: which task starts, and what its operations do.

use crate::fabric::code::{NONE8, Op, TaskCode};
use crate::fabric::counters::Activity;
use crate::fabric::engine::issue::Turn;
use crate::fabric::fifo::short;
use crate::fabric::observe::Observer;
use crate::fabric::pe::{Phase, Progress};
use crate::fabric::router::Deferred;
use crate::fabric::values::{Ring, Values};
use crate::fabric::{Fault, FaultKind};
use crate::ids::{ColorId, TaskId};
use crate::program::{Compare, Times};

impl<V: Values, O: Observer> Turn<'_, '_, V, O> {
    /// Start tasks and run their operations until one takes time; what the main thread waits for if none
    /// can go on.
    pub(super) fn schedule(&mut self) -> Result<Option<Activity>, Fault> {
        while !self.ce.main.busy() && self.ce.main.stream.is_none() {
            if self.ce.main.task == NONE8 {
                if let Err(held) = self.pick() {
                    return Ok(held);
                }
            } else if let Some(wait) = self.execute()? {
                return Ok(Some(wait));
            }
        }
        Ok(None)
    }

    /// Start the next task that can start; if there is none, say what holds a triggered one back.
    fn pick(&mut self) -> Result<(), Option<Activity>> {
        let role = self.role;
        let able = (self.ce.active | role.started_by_queue) & !self.ce.blocked;
        // In a circle from the task after the one that ran last.
        let first = u32::from(self.ce.next_task);
        let mut rest = able.rotate_right(first);
        let mut held = None;
        while rest != 0 {
            let id = ((first + rest.trailing_zeros()) % u32::BITS) as usize;
            rest &= rest - 1;
            let task = &role.tasks[id];
            if !self.is_triggered(task) {
                continue;
            }
            if let Some(reason) = self.holds_back(task) {
                held = held.or(Some(reason));
                continue;
            }
            self.start(id, task);
            return Ok(());
        }
        Err(held)
    }

    /// Whether the wavelet that starts a task is there; one that is started otherwise is activated.
    #[inline]
    fn is_triggered(&self, task: &TaskCode) -> bool {
        task.queue == NONE8
            || self.parts.inputs[usize::from(task.queue)]
                .head(&self.shared.mesh.arena)
                .is_some_and(|(ready, word)| ready <= self.cycle && V::code(word) == task.code)
    }

    /// The ring that a triggered task must wait for.
    #[inline]
    fn holds_back(&self, task: &TaskCode) -> Option<Activity> {
        if task.room != NONE8 {
            let room = usize::from(task.room);
            if self.parts.rings[room].filled + 1 >= self.role.slots[room].max(2) {
                return Some(Activity::WaitBuffer);
            }
        }
        let empty = task.needs != NONE8 && self.parts.rings[usize::from(task.needs)].filled == 0;
        empty.then_some(Activity::WaitInput)
    }

    fn start(&mut self, id: usize, task: &TaskCode) {
        let weight = if task.queue == NONE8 {
            self.ce.active &= !(1 << id);
            V::Word::default()
        } else {
            self.take(usize::from(task.queue))
        };
        let ce = &mut *self.ce;
        ce.next_task = if id + 1 == self.role.tasks.len() { 0 } else { id as u8 + 1 };
        ce.main.task = id as u8;
        ce.main.pc = task.entry;
        ce.main.setup = task.dispatch;
        ce.main.work = 0;
        ce.main.kind = (task.dispatches_as, Activity::Control);
        ce.main.weight = weight;
        if O::WATCHES {
            self.shared.observer.task(self.pe, Some(TaskId(id as u8)), self.cycle);
        }
    }

    /// One operation of the running task; what it waits for, if it cannot go on.
    fn execute(&mut self) -> Result<Option<Activity>, Fault> {
        let ce = &mut *self.ce;
        let mut to = ce.main.pc + 1;
        match self.role.ops[usize::from(ce.main.pc)] {
            Op::End => {
                ce.main.task = NONE8;
                if O::WATCHES {
                    self.shared.observer.task(self.pe, None, self.cycle);
                }
                return Ok(None);
            }
            Op::Vector(vector) => {
                ce.main.pc = to;
                self.launch(vector)?;
                return Ok(None);
            }
            Op::Activate(task) => ce.active |= 1 << task,
            Op::Block(task) => ce.blocked |= 1 << task,
            Op::Unblock(task) => ce.blocked &= !(1 << task),
            Op::Push(buffer) => {
                if self.parts.rings[usize::from(buffer)].filled == self.role.slots[usize::from(buffer)] {
                    return Err(self.fault(FaultKind::RingOverflow(self.buffer_name(buffer))));
                }
                self.push_ring(usize::from(buffer));
            }
            Op::Pop(buffer) => {
                if self.parts.rings[usize::from(buffer)].filled == 0 {
                    return Err(self.fault(FaultKind::RingUnderflow(self.buffer_name(buffer))));
                }
                self.pop_ring(usize::from(buffer));
            }
            Op::AdvanceSwitch { color } => {
                if !self.advance_switch(ColorId(color)) {
                    return Ok(Some(Activity::WaitOutput));
                }
            }
            Op::Count(counter) => self.parts.counters[usize::from(counter)] += 1,
            Op::SkipUnless { counter, compare, param, to: target } => {
                let left = self.parts.counters[usize::from(counter)];
                let right = self.shared.program.params_of(self.pe)[usize::from(param)];
                let holds = match compare {
                    Compare::Below => left < right,
                    Compare::Equal => left == right,
                    Compare::AtLeast => left >= right,
                };
                if !holds {
                    to = target;
                }
            }
            Op::Scalar(cycles) => self.scalar(cycles),
            Op::Wait { param } => {
                let until = self.shared.program.params_of(self.pe)[usize::from(param)];
                self.scalar(u64::from(until).saturating_sub(self.cycle) as u32);
            }
            Op::Begin { counter, times, past } => {
                self.parts.counters[usize::from(counter)] = 0;
                if self.times(times) == 0 {
                    to = past;
                }
            }
            Op::Again { counter, times, body } => {
                self.parts.counters[usize::from(counter)] += 1;
                if self.parts.counters[usize::from(counter)] < self.times(times) {
                    to = body;
                }
                self.scalar(self.shared.spec.pe.overhead.loop_cycles);
            }
            Op::Fetch { value, index, at } => {
                let (at, pair) = (self.parts.counters[usize::from(at)], index != NONE8);
                ce.main.weight = self.shared.values.fetch(self.pe, value, pair.then_some(index), at);
                self.scalar((1 + u32::from(pair)) * self.shared.spec.pe.overhead.scalar_cycles);
            }
            Op::Load { counter, from, at } => {
                let at = self.parts.counters[usize::from(at)];
                self.parts.counters[usize::from(counter)] = self.shared.values.number(self.pe, from, at);
                self.scalar(self.shared.spec.pe.overhead.scalar_cycles);
            }
        }
        self.ce.main.pc = to;
        Ok(None)
    }

    /// Cycles of scalar code.
    fn scalar(&mut self, cycles: u32) {
        self.ce.main.work = cycles;
        self.ce.main.kind.1 = Activity::Control;
    }

    /// How often a loop runs on this PE.
    fn times(&self, times: Times) -> u32 {
        match times {
            Times::Fixed(count) => count,
            Times::Param { counter } => {
                let params = self.shared.program.params_of(self.pe);
                params.get(self.parts.counters[usize::from(counter)] as usize).copied().unwrap_or(0)
            }
        }
    }

    /// Put a color's route into its next position, unless words of that color still wait to leave: they
    /// belong to the current one.
    fn advance_switch(&mut self, color: ColorId) -> bool {
        let bound = self.shared.program.role(self.pe).outputs.iter().position(|b| b.color == color);
        if bound.is_some_and(|queue| self.parts.outputs[queue].room < self.parts.outputs[queue].depth) {
            self.ce.wants_room = true;
            return false;
        }
        if let Some(slot) = self.shared.mesh.slot(self.pe, color) {
            self.shared.deferred.push(Deferred::Switch(slot as u32));
        }
        true
    }

    /// Start a vector instruction on the main thread or hand it to a microthread.
    fn launch(&mut self, vector: u16) -> Result<(), Fault> {
        let role = self.role;
        let code = &role.vectors[usize::from(vector)];
        let total = code.instr.length.elements(self.shared.program.params_of(self.pe));
        // Nothing to send still ends with what closes it.
        if total == 0 && code.close.is_none() {
            self.ce.active |= code.activates;
            return Ok(());
        }
        self.shared.macs += code.macs_per_element * u64::from(total);
        let owed = [code.close.filter(|_| total == 0), None];
        let at = Progress { vector, done: 0, total, within: 0, owed };
        if code.thread != NONE8 {
            return self.launch_microthread(usize::from(code.thread), at);
        }
        let main = &mut self.ce.main;
        main.setup = code.cost.setup_cycles;
        main.kind =
            (Activity::Setup, if code.macs_per_element > 0 { Activity::Mac } else { Activity::Vector });
        if code.on_fabric() {
            main.stream = Some(at);
        } else {
            main.work = code.cost.cycles(u64::from(total)) as u32;
            self.apply(code, 0, total);
        }
        Ok(())
    }

    fn launch_microthread(&mut self, thread: usize, at: Progress) -> Result<(), Fault> {
        let overhead = &self.shared.spec.pe.overhead;
        let micro = &mut self.parts.micros[thread];
        if micro.phase != Phase::Off {
            return Err(self.fault(FaultKind::ThreadBusy(self.role.threads[thread])));
        }
        let launch = overhead.microthread_launch_cycles;
        micro.at = at;
        micro.phase =
            Phase::Starting(short(self.cycle + u64::from(launch + overhead.microthread_start_cycles)));
        self.ce.main.work = launch;
        self.ce.main.kind.1 = Activity::Control;
        Ok(())
    }

    /// The slot of a ring that is being filled counts as filled.
    pub(super) fn push_ring(&mut self, buffer: usize) {
        let ring = &mut self.parts.rings[buffer];
        ring.write = after(ring.write, self.role.slots[buffer]);
        ring.filled += 1;
    }

    /// Give back the oldest filled slot of a ring.
    pub(super) fn pop_ring(&mut self, buffer: usize) {
        let ring = &mut self.parts.rings[buffer];
        let Ring { read, filled, .. } = *ring;
        ring.read = after(read, self.role.slots[buffer]);
        ring.filled = filled.saturating_sub(1);
        self.shared.values.clear(self.shared.program, self.pe, buffer, read);
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        self.shared.fault(Some(self.pe), kind)
    }

    fn buffer_name(&self, buffer: u8) -> String {
        self.shared.program.role(self.pe).buffers[usize::from(buffer)].name.clone()
    }
}

/// The slot after `slot` of a ring of so many.
#[inline]
fn after(slot: u16, slots: u16) -> u16 {
    if slot + 1 == slots { 0 } else { slot + 1 }
}
