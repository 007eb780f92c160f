//! Whether rows of PEs that start after each other do the same: so that one of them tells all to the cycle.
//!
//! A row starts so many cycles after the row above it. It then does the same as much later if nothing that rows have in
//! common ever makes one wait: a stream that all rows hear is ahead of each of them, although a word goes on to the row
//! below only where that has room, and takes it so much later; and sums that go from row to row find links and queues
//! free. Both follow from how fast a row takes words at most.

use crate::fabric::code::{NONE8, Op, RoleCode, VectorCode, compile};
use crate::fabric::fast::{Fabric, Stream};
use crate::program::{Fold, Program, Role, Trigger, VectorOp};
use crate::spec::wafer::WaferSpec;

/// Whether the rows of PEs that a program folds to one ([`Fold`]) do the same to the cycle.
pub fn rows_are_alike(program: &Program, spec: &WaferSpec) -> bool {
    let later = match program.fold {
        Fold::None => return false,
        Fold::Alike | Fold::Forwarded => return true,
        Fold::Staggered { cycles } => cycles,
    };
    let code = compile(program, &spec.pe);
    program.roles.iter().zip(&code).enumerate().all(|(id, (role, code))| {
        let pe = program.role_of.iter().position(|of| of.index() == id);
        pe.is_none_or(|pe| Row { role, code, params: program.params_of(pe), spec }.is_like_others(later))
    })
}

/// What a PE of a row does with a stream.
struct Row<'a> {
    role: &'a Role,
    code: &'a RoleCode,
    params: &'a [u32],
    spec: &'a WaferSpec,
}

/// Cycles from a word that is taken to one that comes in its place, beside those on the way.
const TURN: u32 = 4;

impl Row<'_> {
    fn is_like_others(&self, later: u32) -> bool {
        let Some((queue, weight, row_end)) = self.stream() else { return false };
        let fabric = Fabric::of(self.spec);
        let stream = Stream { fabric, queue, least: weight.min(row_end) };
        let is_ahead = stream.is_ahead() && stream.least * fabric.lane >= later + TURN;
        is_ahead
            && self.code.vectors.iter().all(|code| {
                self.sums_go_on(code, weight) && (!gives(code) || self.gives_in_time(code, weight, row_end))
            })
    }

    /// Depth of the input queue of the stream, and cycles of a weight and of the end of a row.
    fn stream(&self) -> Option<(u32, u32, u32)> {
        let tasks = &self.code.tasks;
        let weight = tasks.iter().find(|task| task.queue != NONE8 && task.code.is_none())?;
        let end = tasks.iter().find(|task| task.queue == weight.queue && task.code.is_some())?;
        let Op::Vector(vector) = self.code.ops[usize::from(weight.entry)] else { return None };
        let multiply = &self.code.vectors[usize::from(vector)];
        let elements = multiply.instr.length.elements(self.params);
        let work = multiply.cost.setup_cycles + multiply.cost.cycles(u64::from(elements)) as u32;
        let queue = self.role.inputs[usize::from(weight.queue)].queue;
        let depth = *self.spec.pe.input_queue_wavelets.get(queue.index())?;
        Some((depth, weight.dispatch + work, end.dispatch))
    }

    /// Whether the sums of an instruction, one a weight, never wait on their way to the next row; that holds of an
    /// instruction without sums.
    ///
    /// They share the link with the stream, of which a word goes on a cycle after one was taken. So the word that the task
    /// behind a weight takes must have passed when the sum comes up the ramp, and one that a later task takes must not have come.
    fn sums_go_on(&self, code: &VectorCode, weight: u32) -> bool {
        let sums = code.endless && !code.is_move;
        let Fabric { ramp, interval, .. } = Fabric::of(self.spec);
        let tasks = self.role.tasks.iter().zip(&self.code.tasks);
        let later = tasks.filter(|(task, _)| !matches!(task.trigger, Trigger::Start | Trigger::Weight(_)));
        let shortest = later.map(|(_, code)| code.dispatch).fold(weight, u32::min);
        let room = if code.output == NONE8 {
            u32::MAX
        } else {
            let queue = self.role.outputs[usize::from(code.output)].queue;
            self.spec.pe.output_queue_wavelets.get(queue.index()).copied().unwrap_or(0)
        };
        let free = interval <= 8 * ramp
            && shortest >= ramp
            && 8 * (weight + 1) > 2 * interval
            && weight.saturating_mul(room) >= ramp + TURN
            && code.cost.step_cycles == 1;
        // Sums and vectors come down the ramp at once, and the stream after them.
        !sums || (free && self.spec.pe.fabric_wavelets_per_cycle >= 2)
    }

    /// Whether rows of the stream that a PE gives are there before they are taken: while one is given, the next one comes.
    fn gives_in_time(&self, code: &VectorCode, weight: u32, row_end: u32) -> bool {
        let words = (code.slot + 1) * self.spec.fabric.link_interval.0;
        let comes = words.div_ceil(8) + self.spec.fabric.stage_cycles();
        self.code.slots[usize::from(code.drains)] >= 2 && code.slot * weight + row_end >= comes
    }
}

/// Whether an instruction gives the rows of a stream out of a ring.
fn gives(code: &VectorCode) -> bool {
    code.instr.op == VectorOp::MoveIndexed && code.drains != NONE8
}
