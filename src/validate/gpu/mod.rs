//! Kernels of GPUs: rows whose machine is a GPU go to the model of the baselines.

mod gemm;
mod launch;
mod sparse;
mod stream;
mod training;

use crate::baseline::device::Device;
use crate::validate::measure::NotRun;
use crate::validate::row::Row;

/// The simulated value of a row.
pub(super) fn measure(row: &Row, device: &Device) -> Result<f64, NotRun> {
    match row.kernel.as_str() {
        "gpu_gemm" => gemm::measure(row, device),
        "gpu_launch" => launch::measure(row, device),
        "gpu_sparse24_speedup" => sparse::two_four(row, device),
        "gpu_spmm_speedup" => sparse::unstructured(row, device),
        "gpu_stream" => stream::measure(row, device),
        "gpu_training_step" => training::measure(row, device),
        other => Err(NotRun::Kernel(other.to_owned())),
    }
}

/// That the row asks for `metric`.
fn wants(row: &Row, metric: &str) -> Result<(), NotRun> {
    if row.metric == metric {
        return Ok(());
    }
    Err(NotRun::Params(format!("no metric `{}`; legal: {metric}", row.metric)))
}

/// A time in the row's unit.
fn time(row: &Row, seconds: f64) -> Result<f64, NotRun> {
    match row.unit.as_str() {
        "us" => Ok(seconds * 1e6),
        "ms" => Ok(seconds * 1e3),
        "s" => Ok(seconds),
        other => Err(NotRun::Params(format!("no unit of time `{other}`; legal: us, ms, s"))),
    }
}
