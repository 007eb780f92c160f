//! The small programs that people have measured on real wafers.

use crate::dtype::Dtype;
use crate::ids::{BufferId, TaskId};
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, main, route, switched};
use crate::lower::kernel::chain::Axis;
use crate::program::{
    ColorRoute, Fold, Length, Operand, Place, Port, Program, Role, Step, Trigger, VectorOp,
};

/// A vector instruction on memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Vector {
    /// `y = x`
    Copy,
    /// `y = 0`
    Fill,
    /// An operation of two vectors into a third.
    Two(VectorOp),
    /// `y += a x` with a number `a`.
    Axpy,
}

/// Where the operands of an instruction begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alignment {
    /// Half of half of the banks apart: they never meet.
    Apart,
    /// In the same bank.
    Same,
}

/// One instruction of `n` elements on one PE.
pub(super) fn vector(vector: Vector, n: u32, dtype: Dtype, alignment: Alignment) -> Program {
    let mut role = RoleBuilder::new("one".to_owned());
    let buffers = ["x", "z", "y"].map(|name| role.buffer(name, n, dtype));
    if alignment == Alignment::Same {
        buffers.iter().for_each(|&buffer| role.put(buffer, Place::Bank(0)));
    }
    let [x, z, y] = buffers.map(Operand::whole);
    let instr = match vector {
        Vector::Copy => main(VectorOp::Move, dtype, y, x, Operand::None, n),
        Vector::Fill => main(VectorOp::Move, dtype, y, Operand::Constant(0.0), Operand::None, n),
        Vector::Two(op) => main(op, dtype, y, x, z, n),
        Vector::Axpy => main(VectorOp::Fma, dtype, y, x, Operand::Constant(2.0), n),
    };
    role.task("start", Trigger::Start, None, vec![instr]);
    line("vector operation", Axis::Row, vec![(role.finish(), Vec::new())])
}

/// PEs in a line.
fn line(name: &str, axis: Axis, pes: Vec<(Role, Vec<ColorRoute>)>) -> Program {
    let count = pes.len() as u16;
    let (width, height) = if axis == Axis::Row { (count, 1) } else { (1, count) };
    let mut builder = Builder::new(name, width, height, 0);
    for (at, (role, routes)) in pes.into_iter().enumerate() {
        let at = at as u16;
        let (x, y) = if axis == Axis::Row { (at, 0) } else { (0, at) };
        builder.place(x, y, role, routes, &[]);
    }
    builder.finish(Fold::None)
}

/// Words are 32-bit values.
const WORD: Dtype = Dtype::Fp32;
/// Output queue of the kernels: one of the deep ones of WSE-2.
const OUT: u8 = 2;

/// Send `words` of a buffer to a color, and what then.
fn send(role: &mut RoleBuilder, words: u32, (queue, color): (u8, u8), thread: u8) -> Step {
    let buffer = role.buffer("words", words, WORD);
    let output = Operand::Output(role.output(queue, color));
    let from = Operand::whole(buffer);
    Micro::on(thread).run(VectorOp::Move, WORD, output, from, Operand::None, Length::Fixed(words))
}

/// Receive `words` of a color into a buffer and activate a task.
fn receive(
    role: &mut RoleBuilder,
    words: u32,
    (queue, color): (u8, u8),
    activate: Option<TaskId>,
) -> (BufferId, Step) {
    let buffer = role.buffer("received", words, WORD);
    let input = Operand::Input(role.input(queue, color));
    let micro = Micro { activate, ..Micro::on(queue) };
    let to = Operand::whole(buffer);
    (buffer, micro.run(VectorOp::Move, WORD, to, input, Operand::None, Length::Fixed(words)))
}

/// One PE sends `words` to a PE `hops` away.
pub(super) fn point_to_point(axis: Axis, hops: u16, words: u32) -> Program {
    let (low, high) = axis.ports();
    let mut pes = Vec::new();
    for at in 0..=hops {
        let mut role = RoleBuilder::new(format!("{}", if at == 0 { 0 } else { u8::from(at == hops) + 1 }));
        let to = if at == 0 {
            let step = send(&mut role, words, (OUT, 0), 0);
            role.task("start", Trigger::Start, None, vec![step]);
            route(0, Port::Ramp, &[high])
        } else if at == hops {
            let (_, step) = receive(&mut role, words, (0, 0), None);
            role.task("start", Trigger::Start, None, vec![step]);
            route(0, low, &[Port::Ramp])
        } else {
            route(0, low, &[high])
        };
        pes.push((role.finish(), vec![to]));
    }
    line("point to point", axis, pes)
}

