//! Sums of vectors that every PE of a row gets.

use crate::dtype::Dtype;
use crate::ids::TaskId;
use crate::lower::kernel::build::{Micro, RoleBuilder, main, route};
use crate::lower::kernel::chain::Axis;
use crate::program::{Length, Operand, Port, Program, Trigger, VectorOp};
use crate::validate::kernels::{OUT, addend, line};

/// Microthreads that take turns in sending.
const SENDERS: u32 = 8;

/// A ring: each PE sends to the next one, the last one back over the whole row to the first. Vectors are cut
/// into as many chunks as there are PEs (of `elements / count` values, rounded up). In the first `count - 1`
/// rounds a PE adds the chunk that comes in to its own and sends it on in the next; then the sums go round.
///
/// Chunk `c` of the PE at `at` lies in slot `(at - c) mod count` of its buffer `chunks`, so that all PEs go
/// through their slots in the same order.
pub fn ring(count: u16, elements: u32, dtype: Dtype) -> Program {
    let pes = u32::from(count);
    let chunk = elements.div_ceil(pes);
    let wrap = 2;
    let mut line_of_pes = Vec::new();
    for at in 0..count {
        let (first, last) = (at == 0, at + 1 == count);
        let (mine, before) = ((at % 2) as u8, ((at + 1) % 2) as u8);
        let mut role = RoleBuilder::new(format!("{first} {last} {mine}"));
        let chunks = role.buffer("chunks", chunk * pes, dtype);
        let mut steps = Vec::new();
        let mut routes = Vec::new();
        if count > 1 {
            let (sent, received) = (if last { wrap } else { mine }, if first { wrap } else { before });
            let to = Operand::Output(role.output(OUT, sent));
            let from = Operand::Input(role.input(0, received));
            routes.push(route(sent, Port::Ramp, &[if last { Port::West } else { Port::East }]));
            routes.push(route(received, if first { Port::East } else { Port::West }, &[Port::Ramp]));
            if !first && !last {
                routes.push(route(wrap, Port::East, &[Port::West]));
            }
            for round in 0..2 * (pes - 1) {
                let slot = |n: u32| Operand::from(chunks, n % pes * chunk);
                let (out, own) = (slot(round), slot(round + 1));
                let micro = Micro::on((round % SENDERS) as u8);
                let length = Length::Fixed(chunk);
                steps.push(micro.run(VectorOp::Move, dtype, to, out, Operand::None, length));
                steps.push(if round + 1 < pes {
                    main(VectorOp::Add, dtype, own, from, own, chunk)
                } else {
                    main(VectorOp::Move, dtype, own, from, Operand::None, chunk)
                });
            }
        }
        role.task("start", Trigger::Start, None, steps);
        line_of_pes.push((role.finish(), routes));
    }
    line("ring all-reduce", Axis::Row, line_of_pes)
}

/// A chain to the first PE of a row, which then sends the sum to all.
pub fn reduce_broadcast(count: u16, elements: u32, dtype: Dtype) -> Program {
    let mut pes = Vec::new();
    let sums = 2;
    for at in 0..count {
        let last = at + 1 == count;
        let (mine, theirs) = ((at % 2) as u8, ((at + 1) % 2) as u8);
        let mut role = RoleBuilder::new(format!("{} {last} {mine}", at == 0));
        let own = Operand::whole(role.buffer("own", elements, dtype));
        let mut routes = Vec::new();
        let from = addend(&mut role, &mut routes, (0, theirs), !last);
        let length = Length::Fixed(elements);
        if at == 0 {
            let micro = Micro { activate: (!last).then_some(TaskId(1)), ..Micro::on(0) };
            let add = micro.run(VectorOp::Add, dtype, own, from, own, length);
            role.task("reduce", Trigger::Start, None, vec![add]);
            if !last {
                let to = Operand::Output(role.output(OUT, sums));
                let spread = main(VectorOp::Move, dtype, to, own, Operand::None, elements);
                role.task("spread", Trigger::Local, None, vec![spread]);
                routes.push(route(sums, Port::Ramp, &[Port::East]));
            }
        } else {
            let to = Operand::Output(role.output(OUT, mine));
            let add = Micro::on(0).run(VectorOp::Add, dtype, to, from, own, length);
            let sum = Operand::Input(role.input(1, sums));
            let take = Micro::on(1).run(VectorOp::Move, dtype, own, sum, Operand::None, length);
            role.task("reduce and take", Trigger::Start, None, vec![add, take]);
            routes.push(route(mine, Port::Ramp, &[Port::West]));
            let ports: &[Port] = if last { &[Port::Ramp] } else { &[Port::Ramp, Port::East] };
            routes.push(route(sums, Port::West, ports));
        }
        pes.push((role.finish(), routes));
    }
    line("reduce and broadcast", Axis::Row, pes)
}
