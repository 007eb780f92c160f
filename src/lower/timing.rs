//! Programs for timing: the counts of a mask instead of its values, and one row of PEs where all rows are
//! alike.

use std::sync::Arc;

use crate::bits::BitRows;
use crate::dtype::Dtype;
use crate::lower::job::{AttentionKernel, Direction, Features, Kernel, WeightKernel};
use crate::lower::kernel::chain::Axis;
use crate::lower::kernel::matmul::{Feed, Form, Shape, kept_streams, program as product, timing_streams};
use crate::lower::kernel::{bands, column, rowwise};
use crate::lower::local::{LocalConstants, LocalOp, pe};
use crate::lower::mapping::Mapping;
use crate::lower::shape::{attention_shape, weight_shape};
use crate::program::{Program, StreamItems};
use crate::sparsity::{CountMatrix, DirectionCounts, Mask, Masks, Placed, Target};
use crate::spec::wafer::WaferSpec;

/// What programs for timing are built from.
#[derive(Clone, Copy, Debug)]
pub struct Timing<'a> {
    /// Where things lie.
    pub mapping: &'a Mapping,
    /// Storage format of the workload.
    pub precision: Dtype,
    /// Machine.
    pub machine: &'a WaferSpec,
}

/// Format of values per token (maxima, sums) and of sums over tokens.
pub const STATISTICS: Dtype = Dtype::Fp32;

/// A part of a kernel that stands for all of it: so many weight rows (products with weights), or values per PE
/// (scatter and gather).
pub type Part = Option<u32>;

impl Timing<'_> {
    /// Counts of both directions of a masked weight.
    pub fn counts(&self, kernel: WeightKernel, masks: &Masks) -> Option<DirectionCounts> {
        self.placed(kernel, masks, Masks::counts_placed)
    }

    /// The mask of a weight as it lies on the fabric.
    pub fn mask(&self, kernel: WeightKernel, masks: &Masks) -> Option<Mask> {
        self.placed(kernel, masks, Masks::mask_placed)
    }

    /// What `masks` have of a masked weight, where its features lie on the fabric.
    fn placed<T>(
        &self,
        kernel: WeightKernel,
        masks: &Masks,
        of: impl FnOnce(&Masks, u32, Target, Placed<'_>, Placed<'_>) -> Option<T>,
    ) -> Option<T> {
        let (layer, target) = kernel.mask?;
        // Heads lie in pairs of features (see [`Mapping::query_order`]), and so must the rows and columns of a mask.
        let order = |features| self.mapping.order(features).filter(|_| !masks.is_exchangeable());
        let (inputs, outputs) = (order(kernel.input), order(kernel.output));
        of(
            masks,
            layer,
            target,
            Placed { slices: self.mapping.slices(kernel.input), order: inputs.as_deref() },
            Placed { slices: self.mapping.slices(kernel.output), order: outputs.as_deref() },
        )
    }

    /// The whole program of a product with a weight of which `kept` are kept, on one row of PEs: its rows are the weight
    /// rows that stream, a mask's own, or for an input gradient those of the mask transposed.
    pub fn masked(&self, kernel: WeightKernel, kept: &Arc<BitRows>) -> Program {
        let mut shape = weight_shape(kernel, self.mapping, self.precision, self.machine);
        shape.height = 1;
        let ends = shape.inner.iter().scan(0, |end, &width| {
            *end += width;
            Some(*end)
        });
        let starts = std::iter::once(0).chain(ends).collect();
        weights_program(kernel, &shape, kept_streams(kept, &starts))
    }

    /// The program of a product with a weight on `height` rows of PEs: one tells all (see
    /// [`crate::program::Fold`]). `counts` are those of its mask, `None` for a dense weight.
    pub fn weights(
        &self,
        kernel: WeightKernel,
        counts: Option<&DirectionCounts>,
        part: Part,
        height: u16,
    ) -> Program {
        let mut shape = weight_shape(kernel, self.mapping, self.precision, self.machine);
        shape.height = height;
        let full = shape.owned.clone();
        if let Some(rows) = part {
            keep(&mut shape.owned, rows);
        }
        streamed(kernel, &shape, &full, counts)
    }

    /// The same in a corner: so many of the first columns, with so many weight rows of those that they own.
    pub fn weights_in_corner(
        &self,
        kernel: WeightKernel,
        counts: Option<&DirectionCounts>,
        (columns, rows): (u16, u32),
        height: u16,
    ) -> Program {
        let mut shape = weight_shape(kernel, self.mapping, self.precision, self.machine);
        (shape.width, shape.height) = (columns.min(shape.width), height);
        shape.inner.truncate(usize::from(shape.width));
        shape.owned.truncate(usize::from(shape.width));
        let full = shape.owned.clone();
        keep(&mut shape.owned, rows.min(full.iter().sum()));
        streamed(kernel, &shape, &full, counts)
    }

    /// The program of a kernel that is no product, `None` for products and for work off the wafer.
    pub fn other(&self, kernel: &Kernel, part: Part) -> Option<Program> {
        let mapping = self.mapping;
        let hidden = mapping.hidden.widest() * mapping.tokens;
        Some(match kernel {
            Kernel::Rowwise { op, features } => {
                self.rowwise(*op, *features, 1, LocalConstants { features: 1.0, eps: 1.0, scale: 1.0 })
            }
            Kernel::Columnwise(op) => {
                self.columnwise(*op, 1, LocalConstants { features: 1.0, eps: 1.0, scale: 1.0 })
            }
            Kernel::Scatter => {
                let elements = part.unwrap_or(hidden);
                let streams = vec![self.blank(mapping.rows(), elements)];
                column::scatter("scatter", 1, mapping.rows(), elements, self.precision, streams)
            }
            Kernel::Spread => {
                let elements = part.unwrap_or(hidden);
                let streams = vec![self.blank(mapping.band_rows, elements)];
                bands::spread("spread", mapping.bands(1), elements, self.precision, streams)
            }
            Kernel::BandSum => {
                let elements = part.unwrap_or(hidden);
                bands::sum("sum over bands", mapping.bands(1), elements, self.precision, STATISTICS)
            }
            Kernel::Gather => {
                column::gather("gather", 1, mapping.rows(), part.unwrap_or(hidden), self.precision)
            }
            Kernel::ColumnSum(features) => {
                let (widest, size) = (mapping.slices(*features).widest(), (1, mapping.rows()));
                column::sum("column sum", size, widest, mapping.tokens, self.precision, STATISTICS)
            }
            Kernel::Weights(_) | Kernel::Attention(_) | Kernel::OffWafer => return None,
        })
    }

    /// What enters a column with `elements` values for each of `rows` PEs.
    fn blank(&self, rows: u16, elements: u32) -> StreamItems {
        StreamItems::blank(u64::from(rows) * u64::from(elements).div_ceil(self.precision.per_wavelet()))
    }

    /// The program of a row-wise kernel on `height` rows of PEs.
    pub fn rowwise(
        &self,
        op: LocalOp,
        features: Features,
        height: u16,
        constants: LocalConstants,
    ) -> Program {
        let mapping = self.mapping;
        // Scores, and queries that turn in pairs of features, lie feature by feature and then head by head.
        let (slices, heads) = match (op, features) {
            (_, Features::Scores) => (&mapping.keys, mapping.group_heads),
            (LocalOp::Rope, Features::Query) => (&mapping.key, mapping.group_heads),
            _ => (mapping.slices(features), 1),
        };
        let width = mapping.rowwise_columns(features);
        let (widths, tokens) = (slices.widths(), (mapping.tokens, heads));
        rowwise::program(&format!("{op:?}").to_lowercase(), Axis::Row, (width, height), STATISTICS, |x| {
            pe(op, widths[usize::from(x)], tokens, self.precision, STATISTICS, constants)
        })
    }

    /// The program of a column-wise kernel on `width` columns of PEs.
    pub fn columnwise(&self, op: LocalOp, width: u16, constants: LocalConstants) -> Program {
        let (size, tokens) = ((width, self.mapping.rows()), (self.mapping.tokens, 1));
        rowwise::program(&format!("{op:?}").to_lowercase(), Axis::Column, size, STATISTICS, |_| {
            pe(op, 0, tokens, self.precision, STATISTICS, constants)
        })
    }

    /// The program of an attention kernel of one head and one sequence on `height` rows of PEs of the band, or on all of
    /// them: one tells all (see [`crate::program::Fold`]).
    pub fn attention(&self, kernel: AttentionKernel, height: Option<u16>) -> Program {
        let mut shape = attention_shape(kernel, self.mapping, self.precision, self.machine);
        let band = shape.height;
        shape.height = height.unwrap_or(band).min(band);
        product(
            &shape,
            &match kernel {
                AttentionKernel::Scores => Form::Reduce(Feed::Held { band }),
                AttentionKernel::Context => Form::Outer(Feed::Held { band }),
                AttentionKernel::Transposed => Form::Transposed { band },
            },
        )
    }
}

