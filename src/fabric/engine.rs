//! The cycle loop of the reference engine: routers forward, compute elements issue, nobody sees what others
//! do in the same cycle.

use crate::fabric::code::{NONE8, Op, RoleCode, VectorCode};
use crate::fabric::cost::elements;
use crate::fabric::counters::Activity;
use crate::fabric::mesh::{Deferred, Hop, Mesh, Upstream};
use crate::fabric::pe::{Ce, InputQueue, Phase, Progress, full_room, head};
use crate::fabric::source::Source;
use crate::fabric::values::{Values, VectorStep};
use crate::fabric::wheel::Wheel;
use crate::fabric::{Fault, FaultKind};
use crate::program::{Compare, Program, Trigger};
use crate::spec::wafer::WaferSpec;

/// Why a running instruction did not step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Wavelets are missing; they are known to be there from this cycle on, if any.
    Input(Option<u64>),
    Output,
    /// The ring that it writes is full.
    Buffer,
    /// The ring that it reads is empty: there is nothing to do yet.
    Empty,
}

pub(crate) struct Engine<'a, V: Values> {
    pub(crate) program: &'a Program,
    pub(crate) spec: &'a WaferSpec,
    pub(crate) code: Vec<RoleCode>,
    pub(crate) mesh: Mesh<V::Word>,
    pub(crate) ces: Vec<Ce<V::Word>>,
    pub(crate) queues: Vec<InputQueue>,
    pub(crate) sources: Vec<Source<'a, V>>,
    pub(crate) wheel: Wheel,
    pub(crate) values: &'a mut V,
    pub(crate) deferred: Vec<Deferred>,
    pub(crate) ramp: u64,
    pub(crate) cycle: u64,
    /// Cycle after the last in which anything moved.
    pub(crate) end: u64,
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) drained: Vec<(u32, crate::program::Port, V::Word)>,
    pub(crate) drained_count: u64,
    pub(crate) macs: u64,
    pub(crate) input_high: u16,
    hops: Vec<Hop<V::Word>>,
    taken: [Vec<V::Word>; 2],
    out: Vec<V::Word>,
    keep_drained: bool,
}

impl<'a, V: Values> Engine<'a, V> {
    pub(crate) fn new(
        program: &'a Program,
        spec: &'a WaferSpec,
        code: Vec<RoleCode>,
        values: &'a mut V,
        keep_drained: bool,
    ) -> Self {
        let mut mesh = Mesh::new(program, spec, crate::fabric::mesh::Arena::new());
        let (ces, queues) = crate::fabric::pe::build(program, spec, &mut mesh);
        let sources = Source::all(program, spec, &mut mesh);
        let n = program.pe_count();
        let mut wheel = Wheel::new(2 * n + sources.len());
        for pe in 0..n {
            if ces[pe].active != 0 {
                wheel.wake(n + pe, 0);
            }
        }
        for source in 0..sources.len() {
            wheel.wake(2 * n + source, 0);
        }
        Self {
            program,
            spec,
            code,
            mesh,
            ces,
            queues,
            sources,
            wheel,
            values,
            deferred: Vec::new(),
            ramp: u64::from(spec.fabric.ramp_latency_cycles),
            cycle: 0,
            end: 0,
            sent: 0,
            delivered: 0,
            drained: Vec::new(),
            drained_count: 0,
            macs: 0,
            input_high: 0,
            hops: Vec::new(),
            taken: [Vec::new(), Vec::new()],
            out: Vec::new(),
            keep_drained,
        }
    }

    /// Run until nobody waits for anything, or past `limit`.
    pub(crate) fn run(&mut self, limit: u64) -> Result<(), Fault> {
        let n = self.program.pe_count();
        let mut woken = Vec::new();
        while let Some(cycle) = self.wheel.next(&mut woken) {
            if cycle > limit {
                return Err(self.fault(None, FaultKind::CycleLimit(limit)));
            }
            self.cycle = cycle;
            for &actor in &woken {
                let actor = actor as usize;
                if actor < n {
                    self.route(actor, cycle)?;
                } else if actor < 2 * n {
                    self.issue(actor - n, cycle)?;
                } else if self.sources[actor - 2 * n].send(cycle, &mut self.mesh, &mut self.wheel, actor) {
                    self.sent += 1;
                    self.end = cycle + 1;
                }
            }
            // What was given back in this cycle can be used from the next one on.
            let mut messages = std::mem::take(&mut self.deferred);
            for message in messages.drain(..) {
                if let Some(actor) = self.deliver(message) {
                    self.wheel.wake(actor, cycle + 1);
                }
            }
            self.deferred = messages;
        }
        self.stuck()
    }

