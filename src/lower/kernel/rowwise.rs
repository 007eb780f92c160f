//! Work on a PE's own values, with sums or maxima over a fabric row, or a fabric column, in between.
//!
//! A reduction is one chain eastwards and one multicast back: the last column adds its own share and sends
//! the result to everybody. Along a column it is the same turned: southwards and back.
//!
//! ```text
//!   local ──> 0 ─> 1 ─> 2 ─> 3   partial results
//!             * <─ * <─ * <──┘   the result, by multicast ──> local
//! ```

use crate::dtype::Dtype;
use crate::ids::BufferId;
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, route};
use crate::lower::kernel::chain::Axis;
use crate::program::{ColorRoute, Fold, Length, Operand, Port, Program, Step, Trigger, VectorOp};

/// One part of a row-wise kernel.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Vector instructions of the main thread.
    Local(Vec<Step>),
    /// Combine `length` values of a buffer over the row or column; every PE gets the result in place.
    AllReduce {
        /// Buffer.
        buffer: BufferId,
        /// Values.
        length: u32,
        /// [`VectorOp::Add`] or [`VectorOp::Max`].
        op: VectorOp,
    },
}

/// Buffers and stages of one PE.
#[derive(Debug)]
pub struct RowPe {
    /// The role, with its buffers.
    pub role: RoleBuilder,
    /// What it does.
    pub stages: Vec<Stage>,
}

const FORTH: u8 = 0;
const BACK: u8 = 2;

/// The program of a line of PEs along `axis`, the same in all rows (or columns) of `width` x `height` PEs; PE `at` of
/// the line is `pe(at)`. `dtype` is the format of what travels.
pub fn program(
    name: &str,
    axis: Axis,
    (width, height): (u16, u16),
    dtype: Dtype,
    pe: impl Fn(u16) -> RowPe,
) -> Program {
    let mut builder = Builder::new(name, width, height, 0);
    let (length, lines, fold) = match axis {
        Axis::Row => (width, height, Fold::Alike),
        // What is folded are rows, and those of a column are not alike.
        Axis::Column => (height, width, Fold::None),
    };
    for at in 0..length {
        let RowPe { mut role, stages } = pe(at);
        let routes = add_stages(&mut role, stages, axis, (at, length), dtype);
        let role = role.finish();
        for line in 0..lines {
            let (x, y) = if axis == Axis::Row { (at, line) } else { (line, at) };
            builder.place(x, y, role.clone(), routes.clone(), &[]);
        }
    }
    builder.finish(fold)
}

fn add_stages(
    role: &mut RoleBuilder,
    stages: Vec<Stage>,
    axis: Axis,
    (at, line): (u16, u16),
    dtype: Dtype,
) -> Vec<ColorRoute> {
    let (first, last) = (at == 0, at + 1 == line);
    let (before, behind) = axis.ports();
    let reduces = line > 1 && stages.iter().any(|s| matches!(s, Stage::AllReduce { .. }));
    let mut routes = Vec::new();
    if reduces {
        let (mine, theirs) = (FORTH + (at % 2) as u8, FORTH + ((at + 1) % 2) as u8);
        if !first {
            role.input(2, theirs);
            routes.push(route(theirs, before, &[Port::Ramp]));
        }
        role.input(3, BACK);
        if last {
            role.output(2, BACK);
            routes.push(route(BACK, Port::Ramp, &[Port::Ramp, before]));
        } else {
            role.output(2, mine);
            routes.push(route(mine, Port::Ramp, &[behind]));
            let to: &[Port] = if first { &[Port::Ramp] } else { &[Port::Ramp, before] };
            routes.push(route(BACK, behind, to));
        }
    }
    let count = stages.len();
    for (n, stage) in stages.into_iter().enumerate() {
        let next = (n + 1 < count).then_some(crate::ids::TaskId(n as u8 + 1));
        let trigger = if n == 0 { Trigger::Start } else { Trigger::Local };
        match stage {
            Stage::Local(mut steps) => {
                steps.extend(next.map(Step::Activate));
                role.task("local", trigger, None, steps);
            }
            Stage::AllReduce { .. } if line == 1 => {
                role.task("reduce", trigger, None, next.map(Step::Activate).into_iter().collect());
            }
            Stage::AllReduce { buffer, length, op } => {
                let neutral = Operand::Constant(if op == VectorOp::Max { f32::NEG_INFINITY } else { 0.0 });
                let from = if first { neutral } else { Operand::Input(crate::ids::QueueId(2)) };
                let values = Operand::whole(buffer);
                let out = Operand::Output(crate::ids::QueueId(2));
                let back = Operand::Input(crate::ids::QueueId(3));
                let length = Length::Fixed(length);
                let send = Micro::on(0).run(op, dtype, out, from, values, length);
                let receive = Micro { activate: next, ..Micro::on(1) };
                let receive = receive.run(VectorOp::Move, dtype, values, back, Operand::None, length);
                role.task("reduce", trigger, None, vec![send, receive]);
            }
        }
    }
    routes
}
