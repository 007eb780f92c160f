//! Work on a PE's own values, with sums or maxima over a fabric row in between.
//!
//! A reduction is one chain eastwards and one multicast back: the last column adds its own share and sends
//! the result to everybody.
//!
//! ```text
//!   local ──> 0 ─> 1 ─> 2 ─> 3   partial results
//!             * <─ * <─ * <──┘   the result, by multicast ──> local
//! ```

use crate::dtype::Dtype;
use crate::ids::BufferId;
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, route};
use crate::program::{ColorRoute, Fold, Length, Operand, Port, Program, Step, Trigger, VectorOp};

/// One part of a row-wise kernel.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Vector instructions of the main thread.
    Local(Vec<Step>),
    /// Combine `length` values of a buffer over the row; every PE gets the result in place.
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

const EAST: u8 = 0;
const BACK: u8 = 2;

/// The program of a row of PEs, the same in all `height` rows; PE `x` is `pe(x)`. `dtype` is the format of
/// what travels.
pub fn program(name: &str, width: u16, height: u16, dtype: Dtype, pe: impl Fn(u16) -> RowPe) -> Program {
    let mut builder = Builder::new(name, width, height, 0);
    for x in 0..width {
        let RowPe { mut role, stages } = pe(x);
        let routes = add_stages(&mut role, stages, x, width, dtype);
        let role = role.finish();
        for y in 0..height {
            builder.place(x, y, role.clone(), routes.clone(), &[]);
        }
    }
    builder.finish(Fold::Alike)
}

fn add_stages(
    role: &mut RoleBuilder,
    stages: Vec<Stage>,
    x: u16,
    width: u16,
    dtype: Dtype,
) -> Vec<ColorRoute> {
    let (first, last) = (x == 0, x + 1 == width);
    let reduces = width > 1 && stages.iter().any(|s| matches!(s, Stage::AllReduce { .. }));
    let mut routes = Vec::new();
    if reduces {
        let (mine, theirs) = (EAST + (x % 2) as u8, EAST + ((x + 1) % 2) as u8);
        if !first {
            role.input(2, theirs);
            routes.push(route(theirs, Port::West, &[Port::Ramp]));
        }
        role.input(3, BACK);
        if last {
            role.output(2, BACK);
            routes.push(route(BACK, Port::Ramp, &[Port::Ramp, Port::West]));
        } else {
            role.output(2, mine);
            routes.push(route(mine, Port::Ramp, &[Port::East]));
            let to: &[Port] = if first { &[Port::Ramp] } else { &[Port::Ramp, Port::West] };
            routes.push(route(BACK, Port::East, to));
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
            Stage::AllReduce { .. } if width == 1 => {
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
