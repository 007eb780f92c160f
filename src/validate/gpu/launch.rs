//! Kernels that do nothing. The constants are such measurements, so that a row says whether it is theirs.

use super::{time, wants};
use crate::baseline::device::Device;
use crate::validate::measure::NotRun;
use crate::validate::row::Row;

/// From one kernel to the next under `mode`.
pub(super) fn measure(row: &Row, device: &Device) -> Result<f64, NotRun> {
    wants(row, "latency")?;
    let compute = &device.spec.compute;
    let us = match row.params.get("mode").map(String::as_str) {
        Some("stream") => compute.launch_overhead_us,
        Some("graph") => compute.graph_launch_us,
        other => {
            return Err(NotRun::Params(format!("`mode` = `{}`; legal: stream, graph", other.unwrap_or(""))));
        }
    };
    time(row, us * 1e-6)
}
