//! One compute element without time.

use std::collections::VecDeque;

use crate::exec::untimed::{ExecError, Run};
use crate::fabric::{Ring, Values, VectorStep};
use crate::ids::{BufferId, QueueId, TaskId};
use crate::program::{
    Compare, Launch, MAX_COUNTERS, Operand, QueueBinding, Role, Step, Task, Times, Trigger, VectorInstr,
    Wavelet,
};

/// State of a compute element.
pub(super) struct Ce<'p> {
    role: &'p Role,
    /// By task: place of the input queue that starts it.
    starts: Vec<Option<usize>>,
    active: u32,
    blocked: u32,
    next_task: usize,
    /// The running task: bodies that are open, the innermost last.
    frames: Vec<Frame<'p>>,
    /// The main thread's instruction on the fabric.
    stream: Option<Progress<'p>>,
    micros: Vec<Option<Progress<'p>>>,
    /// Words of each input queue, in the order of the role's bindings.
    pub(super) inputs: Vec<VecDeque<Wavelet>>,
    rings: Vec<Ring>,
    counters: [u32; MAX_COUNTERS],
    weight: Wavelet,
}

/// Steps that are being done, and how often again.
#[derive(Clone, Copy)]
struct Frame<'p> {
    steps: &'p [Step],
    at: usize,
    again: Option<(u8, Times)>,
}

/// A vector instruction on its way.
#[derive(Clone, Copy)]
struct Progress<'p> {
    instr: &'p VectorInstr,
    done: u32,
    total: u32,
    /// Elements done of the current slot of a ring.
    within: u32,
    /// Elements of a slot of its rings.
    slot: u32,
    /// Rings that it writes and reads.
    fills: Option<usize>,
    drains: Option<usize>,
}

impl<'p> Ce<'p> {
    pub(super) fn new(role: &'p Role) -> Self {
        let bits = |pick: fn(&Task) -> bool| {
            role.tasks.iter().enumerate().fold(0, |set, (id, task)| set | u32::from(pick(task)) << id)
        };
        let filled = |buffer: &crate::program::Buffer| if buffer.loaded { buffer.slots } else { 0 };
        let place = |queue| role.inputs.iter().position(|binding| binding.queue == queue);
        let starts = role.tasks.iter().map(|task| match task.trigger {
            Trigger::Start | Trigger::Local => None,
            Trigger::Data(queue) | Trigger::Weight(queue) | Trigger::Control(queue, _) => place(queue),
        });
        Self {
            role,
            starts: starts.collect(),
            active: bits(|task| task.trigger == Trigger::Start),
            blocked: bits(|task| task.blocked),
            next_task: 0,
            frames: Vec::new(),
            stream: None,
            micros: Vec::new(),
            inputs: vec![VecDeque::new(); role.inputs.len()],
            rings: role.buffers.iter().map(|b| Ring { filled: filled(b), ..Ring::default() }).collect(),
            counters: [0; MAX_COUNTERS],
            weight: Wavelet::default(),
        }
    }

    /// What is left to do, if there is something.
    pub(super) fn left(&self) -> impl Iterator<Item = String> {
        let task = (!self.frames.is_empty() || self.stream.is_some())
            .then(|| format!("a task of role `{}` cannot go on", self.role.name));
        let micros = self.micros.iter().flatten().filter(|at| !is_endless(at.instr) || at.done > 0);
        let micros =
            micros.map(|at| format!("{:?} has done {} of {} elements", at.instr.op, at.done, at.total));
        let words = self.inputs.iter().zip(&self.role.inputs).filter(|(words, _)| !words.is_empty());
        let words = words.map(|(words, QueueBinding { color, .. })| {
            format!("{} wavelets of color {color} that no task takes", words.len())
        });
        task.into_iter().chain(micros).chain(words)
    }

    fn queue(&self, queue: QueueId) -> usize {
        self.role.inputs.iter().position(|binding| binding.queue == queue).unwrap_or(usize::MAX)
    }

