//! Dense matrix products: `m`, `n`, `k` and a format.

use super::{time, wants};
use crate::baseline::device::Device;
use crate::baseline::gemm::{Kernels, product};
use crate::baseline::power::Load;
use crate::dtype::Dtype;
use crate::graph::MatmulShape;
use crate::validate::measure::NotRun;
use crate::validate::params;
use crate::validate::row::Row;

/// Longest side of a matrix that is believed.
const MOST: u32 = 1 << 24;

/// Multiply-adds that the counts of a product have room for.
const MOST_MACS: u128 = 1 << 56;

/// Time of a product that runs by itself.
pub(super) fn measure(row: &Row, device: &Device) -> Result<f64, NotRun> {
    wants(row, "time")?;
    let element = params::dtype(row, Dtype::Bf16)?.bytes();
    time(row, product(shape(row)?, element, &Kernels::dense(&device.spec), device, Load::Alone).time.0)
}

/// `m`, `n` and `k` of a row.
pub(super) fn shape(row: &Row) -> Result<MatmulShape, NotRun> {
    let side = |key| params::number(row, &[key], MOST, "sides of matrices").map(u64::from);
    let shape = MatmulShape { batch: 1, m: side("m")?, k: side("k")?, n: side("n")? };
    match u128::from(shape.m) * u128::from(shape.k) * u128::from(shape.n) {
        macs if macs <= MOST_MACS => Ok(shape),
        macs => Err(NotRun::Params(format!("{macs} multiply-adds are too many: at most {MOST_MACS}"))),
    }
}
