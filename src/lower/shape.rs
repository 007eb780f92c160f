//! Kernels of jobs as shapes of products: what timing and values build their programs from.

use crate::dtype::Dtype;
use crate::lower::job::{AttentionKernel, Direction, WeightKernel};
use crate::lower::kernel::matmul::{Formats, Pace, Shape};
use crate::lower::mapping::Mapping;
use crate::spec::wafer::{NumericsSpec, WaferSpec};

/// Formats of products for a workload's precision on a machine.
pub fn formats(precision: Dtype, numerics: &NumericsSpec) -> Formats {
    Formats {
        operand: precision,
        sum: numerics.accumulate.unwrap_or(precision),
        reduce: numerics.reduce.unwrap_or(precision),
    }
}

/// Shape of a product with a weight over all rows in use.
pub fn weight_shape(kernel: WeightKernel, mapping: &Mapping, precision: Dtype, machine: &WaferSpec) -> Shape {
    let (inputs, outputs) = (mapping.slices(kernel.input).widths(), mapping.slices(kernel.output).widths());
    let (inner, owned, what) = match kernel.direction {
        Direction::Forward => (inputs, outputs, "forward"),
        Direction::Data => (outputs, inputs, "dx"),
        Direction::Weight => (inputs, outputs, "dw"),
    };
    Shape {
        name: format!("{:?} to {:?}, {what}", kernel.input, kernel.output).to_lowercase(),
        width: mapping.width,
        height: mapping.rows(),
        vector: mapping.tokens,
        rows_per_pe: mapping.tokens,
        inner,
        owned,
        formats: formats(precision, &machine.numerics),
        cache: machine.pe.cache,
        pace: Pace::of(machine),
    }
}

/// Shape of a product within one head (with the query heads that share its keys) and one sequence.
pub fn attention_shape(
    kernel: AttentionKernel,
    mapping: &Mapping,
    precision: Dtype,
    machine: &WaferSpec,
) -> Shape {
    let what = match kernel {
        AttentionKernel::Scores => "scores",
        AttentionKernel::Context => "context",
        AttentionKernel::Transposed => "transposed",
    };
    Shape {
        name: format!("attention, {what}"),
        width: mapping.group_columns,
        height: mapping.band_rows,
        vector: mapping.tokens * mapping.group_heads,
        rows_per_pe: mapping.tokens,
        inner: mapping.head(),
        owned: mapping.keys.widths(),
        formats: formats(precision, &machine.numerics),
        cache: machine.pe.cache,
        pace: Pace::of(machine),
    }
}