    /// Whether what starts a task is there and the rings allow it.
    fn can_start(&self, id: usize, task: &Task) -> bool {
        let head = self.starts[id].and_then(|queue| self.inputs[queue].front());
        let triggered = match task.trigger {
            Trigger::Start | Trigger::Local => self.active >> id & 1 == 1,
            Trigger::Data(_) | Trigger::Weight(_) => head.is_some_and(|word| word.control.is_none()),
            Trigger::Control(_, code) => head.is_some_and(|word| word.control == Some(code)),
        };
        let filled = |ring: BufferId| self.rings[ring.index()].filled;
        let room = |ring: BufferId| filled(ring) + 1 < self.role.buffers[ring.index()].slots.max(2);
        triggered
            && self.blocked >> id & 1 == 0
            && task.needs.is_none_or(|ring| filled(ring) > 0)
            && task.room.is_none_or(room)
    }

    /// Start the next task that can start, in a circle after the one that ran last.
    fn pick(&mut self) -> bool {
        let role = self.role;
        let tasks = role.tasks.len();
        for n in 0..tasks {
            let id = (self.next_task + n) % tasks;
            let task = &role.tasks[id];
            if !self.can_start(id, task) {
                continue;
            }
            match self.starts[id] {
                None => self.active &= !(1 << id),
                Some(queue) => self.weight = self.inputs[queue].pop_front().unwrap_or_default(),
            }
            self.next_task = id + 1;
            self.frames.push(Frame { steps: &task.body, at: 0, again: None });
            return true;
        }
        false
    }

    fn activate(&mut self, tasks: &[TaskId]) {
        tasks.iter().for_each(|task| self.active |= 1 << task.0);
    }
}

fn is_endless(instr: &VectorInstr) -> bool {
    matches!(instr.launch, Launch::Micro { endless: true, .. })
}

fn ring(operand: Operand) -> Option<usize> {
    if let Operand::Ring(buffer) = operand { Some(buffer.index()) } else { None }
}

impl<'p> Run<'p, '_, '_> {
    /// Let a compute element do all that it can.
    pub(super) fn work(&mut self, pe: usize) -> Result<(), ExecError> {
        loop {
            let mut moved = false;
            for thread in 0..self.ces[pe].micros.len() {
                moved |= self.microthread(pe, thread);
            }
            moved |= self.main(pe)?;
            if !moved {
                return Ok(());
            }
        }
    }

    /// Let a microthread go as far as it can; whether it went at all.
    fn microthread(&mut self, pe: usize, thread: usize) -> bool {
        let mut moved = false;
        while let Some(mut at) = self.ces[pe].micros[thread] {
            let went = self.go(pe, &mut at);
            moved |= went;
            if at.done < at.total {
                self.ces[pe].micros[thread] = Some(at);
                return moved;
            }
            self.ces[pe].micros[thread] =
                is_endless(at.instr).then_some(Progress { done: 0, within: 0, ..at });
            if let Launch::Micro { activate, .. } = &at.instr.launch {
                self.ces[pe].activate(activate);
            }
            moved = true;
        }
        moved
    }

    /// Let the main thread go as far as it can; whether it went at all.
    fn main(&mut self, pe: usize) -> Result<bool, ExecError> {
        let mut moved = false;
        loop {
            if let Some(mut at) = self.ces[pe].stream {
                moved |= self.go(pe, &mut at);
                let through = at.done == at.total;
                self.ces[pe].stream = (!through).then_some(at);
                if !through {
                    return Ok(moved);
                }
            }
            let Some(step) = self.next_step(pe) else {
                if !self.ces[pe].frames.is_empty() || self.ces[pe].pick() {
                    moved = true;
                    continue;
                }
                return Ok(moved);
            };
            moved = true;
            self.step(pe, step)?;
        }
    }

