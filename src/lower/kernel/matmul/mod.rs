//! The forms of a matrix product on the fabric: features along x, tokens along y.
//!
//! | form | computes | stream down the columns | along the rows |
//! |---|---|---|---|
//! | [`Form::Reduce`] | `out[r] = sum_i w[r][i] x[i]` | weights, row by row | partial sums meet at the column that owns row r |
//! | [`Form::Outer`] | `out[i] += v[r][i] p[r]` | values, row by row | the vector `p[r]` from the column that owns row r |
//! | [`Form::Gradient`] | `dw[r][i] = sum_t g[r][t] x[i][t]` | positions of kept weights | the vector `g[r]`; sums go down and leave |
//! | [`Form::Transposed`] | `out[r][i] = sum_t g[r][t] x[i][t]` | all positions | the vector `g[r]`; sums go down, and back to the row that owns r |
//!
//! All arithmetic on tokens is on vectors of the PE's own tokens; a weight that is zero is never sent, so
//! that it costs nothing.

mod pe;

use std::sync::Arc;

use crate::bits::BitRows;
use crate::dtype::Dtype;
use crate::ids::Coord;
use crate::lower::kernel::build::Builder;
use crate::lower::kernel::feed::ROW_END;
use crate::program::{EdgeStream, Fold, Port, Program, StreamItems};
use crate::spec::wafer::WaferSpec;
use crate::units::Bytes;
use pe::{PARAMS, PARTIAL_SLOTS, Pe, STREAM, SUM_SLOTS, VECTOR_SLOTS, held};

/// Shape and formats of a product on a rectangle.
#[derive(Clone, Debug)]
pub struct Shape {
    /// For messages.
    pub name: String,
    /// Columns and rows of PEs.
    pub width: u16,
    /// Rows of PEs.
    pub height: u16,
    /// Length of a PE's vectors: its tokens, for each of the query heads that share a key.
    pub vector: u32,
    /// Rows that each PE row holds of a stream or result that lies along y: its tokens.
    pub rows_per_pe: u32,
    /// Features of each column that are summed over or written: the `i` of the table.
    pub inner: Vec<u32>,
    /// Rows `r` that each column owns.
    pub owned: Vec<u32>,
    /// Formats.
    pub formats: Formats,
    /// Software-managed cache of a PE, for the ring that every multiply-add reads or adds to.
    pub cache: Bytes,
    /// How rows of PEs start after each other.
    pub pace: Pace,
}

/// Cycles that a program must know for its rows of PEs to start after each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From a word's first router to the next one.
    pub hop: u32,
    /// From a step of a compute element to that of the next one with what it gave.
    pub stage: u32,
    /// From the launch of a microthread to the first word that comes back from the router.
    pub echo: u32,
}

impl Pace {
    /// On a machine.
    pub fn of(machine: &WaferSpec) -> Self {
        let (fabric, overhead) = (&machine.fabric, &machine.pe.overhead);
        let start = overhead.microthread_launch_cycles + overhead.microthread_start_cycles;
        Self {
            hop: fabric.hop_latency_cycles,
            stage: fabric.stage_cycles(),
            echo: start + 1 + 2 * fabric.ramp_latency_cycles,
        }
    }
}

/// Formats of a product.
#[derive(Clone, Copy, Debug)]
pub struct Formats {
    /// Operands in memory and on the fabric.
    pub operand: Dtype,
    /// Sums in memory.
    pub sum: Dtype,
    /// Partial sums on the fabric.
    pub reduce: Dtype,
}

/// Where the stream down the columns comes from.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Over the north edge; one stream a column.
    Edge(Vec<StreamItems>),
    /// From the PEs of the column: row `r` of the stream is held by PE row `r / rows_per_pe` of a band.
    Held {
        /// Rows of PEs of the band; what those hold that the program does not have comes over its south edge.
        band: u16,
    },
}

