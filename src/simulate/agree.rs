//! Both engines on the same programs, before one of them is believed.

use rayon::prelude::*;

use crate::fabric::fast::run_alike;
use crate::fabric::{CYCLE_LIMIT, compare, run};
use crate::lower::job::{Job, Kernel};
use crate::lower::timing::Timing;
use crate::program::{Program, check};
use crate::record::{Check, Verification};
use crate::simulate::{SimulateError, class, distinct, whole};
use crate::sparsity::Masks;

/// What both engines agree on.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// One for each kind of kernel that both engines know.
    pub checks: Vec<Check>,
    /// Kinds of kernels that the fast engine is made for.
    pub kinds: usize,
}

impl Agreement {
    /// Add what was compared to the checks of a record.
    pub fn add_to(self, verification: &mut Verification) {
        if !verification.note.is_empty() {
            verification.note.push(' ');
        }
        verification.note += &format!(
            "Reference and fast engine agree on {} of {} kinds of products with weights and of moves along columns, \
             long ones in part: cycles, activity and end of every PE, links, counters. Kinds whose part the fast engine refuses are not compared.",
            self.checks.len(),
            self.kinds
        );
        verification.checks.extend(self.checks);
    }
}

/// Run a part of each distinct kind of kernel that the fast engine is made for (the same product with as many zeros,
/// under two masks) on both engines.
///
/// # Errors
/// [`SimulateError::Engines`] with the first difference of a kernel; a program that is illegal or does not run.
pub fn agree(jobs: &[Job], timing: Timing<'_>, masks: &Masks) -> Result<Agreement, SimulateError> {
    let kernels = distinct(jobs).into_iter().filter(whole::is_of_its_kind);
    let kinds = class::classes(kernels, masks);
    let checks: Vec<Result<Option<Check>, SimulateError>> =
        kinds.par_iter().with_max_len(1).map(|members| of_kind(members, timing, masks)).collect();
    let checks: Result<Vec<Option<Check>>, SimulateError> = checks.into_iter().collect();
    Ok(Agreement { checks: checks?.into_iter().flatten().collect(), kinds: kinds.len() })
}

/// A part of up to two kernels of a kind, side by side on the fast engine and one after the other on the reference
/// engine; `None` where the fast engine does not know it.
fn of_kind(members: &[Kernel], timing: Timing<'_>, masks: &Masks) -> Result<Option<Check>, SimulateError> {
    let samplers = members.iter().take(2).filter_map(|kernel| class::sampler(kernel, timing, masks));
    let mut part = (0, 0);
    let programs = samplers.map(|sampler| {
        let rows = sampler.parts[0].min(sampler.most);
        part = (rows, sampler.most);
        (sampler.build)(Some(rows))
    });
    let programs: Vec<Program> = programs.collect();
    let (rows, total) = part;
    let columns = members.iter().any(whole::is_columns);
    let part = format!("{rows} of {total} {}", if columns { "values a PE" } else { "weight rows" });
    let all: Vec<&Program> = programs.iter().collect();
    let Some(fast) = run_alike(&all, timing.machine) else { return Ok(None) };
    for (program, fast) in programs.iter().zip(&fast) {
        check(program, timing.machine)?;
        let reference = run(program, timing.machine, CYCLE_LIMIT)?;
        compare(&reference, fast).map_err(|difference| SimulateError::Engines {
            part: format!("`{}`, {part}", program.name),
            difference,
        })?;
    }
    let masked = members.iter().any(Kernel::is_masked);
    let zeros = match (columns, masked) {
        (true, _) => "",
        (_, true) => "with zeros, ",
        (_, false) => "dense, ",
    };
    Ok(Some(Check {
        what: format!("both engines, {}, {zeros}{part}", programs[0].name),
        elements: fast.iter().map(|fast| fast.per_pe.len() as u64).sum(),
        largest_error: 0.0,
        tolerance: 0.0,
        ok: true,
    }))
}