    /// Apply a message; the actor that it concerns.
    fn deliver(&mut self, message: Deferred) -> Option<usize> {
        let n = self.program.pe_count();
        match message {
            Deferred::Credit(Upstream::Slot { slot, port }) => {
                self.mesh.apply_link_credit(slot, port).map(|pe| pe as usize)
            }
            Deferred::Credit(Upstream::Output { pe, queue }) => {
                let ce = &mut self.ces[pe as usize];
                ce.room[usize::from(queue)] += 1;
                ce.wants_room.then_some(n + pe as usize)
            }
            Deferred::Credit(Upstream::Source(source)) => {
                self.sources[source as usize].credit += 1;
                Some(2 * n + source as usize)
            }
            Deferred::Credit(Upstream::Nobody) => None,
            Deferred::InputCredit(slot) => self.mesh.apply_input_credit(slot).map(|pe| pe as usize),
            Deferred::Switch(slot) => Some(self.mesh.apply_switch(slot) as usize),
        }
    }

    fn route(&mut self, pe: usize, cycle: u64) -> Result<(), Fault> {
        let mut hops = std::mem::take(&mut self.hops);
        let moved = self.mesh.route::<V>(pe, cycle, &mut self.wheel, &mut self.deferred, &mut hops);
        for hop in hops.drain(..) {
            match hop {
                Hop::ToQueue { queue, word } => self.arrive(queue, cycle + self.ramp, word),
                Hop::Drain { pe, port, word } => {
                    self.drained_count += 1;
                    if self.keep_drained {
                        self.drained.push((pe, port, word));
                    }
                }
            }
        }
        self.hops = hops;
        match moved {
            Ok(true) => self.end = cycle + 1,
            Ok(false) => {}
            Err(clash) => {
                return Err(self.fault(Some(clash.pe as usize), FaultKind::Clash(clash.color, clash.ports)));
            }
        }
        Ok(())
    }

    fn arrive(&mut self, queue: u32, ready: u64, word: V::Word) {
        let input = &mut self.queues[queue as usize];
        self.mesh.arena.push(&mut input.fifo, ready, word);
        self.input_high = self.input_high.max(input.fifo.len);
        if self.ces[input.pe as usize].listen >> input.queue & 1 == 1 {
            self.wheel.wake(self.program.pe_count() + input.pe as usize, ready);
        }
    }

    pub(crate) fn fault(&self, pe: Option<usize>, kind: FaultKind) -> Fault {
        Fault {
            program: self.program.name.clone(),
            cycle: self.cycle,
            pe: pe.map(|pe| self.program.coord(pe)),
            kind,
        }
    }