/// Which product.
#[derive(Clone, Debug)]
pub enum Form {
    /// Weights against vectors, partial sums reduced along the row.
    Reduce(Feed),
    /// Outer products: no reduction.
    Outer(Feed),
    /// Gradient of kept weights, leaving over the south edge.
    Gradient(Vec<StreamItems>),
    /// Products of two activations summed over tokens, kept by rows of PEs.
    Transposed {
        /// Rows of PEs of the band; the program has the last ones, and what others keep goes over its north edge.
        band: u16,
    },
}

/// The program of a product.
pub fn program(shape: &Shape, form: &Form) -> Program {
    let mut builder = Builder::new(&shape.name, shape.width, shape.height, PARAMS);
    for y in 0..shape.height {
        let mut low = 0;
        for x in 0..shape.width {
            let owned = shape.owned[usize::from(x)];
            let mut pe = Pe::new(shape, x, y, low, owned);
            match form {
                Form::Reduce(feed) => pe.reduce(feed),
                Form::Outer(feed) => pe.outer(feed),
                Form::Gradient(_) => pe.gradient(),
                Form::Transposed { band } => pe.transposed(*band),
            }
            pe.place(&mut builder);
            low += owned;
        }
    }
    for stream in shape.streams(form) {
        builder.stream(stream);
    }
    builder.finish(match form {
        Form::Reduce(Feed::Edge(_)) | Form::Outer(Feed::Edge(_)) => Fold::Forwarded,
        Form::Reduce(Feed::Held { .. }) | Form::Outer(Feed::Held { .. }) => {
            Fold::Staggered { cycles: shape.pace.hop }
        }
        Form::Gradient(_) | Form::Transposed { .. } => Fold::Staggered { cycles: shape.pace.stage },
    })
}

impl Shape {
    /// What enters over the edges.
    fn streams(&self, form: &Form) -> Vec<EdgeStream> {
        let enters = |(x, y), port, color, items| EdgeStream {
            at: Coord { x, y },
            port,
            color: crate::ids::ColorId(color),
            items,
        };
        match form {
            Form::Reduce(Feed::Edge(items)) | Form::Outer(Feed::Edge(items)) | Form::Gradient(items) => {
                let columns = (0..).zip(items);
                columns.map(|(x, items)| enters((x, 0), Port::North, STREAM, items.clone())).collect()
            }
            Form::Reduce(Feed::Held { band }) | Form::Outer(Feed::Held { band }) if *band > self.height => {
                let held = held((self.height, self.height), *band);
                let [rows, _] = held.params(self.rows_per_pe);
                let last = self.height - 1;
                let column = |(x, &elements): (u16, &u32)| {
                    let words =
                        u64::from(rows) * u64::from(elements).div_ceil(self.formats.operand.per_wavelet());
                    enters((x, last), Port::South, held.color_up(self.height), StreamItems::blank(words))
                };
                (0..).zip(&self.inner).map(column).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// SRAM that the rings of a product take beside its operands and results, with vectors of `vector` values.
pub fn workspace(vector: u32, formats: Formats) -> Bytes {
    let sums =
        (formats.sum.bytes() * u64::from(PARTIAL_SLOTS) + formats.reduce.bytes() * 2) * u64::from(vector);
    let vectors = formats.operand.bytes() * u64::from(VECTOR_SLOTS) * u64::from(vector);
    sums + vectors + formats.sum.bytes() * u64::from(SUM_SLOTS)
}

/// Streams for timing alone: `counts[r][x]` wavelets of row `r` in column `x`.
pub fn timing_streams(counts: &Arc<[u16]>, width: u16) -> Vec<StreamItems> {
    (0..u32::from(width))
        .map(|column| StreamItems::Rows {
            counts: counts.clone(),
            stride: u32::from(width),
            column,
            end: ROW_END,
        })
        .collect()
}

/// The same where weights are kept by bits: column `x` has those from `starts[x]` to `starts[x + 1]` of each row.
pub fn kept_streams(kept: &Arc<BitRows>, starts: &Arc<[u32]>) -> Vec<StreamItems> {
    (0..starts.len() as u32 - 1)
        .map(|column| StreamItems::Kept { kept: kept.clone(), starts: starts.clone(), column, end: ROW_END })
        .collect()
}
