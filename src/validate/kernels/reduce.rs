//! Sums of vectors towards the first PE of a row.

use crate::dtype::Dtype;
use crate::ids::{ColorId, QueueId, TaskId};
use crate::lower::kernel::build::{Micro, RoleBuilder, main, route, switched};
use crate::lower::kernel::chain::Axis;
use crate::program::{ColorRoute, Length, Operand, Port, Program, Step, Trigger, VectorOp};
use crate::validate::kernels::{OUT, line};

/// What a PE adds to its own: a color from the east if somebody sends on it, else nothing.
pub(super) fn addend(
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
pub fn chain(count: u16, elements: u32, dtype: Dtype) -> Program {
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
pub fn two_phase(count: u16, step: u16, elements: u32, dtype: Dtype) -> Program {
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
pub fn star(count: u16, elements: u32, dtype: Dtype) -> Program {
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
            role.task("pass", Trigger::Local, None, vec![Step::AdvanceSwitch(ColorId(0))]);
            let positions: &[(Port, &[Port])] = &[(Port::Ramp, &[Port::West]), (Port::East, &[Port::West])];
            switched(0, if at + 1 == count { &positions[..1] } else { positions })
        };
        pes.push((role.finish(), vec![route]));
    }
    line("star reduction", Axis::Row, pes)
}

/// Rounds of a tree that have a color and an input queue each; later rounds use them again. These are the deep
/// queues of WSE-2.
const TREE_COLORS: u32 = 4;

/// Where the wavelets of a round of a tree go at one PE.
type Way = (Port, &'static [Port]);

/// What the PE at `at` does in a round, if it is on anybody's way: receive, send, or let them pass.
fn way(at: u32, round: u32) -> Option<Way> {
    match at % (2 << round) {
        0 => Some((Port::East, &[Port::Ramp])),
        rest if rest == 1 << round => Some((Port::Ramp, &[Port::West])),
        rest if rest < 1 << round => Some((Port::East, &[Port::West])),
        _ => None,
    }
}

/// Vectors are summed over a binary tree towards the first PE of a row of `count` PEs, a power of two: in round
/// `k` PEs at odd multiples of `2^k` send what they have to the even multiple before them.
///
/// A color serves every fourth round, and a PE changes its route as soon as it is through with a round. Who
/// sends in a later round of a color has received in three rounds since, from farther away than anybody on the
/// way there, and so finds all of them through. (A PE that added what it receives last to what it sends, word by
/// word, would save a little, but it would go at the pace of the first PE, and that breaks this order.)
pub fn tree(count: u16, elements: u32, dtype: Dtype) -> Program {
    let rounds = count.trailing_zeros();
    let mut pes = Vec::new();
    for at in 0..u32::from(count) {
        let mut role = RoleBuilder::new(format!("{}", at.trailing_zeros().min(rounds)));
        let own = Operand::whole(role.buffer("own", elements, dtype));
        let color = |round: u32| (round % TREE_COLORS) as u8;
        let same_color = |from: u32| (from..rounds).step_by(TREE_COLORS as usize);
        let mut routes = Vec::new();
        for first in 0..rounds.min(TREE_COLORS) {
            let mut ways: Vec<Way> = same_color(first).filter_map(|round| way(at, round)).collect();
            ways.dedup();
            if !ways.is_empty() {
                routes.push(switched(first as u8, &ways));
            }
        }
        // Receives in the rounds before `sends`, which the first PE never comes to.
        let sends = if at == 0 { rounds } else { at.trailing_zeros() };
        for first in 0..sends.min(TREE_COLORS) {
            role.input(first as u8, first as u8);
        }
        let through = |round: u32| {
            let next = same_color(round).skip(1).find_map(|later| way(at, later));
            let changes = next.is_some_and(|next| way(at, round) != Some(next));
            changes.then_some(Step::AdvanceSwitch(ColorId(color(round))))
        };
        let mut steps = Vec::new();
        for round in 0..sends {
            let received = Operand::Input(QueueId(color(round)));
            steps.push(main(VectorOp::Add, dtype, own, received, own, elements));
            steps.extend(through(round));
        }
        let then = if at > 0 { through(sends) } else { None };
        if at > 0 {
            let to = Operand::Output(role.output(OUT, color(sends)));
            let micro = Micro { activate: then.is_some().then_some(TaskId(1)), ..Micro::on(0) };
            let length = Length::Fixed(elements);
            steps.push(micro.run(VectorOp::Move, dtype, to, own, Operand::None, length));
        }
        role.task("start", Trigger::Start, None, steps);
        if let Some(step) = then {
            role.task("pass", Trigger::Local, None, vec![step]);
        }
        pes.push((role.finish(), routes));
    }
    line("tree reduction", Axis::Row, pes)
}
