//! Are the values right? A step at reduced size runs on a small rectangle with real numbers, lowered as the
//! large one is, and every op is compared with the f64 evaluation of the graph.
//!
//! ```text
//! workload, machine -> reduced -> plan, jobs -> programs with values on the fabric -> tensors
//!                                    \-> oracle, op by op and as a whole ----------------^ compare
//! ```
//!
//! It runs twice: in the workload's precision, where each op is compared on the machine's own operands, and in
//! fp32, where roundings are so small that the whole step from tokens to gradients is compared as well.

mod bound;
mod full_width;
mod golden;
mod reduced;
mod roundings;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use crate::dtype::Dtype;
use crate::exec::reference::{Reference, ReferenceError, Tensors, random_inputs};
use crate::graph::{Op, TensorRole, TrainGraph};
use crate::lower::job::{Kernel, jobs};
use crate::lower::kernel::matmul::Formats;
use crate::lower::mapping::Mapping;
use crate::lower::plan::{PlanError, plan};
use crate::lower::shape::formats;
use crate::record::{Check, Verification};
use crate::sparsity::{Masks, MasksError};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
use crate::values::{Alike, Engines, Results, Store, ValuesError, Wafer, rounded};
pub use full_width::full_width;
pub use golden::{Golden, GoldenError};
use roundings::Roundings;
pub use roundings::TOLERANCES;

