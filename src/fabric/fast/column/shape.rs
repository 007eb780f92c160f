//! Which programs are scatter or gather of a column.

use crate::fabric::code::{NONE8, Op, RoleCode, VectorCode, compile};
use crate::fabric::fast::source::{Fabric, WIDE, is_kept, steps_of};
use crate::fabric::fast::wide::LATEST;
use crate::program::{
    ColorRoute, Length, Operand, Port, PortSet, Program, Role, StreamItems, Trigger, VectorOp,
};
use crate::spec::wafer::WaferSpec;

/// Which way values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// From the north edge to all PEs.
    Scatter,
    /// From all PEs over the north edge.
    Gather,
}

/// What a column does.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) rows: usize,
    /// Words of each PE, and of each step of the instruction that takes or gives them; words of a step of others' words.
    pub(super) share: u32,
    pub(super) steps: Vec<u32>,
    pub(super) step: u32,
    pub(super) fabric: Fabric,
    /// Words that fit an input queue and an output queue.
    pub(super) queue: u32,
    pub(super) output: u32,
    /// Cycles from the last step to what it activates, and of its dispatch.
    pub(super) completion: u32,
    pub(super) local: u32,
}

impl Shape {
    /// First step of an instruction that is launched in a cycle.
    pub(super) fn first_step(&self, launched: u32) -> u32 {
        launched + self.fabric.launch + self.fabric.start
    }
}

/// What a program is; `None` where it is something else, or where the machine has a part that is not modelled.
pub(super) fn recognize(program: &Program, spec: &WaferSpec) -> Option<Shape> {
    let rows = usize::from(program.height);
    (program.width == 1 && rows > 1).then_some(())?;
    let code = compile(program, &spec.pe);
    let pe = |y: usize| Pe {
        role: program.role(y),
        code: &code[program.role_of[y].index()],
        table: &program.routes[usize::from(program.route_of[y])],
        params: program.params_of(y),
        below: (rows - 1 - y) as u32,
    };
    let (first, length) = pe(0).first()?;
    let kind = if first.output == NONE8 { Kind::Scatter } else { Kind::Gather };
    let share = length.div_ceil(first.cost.per_wavelet);
    for y in 0..rows {
        let known = match kind {
            Kind::Scatter => pe(y).scatters(y, share, length, first),
            Kind::Gather => pe(y).gathers(length, first),
        };
        known.then_some(())?;
    }
    let enters = match (kind, program.streams.as_slice()) {
        (Kind::Scatter, [stream]) => {
            let StreamItems::Wavelets(words) = &stream.items else { return None };
            let color = pe(0).role.inputs[0].color;
            (stream.at.x, stream.at.y, stream.port, stream.color) == (0, 0, Port::North, color)
                && words.len() == rows * share as usize
                && words.iter().all(|word| word.control.is_none())
        }
        (Kind::Gather, []) => true,
        _ => false,
    };
    let overhead = &spec.pe.overhead;
    let queue_depth = |queues: &[u32], at: usize| queues.get(at).copied();
    let shape = Shape {
        kind,
        rows,
        share,
        steps: steps_of(first, length),
        step: u32::from(first.step_wavelets),
        fabric: Fabric::of(spec),
        queue: match kind {
            Kind::Scatter => queue_depth(&spec.pe.input_queue_wavelets, pe(0).role.inputs[0].queue.index())?,
            // None has one.
            Kind::Gather => WIDE as u32,
        },
        output: queue_depth(&spec.pe.output_queue_wavelets, pe(0).role.outputs.first()?.queue.index())?,
        completion: overhead.completion_cycles,
        local: overhead.local_task_cycles,
    };
    let depths = [shape.fabric.lane, shape.queue, shape.output];
    // A step has room in what it goes through.
    let fits =
        depths.into_iter().all(|depth| is_kept(depth) && depth >= shape.step) && shape.step as usize <= WIDE;
    let words = u64::from(share) * rows as u64;
    let is_short =
        words * u64::from(shape.fabric.interval + shape.fabric.hop + shape.fabric.ramp) < u64::from(LATEST);
    (enters && fits && is_short && shape.fabric.interval >= 8 && shape.fabric.launch > 0 && share > 0)
        .then_some(shape)
}

/// One PE.
struct Pe<'a> {
    role: &'a Role,
    code: &'a RoleCode,
    table: &'a [ColorRoute],
    params: &'a [u32],
    /// Rows of PEs below it.
    below: u32,
}

