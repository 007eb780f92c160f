//! Values in SRAM: every buffer of every PE, in the precision of its format, and what vector instructions do
//! to them.

use crate::dtype::Dtype;
use crate::exec::fast;
use crate::fabric::{Ring, Values, VectorStep};
use crate::ids::BufferId;
use crate::program::{Operand, Program, VectorInstr, VectorOp, Wavelet};

/// Memory of all PEs of a program, and its arithmetic: results are computed exactly and rounded once to the
/// format of where they go, a dot product is summed in fp32.
#[derive(Clone, Debug)]
pub struct Sram<'a> {
    program: &'a Program,
    values: Vec<f32>,
    /// First value of each PE.
    base: Vec<usize>,
    /// By role: first value of each buffer within a PE.
    offsets: Vec<Vec<usize>>,
}

impl<'a> Sram<'a> {
    /// Zeros everywhere.
    pub fn new(program: &'a Program) -> Self {
        let mut sizes = Vec::new();
        let mut offsets = Vec::new();
        for role in &program.roles {
            let mut size = 0;
            let places = role.buffers.iter().map(|buffer| {
                let at = size;
                size += buffer.elements as usize * usize::from(buffer.slots);
                at
            });
            offsets.push(places.collect());
            sizes.push(size);
        }
        let mut total = 0;
        let base = program.role_of.iter().map(|role| {
            let at = total;
            total += sizes[role.index()];
            at
        });
        let base = base.collect();
        Self { program, values: vec![0.0; total], base, offsets }
    }

    /// Fill buffer `name` of a PE from its first slot on, rounded to its format. Fewer values than it holds
    /// leave the rest as it is.
    ///
    /// # Panics
    /// If the PE has no such buffer or it holds fewer values: the caller has laid it out.
    pub fn load(&mut self, pe: usize, name: &str, values: &[f64]) {
        let (range, dtype) = self.region(pe, name);
        assert!(values.len() <= range.len(), "{} values into `{name}` of {}", values.len(), range.len());
        for (to, &value) in self.values[range].iter_mut().zip(values) {
            *to = dtype.round(value as f32);
        }
    }

    /// All values of buffer `name` of a PE, slot after slot.
    ///
    /// # Panics
    /// If the PE has no such buffer.
    pub fn read(&self, pe: usize, name: &str) -> &[f32] {
        &self.values[self.region(pe, name).0]
    }

    /// How many values there are, and in how many this memory and another of the same program differ.
    pub fn different_bits(&self, other: &Self) -> (u64, u64) {
        let different =
            self.values.iter().zip(&other.values).filter(|(one, two)| one.to_bits() != two.to_bits());
        (self.values.len() as u64, different.count() as u64)
    }

    /// Whether the PE has a buffer `name`.
    pub fn has(&self, pe: usize, name: &str) -> bool {
        self.program.role(pe).buffers.iter().any(|buffer| buffer.name == name)
    }

    fn region(&self, pe: usize, name: &str) -> (std::ops::Range<usize>, Dtype) {
        let role = self.program.role(pe);
        let found = role.buffers.iter().position(|buffer| buffer.name == name);
        let at = found.unwrap_or_else(|| panic!("`{}` has no buffer `{name}`", role.name));
        let buffer = &role.buffers[at];
        let start = self.base[pe] + self.offsets[self.program.role_of[pe].index()][at];
        (start..start + buffer.elements as usize * usize::from(buffer.slots), buffer.dtype)
    }

    fn element(&self, pe: usize, buffer: u8, at: u32) -> f32 {
        self.values[self.slot(pe, BufferId(buffer), 0) + at as usize]
    }

    fn slot(&self, pe: usize, buffer: BufferId, slot: u16) -> usize {
        let elements = self.program.role(pe).buffers[buffer.index()].elements as usize;
        let offset = self.offsets[self.program.role_of[pe].index()][buffer.index()];
        self.base[pe] + offset + usize::from(slot) * elements
    }
}