    /// One cycle of one compute element.
    fn issue(&mut self, pe: usize, cycle: u64) -> Result<(), Fault> {
        self.ces[pe].settle(cycle);
        self.end_microthreads(pe, cycle);
        self.ces[pe].wants_room = false;
        let mut why = None;
        while !self.ces[pe].main_busy() && self.ces[pe].main.stream.is_none() {
            if self.ces[pe].main.task != NONE8 {
                why = self.execute(pe, cycle)?;
                if why.is_some() {
                    break;
                }
            } else {
                let (found, held) = self.pick(pe, cycle);
                if !found {
                    why = held;
                    break;
                }
            }
        }
        let mut spent = None;
        let mut next = u64::MAX;
        let mut listen = if self.ces[pe].main.task == NONE8 { u8::MAX } else { 0 };
        let mut micro_wait = None;
        for thread in 0..usize::from(self.ces[pe].threads) {
            let micro = self.ces[pe].micros[thread];
            match micro.phase {
                Phase::Off => {}
                Phase::Starting(at) | Phase::Ending(at) => {
                    next = next.min(at);
                    micro_wait = micro_wait.or(Some(Activity::Latency));
                }
                Phase::Busy(until) => {
                    spent = Some(Activity::Reduce);
                    next = next.min(cycle + 1);
                    if until == cycle + 1 {
                        self.ces[pe].micros[thread].phase = Phase::Running;
                    }
                }
                Phase::Running => {
                    let code =
                        &self.code[self.program.role_of[pe].index()].vectors[usize::from(micro.at.vector)];
                    let (is_move, endless, hold) = (code.is_move, code.endless, code.cost.step_cycles);
                    if spent.is_some() && !is_move {
                        next = next.min(cycle + 1);
                        continue;
                    }
                    let mut at = micro.at;
                    match self.step(pe, cycle, &mut at) {
                        Ok(()) => {
                            next = next.min(cycle + 1);
                            if !is_move {
                                spent = Some(Activity::Reduce);
                            }
                            let micro = &mut self.ces[pe].micros[thread];
                            micro.at = at;
                            let held = if is_move { 1 } else { u64::from(hold) };
                            if at.done == at.total {
                                if endless {
                                    micro.at.done = 0;
                                } else {
                                    let at =
                                        cycle + held + u64::from(self.spec.pe.overhead.completion_cycles);
                                    micro.phase = Phase::Ending(at);
                                    next = next.min(at);
                                }
                            } else if held > 1 {
                                micro.phase = Phase::Busy(cycle + held);
                            }
                            self.end = self.end.max(cycle + held);
                        }
                        Err(wait) => {
                            let reason = self.note(pe, wait, &mut next, &mut listen, micro.at.vector);
                            if !endless || micro.at.done > 0 {
                                micro_wait = micro_wait.or(reason);
                            }
                        }
                    }
                }
            }
        }
        let ce = &mut self.ces[pe];
        if spent.is_none() {
            if ce.main.setup > 0 {
                ce.main.setup -= 1;
                spent = Some(ce.main.kind.0);
            } else if ce.main.work > 0 {
                ce.main.work -= 1;
                spent = Some(ce.main.kind.1);
            } else if let Some(mut at) = ce.main.stream {
                let code = &self.code[self.program.role_of[pe].index()].vectors[usize::from(at.vector)];
                let hold = code.cost.step_cycles;
                match self.step(pe, cycle, &mut at) {
                    Ok(()) => {
                        let ce = &mut self.ces[pe];
                        spent = Some(ce.main.kind.1);
                        ce.main.stream = (at.done < at.total).then_some(at);
                        ce.main.work = hold - 1;
                        next = next.min(cycle + 1);
                    }
                    Err(wait) => {
                        let vector = at.vector;
                        why = self.note(pe, wait, &mut next, &mut listen, vector);
                    }
                }
            }
        } else if ce.main.stream.is_some() && !ce.main_busy() {
            next = next.min(cycle + 1);
        }
        self.rest(pe, cycle, spent, why.or(micro_wait), next, listen);
        Ok(())
    }

    /// Account for this cycle and decide when to look again.
    fn rest(
        &mut self,
        pe: usize,
        cycle: u64,
        spent: Option<Activity>,
        wait: Option<Activity>,
        next: u64,
        listen: u8,
    ) {
        let n = self.program.pe_count();
        let mut next = next;
        let ce = &mut self.ces[pe];
        ce.resting = wait.unwrap_or(Activity::Idle);
        ce.breakdown.add(spent.unwrap_or(ce.resting), 1);
        ce.settled = cycle + 1;
        ce.listen = listen;
        if spent.is_some() {
            ce.finish = cycle + 1;
            self.end = self.end.max(cycle + 1);
        }
        let left = u64::from(ce.main.setup + ce.main.work);
        if left > 0 || (spent.is_some() && ce.main.task != NONE8) {
            next = next.min(cycle + 1 + left);
        } else if ce.main.task == NONE8 {
            for &queue in ce.inputs.iter().filter(|&&q| q != crate::fabric::mesh::NONE) {
                if let Some((ready, _)) = head(&self.mesh.arena, &self.queues[queue as usize])
                    && ready > cycle
                {
                    next = next.min(ready);
                }
            }
        }
        if next != u64::MAX {
            self.wheel.wake(n + pe, next.max(cycle + 1));
        }
    }

    fn note(
        &mut self,
        pe: usize,
        wait: Wait,
        next: &mut u64,
        listen: &mut u8,
        vector: u16,
    ) -> Option<Activity> {
        match wait {
            Wait::Input(known) => {
                let code = &self.code[self.program.role_of[pe].index()].vectors[usize::from(vector)];
                for &queue in code.inputs.iter().filter(|&&q| q != NONE8) {
                    *listen |= 1 << queue;
                }
                *next = (*next).min(known.unwrap_or(u64::MAX));
                Some(Activity::WaitInput)
            }
            Wait::Output => {
                self.ces[pe].wants_room = true;
                Some(Activity::WaitOutput)
            }
            Wait::Buffer => Some(Activity::WaitBuffer),
            Wait::Empty => None,
        }
    }