/// `sources` PEs in a row send `words` each, all over the link into the last PE.
pub(super) fn shared_link(sources: u16, words: u32) -> Program {
    let mut pes = Vec::new();
    for at in 0..=sources {
        let mut role = RoleBuilder::new(format!("{at}"));
        let mut routes = Vec::new();
        let mut steps = Vec::new();
        for color in 0..at.min(sources) as u8 {
            let to = if at == sources { Port::Ramp } else { Port::East };
            routes.push(route(color, Port::West, &[to]));
            if at == sources {
                steps.push(receive(&mut role, words, (color, color), None).1);
            }
        }
        if at < sources {
            steps.push(send(&mut role, words, (OUT, at as u8), 0));
            routes.push(route(at as u8, Port::Ramp, &[Port::East]));
        }
        role.task("start", Trigger::Start, None, steps);
        pes.push((role.finish(), routes));
    }
    line("shared link", Axis::Row, pes)
}

/// The first PE of a row sends `words` to `receivers` PEs; with `tasks`, a task starts the sending and a task
/// ends each receiving, as in a measured program.
pub(super) fn multicast(receivers: u16, words: u32, tasks: bool) -> Program {
    let mut pes = Vec::new();
    for at in 0..=receivers {
        let last = at == receivers;
        let mut role = RoleBuilder::new(format!("{}", if at == 0 { 0 } else { u8::from(last) + 1 }));
        let to = if at == 0 {
            let step = send(&mut role, words, (OUT, 0), 0);
            if tasks {
                role.task("start", Trigger::Start, None, vec![Step::Activate(TaskId(1))]);
                role.task("send", Trigger::Local, None, vec![step]);
            } else {
                role.task("start", Trigger::Start, None, vec![step]);
            }
            route(0, Port::Ramp, &[Port::East])
        } else {
            let (_, step) = receive(&mut role, words, (0, 0), tasks.then_some(TaskId(1)));
            role.task("start", Trigger::Start, None, vec![step]);
            if tasks {
                role.task("end", Trigger::Local, None, Vec::new());
            }
            let ports: &[Port] = if last { &[Port::Ramp] } else { &[Port::Ramp, Port::East] };
            route(0, Port::West, ports)
        };
        pes.push((role.finish(), vec![to]));
    }
    line("multicast", Axis::Row, pes)
}

/// `words` are handed on by `stages` PEs, each of which stores all of them before it sends the first; a task of
/// the last reads the time, which takes `stamp` instructions.
pub(super) fn relay(stages: u16, words: u32, stamp: u32) -> Program {
    let mut pes = Vec::new();
    for at in 0..=stages {
        let (mine, theirs) = ((at % 2) as u8, ((at + 1) % 2) as u8);
        let mut role = RoleBuilder::new(format!("{at}"));
        let mut routes = Vec::new();
        if at < stages {
            routes.push(route(mine, Port::Ramp, &[Port::East]));
        }
        if at == 0 {
            let step = send(&mut role, words, (OUT, mine), 0);
            role.task("start", Trigger::Start, None, vec![step]);
        } else {
            routes.push(route(theirs, Port::West, &[Port::Ramp]));
            let (_, step) = receive(&mut role, words, (0, theirs), Some(TaskId(1)));
            role.task("start", Trigger::Start, None, vec![step]);
            if at < stages {
                let step = send(&mut role, words, (OUT, mine), 1);
                role.task("hand on", Trigger::Local, None, vec![step]);
            } else {
                role.task("read the time", Trigger::Local, None, vec![Step::Scalar(stamp)]);
            }
        }
        pes.push((role.finish(), routes));
    }
    line("relay", Axis::Row, pes)
}

/// What a PE adds to its own: a color from the east if somebody sends on it, else nothing.
fn addend(
    role: &mut RoleBuilder,
    routes: &mut Vec<ColorRoute>,
    (queue, color): (u8, u8),
    sent: bool,
) -> Operand {
    if !sent {
        return Operand::Constant(0.0);
    }
    routes.push(route(color, Port::East, &[Port::Ramp]));
    Operand::Input(role.input(queue, color))
}

