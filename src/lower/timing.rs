//! Programs for timing: the counts of a mask instead of its values, and one row of PEs where all rows are
//! alike.

use std::sync::Arc;

use crate::dtype::Dtype;
use crate::lower::job::{AttentionKernel, Direction, Features, Kernel, WeightKernel};
use crate::lower::kernel::matmul::{Feed, Form, Shape, program as product, timing_streams};
use crate::lower::kernel::{column, rowwise};
use crate::lower::local::{LocalConstants, pe};
use crate::lower::mapping::Mapping;
use crate::lower::shape::{attention_shape, formats, weight_shape};
use crate::program::{Program, StreamItems, Wavelet};
use crate::sparsity::{CountMatrix, DirectionCounts, Masks};
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

/// A part of a kernel that stands for all of it: rows per column (products with weights), rows per PE row
/// (attention), values per PE (scatter and gather).
pub type Part = Option<u32>;

impl Timing<'_> {
    /// Counts of both directions of a masked weight.
    pub fn counts(&self, kernel: WeightKernel, masks: &Masks) -> Option<DirectionCounts> {
        let (layer, target) = kernel.mask?;
        masks.counts(layer, target, self.mapping.slices(kernel.input), self.mapping.slices(kernel.output))
    }

    /// The program of a product with a weight: one row of PEs, which tells all (see [`crate::program::Fold`]).
    /// `counts` are those of its mask, `None` for a dense weight.
    pub fn weights(&self, kernel: WeightKernel, counts: Option<&DirectionCounts>, part: Part) -> Program {
        let formats = formats(self.precision, &self.machine.numerics);
        let mut shape = weight_shape(kernel, self.mapping, formats);
        shape.height = 1;
        let full = shape.owned.clone();
        if let Some(most) = part {
            for owned in &mut shape.owned {
                *owned = (*owned).min(most);
            }
        }
        let matrix =
            counts.map(|c| if kernel.direction == Direction::Data { &c.input_gradient } else { &c.forward });
        let streams = timing_streams(&stream_counts(&shape, &full, matrix), shape.width);
        product(
            &shape,
            &match kernel.direction {
                Direction::Weight => Form::Gradient(streams),
                _ => Form::Reduce(Feed::Edge(streams)),
            },
        )
    }

    /// The program of any other kernel that runs on the wafer, `None` for work off the wafer.
    pub fn other(&self, kernel: &Kernel, part: Part) -> Option<Program> {
        let mapping = self.mapping;
        let hidden = mapping.hidden.widest() * mapping.tokens;
        Some(match kernel {
            Kernel::Weights(kernel) => self.weights(*kernel, None, part),
            Kernel::Attention(kernel) => self.attention(*kernel, part),
            Kernel::Rowwise { op, features } => {
                let (width, features) = self.row(*features);
                let constants = LocalConstants { features: 1.0, eps: 1.0, scale: 1.0 };
                let (tokens, stats) = (self.vector(), Dtype::Fp32);
                rowwise::program(&format!("{op:?}").to_lowercase(), width, 1, stats, |x| {
                    pe(*op, features[usize::from(x)], tokens, self.precision, stats, constants)
                })
            }
            Kernel::Scatter => {
                let elements = part.unwrap_or(hidden);
                let words =
                    u64::from(mapping.rows()) * u64::from(elements).div_ceil(self.precision.per_wavelet());
                let stream: Arc<[Wavelet]> = vec![Wavelet::default(); words as usize].into();
                let streams = vec![StreamItems::Wavelets(stream)];
                column::scatter("scatter", 1, mapping.rows(), elements, self.precision, streams)
            }
            Kernel::Gather => {
                column::gather("gather", 1, mapping.rows(), part.unwrap_or(hidden), self.precision)
            }
            Kernel::ColumnSum(features) => {
                let widest = mapping.slices(*features).widest();
                column::sum("column sum", 1, mapping.rows(), widest, Dtype::Fp32)
            }
            Kernel::OffWafer => return None,
        })
    }

    /// Local ops on scores see the vectors of all heads of a group.
    fn vector(&self) -> u32 {
        self.mapping.tokens
    }

    fn row(&self, features: Features) -> (u16, Vec<u32>) {
        let mapping = self.mapping;
        let widths = mapping.slices(features).widths();
        if features == Features::Scores {
            (mapping.group_columns, widths.iter().map(|w| w * mapping.group_heads).collect())
        } else {
            (mapping.width, widths)
        }
    }

    fn attention(&self, kernel: AttentionKernel, part: Part) -> Program {
        let formats = formats(self.precision, &self.machine.numerics);
        let mut shape = attention_shape(kernel, self.mapping, formats);
        if let Some(rows) = part {
            shape.rows_per_pe = rows;
            let keys = rows * u32::from(shape.height);
            let columns = u64::from(shape.width);
            let start = |x: u64| (x * u64::from(keys) / columns) as u32;
            shape.owned = (0..columns).map(|x| start(x + 1) - start(x)).collect();
        }
        product(
            &shape,
            &match kernel {
                AttentionKernel::Scores => Form::Reduce(Feed::Rotating),
                AttentionKernel::Context => Form::Outer(Feed::Rotating),
                AttentionKernel::Transposed => Form::Transposed,
            },
        )
    }
}

/// Wavelets of each row and column of the stream: those of the rows that `shape` keeps of the rows that each
/// column owns in `full`.
fn stream_counts(shape: &Shape, full: &[u32], matrix: Option<&CountMatrix>) -> Arc<[u16]> {
    let mut counts = Vec::with_capacity(shape.owned.iter().sum::<u32>() as usize * shape.inner.len());
    let mut first = 0;
    for (&kept, &all) in shape.owned.iter().zip(full) {
        for row in first..first + kept {
            match matrix {
                Some(matrix) => counts.extend_from_slice(matrix.row(row)),
                None => counts.extend(shape.inner.iter().map(|&c| c as u16)),
            }
        }
        first += all;
    }
    counts.into()
}
