//! Sums of vectors towards the first PE of a row.

use crate::dtype::Dtype;
use crate::ids::{ColorId, TaskId};
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

/// Rounds of a tree that have a color and an input queue each; later rounds use them again.
const TREE_COLORS: u32 = 8;

/// Vectors are summed over a binary tree towards the first PE of a row of `count` PEs, a power of two: in round
/// `k` PEs at odd multiples of `2^k` send to the even multiple before them. What a PE gets last it adds to what
/// it sends, word by word.
pub fn tree(count: u16, elements: u32, dtype: Dtype) -> Program {
    let rounds = count.trailing_zeros();
    let mut pes = Vec::new();
    for at in 0..u32::from(count) {
        // Receives in the rounds before `own`, sends in `own`, and lets others pass after it.
        let own = if at == 0 { rounds } else { at.trailing_zeros() };
        let mut role = RoleBuilder::new(format!("{own}"));
        let vector = Operand::whole(role.buffer("own", elements, dtype));
        let mut routes = Vec::new();
        for color in 0..rounds.min(TREE_COLORS) {
            let mut positions: Vec<(Port, &[Port])> = Vec::new();
            for round in (color..rounds).step_by(TREE_COLORS as usize) {
                let position: (Port, &[Port]) = match at % (2 << round) {
                    0 => (Port::East, &[Port::Ramp]),
                    rest if rest == 1 << round => (Port::Ramp, &[Port::West]),
                    rest if rest < 1 << round => (Port::East, &[Port::West]),
                    _ => continue,
                };
                if positions.last() != Some(&position) {
                    positions.push(position);
                }
            }
            if !positions.is_empty() {
                routes.push((switched(color as u8, &positions), positions.len()));
            }
            if color < own {
                role.input(color as u8, color as u8);
            }
        }
        let mut steps = Vec::new();
        for round in 0..=own {
            let color = (round % TREE_COLORS) as u8;
            let from = crate::ids::QueueId(color);
            if round == own && at == 0 {
                break;
            } else if round == own {
                let to = Operand::Output(role.output(OUT, color));
                steps.push(match own.checked_sub(1) {
                    None => main(VectorOp::Move, dtype, to, vector, Operand::None, elements),
                    Some(last) => {
                        let from = Operand::Input(crate::ids::QueueId((last % TREE_COLORS) as u8));
                        main(VectorOp::Add, dtype, to, from, vector, elements)
                    }
                });
            } else if at == 0 || round + 1 < own {
                steps.push(main(VectorOp::Add, dtype, vector, Operand::Input(from), vector, elements));
            }
        }
        // Nothing of a later round can be on its way before the sums of this PE are: they are part of it.
        for (route, positions) in &routes {
            let mine = at > 0 && u32::from(route.color.0) == own % TREE_COLORS;
            if *positions > 1 && (mine || u32::from(route.color.0) < own) && at > 0 {
                steps.push(Step::AdvanceSwitch(route.color));
            }
        }
        role.task("start", Trigger::Start, None, steps);
        pes.push((role.finish(), routes.into_iter().map(|(route, _)| route).collect()));
    }
    line("tree reduction", Axis::Row, pes)
}
