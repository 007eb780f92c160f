//! Vector instructions on their way through their elements: take from queues, compute, give to queues.

use crate::fabric::code::{NONE8, VectorCode};
use crate::fabric::engine::issue::{Turn, Wait};
use crate::fabric::observe::Observer;
use crate::fabric::pe::Progress;
use crate::fabric::router::Deferred;
use crate::fabric::values::{Values, VectorStep};

impl<V: Values, O: Observer> Turn<'_, '_, V, O> {
    /// One step of an instruction with operands on the fabric: all of its elements or none. The control
    /// wavelets that close a slot or the whole leave with its last element where they find room, else in steps
    /// of their own.
    pub(super) fn step(&mut self, at: &mut Progress) -> Result<(), Wait> {
        let role = self.role;
        let code = &role.vectors[usize::from(at.vector)];
        if at.owed[0].is_some() || at.owed[1].is_some() {
            let before = at.owed;
            self.pay(code, at);
            return if at.owed == before { Err(Wait::Output) } else { Ok(()) };
        }
        let count = code.cost.step_elements.min(at.total - at.done).min(code.slot - at.within);
        let words = code.wavelets(count);
        let slot_ends = at.within + count == code.slot;
        let ends = at.done + count == at.total;
        let closing = [code.close_slot.filter(|_| slot_ends), code.close.filter(|_| ends)];
        if at.within == 0 {
            self.slots_are_there(code)?;
        }
        self.words_are_there(code, words)?;
        if code.output != NONE8 && self.parts.outputs[usize::from(code.output)].room < words {
            return Err(Wait::Output);
        }

        for (operand, &queue) in code.inputs.iter().enumerate() {
            if queue == NONE8 {
                continue;
            }
            self.shared.taken[operand].clear();
            for _ in 0..words {
                let word = self.take(usize::from(queue));
                self.shared.taken[operand].push(word);
            }
        }
        self.apply(code, at.done, count);
        at.done += count;
        at.within = if slot_ends { 0 } else { at.within + count };
        if code.output != NONE8 {
            let (queue, ready) = (usize::from(code.output), self.ready(code));
            let out = std::mem::take(&mut self.shared.out);
            for &word in &out {
                self.give(queue, ready, word);
            }
            self.shared.out = out;
            at.owed = closing;
            self.pay(code, at);
        }
        if slot_ends {
            self.turn_slots(code);
        }
        Ok(())
    }

    /// Cycle from which the router has what is given now.
    fn ready(&self, code: &VectorCode) -> u64 {
        self.cycle + u64::from(code.cost.step_cycles) + self.shared.ramp
    }

    /// Send the control wavelets that are due, as far as there is room.
    fn pay(&mut self, code: &VectorCode, at: &mut Progress) {
        let (queue, ready) = (usize::from(code.output), self.ready(code));
        for owed in &mut at.owed {
            if let Some(control) = *owed
                && self.parts.outputs[queue].room > 0
            {
                self.give(queue, ready, V::control(control));
                *owed = None;
            }
        }
    }

    /// Whether the rings have the slots that the instruction is about to begin.
    #[inline]
    fn slots_are_there(&self, code: &VectorCode) -> Result<(), Wait> {
        if code.drains != NONE8 && self.parts.rings[usize::from(code.drains)].filled == 0 {
            return Err(Wait::Empty);
        }
        if code.fills != NONE8 {
            let buffer = usize::from(code.fills);
            if self.parts.rings[buffer].filled == self.role.slots[buffer] {
                return Err(Wait::Buffer);
            }
        }
        Ok(())
    }

    /// Whether all input queues have `words` data wavelets at their heads.
    #[inline]
    fn words_are_there(&self, code: &VectorCode, words: u16) -> Result<(), Wait> {
        for &queue in &code.inputs {
            if queue == NONE8 {
                continue;
            }
            let fifo = &self.parts.inputs[usize::from(queue)].fifo;
            for n in 0..words {
                if n >= fifo.len {
                    return Err(Wait::Input(None));
                }
                let (ready, word) = self.shared.mesh.arena.peek(fifo, n);
                if V::code(word).is_some() {
                    return Err(Wait::Input(None));
                }
                if ready > self.cycle {
                    return Err(Wait::Input(Some(ready)));
                }
            }
        }
        Ok(())
    }

    /// The instruction is through with a slot of its rings.
    fn turn_slots(&mut self, code: &VectorCode) {
        if code.fills != NONE8 {
            self.push_ring(usize::from(code.fills));
        }
        if code.drains != NONE8 {
            self.pop_ring(usize::from(code.drains));
        }
        if code.fills != NONE8 || code.drains != NONE8 {
            // Another thread may have been waiting for it.
            self.shared.wake_ce(self.pe, self.cycle + 1);
        }
    }

    /// Compute elements `from..from + count`.
    #[inline]
    pub(super) fn apply(&mut self, code: &VectorCode, from: u32, count: u32) {
        let shared = &mut *self.shared;
        shared.out.clear();
        let [first, second] = &shared.taken;
        let (weight, rings) = (self.ce.main.weight, &*self.parts.rings);
        let counters = &*self.parts.counters;
        let step = VectorStep { from, count, inputs: [first, second], weight, rings, counters };
        shared.values.run(shared.program, self.pe, &code.instr, step, &mut shared.out);
    }

    /// Take the head of an input queue.
    #[inline]
    pub(super) fn take(&mut self, queue: usize) -> V::Word {
        let input = &mut self.parts.inputs[queue];
        let shared = &mut *self.shared;
        shared.deferred.push(Deferred::InputCredit(input.slot));
        shared.delivered += 1;
        shared.end = self.cycle + 1;
        shared.mesh.arena.pop(&mut input.fifo)
    }

    /// Put a word into an output queue.
    #[inline]
    fn give(&mut self, queue: usize, ready: u64, word: V::Word) {
        let output = &mut self.parts.outputs[queue];
        output.room -= 1;
        let shared = &mut *self.shared;
        shared.sent += 1;
        shared.mesh.enter(output.lane as usize, ready, word, &mut shared.wheel);
    }
}