/// An operand of a step, located.
#[derive(Clone, Copy, Debug)]
enum Place {
    Nowhere,
    /// Element k is at `start + (k / inner) * outer + (k % inner) * stride`, in this format.
    Memory {
        start: i64,
        stride: i64,
        inner: u32,
        outer: i64,
        dtype: Dtype,
    },
    /// Wavelets of the first or second operand.
    Fabric(usize),
    Value(f64),
}

impl Place {
    /// Elements `from..from + count` as a run of memory, if they are one.
    fn run(self, from: u32, count: u32) -> Option<std::ops::Range<usize>> {
        let Self::Memory { stride: 1, inner, .. } = self else { return None };
        // Within one row.
        (from / inner == from.saturating_add(count.max(1) - 1) / inner)
            .then(|| self.address(from).map(|(at, _)| at..at + count as usize))?
    }

    fn address(self, k: u32) -> Option<(usize, Dtype)> {
        let Self::Memory { start, stride, inner, outer, dtype } = self else { return None };
        let at = start + i64::from(k / inner) * outer + i64::from(k % inner) * stride;
        Some((at as usize, dtype))
    }
}

/// What all elements of one step share.
struct Located<'s> {
    operands: [Place; 3],
    step: &'s VectorStep<'s, Wavelet>,
    per_wavelet: u32,
}

impl Sram<'_> {
    fn locate(
        &self,
        pe: usize,
        operand: Operand,
        (which, total): (usize, u32),
        step: &VectorStep<'_, Wavelet>,
    ) -> Place {
        let slot_of = |ring: &Ring| if which == 2 { ring.write } else { ring.read };
        let memory = |buffer: BufferId, offset: u32, stride: i32, inner: u32, outer: i32| Place::Memory {
            start: self.slot(pe, buffer, slot_of(&step.rings[buffer.index()])) as i64 + i64::from(offset),
            stride: i64::from(stride),
            inner,
            outer: i64::from(outer),
            dtype: self.program.role(pe).buffers[buffer.index()].dtype,
        };
        match operand {
            Operand::None | Operand::Output(_) => Place::Nowhere,
            Operand::Memory { buffer, offset, stride, inner, outer_stride } => {
                memory(buffer, offset, stride, inner, outer_stride)
            }
            Operand::Indexed(buffer) => memory(buffer, u32::from(step.weight.index) * total, 1, u32::MAX, 0),
            Operand::Stepped { buffer, counter, step: number, stride } => {
                memory(buffer, step.counters[usize::from(counter)] * number, stride, u32::MAX, 0)
            }
            // The rings' slots are as long as their buffers: positions start over with each slot.
            Operand::Ring(buffer) => {
                memory(buffer, 0, 1, self.program.role(pe).buffers[buffer.index()].elements, 0)
            }
            Operand::Input(_) => Place::Fabric(which),
            Operand::Weight => Place::Value(f64::from(step.weight.values[0])),
            Operand::Constant(value) => Place::Value(f64::from(value)),
        }
    }

    fn value(&self, located: &Located<'_>, which: usize, k: u32) -> f64 {
        match located.operands[which] {
            Place::Nowhere => 0.0,
            Place::Value(value) => value,
            Place::Fabric(input) => {
                let n = k - located.step.from;
                let word = located.step.inputs[input][(n / located.per_wavelet) as usize];
                f64::from(word.values[(n % located.per_wavelet) as usize])
            }
            place => place.address(k).map_or(0.0, |(at, _)| f64::from(self.values[at])),
        }
    }

    fn result(&self, op: VectorOp, located: &Located<'_>, k: u32) -> f64 {
        let (a, b) = (self.value(located, 0, k), self.value(located, 1, k));
        match op {
            VectorOp::Move | VectorOp::MoveIndexed => a,
            VectorOp::Add => a + b,
            VectorOp::Sub => a - b,
            VectorOp::Mul => a * b,
            VectorOp::Max => a.max(b),
            // Factors are fp32, so that their product is exact.
            VectorOp::Fma => a * b + self.value(located, 2, k),
            VectorOp::Dot { inner } => f64::from(self.dot(located, k, inner)),
            VectorOp::Exp => a.exp(),
            VectorOp::Log => a.ln(),
            VectorOp::Reciprocal => 1.0 / a,
            VectorOp::ReciprocalRoot => 1.0 / a.sqrt(),
        }
    }
}