/// Why values could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The reduced workload does not fit the reduced machine.
    #[error("at reduced size, {0}")]
    Plan(#[from] PlanError),
    /// Masks that cannot be had.
    #[error(transparent)]
    Masks(#[from] MasksError),
    /// The oracle lacks something.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// Values of an op.
    #[error(transparent)]
    Values(#[from] ValuesError),
}

/// Compare the values of `workload` on `machine`, both at reduced size, with the oracle.
///
/// # Errors
/// [`VerifyError`] where the comparison cannot be made; a difference is a failed check, not an error.
pub fn check(workload: &WorkloadSpec, machine: &WaferSpec) -> Result<Verification, VerifyError> {
    let machine = reduced::machine(machine);
    let mut workload = reduced::workload(workload);
    let precision = workload.training.precision;
    let mut formats = vec![precision, Dtype::Fp32];
    formats.dedup();
    let mut checks = Vec::new();
    let mut losses = Vec::new();
    for format in formats {
        workload.training.precision = format;
        let (mut of_format, loss) = step(&workload, &machine)?;
        checks.append(&mut of_format);
        losses.push(format!("loss in {format} {:.6}, in f64 {:.6}", loss.0, loss.1));
    }
    let right = checks.iter().all(|check| check.ok);
    let failed: Vec<&str> = checks.iter().filter(|check| !check.ok).map(|c| c.what.as_str()).collect();
    let model = &workload.model;
    Ok(Verification {
        verdict: if right {
            "every op and gradient equals its f64 value within rounding".to_owned()
        } else {
            format!("beyond rounding: {}", failed.join(", "))
        },
        checks,
        rectangle: format!("{} x {} PEs", machine.fabric.width_pes, machine.fabric.height_pes),
        note: format!(
            "{} at {} layers, hidden {}, {} heads, {} sequences of {} tokens, {:.0} % zeros; {}. Errors are \
             relative to the sum of magnitudes for products and to the largest element otherwise. \
             {TOLERANCES}. The weight store's own work (AdamW) is not compared.",
            workload.name,
            model.layers,
            model.hidden,
            model.heads,
            workload.training.batch_sequences,
            workload.training.sequence_tokens,
            100.0 * Masks::new(&workload)?.level(),
            losses.join("; ")
        ),
    })
}

/// One step in one precision: the checks, and the loss on the machine and in f64.
fn step(workload: &WorkloadSpec, machine: &WaferSpec) -> Result<(Vec<Check>, (f64, f64)), VerifyError> {
    let precision = workload.training.precision;
    let masks = Masks::new(workload)?;
    let plan = plan(workload, machine)?;
    let graph = &plan.graph;
    let oracle = Reference::new(graph, &masks, workload.training.optimizer, NonZeroU32::MIN)?;
    let inputs = rounded(graph, random_inputs(graph, workload.sparsity.seed), precision);
    let expected = oracle.evaluate(inputs.clone())?;
    let mut wafer = Wafer::new(workload, machine, &plan, &masks, inputs, Engines::Both);
    let mut rows: BTreeMap<String, Check> = BTreeMap::new();
    let jobs = jobs(graph, &plan.mapping, &masks, workload, machine);
    // The weight store's work is taken as it should be.
    let store = Store { arithmetic: &oracle, kept: &Tensors::new() };
    wafer.walk::<VerifyError>(&jobs, &store, |wafer, op, kernel| {
        let (results, checks) = compare_op(wafer, &oracle, op, kernel)?;
        checks.into_iter().for_each(|check| merge(&mut rows, check));
        Ok(results)
    })?;
    let mut checks: Vec<Check> = rows.into_values().collect();
    checks.push(same_bits(wafer.alike(), precision));
    let got = wafer.tensors();
    let loss = |tensors: &Tensors| tensors.get(graph.ends().loss).map_or(f64::NAN, |loss| loss[0]);
    if precision == Dtype::Fp32 {
        let formats = formats(precision, &machine.numerics);
        checks.extend(whole_step(graph, got, &expected, (&plan.mapping, formats)));
    }
    Ok((checks, (loss(got), loss(&expected))))
}

/// Whether executor and fabric made the same of everything.
fn same_bits(alike: Alike, precision: Dtype) -> Check {
    Check {
        what: format!("executor and fabric, the same bits, {precision}"),
        elements: alike.values,
        largest_error: alike.different as f64 / alike.values.max(1) as f64,
        tolerance: 0.0,
        ok: alike.different == 0 && alike.values > 0,
    }
}

/// Run an op on the machine and compare its results, which come back, with the oracle's on the same operands.
fn compare_op(
    wafer: &Wafer<'_>,
    oracle: &Reference<'_>,
    op: &Op,
    kernel: &Kernel,
) -> Result<(Results, Vec<Check>), VerifyError> {
    let results = wafer.run(op, kernel)?;
    let precision = wafer.workload.training.precision;
    let bound = bound::of_op(oracle, wafer, op)?;
    let label = format!("{}, {precision}", bound::label(op));
    let references = bound.results.iter().zip(&bound.scales);
    let compare = |(values, (reference, scale)): (&Vec<f64>, (&Vec<f64>, &Vec<f64>))| {
        bound::compare(label.clone(), values, reference, scale, bound.tolerance)
    };
    let checks = results.iter().zip(references).map(compare).collect();
    Ok((results, checks))
}

/// The ends of the step: logits, loss and the gradient of every parameter, after all roundings on the way.
fn whole_step(
    graph: &TrainGraph,
    got: &Tensors,
    expected: &Tensors,
    (mapping, formats): (&Mapping, Formats),
) -> Vec<Check> {
    let mut rows = BTreeMap::new();
    // A gain or bias can have no gradient at all but for rounding: vectors are measured by the largest of them.
    let vectors =
        graph.tensors().iter().filter(|t| t.role == TensorRole::ParameterGradient && t.shape.len() == 1);
    let of_vectors =
        vectors.filter_map(|tensor| expected.get(tensor.id)).map(bound::largest).fold(0.0, f64::max);
    for tensor in graph.tensors() {
        let what = match tensor.role {
            _ if tensor.id == graph.ends().logits => "logits",
            TensorRole::Loss => "loss",
            TensorRole::ParameterGradient => "gradients of parameters",
            _ => continue,
        };
        let (Some(values), Some(reference)) = (got.get(tensor.id), expected.get(tensor.id)) else { continue };
        let own = bound::largest(reference);
        let vector = tensor.role == TensorRole::ParameterGradient && tensor.shape.len() == 1;
        let scale = if vector { own.max(of_vectors) } else { own };
        let scale = vec![scale; reference.len()];
        let tolerance = Roundings::before(graph, tensor.id, mapping).estimate(formats);
        let what = format!("whole step: {what}, fp32");
        merge(&mut rows, bound::compare(what, values, reference, &scale, tolerance));
    }
    rows.into_values().collect()
}

/// Join comparisons of the same kind: the worst of each.
fn merge(rows: &mut BTreeMap<String, Check>, check: Check) {
    match rows.get_mut(&check.what) {
        None => {
            rows.insert(check.what.clone(), check);
        }
        Some(row) => {
            row.elements += check.elements;
            row.ok &= check.ok;
            // The pair of error and tolerance that came closest to failing.
            if check.largest_error * row.tolerance > row.largest_error * check.tolerance {
                (row.largest_error, row.tolerance) = (check.largest_error, check.tolerance);
            }
        }
    }
}