    fn end_microthreads(&mut self, pe: usize, cycle: u64) {
        for thread in 0..usize::from(self.ces[pe].threads) {
            match self.ces[pe].micros[thread].phase {
                Phase::Starting(at) if at <= cycle => self.ces[pe].micros[thread].phase = Phase::Running,
                Phase::Ending(at) if at <= cycle => {
                    self.ces[pe].micros[thread].phase = Phase::Off;
                    let vector = self.ces[pe].micros[thread].at.vector;
                    self.finish_vector(pe, vector);
                }
                _ => {}
            }
        }
    }

    fn finish_vector(&mut self, pe: usize, vector: u16) {
        let code = &self.code[self.program.role_of[pe].index()].vectors[usize::from(vector)];
        self.ces[pe].active |= code.activates;
    }

    fn pop_ring(&mut self, pe: usize, buffer: usize) {
        let slots = self.code[self.program.role_of[pe].index()].slots[buffer];
        let ring = &mut self.ces[pe].rings[buffer];
        let slot = ring.read;
        ring.read = (ring.read + 1) % slots;
        ring.filled = ring.filled.saturating_sub(1);
        self.values.clear(self.program, pe, buffer, slot);
    }

    /// Start the next task that can start; if there is none, say what holds a triggered one back.
    fn pick(&mut self, pe: usize, cycle: u64) -> (bool, Option<Activity>) {
        let role = &self.code[self.program.role_of[pe].index()];
        let count = role.tasks.len();
        let mut held = None;
        for i in 0..count {
            let ce = &self.ces[pe];
            let id = (usize::from(ce.next_task) + i) % count;
            let task = &role.tasks[id];
            if ce.blocked >> id & 1 == 1 {
                continue;
            }
            let empty = task.needs != NONE8 && ce.rings[usize::from(task.needs)].filled == 0;
            let full = task.room != NONE8 && {
                let room = usize::from(task.room);
                ce.rings[room].filled + 1 >= role.slots[room].max(2)
            };
            let (entry, dispatch, trigger) = (task.entry, task.dispatch, task.trigger);
            let word = match trigger {
                Trigger::Start | Trigger::Local => {
                    if ce.active >> id & 1 == 0 {
                        continue;
                    }
                    if empty || full {
                        held = held.or(Some(if full { Activity::WaitBuffer } else { Activity::WaitInput }));
                        continue;
                    }
                    self.ces[pe].active &= !(1 << id);
                    V::Word::default()
                }
                Trigger::Data(queue) | Trigger::Weight(queue) | Trigger::Control(queue, _) => {
                    let index = ce.inputs[queue.index()];
                    let wanted = if let Trigger::Control(_, code) = trigger { Some(code) } else { None };
                    match head(&self.mesh.arena, &self.queues[index as usize]) {
                        Some((ready, word)) if ready <= cycle && V::code(word) == wanted => {}
                        _ => continue,
                    }
                    if empty || full {
                        held = held.or(Some(if full { Activity::WaitBuffer } else { Activity::WaitInput }));
                        continue;
                    }
                    self.take(index as usize)
                }
            };
            let ce = &mut self.ces[pe];
            let by_hardware = matches!(trigger, Trigger::Weight(_));
            ce.main.task = id as u8;
            ce.main.pc = entry;
            ce.main.setup = dispatch;
            ce.main.work = 0;
            ce.main.kind = (if by_hardware { Activity::Setup } else { Activity::Control }, Activity::Control);
            ce.main.weight = word;
            ce.next_task = id as u8 + 1;
            if usize::from(ce.next_task) >= count {
                ce.next_task = 0;
            }
            return (true, None);
        }
        (false, held)
    }

    /// Take the head of an input queue.
    fn take(&mut self, queue: usize) -> V::Word {
        let input = &mut self.queues[queue];
        self.deferred.push(Deferred::InputCredit(input.slot));
        self.delivered += 1;
        self.end = self.cycle + 1;
        self.mesh.arena.pop(&mut input.fifo)
    }

    /// Put a word into an output queue.
    fn give(&mut self, pe: usize, queue: usize, ready: u64, word: V::Word) {
        self.ces[pe].room[queue] -= 1;
        self.sent += 1;
        let lane = self.ces[pe].outputs[queue] as usize;
        self.mesh.enter(lane, ready, word, &mut self.wheel);
    }