/// The product of a shape whose columns own `full` rows when it is whole.
fn streamed(kernel: WeightKernel, shape: &Shape, full: &[u32], counts: Option<&DirectionCounts>) -> Program {
    let matrix =
        counts.map(|c| if kernel.direction == Direction::Data { &c.input_gradient } else { &c.forward });
    weights_program(kernel, shape, timing_streams(&stream_counts(shape, full, matrix), shape.width))
}

/// The product of a shape with the weights that `streams` bring.
fn weights_program(kernel: WeightKernel, shape: &Shape, streams: Vec<StreamItems>) -> Program {
    product(
        shape,
        &match kernel.direction {
            Direction::Weight => Form::Gradient(streams),
            _ => Form::Reduce(Feed::Edge(streams)),
        },
    )
}

/// Keep `rows` of the rows that columns own, evenly over all of them.
fn keep(owned: &mut [u32], rows: u32) {
    let all = owned.iter().map(|&rows| u64::from(rows)).sum::<u64>().max(1);
    let mut before = 0;
    for owned in owned {
        let share = |rows_before: u64| rows_before * u64::from(rows) / all;
        let after = before + u64::from(*owned);
        *owned = (share(after) - share(before)) as u32;
        before = after;
    }
}

/// Wavelets of each row and column of the stream: those of the rows that `shape` keeps of the rows that each
/// column owns in `full`.
fn stream_counts(shape: &Shape, full: &[u32], matrix: Option<&CountMatrix>) -> Arc<[u16]> {
    let columns = shape.inner.len();
    if let Some(matrix) =
        matrix.filter(|whole| shape.owned == full && columns == usize::from(whole.columns()))
    {
        return matrix.all();
    }
    let mut counts = Vec::with_capacity(shape.owned.iter().sum::<u32>() as usize * columns);
    let mut first = 0;
    for (&kept, &all) in shape.owned.iter().zip(full) {
        for row in first..first + kept {
            match matrix {
                Some(matrix) => counts.extend_from_slice(&matrix.row(row)[..columns]),
                None => counts.extend(shape.inner.iter().map(|&c| c as u16)),
            }
        }
        first += all;
    }
    counts.into()
}
