//! What an instruction costs on the datapath and the SRAM ports: the only place where rates become cycles.
//!
//! An element takes as long as the slower of two resources: the datapath (SIMD width by operation) and the
//! SRAM ports (bytes read and written per cycle; what lies in the cache uses none). The published single-PE
//! rates of WSE-3 for copy and FMA in two formats follow from one pair of port rates. Where the program says
//! in which banks its buffers begin, operands that meet in a bank take longer.

use crate::dtype::Dtype;
use crate::fabric::bank;
use crate::program::{Launch, Operand, Place, Role, VectorInstr, VectorOp};
use crate::spec::wafer::PeSpec;

/// Fixed-point cycles: 2^16 a cycle, so that 0.25 and 0.125 are exact and 1/2.92 is good to 5 digits.
const ONE: u64 = 1 << 16;

/// Cost of one vector instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorCost {
    /// Before the first element, when software starts it on the main thread.
    pub setup_cycles: u32,
    /// Time for one element, in 1/65536 cycle.
    element: u64,
    /// Elements of one step of an instruction that is on the fabric or on a microthread, whole wavelets;
    /// 0 where it is neither.
    pub step_elements: u32,
    /// Cycles that one such step holds the datapath.
    pub step_cycles: u32,
    /// Elements on one wavelet.
    pub per_wavelet: u32,
}

impl VectorCost {
    /// Cycles for `elements` that never wait for the fabric, rounded up.
    pub fn cycles(&self, elements: u64) -> u64 {
        (elements * self.element).div_ceil(ONE)
    }

    /// Elements per cycle.
    pub fn rate(&self) -> f64 {
        ONE as f64 / self.element as f64
    }
}

/// Cost of `instr` in `role` on a PE.
pub fn vector_cost(spec: &PeSpec, role: &Role, instr: &VectorInstr) -> VectorCost {
    let operands = [instr.a, instr.b, instr.dst];
    let width = |operand: Operand| {
        buffer_of(operand).map_or(instr.dtype, |buffer| role.buffers[buffer].dtype).bytes().as_f64()
    };
    let uses_ports =
        |operand| buffer_of(operand).is_some_and(|buffer| role.buffers[buffer].place != Place::Cache);
    let accumulates = matches!(instr.op, VectorOp::Fma);
    let mut read = 0.0;
    for operand in &operands[..2] {
        if uses_ports(*operand) {
            read += width(*operand);
        }
    }
    let mut write = 0.0;
    if uses_ports(instr.dst) && !matches!(instr.op, VectorOp::Dot { .. }) {
        write = width(instr.dst);
        read += if accumulates { write } else { 0.0 };
    }
    let sum = if instr.dst.in_memory() && width(instr.dst) == 4.0 { Dtype::Fp32 } else { instr.dtype };
    let datapath = 1.0 / simd(spec, instr.op, instr.dtype, sum);
    let ports = read / spec.sram_read_bytes_per_cycle + write / spec.sram_write_bytes_per_cycle;
    let element = datapath.max(ports) * bank::factor(spec, role, instr);
    let per_wavelet = instr.per_wavelet();
    let steps = operands.iter().any(|o| matches!(o, Operand::Input(_) | Operand::Output(_)))
        || matches!(instr.launch, Launch::Micro { .. });
    let step = (spec.fabric_wavelets_per_cycle * per_wavelet).min((1.0 / element).floor() as u32);
    let step = (step - step % per_wavelet).max(per_wavelet);
    VectorCost {
        setup_cycles: setup(spec, instr),
        element: (element * ONE as f64).round() as u64,
        step_elements: if steps { step } else { 0 },
        step_cycles: (element * f64::from(step)).ceil().max(1.0) as u32,
        per_wavelet,
    }
}

/// The buffer that an operand names.
pub(crate) fn buffer_of(operand: Operand) -> Option<usize> {
    match operand {
        Operand::Memory { buffer, .. }
        | Operand::Indexed(buffer)
        | Operand::Stepped { buffer, .. }
        | Operand::Ring(buffer) => Some(buffer.index()),
        _ => None,
    }
}

fn simd(spec: &PeSpec, op: VectorOp, operand: Dtype, sum: Dtype) -> f64 {
    let simd = &spec.simd;
    let wide = operand == Dtype::Fp32;
    match op {
        VectorOp::Move | VectorOp::MoveIndexed => {
            if wide {
                simd.move_32
            } else {
                simd.move_16
            }
        }
        VectorOp::Add | VectorOp::Sub | VectorOp::Mul | VectorOp::Max => match (operand, sum) {
            (Dtype::Fp32, _) => simd.add_32,
            (_, Dtype::Fp32) => simd.add_16_32,
            _ => simd.add_16,
        },
        VectorOp::Fma => match (operand, sum) {
            (Dtype::Fp32, _) => simd.fma_32,
            (_, Dtype::Fp32) => simd.fma_16_32,
            _ => simd.fma_16,
        },
        // A sum over elements is kept wide whatever the format of its operands.
        VectorOp::Dot { .. } => {
            if wide {
                simd.fma_32
            } else {
                simd.fma_16_32
            }
        }
        VectorOp::Exp | VectorOp::Log | VectorOp::Reciprocal | VectorOp::ReciprocalRoot => simd.special,
    }
}

fn setup(spec: &PeSpec, instr: &VectorInstr) -> u32 {
    let overhead = &spec.overhead;
    if instr.launch == Launch::Repeated {
        return overhead.dispatch_cycles;
    }
    match instr.op {
        VectorOp::Move if matches!(instr.a, Operand::Constant(_)) => overhead.fill_setup_cycles,
        VectorOp::Move | VectorOp::MoveIndexed => overhead.move_setup_cycles,
        VectorOp::Fma | VectorOp::Dot { .. } if instr.dtype == Dtype::Fp32 => overhead.fma_32_setup_cycles,
        VectorOp::Fma | VectorOp::Dot { .. } => overhead.fma_setup_cycles,
        _ => overhead.add_setup_cycles,
    }
}
