//! Time of a product within a head: of one row of PEs, which tells that of all rows of the band.

use crate::fabric::rows_are_alike;
use crate::lower::job::AttentionKernel;
use crate::lower::mapping::Mapping;
use crate::lower::timing::Timing;
use crate::record::Simulated;
use crate::simulate::sample::{outcome, unfold};
use crate::simulate::{KernelTime, Sample, SimulateError};
use crate::sparsity::Slices;

/// Rows of PEs of a band that is simulated whole, where they may wait for each other, and of one that shows how well one
/// of them tells all of a larger one.
const WHOLE: u16 = 64;
const FEW: u16 = 4;

/// The time of `kernel` for one head and one sequence.
pub(super) fn time(kernel: AttentionKernel, timing: Timing<'_>) -> Result<KernelTime, SimulateError> {
    let rows = timing.mapping.band_rows;
    if rows_are_alike(&timing.attention(kernel, Some(1)), timing.machine) {
        return folded(kernel, timing);
    }
    if rows <= WHOLE {
        return whole(kernel, timing);
    }
    let mut time = folded(kernel, timing)?;
    let keys = u32::from(FEW) * timing.mapping.tokens;
    if let Ok(keys) = Slices::even(keys, timing.mapping.group_columns) {
        let mapping = Mapping { band_rows: FEW, keys, ..timing.mapping.clone() };
        let few = Timing { mapping: &mapping, ..timing };
        let (one, all) = (folded(kernel, few)?.cycles, whole(kernel, few)?.cycles);
        let error = (one as f64 / all as f64 - 1.0).abs();
        time.how = Simulated::Sampled;
        time.sample = Some(Sample { simulated: 1, total: u64::from(rows), error });
    }
    Ok(time)
}

/// What one row of PEs tells of all.
fn folded(kernel: AttentionKernel, timing: Timing<'_>) -> Result<KernelTime, SimulateError> {
    let program = timing.attention(kernel, Some(1));
    let one = outcome(&program, timing.machine)?;
    Ok(unfold(&program, &one, timing.machine, timing.mapping.band_rows))
}

/// What all of them do.
fn whole(kernel: AttentionKernel, timing: Timing<'_>) -> Result<KernelTime, SimulateError> {
    let program = timing.attention(kernel, None);
    let all = outcome(&program, timing.machine)?;
    Ok(unfold(&program, &all, timing.machine, 1))
}