impl<'a> Pe<'a> {
    /// The instruction that starts first, a move on a microthread, and its elements.
    fn first(&self) -> Option<(&'a VectorCode, u32)> {
        let task = self.code.tasks.first()?;
        let Op::Vector(at) = self.code.ops[usize::from(task.entry)] else { return None };
        let code = &self.code.vectors[usize::from(at)];
        let moves = code.instr.op == VectorOp::Move
            && code.thread != NONE8
            && !code.endless
            && (code.fills, code.drains, code.close, code.close_slot) == (NONE8, NONE8, None, None);
        let Length::Fixed(elements) = code.instr.length else { return None };
        (moves && elements > 0).then_some((code, elements))
    }

    /// Whether its tasks are one at the start with one operation, and as many others with one that is activated.
    fn has_tasks(&self, others: usize) -> bool {
        let tasks = &self.role.tasks;
        let plain = tasks
            .iter()
            .all(|task| !task.blocked && (task.needs, task.room) == (None, None) && task.body.len() == 1);
        plain
            && tasks.len() == 1 + others
            && self.code.threads.len() == 1
            && tasks
                .iter()
                .enumerate()
                .all(|(at, task)| task.trigger == if at == 0 { Trigger::Start } else { Trigger::Local })
    }

    fn is(&self, route: usize, positions: &[(Port, Port)]) -> bool {
        let wanted = positions.iter().map(|&(from, to)| (from, PortSet::of(&[to])));
        self.table.get(route).is_some_and(|route| route.positions.iter().map(|p| (p.from, p.to)).eq(wanted))
    }

    fn scatters(&self, y: usize, share: u32, length: u32, like: &VectorCode) -> bool {
        let last = self.below == 0;
        let Some((take, elements)) = self.first() else { return false };
        let heard = |code: &VectorCode| code.inputs == [0, NONE8];
        let takes = elements == length
            && heard(take)
            && take.output == NONE8
            && matches!(take.instr.dst, Operand::Memory { .. })
            && alike(take, like)
            && take.activates == u32::from(!last) << 1
            && self.has_tasks(usize::from(!last));
        let color = |n: usize| self.table.get(n).map(|route| route.color.0);
        let colors = color(0) == Some((y % 2) as u8)
            && self.is(0, &[(Port::North, Port::Ramp)])
            && self.role.inputs.len() == 1
            && self.role.inputs[0].color.0 == (y % 2) as u8
            && self.role.inputs[0].queue.index() == 0;
        if !takes || !colors {
            return false;
        }
        if last {
            return self.table.len() == 1 && self.role.outputs.is_empty();
        }
        let [_, Op::End, Op::Vector(pass), Op::End] = self.code.ops[..] else { return false };
        let pass = &self.code.vectors[usize::from(pass)];
        heard(pass)
            && pass.instr.op == VectorOp::Move
            && (pass.thread, pass.output, pass.activates, pass.endless) == (take.thread, 0, 0, false)
            && (pass.fills, pass.drains, pass.close, pass.close_slot) == (NONE8, NONE8, None, None)
            && alike(pass, like)
            && pass.instr.length.elements(self.params) == self.below * share * like.cost.per_wavelet
            && color(1) == Some(((y + 1) % 2) as u8)
            && self.is(1, &[(Port::Ramp, Port::South)])
            && self.table.len() == 2
            && self.role.outputs.len() == 1
            && self.role.outputs[0].color.0 == ((y + 1) % 2) as u8
            && self.role.outputs[0].queue.index() == 0
    }

    fn gathers(&self, length: u32, like: &VectorCode) -> bool {
        let Some((give, elements)) = self.first() else { return false };
        let through = [(Port::Ramp, Port::North), (Port::South, Port::North)];
        let [_, Op::End, Op::AdvanceSwitch { color: 0 }, Op::End] = self.code.ops[..] else { return false };
        elements == length
            && (give.output, give.inputs, give.activates) == (0, [NONE8; 2], 1 << 1)
            && matches!(give.instr.a, Operand::Memory { .. })
            && alike(give, like)
            && self.has_tasks(1)
            && self.role.inputs.is_empty()
            && self.role.outputs.len() == 1
            && (self.role.outputs[0].color.0, self.role.outputs[0].queue.index()) == (0, 0)
            && self.table.len() == 1
            && self.table[0].color.0 == 0
            && self.is(0, if self.below == 0 { &through[..1] } else { &through })
    }
}

/// Whether two instructions take the same steps.
fn alike(one: &VectorCode, other: &VectorCode) -> bool {
    (one.cost.step_elements, one.cost.per_wavelet, one.step_wavelets)
        == (other.cost.step_elements, other.cost.per_wavelet, other.step_wavelets)
}
