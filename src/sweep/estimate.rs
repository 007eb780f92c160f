//! What a sweep will take, before it starts.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::fabric::fast::LANES;
use crate::lower::job::{Direction, Kernel, WeightKernel, jobs};
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
const SHARE_OF_PRODUCTS: f64 = 0.71;
/// Of the time that all lanes take, what one alone takes (measured, as above).
const ALONE: f64 = 0.6;
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
    // Nanoseconds of all lanes for a weight row and a column: short slots go whole, longer ones in pieces.
    let nanoseconds = LANES as f64 * if tokens <= 16.0 { 4.0 } else { 3.0 + 0.32 * tokens };
    let columns = f64::from(step.mapping.width);
    let mut alike: BTreeMap<_, BTreeSet<&WeightKernel>> = BTreeMap::new();
    for job in &jobs {
        if let Kernel::Weights(product) = &job.kernel {
            let shape = (product.direction, product.input, product.output, product.mask.is_some());
            alike.entry(shape).or_default().insert(product);
        }
    }
    let (mut rows, mut counts) = (0.0, 0u64);
    for ((direction, input, output, masked), kernels) in &alike {
        let [inputs, outputs] = [input, output].map(|of| u64::from(step.mapping.slices(*of).features()));
        let of_kernel = if *direction == Direction::Data { inputs } else { outputs };
        let full = kernels.len() / LANES;
        let rest = (kernels.len() % LANES) as f64 / LANES as f64;
        // The dense twin is a lane by itself; a product without a mask is its own twin.
        let part = if rest > 0.0 { ALONE + (1.0 - ALONE) * rest } else { 0.0 };
        let twin = if *masked { ALONE } else { 0.0 };
        rows += of_kernel as f64 * (full as f64 + part + twin);
        let lanes = kernels.len().min(LANES) as u64;
        counts = counts.max(inputs.max(outputs) * u64::from(step.mapping.width) * lanes);
    }
    Some(Estimate {
        seconds: LEAST_SECONDS + rows * columns * nanoseconds * 1e-9 / SHARE_OF_PRODUCTS,
        memory: Bytes(LEAST_MEMORY + 6 * counts),
        disk: Bytes(BYTES_OF_A_RECORD + BYTES_OF_AN_OP * jobs.len() as u64),
    })
}
