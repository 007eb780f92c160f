//! What one PE does by itself.

use crate::dtype::Dtype;
use crate::lower::kernel::build::{RoleBuilder, main};
use crate::lower::kernel::chain::Axis;
use crate::program::{Operand, Place, Program, Trigger, VectorOp};
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

/// Where the operands of an instruction begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// Half of half of the banks apart: they never meet.
    Apart,
    /// In the same bank.
    Same,
}

/// One instruction of `n` elements on one PE.
pub fn vector(vector: Vector, n: u32, dtype: Dtype, alignment: Alignment) -> Program {
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
