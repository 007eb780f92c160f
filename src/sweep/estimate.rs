//! What a sweep will take, before it starts.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::fabric::fast::LANES;
use crate::lower::job::{Job, Kernel, jobs};
use crate::lower::plan::plan_with;
use crate::sparsity::Masks;
use crate::sweep::{Plan, Planned};
use crate::units::Bytes;

/// What points take, all together where nothing else is said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Time of one thread, in seconds.
    pub seconds: f64,
    /// Memory of the largest point.
    pub memory: Bytes,
    /// What records take on disk.
    pub disk: Bytes,
}

/// Points that are looked at; the others are taken to be like them.
const LOOKED_AT: usize = 16;
/// Of the time of a step, the part that products with weights take (measured: ARCHITECTURE.md, "The fast engine").
const SHARE_OF_PRODUCTS: f64 = 0.55;
/// What a point takes however small it is: checks of values, the report, in seconds.
const LEAST_SECONDS: f64 = 0.5;
/// What a process has before it has a point.
const LEAST_MEMORY: u64 = 32 << 20;
/// A line of a record, as JSON.
const BYTES_OF_AN_OP: u64 = 3_000;
/// The rest of a record.
const BYTES_OF_A_RECORD: u64 = 150_000;

/// What the points at `open` of a plan will take.
pub fn estimate(plan: &Plan, open: &[usize]) -> Estimate {
    let step = open.len().div_ceil(LOOKED_AT).max(1);
    let looked_at: Vec<&Planned> =
        open.iter().step_by(step).filter_map(|&index| plan.points.get(index)).collect();
    let estimates: Vec<Estimate> = looked_at.par_iter().filter_map(|point| one(plan, point)).collect();
    let all = open.len() as f64 / looked_at.len().max(1) as f64;
    Estimate {
        seconds: all * estimates.iter().map(|estimate| estimate.seconds).sum::<f64>(),
        memory: estimates.iter().map(|estimate| estimate.memory).max().unwrap_or(Bytes(LEAST_MEMORY)),
        disk: Bytes((all * estimates.iter().map(|estimate| estimate.disk.as_f64()).sum::<f64>()) as u64),
    }
}

/// One point; `None` where it cannot be run.
fn one(plan: &Plan, point: &Planned) -> Option<Estimate> {
    let specs = plan.spec.specs(&point.settings).ok()?;
    let (workload, machine) = (&specs.workload.spec, &specs.machine.spec);
    let masks = Masks::open(workload).ok()?;
    let step = plan_with(workload, machine, &masks).ok()?;
    let jobs = jobs(&step.graph, &step.mapping, &masks, workload, machine);
    let tokens = f64::from(step.mapping.tokens);
    // Nanoseconds of all lanes for a weight row and a column, measured by `wafersim bench`: short slots go whole, longer
    // ones in pieces.
    let nanoseconds = LANES as f64 * if tokens <= 16.0 { 5.0 } else { 4.0 + 0.43 * tokens };
    let columns = f64::from(step.mapping.width);
    let mut alike: BTreeMap<_, std::collections::BTreeSet<Kernel>> = BTreeMap::new();
    for Job { kernel, .. } in &jobs {
        if let Kernel::Weights(product) = kernel {
            let shape = (product.direction, product.input, product.output);
            alike.entry(shape).or_default().insert(kernel.clone());
        }
    }
    let (mut rows, mut counts) = (0.0, 0u64);
    for ((_, input, output), kernels) in &alike {
        let features = [input, output].map(|features| u64::from(step.mapping.slices(*features).features()));
        // The dense twin goes as one batch more.
        let batches = kernels.len().div_ceil(LANES) + 1;
        rows += (features[0].max(features[1]) * batches as u64) as f64;
        let lanes = kernels.len().min(LANES) as u64;
        counts = counts.max(features[0].max(features[1]) * u64::from(step.mapping.width) * lanes);
    }
    Some(Estimate {
        seconds: LEAST_SECONDS + rows * columns * nanoseconds * 1e-9 / SHARE_OF_PRODUCTS,
        memory: Bytes(LEAST_MEMORY + 4 * counts),
        disk: Bytes(BYTES_OF_A_RECORD + BYTES_OF_AN_OP * jobs.len() as u64),
    })
}
