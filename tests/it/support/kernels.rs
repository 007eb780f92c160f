//! Small kernels of every form in the library, with what each must do however it is timed.

use std::fmt;
use std::sync::Arc;

use proptest::prelude::*;
use wafersim::bits::BitRows;
use wafersim::dtype::Dtype;
use wafersim::fabric::{Outcome, run};
use wafersim::lower::kernel::matmul::{
    Feed, Form, Formats, Pace, Shape, kept_streams, program, timing_streams,
};
use wafersim::program::{Program, StreamItems, check};
use wafersim::sparsity::Slices;
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::{ArchSpec, Override, load_arch};
use wafersim::units::Bytes;

use super::HALF;

/// Longest run of a test: a kernel that takes longer than this hangs.
const LIMIT: u64 = 1 << 18;
/// How rows of PEs start after each other on a CS-3.
pub(crate) const PACE: Pace = Pace { hop: 2, stage: 7, echo: 9 };
/// Cache of the smallest machine.
pub(crate) const CACHE: Bytes = Bytes(256);

/// A preset of a wafer with overrides.
pub(crate) fn wafer(preset: &str, overrides: &[&str]) -> WaferSpec {
    let set: Vec<Override> = overrides.iter().map(|&text| Override(text.to_owned())).collect();
    match load_arch(preset, &set).unwrap_or_else(|faults| panic!("{faults}")).spec {
        ArchSpec::Wafer(spec) => spec,
        ArchSpec::Gpu(_) => panic!("{preset} is a GPU"),
    }
}

/// A preset with a fabric of 8 x 8 PEs.
pub(crate) fn small(preset: &str) -> WaferSpec {
    wafer(preset, &["fabric.width_pes=8", "fabric.height_pes=8", "io.prefetch_mib=1"])
}

/// Run a program that the machine can hold.
pub(crate) fn go(program: &Program, machine: &WaferSpec) -> Outcome<impl Copy + fmt::Debug + use<>> {
    check(program, machine).unwrap_or_else(|faults| panic!("{}", faults.first));
    run(program, machine, LIMIT).unwrap_or_else(|fault| panic!("{fault}"))
}

/// Cycles of a program.
pub(crate) fn cycles(program: &Program, machine: &WaferSpec) -> u64 {
    go(program, machine).counters.cycles.0
}

/// The forms whose stream enters over the edge, under a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Masked {
    /// Weights against vectors, sums along the row.
    Reduce,
    /// Outer products.
    Outer,
    /// Gradients of the kept weights.
    Gradient,
}

impl Masked {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Reduce, Self::Outer, Self::Gradient];
}

/// The forms without a mask, within an attention head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dense {
    /// Rows that the PEs of a column hold, sums along the row.
    ReduceHeld,
    /// Outer products with such rows.
    OuterHeld,
    /// Sums over tokens that meet at the row that owns the key.
    Transposed,
}

impl Dense {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::ReduceHeld, Self::OuterHeld, Self::Transposed];
}

/// A product with a masked weight: `counts[row][column]` non-zeros.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    /// Rows of PEs.
    pub(crate) height: u16,
    /// Tokens of a PE.
    pub(crate) tokens: u32,
    /// Features of each column.
    pub(crate) inner: Vec<u32>,
    /// Weight rows that each column owns.
    pub(crate) owned: Vec<u32>,
    /// Non-zeros of each weight row in each column.
    pub(crate) counts: Vec<Vec<u16>>,
    /// Formats.
    pub(crate) formats: Formats,
    /// How rows of PEs start after each other.
    pub(crate) pace: Pace,
}

impl Product {
    /// Every one of `owned` weight rows a column with `inner` non-zeros in every column.
    pub(crate) fn dense(width: u16, height: u16, tokens: u32, inner: u32, owned: u32) -> Self {
        let columns = usize::from(width);
        Self {
            height,
            tokens,
            inner: vec![inner; columns],
            owned: vec![owned; columns],
            counts: vec![vec![inner as u16; columns]; columns * owned as usize],
            formats: HALF,
            pace: PACE,
        }
    }

    /// Columns.
    pub(crate) fn width(&self) -> u16 {
        self.inner.len() as u16
    }

    /// Non-zeros of all columns.
    pub(crate) fn nonzeros(&self) -> u64 {
        self.counts.iter().flatten().map(|&count| u64::from(count)).sum()
    }

    /// Multiply-accumulates that the mask demands of all rows of PEs.
    pub(crate) fn macs(&self) -> u64 {
        self.nonzeros() * u64::from(self.tokens) * u64::from(self.height)
    }

    /// The program.
    pub(crate) fn program(&self, form: Masked) -> Program {
        let counts: Arc<[u16]> = self.counts.iter().flatten().copied().collect();
        self.streamed(form, timing_streams(&counts, self.width()))
    }

    /// The same with weights that are kept by bits: as many as are counted, somewhere among those of their column.
    pub(crate) fn program_of_bits(&self, form: Masked) -> Program {
        let widths = self.inner.iter().scan(0, |end, &inner| {
            *end += inner;
            Some(*end)
        });
        let starts: Arc<[u32]> = std::iter::once(0).chain(widths).collect();
        let mut kept = BitRows::from_words(self.counts.len() as u32, starts[self.inner.len()], |_| ());
        for (row, counts) in self.counts.iter().enumerate() {
            for ((&count, &inner), &start) in counts.iter().zip(&self.inner).zip(&starts[..]) {
                for bit in 0..u32::from(count) {
                    kept.set(row as u32, start + (bit + row as u32) % inner, true);
                }
            }
        }
        self.streamed(form, kept_streams(&Arc::new(kept), &starts))
    }