    /// One operation of the running task; what it waits for, if it cannot go on.
    fn execute(&mut self, pe: usize, cycle: u64) -> Result<Option<Activity>, Fault> {
        let role = self.program.role_of[pe].index();
        let op = self.code[role].ops[usize::from(self.ces[pe].main.pc)];
        let mut to = self.ces[pe].main.pc + 1;
        match op {
            Op::End => {
                self.ces[pe].main.task = NONE8;
                return Ok(None);
            }
            Op::Vector(vector) => return self.launch(pe, cycle, vector),
            Op::Activate(task) => self.ces[pe].active |= 1 << task,
            Op::Block(task) => self.ces[pe].blocked |= 1 << task,
            Op::Unblock(task) => self.ces[pe].blocked &= !(1 << task),
            Op::Push(buffer) => {
                let slots = self.code[role].slots[usize::from(buffer)];
                let ring = &mut self.ces[pe].rings[usize::from(buffer)];
                if ring.filled == slots {
                    return Err(self.fault(Some(pe), FaultKind::RingOverflow(self.buffer_name(pe, buffer))));
                }
                ring.write = (ring.write + 1) % slots;
                ring.filled += 1;
            }
            Op::Pop(buffer) => {
                if self.ces[pe].rings[usize::from(buffer)].filled == 0 {
                    return Err(self.fault(Some(pe), FaultKind::RingUnderflow(self.buffer_name(pe, buffer))));
                }
                self.pop_ring(pe, usize::from(buffer));
            }
            Op::AdvanceSwitch { color } => {
                let color = crate::ids::ColorId(color);
                let bound = self.program.role(pe).outputs.iter().find(|b| b.color == color);
                if let Some(binding) = bound
                    && self.ces[pe].room[binding.queue.index()] < full_room(self.spec, binding.queue.index())
                {
                    self.ces[pe].wants_room = true;
                    return Ok(Some(Activity::WaitOutput));
                }
                if let Some(slot) = self.mesh.slot(pe, color) {
                    self.deferred.push(Deferred::Switch(slot as u32));
                }
            }
            Op::Count(counter) => self.ces[pe].counters[usize::from(counter)] += 1,
            Op::SkipUnless { counter, compare, param, to: target } => {
                let left = self.ces[pe].counters[usize::from(counter)];
                let right = self.program.params_of(pe)[usize::from(param)];
                let holds = match compare {
                    Compare::Below => left < right,
                    Compare::Equal => left == right,
                    Compare::AtLeast => left >= right,
                };
                if !holds {
                    to = target;
                }
            }
            Op::Scalar(cycles) => {
                let ce = &mut self.ces[pe];
                ce.main.work = cycles;
                ce.main.kind.1 = Activity::Control;
            }
        }
        self.ces[pe].main.pc = to;
        Ok(None)
    }

    fn buffer_name(&self, pe: usize, buffer: u8) -> String {
        self.program.role(pe).buffers[usize::from(buffer)].name.clone()
    }

    /// Start a vector instruction on the main thread or hand it to a microthread.
    fn launch(&mut self, pe: usize, cycle: u64, vector: u16) -> Result<Option<Activity>, Fault> {
        let role = self.program.role_of[pe].index();
        let overhead = &self.spec.pe.overhead;
        let code = &self.code[role].vectors[usize::from(vector)];
        let total = elements(code.instr.length, self.program.params_of(pe));
        self.ces[pe].main.pc += 1;
        if total == 0 {
            self.finish_vector(pe, vector);
            return Ok(None);
        }
        self.macs += code.macs_per_element * u64::from(total);
        let at = Progress { vector, done: 0, total };
        if code.thread != NONE8 {
            let thread = usize::from(code.thread);
            let ce = &mut self.ces[pe];
            if ce.micros[thread].phase != Phase::Off {
                return Err(self.fault(Some(pe), FaultKind::ThreadBusy(thread as u8)));
            }
            ce.threads = ce.threads.max(thread as u8 + 1);
            let from = cycle
                + u64::from(overhead.microthread_launch_cycles)
                + u64::from(overhead.microthread_start_cycles);
            ce.micros[thread].phase = Phase::Starting(from);
            ce.micros[thread].at = at;
            ce.main.work = overhead.microthread_launch_cycles;
            ce.main.kind.1 = Activity::Control;
            return Ok(None);
        }
        let kind = if code.macs_per_element > 0 { Activity::Mac } else { Activity::Vector };
        let setup = code.cost.setup_cycles;
        let work = code.cost.cycles(u64::from(total)) as u32;
        let on_fabric = code.on_fabric();
        let ce = &mut self.ces[pe];
        ce.main.setup = setup;
        ce.main.kind = (Activity::Setup, kind);
        if on_fabric {
            ce.main.stream = Some(at);
        } else {
            ce.main.work = work;
            self.apply(pe, vector, 0, total);
        }
        Ok(None)
    }

