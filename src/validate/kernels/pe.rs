//! What one PE does by itself.

use crate::dtype::Dtype;
use crate::lower::kernel::build::{RoleBuilder, main};
use crate::lower::kernel::chain::Axis;
use crate::program::{Operand, Program, Trigger, VectorOp};
use crate::validate::kernels::line;

/// A vector instruction on memory.
#[derive(Clone, Copy, Debug)]
pub enum Vector {
    /// `y = x`
    Copy,
    /// `y = 0`
    Fill,
    /// An operation of two vectors into a third.
    Two(VectorOp),
    /// `y += a x` with a number `a`.
    Axpy,
}

/// One instruction of `n` elements on one PE.
pub fn vector(vector: Vector, n: u32, dtype: Dtype) -> Program {
    let mut role = RoleBuilder::new("one".to_owned());
    let [x, z, y] = ["x", "z", "y"].map(|name| Operand::whole(role.buffer(name, n, dtype)));
    let instr = match vector {
        Vector::Copy => main(VectorOp::Move, dtype, y, x, Operand::None, n),
        Vector::Fill => main(VectorOp::Move, dtype, y, Operand::Constant(0.0), Operand::None, n),
        Vector::Two(op) => main(op, dtype, y, x, z, n),
        Vector::Axpy => main(VectorOp::Fma, dtype, y, x, Operand::Constant(2.0), n),
    };
    role.task("start", Trigger::Start, None, vec![instr]);
    line("vector operation", Axis::Row, vec![(role.finish(), Vec::new())])
}
