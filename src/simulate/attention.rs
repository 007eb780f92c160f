//! Time of a product within a head: of one row of PEs, which tells that of all rows of the band.

use crate::fabric::rows_are_alike;
use crate::lower::job::AttentionKernel;
use crate::lower::mapping::Mapping;
use crate::lower::timing::Timing;
use crate::record::Simulated;
use crate::simulate::sample::{outcome, unfold};
use crate::simulate::{KernelTime, Sample, SimulateError};
use crate::sparsity::Slices;

/// Rows of PEs of a band that shows how well one of them tells all, where they may wait for each other.
const FEW: u16 = 4;

/// The time of `kernel` for one head and one sequence.
pub(super) fn time(kernel: AttentionKernel, timing: Timing<'_>) -> Result<KernelTime, SimulateError> {
    let (one, mut time) = one_row(kernel, timing)?;
    if !one && timing.mapping.band_rows > 1 {
        let keys = u32::from(FEW) * timing.mapping.tokens;
        if let Ok(keys) = Slices::even(keys, timing.mapping.group_columns) {
            let mapping = Mapping { band_rows: FEW, keys, ..timing.mapping.clone() };
            let few = Timing { mapping: &mapping, ..timing };
            let all = outcome(&few.attention(kernel, None), timing.machine)?.counters.cycles.0;
            let (_, folded) = one_row(kernel, few)?;
            let error = (folded.cycles as f64 / all as f64 - 1.0).abs();
            time.how = Simulated::Sampled;
            time.sample = Some(Sample { simulated: 1, total: u64::from(timing.mapping.band_rows), error });
        }
    }
    Ok(time)
}

/// Whether one row of PEs tells all to the cycle, and what it tells.
fn one_row(kernel: AttentionKernel, timing: Timing<'_>) -> Result<(bool, KernelTime), SimulateError> {
    let program = timing.attention(kernel, Some(1));
    let outcome = outcome(&program, timing.machine)?;
    let time = unfold(&program, &outcome, timing.machine, timing.mapping.band_rows);
    Ok((rows_are_alike(&program, timing.machine), time))
}