/// Vectors of `elements` are summed towards the first PE of a row, each PE adding to what comes by.
pub(super) fn chain(count: u16, elements: u32, dtype: Dtype) -> Program {
    let mut pes = Vec::new();
    for at in 0..count {
        let (mine, theirs) = ((at % 2) as u8, ((at + 1) % 2) as u8);
        let mut role = RoleBuilder::new(format!("{at}"));
        let own = Operand::whole(role.buffer("own", elements, dtype));
        let mut routes = Vec::new();
        let from = addend(&mut role, &mut routes, (0, theirs), at + 1 < count);
        let to = if at > 0 {
            routes.push(route(mine, Port::Ramp, &[Port::West]));
            Operand::Output(role.output(OUT, mine))
        } else {
            own
        };
        let add = Micro::on(0).run(VectorOp::Add, dtype, to, from, own, Length::Fixed(elements));
        role.task("start", Trigger::Start, None, vec![add]);
        pes.push((role.finish(), routes));
    }
    line("chain reduction", Axis::Row, pes)
}

/// Vectors are summed by chains within groups of `step` PEs and then by a chain over the first PEs of the
/// groups, towards the first PE of the row.
pub(super) fn two_phase(count: u16, step: u16, elements: u32, dtype: Dtype) -> Program {
    let leaders = count.div_ceil(step);
    let add = |activate, to, from, own| {
        let micro = Micro { activate, ..Micro::on(0) };
        micro.run(VectorOp::Add, dtype, to, from, own, Length::Fixed(elements))
    };
    let mut pes = Vec::new();
    for at in 0..count {
        let (place, group) = (at % step, at / step);
        let mut role = RoleBuilder::new(format!("{at}"));
        let own = Operand::whole(role.buffer("own", elements, dtype));
        let mut routes = Vec::new();
        let (mine, theirs) = ((place % 2) as u8, ((place + 1) % 2) as u8);
        let from = addend(&mut role, &mut routes, (0, theirs), place + 1 < step && at + 1 < count);
        let (sent, awaited) = (2 + (group % 2) as u8, 2 + ((group + 1) % 2) as u8);
        if place > 0 {
            routes.push(route(mine, Port::Ramp, &[Port::West]));
            let output = Operand::Output(role.output(OUT, mine));
            role.task("first phase", Trigger::Start, None, vec![add(None, output, from, own)]);
            if group + 1 < leaders {
                // The sums of the groups behind pass by.
                routes.push(route(awaited, Port::East, &[Port::West]));
            }
        } else {
            role.task("first phase", Trigger::Start, None, vec![add(Some(TaskId(1)), own, from, own)]);
            let from = addend(&mut role, &mut routes, (1, awaited), group + 1 < leaders);
            let to = if group > 0 {
                routes.push(route(sent, Port::Ramp, &[Port::West]));
                Operand::Output(role.output(OUT + 1, sent))
            } else {
                own
            };
            role.task("second phase", Trigger::Local, None, vec![add(None, to, from, own)]);
        }
        pes.push((role.finish(), routes));
    }
    line("two-phase reduction", Axis::Row, pes)
}

/// Every PE of a row sends its vector to the first one, the nearest first; routers let those behind pass when
/// their own PE has sent.
pub(super) fn star(count: u16, elements: u32, dtype: Dtype) -> Program {
    let mut pes = Vec::new();
    for at in 0..count {
        let mut role =
            RoleBuilder::new(format!("{}", if at == 0 { 0 } else { u8::from(at + 1 == count) + 1 }));
        let own = Operand::whole(role.buffer("own", elements, dtype));
        let route = if at == 0 {
            let others = Length::Fixed(elements);
            let input = Operand::Input(role.input(0, 0));
            let again = Micro { endless: true, ..Micro::on(0) };
            let add = again.run(VectorOp::Add, dtype, own, input, own, others);
            role.task("start", Trigger::Start, None, vec![add]);
            route(0, Port::East, &[Port::Ramp])
        } else {
            let output = Operand::Output(role.output(OUT, 0));
            let micro = Micro { activate: Some(TaskId(1)), ..Micro::on(0) };
            let give = micro.run(VectorOp::Move, dtype, output, own, Operand::None, Length::Fixed(elements));
            role.task("start", Trigger::Start, None, vec![give]);
            role.task("pass", Trigger::Local, None, vec![Step::AdvanceSwitch(crate::ids::ColorId(0))]);
            let positions: &[(Port, &[Port])] = &[(Port::Ramp, &[Port::West]), (Port::East, &[Port::West])];
            switched(0, if at + 1 == count { &positions[..1] } else { positions })
        };
        pes.push((role.finish(), vec![route]));
    }
    line("star reduction", Axis::Row, pes)
}
