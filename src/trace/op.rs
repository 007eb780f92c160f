//! From the name of an op to the program that runs it, on as many rows and columns of PEs as are asked for.

use std::ops::Range;

use crate::lower::job::{Job, Kernel};
use crate::lower::local::LocalConstants;
use crate::lower::timing::Timing;
use crate::program::{Fold, Program};
use crate::sparsity::Masks;
use crate::trace::TraceError;

/// The job of an op by its name; parts in the middle may be left out (`layers.0.gate` for `layers.0.mlp.gate`).
pub(super) fn find<'a>(jobs: &'a [Job], asked: &str) -> Result<&'a Job, TraceError> {
    if let Some(job) = jobs.iter().find(|job| job.name == asked) {
        return Ok(job);
    }
    let fits: Vec<&Job> = jobs.iter().filter(|job| is_short_for(asked, &job.name)).collect();
    match fits[..] {
        [job] => Ok(job),
        _ => {
            let near = if fits.is_empty() { like(jobs, asked) } else { fits };
            let names = near.iter().map(|job| job.name.clone()).collect();
            Err(TraceError::NoOp { asked: asked.to_owned(), names })
        }
    }
}

/// Whether `asked` is `name` with parts left out before the last one.
fn is_short_for(asked: &str, name: &str) -> bool {
    let mut parts = name.split('.');
    let all = asked.split('.').all(|part| parts.any(|mine| mine == part));
    all && parts.next().is_none()
}

/// Ops on the wafer that share most parts of their names with what was asked for.
fn like<'a>(jobs: &'a [Job], asked: &str) -> Vec<&'a Job> {
    let parts: Vec<&str> = asked.split('.').collect();
    let shared = |job: &Job| job.name.split('.').filter(|part| parts.contains(part)).count();
    let on_wafer = || jobs.iter().filter(|job| job.kernel != Kernel::OffWafer);
    let most = on_wafer().map(shared).max().unwrap_or(0);
    on_wafer().filter(|job| shared(job) == most).collect()
}

/// An op as it runs on the wafer.
#[derive(Debug)]
pub(super) struct Placed {
    /// Columns of one copy, and rows.
    pub(super) size: (u16, u16),
    /// Which of the PEs behave alike, in words.
    pub(super) alike: &'static str,
}

/// Columns and rows of one copy of a kernel; `None` off the wafer.
pub(super) fn placed(kernel: &Kernel, timing: Timing<'_>) -> Option<Placed> {
    let mapping = timing.mapping;
    let rows = mapping.rows();
    let every_column = "one column is simulated: every column does the same in the same cycles";
    let (size, alike) = match kernel {
        Kernel::OffWafer => return None,
        Kernel::Weights(_) => ((mapping.width, rows), ""),
        Kernel::Attention(_) => ((mapping.group_columns, mapping.band_rows), ""),
        Kernel::Rowwise { features, .. } => ((mapping.rowwise_columns(*features), rows), ""),
        Kernel::Columnwise(_) => ((mapping.width, rows), ""),
        Kernel::Scatter | Kernel::Gather | Kernel::Spread | Kernel::BandSum | Kernel::ColumnSum(_) => {
            ((1, rows), every_column)
        }
    };
    Some(Placed { size, alike })
}

/// The whole program of a kernel of one copy, with so many of its columns and rows of PEs at least, from the first ones
/// on: those further on change nothing of what these do.
pub(super) fn program(
    kernel: &Kernel,
    timing: Timing<'_>,
    masks: &Masks,
    (columns, rows): (u16, u16),
) -> Option<Program> {
    // As values that nothing depends on in time.
    let constants = LocalConstants { features: 1.0, eps: 1.0, scale: 1.0 };
    match kernel {
        Kernel::OffWafer => None,
        Kernel::Weights(product) => {
            let counts = timing.counts(*product, masks);
            Some(timing.weights(*product, counts.as_ref(), None, rows))
        }
        Kernel::Attention(product) => Some(timing.attention(*product, None)),
        Kernel::Rowwise { op, features } => Some(timing.rowwise(*op, *features, rows, constants)),
        Kernel::Columnwise(op) => Some(timing.columnwise(*op, columns, constants)),
        _ => timing.other(kernel, None),
    }
}

/// What rows of PEs that are not simulated do, in words.
pub(super) fn further_rows(fold: Fold) -> &'static str {
    match fold {
        Fold::None => "",
        Fold::Forwarded => "each row does what the one before it does, later by the time of a link",
        Fold::Alike => "all rows do the same in the same cycles",
        Fold::Staggered { .. } => "each row does what the one before it does, some cycles later",
    }
}

/// A range that is asked for, within what there is; `None`: the first few.
pub(super) fn within(
    what: &'static str,
    asked: Option<&Range<u16>>,
    of: u16,
    few: u16,
) -> Result<Range<u16>, TraceError> {
    let range = asked.cloned().unwrap_or(0..few.min(of));
    if range.is_empty() || range.end > of {
        return Err(TraceError::Range { what, asked: range, of });
    }
    Ok(range)
}