impl Sram<'_> {
    /// A multiply-add of a run of memory and one value into another run, where the operands are that.
    fn axpy(&mut self, operands: &[Place; 3], from: u32, count: u32) -> bool {
        let ([Some(x), _, Some(y)], Place::Value(w)) =
            (operands.map(|place| place.run(from, count)), operands[1])
        else {
            return false;
        };
        let Place::Memory { dtype, .. } = operands[2] else { return false };
        let Ok([x, y]) = self.values.get_disjoint_mut([x, y]) else { return false };
        fast::axpy(y, x, w as f32, dtype);
        true
    }

    /// A sum of `inner` products from element `k` on.
    fn dot(&self, located: &Located<'_>, k: u32, inner: u32) -> f32 {
        if let [Some(a), Some(b), _] = located.operands.map(|place| place.run(k, inner)) {
            return fast::dot(&self.values[a], &self.values[b]);
        }
        let product = |k| self.value(located, 0, k) * self.value(located, 1, k);
        (k..k + inner).fold(0.0, |sum: f32, k| (product(k) + f64::from(sum)) as f32)
    }
}

impl Values for Sram<'_> {
    type Word = Wavelet;

    fn word(wavelet: Wavelet) -> Wavelet {
        wavelet
    }

    fn control(code: u8) -> Wavelet {
        Wavelet { control: Some(code), ..Wavelet::default() }
    }

    fn code(word: Wavelet) -> Option<u8> {
        word.control
    }

    fn run(
        &mut self,
        program: &Program,
        pe: usize,
        instr: &VectorInstr,
        step: VectorStep<'_, Wavelet>,
        out: &mut Vec<Wavelet>,
    ) {
        let total = instr.length.elements(program.params_of(pe));
        let place = |which, operand| self.locate(pe, operand, (which, total), &step);
        let operands = [place(0, instr.a), place(1, instr.b), place(2, instr.dst)];
        let located = Located { operands, step: &step, per_wavelet: instr.per_wavelet() };
        if instr.op == VectorOp::Fma && self.axpy(&operands, step.from, step.count) {
            return;
        }
        let each = if let VectorOp::Dot { inner } = instr.op { inner } else { 1 };
        let slot = match instr.a {
            Operand::Ring(buffer) => program.role(pe).buffers[buffer.index()].elements,
            _ => u32::MAX,
        };
        for n in 0..step.count / each {
            let k = step.from + n * each;
            let value = self.result(instr.op, &located, k) as f32;
            if let Some((at, dtype)) = operands[2].address(k / each) {
                self.values[at] = dtype.round(value);
            } else {
                let within = (n % located.per_wavelet) as usize;
                if within == 0 {
                    let index = if instr.op == VectorOp::MoveIndexed { k % slot } else { 0 };
                    out.push(Wavelet { index: index as u16, ..Wavelet::default() });
                }
                if let Some(word) = out.last_mut() {
                    word.values[within] = instr.dtype.round(value);
                }
            }
        }
    }

    fn fetch(&self, pe: usize, value: u8, index: Option<u8>, at: u32) -> Wavelet {
        let value = self.element(pe, value, at);
        let index = index.map_or(0.0, |index| self.element(pe, index, at));
        Wavelet { index: index as u16, values: [value, 0.0], control: None }
    }

    fn number(&self, pe: usize, buffer: u8, at: u32) -> u32 {
        self.element(pe, buffer, at) as u32
    }

    fn clear(&mut self, _: &Program, pe: usize, buffer: usize, slot: u16) {
        let buffer = BufferId(buffer as u8);
        let start = self.slot(pe, buffer, slot);
        let elements = self.program.role(pe).buffers[buffer.index()].elements as usize;
        self.values[start..start + elements].fill(0.0);
    }
}