    fn streamed(&self, form: Masked, streams: Vec<StreamItems>) -> Program {
        let form = match form {
            Masked::Reduce => Form::Reduce(Feed::Edge(streams)),
            Masked::Outer => Form::Outer(Feed::Edge(streams)),
            Masked::Gradient => Form::Gradient(streams),
        };
        program(&self.shape(), &form)
    }

    /// The same on `height` rows of PEs.
    pub(crate) fn with_height(&self, height: u16) -> Self {
        Self { height, ..self.clone() }
    }

    /// The same for a machine.
    pub(crate) fn on(&self, machine: &WaferSpec) -> Self {
        Self { pace: Pace::of(machine), ..self.clone() }
    }

    fn shape(&self) -> Shape {
        Shape {
            name: "product".to_owned(),
            width: self.width(),
            height: self.height,
            vector: self.tokens,
            rows_per_pe: self.tokens,
            inner: self.inner.clone(),
            owned: self.owned.clone(),
            formats: self.formats,
            cache: CACHE,
            pace: self.pace,
        }
    }
}

/// A product of two activations within a head: as many keys as tokens.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// Rows of PEs.
    pub(crate) height: u16,
    /// Tokens of a PE.
    pub(crate) tokens: u32,
    /// Query heads that share the keys.
    pub(crate) heads: u32,
    /// Features of each column.
    pub(crate) inner: Vec<u32>,
    /// Formats.
    pub(crate) formats: Formats,
}

impl Head {
    /// Keys of the sequence.
    pub(crate) fn keys(&self) -> u32 {
        u32::from(self.height) * self.tokens
    }

    /// Multiply-accumulates of every token with every key.
    pub(crate) fn macs(&self) -> u64 {
        let features: u32 = self.inner.iter().sum();
        u64::from(self.keys()).pow(2) * u64::from(self.heads) * u64::from(features)
    }

    /// The program.
    pub(crate) fn program(&self, form: Dense) -> Program {
        self.program_of_rows(form, self.height, PACE)
    }

    /// The program of so many rows of PEs of the head's, which start after each other at a machine's pace.
    pub(crate) fn program_of_rows(&self, form: Dense, rows: u16, pace: Pace) -> Program {
        let width = self.inner.len() as u16;
        let band = self.height;
        let shape = Shape {
            name: "head".to_owned(),
            width,
            height: rows,
            vector: self.tokens * self.heads,
            rows_per_pe: self.tokens,
            inner: self.inner.clone(),
            owned: Slices::even(self.keys(), width).unwrap().widths(),
            formats: self.formats,
            cache: CACHE,
            pace,
        };
        program(
            &shape,
            &match form {
                Dense::ReduceHeld => Form::Reduce(Feed::Held { band }),
                Dense::OuterHeld => Form::Outer(Feed::Held { band }),
                Dense::Transposed => Form::Transposed { band },
            },
        )
    }
}

/// Formats that a workload and a machine can ask for.
pub(crate) fn formats() -> impl Strategy<Value = Formats> {
    use Dtype::{Bf16, Fp32};
    prop::sample::select(vec![
        HALF,
        Formats { operand: Bf16, sum: Fp32, reduce: Bf16 },
        Formats { operand: Bf16, sum: Fp32, reduce: Fp32 },
        Formats { operand: Fp32, sum: Fp32, reduce: Fp32 },
    ])
}

/// Presets of wafers with different timing, for [`small`].
pub(crate) fn machines() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["cs3", "cs3-simfabric", "cs3-software-trigger", "cs2"])
}

/// Products of every shape up to 5 columns and 4 rows of PEs, with empty columns and rows among them.
pub(crate) fn products() -> impl Strategy<Value = Product> {
    let columns = (1_usize..=5).prop_flat_map(|width| {
        (prop::collection::vec(0_u32..=4, width), prop::collection::vec(0_u32..=3, width))
    });
    (1_u16..=4, 1_u32..=9, columns, formats()).prop_flat_map(
        |(height, tokens, (inner, mut owned), formats)| {
            // A weight has a row.
            owned[0] += u32::from(owned.iter().all(|&rows| rows == 0));
            let row: Vec<_> = inner.iter().map(|&most| 0..=most as u16).collect();
            let rows = owned.iter().sum::<u32>() as usize;
            prop::collection::vec(row, rows).prop_map(move |counts| Product {
                height,
                tokens,
                inner: inner.clone(),
                owned: owned.clone(),
                counts,
                formats,
                pace: PACE,
            })
        },
    )
}

/// Heads of every shape up to 4 columns and 4 rows of PEs; every column of a head has features of it.
pub(crate) fn heads() -> impl Strategy<Value = Head> {
    (1_u16..=4, 1_u32..=3, 1_u32..=3, prop::collection::vec(1_u32..=4, 1..=4), formats())
        .prop_map(|(height, tokens, heads, inner, formats)| Head { height, tokens, heads, inner, formats })
}
