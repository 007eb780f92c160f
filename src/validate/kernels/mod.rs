//! The small programs that people have measured on real wafers.
//!
//! They know nothing of rows and files: numbers in, a [`Program`] out. Whoever calls them has seen to it that
//! there is at least one PE and that the numbers fit the machine; `program::check` says whether they do.

mod all_reduce;
mod fabric;
mod gemm;
mod gemv;
mod mesh;
mod pe;
mod reduce;

pub use all_reduce::{reduce_broadcast, ring};
pub use fabric::{multicast, point_to_point, relay, shared_link};
pub use gemm::{Gemm, gemm};
pub use gemv::{Gemv, gemv_mesh, pe_gemv};
pub use mesh::{Columns, broadcast_2d, reduce_2d};
pub use pe::{Alignment, Vector, vector};
pub use reduce::{chain, star, tree, two_phase};

use reduce::addend;

use crate::dtype::Dtype;
use crate::ids::{BufferId, TaskId};
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder};
use crate::lower::kernel::chain::Axis;
use crate::program::{ColorRoute, Fold, Length, Operand, Program, Role, Step, VectorOp};

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