    /// One step of an instruction with operands on the fabric.
    fn step(&mut self, pe: usize, cycle: u64, at: &mut Progress) -> Result<(), Wait> {
        let role = self.program.role_of[pe].index();
        let code: &VectorCode = &self.code[role].vectors[usize::from(at.vector)];
        let within = at.done % code.slot;
        let count = code.cost.step_elements.min(at.total - at.done).min(code.slot - within);
        let words = count.div_ceil(code.cost.per_wavelet) as u16;
        let ce = &self.ces[pe];
        if within == 0 {
            if code.drains != NONE8 && ce.rings[usize::from(code.drains)].filled == 0 {
                return Err(Wait::Empty);
            }
            if code.fills != NONE8 {
                let buffer = usize::from(code.fills);
                if ce.rings[buffer].filled == self.code[role].slots[buffer] {
                    return Err(Wait::Buffer);
                }
            }
        }
        for &queue in code.inputs.iter().filter(|&&q| q != NONE8) {
            let input = &self.queues[ce.inputs[usize::from(queue)] as usize];
            for n in 0..words {
                if n >= input.fifo.len {
                    return Err(Wait::Input(None));
                }
                let (ready, word) = self.mesh.arena.peek(&input.fifo, n);
                if V::code(word).is_some() {
                    return Err(Wait::Input(None));
                }
                if ready > cycle {
                    return Err(Wait::Input(Some(ready)));
                }
            }
        }
        let slot_ends = within + count == code.slot;
        let ends = at.done + count == at.total;
        let closing = [code.close_slot.filter(|_| slot_ends), code.close.filter(|_| ends)];
        let given = words + closing.iter().flatten().count() as u16;
        if code.output != NONE8 && ce.room[usize::from(code.output)] < given {
            return Err(Wait::Output);
        }
        let (inputs, output, hold) = (code.inputs, usize::from(code.output), code.cost.step_cycles);
        let (fills, drains) = (code.fills, code.drains);
        for (n, &queue) in inputs.iter().enumerate().filter(|(_, q)| **q != NONE8) {
            let index = self.ces[pe].inputs[usize::from(queue)] as usize;
            self.taken[n].clear();
            for _ in 0..words {
                let word = self.take(index);
                self.taken[n].push(word);
            }
        }
        self.apply(pe, at.vector, at.done, count);
        at.done += count;
        if output != usize::from(NONE8) {
            let ready = cycle + u64::from(hold) + self.ramp;
            let out = std::mem::take(&mut self.out);
            for &word in &out {
                self.give(pe, output, ready, word);
            }
            self.out = out;
            for code in closing.into_iter().flatten() {
                self.give(pe, output, ready, V::control(code));
            }
        }
        if slot_ends && fills != NONE8 {
            let slots = self.code[role].slots[usize::from(fills)];
            let ring = &mut self.ces[pe].rings[usize::from(fills)];
            ring.write = (ring.write + 1) % slots;
            ring.filled += 1;
        }
        if slot_ends && drains != NONE8 {
            self.pop_ring(pe, usize::from(drains));
        }
        if slot_ends && (fills != NONE8 || drains != NONE8) {
            // Another thread may have been waiting for it.
            self.wheel.wake(self.program.pe_count() + pe, cycle + 1);
        }
        Ok(())
    }

    fn apply(&mut self, pe: usize, vector: u16, from: u32, count: u32) {
        let code = &self.code[self.program.role_of[pe].index()].vectors[usize::from(vector)];
        let ce = &self.ces[pe];
        self.out.clear();
        let [first, second] = &self.taken;
        let step =
            VectorStep { from, count, inputs: [first, second], weight: ce.main.weight, rings: &ce.rings };
        self.values.run(self.program, pe, &code.instr, step, &mut self.out);
    }
}
