//! Operands that meet in the banks of the SRAM.
//!
//! Banks are single-ported and interleaved by 32-bit word. Two sources of one instruction walk through them in
//! step, so the banks in which they begin decide: over half of the banks the same one is a conflict in every
//! access, a quarter or three quarters apart they overlap, and half apart they never meet. A sum whose stride is
//! a multiple of half of the banks is written where its next element is read.

use crate::fabric::cost::buffer_of;
use crate::program::{Operand, Place, Role, VectorInstr, VectorOp};
use crate::spec::wafer::PeSpec;
use crate::units::Bytes;

/// Interleaving of the banks.
const WORD: Bytes = Bytes(4);

/// Where an operand begins and how it goes on.
#[derive(Clone, Copy)]
struct Walk {
    /// First word, counted from that of bank 0.
    word: u64,
    /// Bytes from element to element.
    stride: u64,
}

/// How many times longer an instruction takes for its operands' places in the banks.
pub(super) fn factor(spec: &PeSpec, role: &Role, instr: &VectorInstr) -> f64 {
    let half = u64::from(spec.sram_banks / 2).max(1);
    let sums = matches!(instr.op, VectorOp::Fma);
    let dst = walk(role, instr.dst).filter(|_| sums);
    if dst.is_some_and(|dst| dst.stride > 0 && dst.stride % (half * WORD.0) == 0) {
        return spec.bank_conflict_factor;
    }
    let sources = [walk(role, instr.a), walk(role, instr.b), dst];
    let mut factor = 1.0f64;
    for (n, first) in sources.iter().enumerate() {
        for second in &sources[n + 1..] {
            let (Some(first), Some(second)) = (first, second) else { continue };
            let apart = first.word.abs_diff(second.word) % half;
            factor = factor.max(match apart {
                0 => spec.bank_conflict_factor,
                apart if 2 * apart == half => 1.0,
                _ => spec.bank_overlap_factor,
            });
        }
    }
    factor
}

/// The way of an operand through the banks, where its buffer has a place among them. Matrices have rows of whole
/// rounds of banks, so that the number of a row does not matter.
fn walk(role: &Role, operand: Operand) -> Option<Walk> {
    let buffer = &role.buffers[buffer_of(operand)?];
    let Place::Bank(bank) = buffer.place else { return None };
    let bytes = buffer.dtype.bytes().0;
    let (offset, stride) = match operand {
        Operand::Memory { offset, stride, .. } => (offset, stride),
        Operand::Stepped { stride, .. } => (0, stride),
        _ => (0, 1),
    };
    Some(Walk {
        word: u64::from(bank) + u64::from(offset) * bytes / WORD.0,
        stride: u64::from(stride.unsigned_abs()) * bytes,
    })
}