    /// The next step of the running task; `None` at the end of a body, which is then closed.
    fn next_step(&mut self, pe: usize) -> Option<&'p Step> {
        let ce = &mut self.ces[pe];
        let frame = ce.frames.last_mut()?;
        if let Some(step) = frame.steps.get(frame.at) {
            frame.at += 1;
            return Some(step);
        }
        if let Some((counter, times)) = frame.again {
            frame.at = 0;
            ce.counters[usize::from(counter)] += 1;
            if ce.counters[usize::from(counter)] < self.times(pe, times) {
                return None;
            }
        }
        self.ces[pe].frames.pop();
        None
    }

    fn times(&self, pe: usize, times: Times) -> u32 {
        match times {
            Times::Fixed(count) => count,
            Times::Param { counter } => {
                let at = self.ces[pe].counters[usize::from(counter)] as usize;
                self.program.params_of(pe).get(at).copied().unwrap_or(0)
            }
        }
    }

    fn step(&mut self, pe: usize, step: &'p Step) -> Result<(), ExecError> {
        let ce = &mut self.ces[pe];
        match step {
            Step::Vector(instr) => return self.launch(pe, instr),
            Step::Activate(task) => ce.active |= 1 << task.0,
            Step::Block(task) => ce.blocked |= 1 << task.0,
            Step::Unblock(task) => ce.blocked &= !(1 << task.0),
            Step::Push(buffer) => {
                if ce.rings[buffer.index()].filled == ce.role.buffers[buffer.index()].slots {
                    return Err(self.broken(pe, format_args!("ring {buffer} was pushed while full")));
                }
                self.push(pe, buffer.index());
            }
            Step::Pop(buffer) => {
                if ce.rings[buffer.index()].filled == 0 {
                    return Err(self.broken(pe, format_args!("ring {buffer} was popped while empty")));
                }
                self.pop(pe, buffer.index());
            }
            Step::AdvanceSwitch(color) => {
                if let Some((port, words)) = self.routes.advance(pe, color.0) {
                    words.into_iter().for_each(|word| self.enter(pe, color.0, port, word));
                }
            }
            Step::Count(counter) => ce.counters[usize::from(*counter)] += 1,
            Step::If { counter, compare, param, body } => {
                let left = ce.counters[usize::from(*counter)];
                let right = self.program.params_of(pe)[usize::from(*param)];
                let holds = match compare {
                    Compare::Below => left < right,
                    Compare::Equal => left == right,
                    Compare::AtLeast => left >= right,
                };
                if holds {
                    ce.frames.push(Frame { steps: body, at: 0, again: None });
                }
            }
            Step::Repeat { counter, times, body } => {
                ce.counters[usize::from(*counter)] = 0;
                if self.times(pe, *times) > 0 {
                    let again = Some((*counter, *times));
                    self.ces[pe].frames.push(Frame { steps: body, at: 0, again });
                }
            }
            Step::Fetch { value, index, at } => {
                let at = ce.counters[usize::from(*at)];
                ce.weight = self.sram.fetch(pe, value.0, index.map(|buffer| buffer.0), at);
            }
            Step::Load { counter, from, at } => {
                let at = ce.counters[usize::from(*at)];
                ce.counters[usize::from(*counter)] = self.sram.number(pe, from.0, at);
            }
            Step::Scalar(_) | Step::Wait { .. } => {}
        }
        Ok(())
    }

    /// Start a vector instruction on the main thread or hand it to a microthread.
    fn launch(&mut self, pe: usize, instr: &'p VectorInstr) -> Result<(), ExecError> {
        let total = instr.length.elements(self.program.params_of(pe));
        let (fills, drains) = (ring(instr.dst), ring(instr.a).or(ring(instr.b)));
        let elements = |buffer: usize| self.ces[pe].role.buffers[buffer].elements;
        let slot = fills.into_iter().chain(drains).map(elements).min().unwrap_or(u32::MAX);
        let mut at = Progress { instr, done: 0, total, within: 0, slot, fills, drains };
        let Launch::Micro { thread, close, activate, .. } = &instr.launch else {
            self.go(pe, &mut at);
            self.ces[pe].stream = (at.done < total).then_some(at);
            return Ok(());
        };
        if total == 0 {
            if let Some(code) = close {
                self.send(pe, instr.dst, Wavelet { control: Some(*code), ..Wavelet::default() });
            }
            self.ces[pe].activate(activate);
            return Ok(());
        }
        let micros = &mut self.ces[pe].micros;
        micros.resize(micros.len().max(thread.index() + 1), None);
        if micros[thread.index()].is_some() {
            return Err(self.broken(pe, format_args!("microthread {thread} was launched while running")));
        }
        micros[thread.index()] = Some(at);
        Ok(())
    }

    /// Let an instruction go as far as it can; whether it went at all.
    fn go(&mut self, pe: usize, at: &mut Progress<'p>) -> bool {
        let mut moved = false;
        while at.done < at.total && self.slots_are_there(pe, at) {
            let count = self.elements(pe, at);
            if count == 0 {
                break;
            }
            moved = true;
            self.apply(pe, *at, count);
            at.done += count;
            at.within += count;
            let slot_ends = at.within == at.slot;
            if let Launch::Micro { close_slot, close, .. } = &at.instr.launch {
                let ends = [close_slot.filter(|_| slot_ends), close.filter(|_| at.done == at.total)];
                for code in ends.into_iter().flatten() {
                    self.send(pe, at.instr.dst, Wavelet { control: Some(code), ..Wavelet::default() });
                }
            }
            if slot_ends {
                at.within = 0;
                at.fills.into_iter().for_each(|buffer| self.push(pe, buffer));
                at.drains.into_iter().for_each(|buffer| self.pop(pe, buffer));
            }
        }
        moved
    }

    /// Whether the rings have the slots that an instruction is about to begin.
    fn slots_are_there(&self, pe: usize, at: &Progress<'_>) -> bool {
        let ce = &self.ces[pe];
        at.within > 0
            || (at.drains.is_none_or(|buffer| ce.rings[buffer].filled > 0)
                && at.fills.is_none_or(|buffer| ce.rings[buffer].filled < ce.role.buffers[buffer].slots))
    }

    /// Elements that an instruction can do now.
    fn elements(&self, pe: usize, at: &Progress<'_>) -> u32 {
        let left = (at.total - at.done).min(at.slot - at.within);
        let per_wavelet = at.instr.per_wavelet();
        let ce = &self.ces[pe];
        let mut count = left;
        for operand in [at.instr.a, at.instr.b] {
            if let Operand::Input(queue) = operand {
                let wanted = left.div_ceil(per_wavelet) as usize;
                let words = ce.inputs[ce.queue(queue)].iter().take(wanted);
                let there = words.take_while(|word| word.control.is_none()).count() as u32;
                count = count.min(there * per_wavelet);
            }
        }
        count
    }

    /// Compute so many elements, taking words from queues and sending results on their way.
    fn apply(&mut self, pe: usize, at: Progress<'_>, count: u32) {
        let words = count.div_ceil(at.instr.per_wavelet()) as usize;
        let ce = &mut self.ces[pe];
        let mut take = |operand| match operand {
            Operand::Input(queue) => {
                let place = ce.queue(queue);
                ce.inputs[place].drain(..words).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        };
        let taken = [take(at.instr.a), take(at.instr.b)];
        let step = VectorStep {
            from: at.done,
            count,
            inputs: [&taken[0], &taken[1]],
            weight: ce.weight,
            rings: &ce.rings,
            counters: &ce.counters,
        };
        let mut out = Vec::new();
        self.sram.run(self.program, pe, at.instr, step, &mut out);
        out.into_iter().for_each(|word| self.send(pe, at.instr.dst, word));
    }

    /// A word leaves through an output queue.
    fn send(&mut self, pe: usize, to: Operand, word: Wavelet) {
        let Operand::Output(queue) = to else { return };
        let bound = self.program.role(pe).outputs.iter().find(|binding| binding.queue == queue);
        if let Some(binding) = bound {
            self.enter(pe, binding.color.0, crate::program::Port::Ramp, word);
        }
    }

    /// The slot of a ring that is being filled counts as filled.
    fn push(&mut self, pe: usize, buffer: usize) {
        let ce = &mut self.ces[pe];
        let ring = &mut ce.rings[buffer];
        ring.write = (ring.write + 1) % ce.role.buffers[buffer].slots;
        ring.filled += 1;
    }

    /// Give back the oldest filled slot of a ring.
    fn pop(&mut self, pe: usize, buffer: usize) {
        let ce = &mut self.ces[pe];
        let ring = &mut ce.rings[buffer];
        let read = ring.read;
        ring.read = (read + 1) % ce.role.buffers[buffer].slots;
        ring.filled -= 1;
        self.sram.clear(self.program, pe, buffer, read);
    }
}
