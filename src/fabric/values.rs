//! What travels and what it does to memory: a parameter of the engine, so that timing alone costs nothing.

use crate::program::{Program, VectorInstr, Wavelet};

/// The payload of wavelets and the memory of PEs.
pub trait Values {
    /// What a wavelet carries through the fabric.
    type Word: Copy + Default;

    /// A word for a wavelet from outside.
    fn word(wavelet: Wavelet) -> Self::Word;
    /// A control word.
    fn control(code: u8) -> Self::Word;
    /// The code of a control word, `None` for data.
    fn code(word: Self::Word) -> Option<u8>;

    /// Do elements `from..from + count` of `instr` on PE `pe`: `inputs` are the wavelets taken from the first
    /// and second operand's queue, `weight` the word that started the task,
    /// `rings` the read and write slot of each buffer; results for the fabric go to `out`.
    fn run(
        &mut self,
        program: &Program,
        pe: usize,
        instr: &VectorInstr,
        step: VectorStep<'_, Self::Word>,
        out: &mut Vec<Self::Word>,
    );

    /// A slot of a ring was given back: its values are gone (zero).
    fn clear(&mut self, program: &Program, pe: usize, buffer: usize, slot: u16);

    /// Value number `at` of a buffer, with the one of another as its index, as an arriving weight has them.
    fn fetch(&self, pe: usize, value: u8, index: Option<u8>, at: u32) -> Self::Word;

    /// Whole number `at` of a buffer.
    fn number(&self, pe: usize, buffer: u8, at: u32) -> u32;
}

/// One step of a vector instruction.
#[derive(Debug)]
pub struct VectorStep<'a, W> {
    /// First element.
    pub from: u32,
    /// Elements.
    pub count: u32,
    /// Wavelets from the queue of the first operand, and of the second.
    pub inputs: [&'a [W]; 2],
    /// The wavelet that started the task.
    pub weight: W,
    /// Read slot and write slot of each buffer.
    pub rings: &'a [Ring],
    /// Counters of the role.
    pub counters: &'a [u32],
}

/// State of a ring buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    /// Oldest filled slot.
    pub read: u16,
    /// Slot being filled.
    pub write: u16,
    /// Filled slots.
    pub filled: u16,
}

/// Timing alone: a word is whether it is data or which control code.
#[derive(Debug, Default)]
pub struct TimingOnly;

/// A word without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick(u8);

impl Default for Tick {
    fn default() -> Self {
        Self(u8::MAX)
    }
}

impl Values for TimingOnly {
    type Word = Tick;

    fn word(wavelet: Wavelet) -> Tick {
        wavelet.control.map_or(Tick::default(), Tick)
    }

    fn control(code: u8) -> Tick {
        Tick(code)
    }

    fn code(word: Tick) -> Option<u8> {
        (word != Tick::default()).then_some(word.0)
    }

    fn run(
        &mut self,
        _: &Program,
        _: usize,
        instr: &VectorInstr,
        step: VectorStep<'_, Tick>,
        out: &mut Vec<Tick>,
    ) {
        if matches!(instr.dst, crate::program::Operand::Output(_)) {
            out.extend((0..step.count.div_ceil(instr.per_wavelet())).map(|_| Tick::default()));
        }
    }

    fn clear(&mut self, _: &Program, _: usize, _: usize, _: u16) {}

    fn fetch(&self, _: usize, _: u8, _: Option<u8>, _: u32) -> Tick {
        Tick::default()
    }

    fn number(&self, _: usize, _: u8, _: u32) -> u32 {
        0
    }
}
