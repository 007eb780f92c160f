//! What a sweep will take, before it starts.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::fabric::fast::LANES;
use crate::lower::job::{Direction, Kernel, WeightKernel, jobs};
use crate::lower::plan::plan_with;
use crate::lower::timing::Timing;
use crate::simulate::{Basis, Engines, bears_on_kernels};
use crate::sparsity::Masks;
use crate::spec::workload::SparsitySpec;
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
/// Of the time that all lanes take, what one alone takes (measured on steps of Llama-2 7B, as what follows).
const ALONE: f64 = 0.3;
/// And of two lanes and more what they take for themselves: the rest is the same for any number of them.
const FOR_ITSELF: f64 = 0.3;
/// Nanoseconds of a mask for each weight: to draw it and to count what is kept.
const NANOSECONDS_OF_A_WEIGHT: f64 = 0.7;
/// Seconds of what goes up and down the columns for the square of their rows; of attention on the reference engine for each
/// column of a head, and as often again as that is wide.
const SECONDS_OF_COLUMNS: f64 = 1.8 / (1096.0 * 1096.0);
const SECONDS_OF_ATTENTION: f64 = 3.0 / 23.0;
const COLUMNS_OF_A_HEAD: f64 = 23.0;
/// What a point takes however small it is: checks of values, the report, in seconds.
const LEAST_SECONDS: f64 = 2.0;
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
    let points: Vec<Point> = looked_at.par_iter().filter_map(|point| one(plan, point)).collect();
    let all = open.len() as f64 / looked_at.len().max(1) as f64;
    let distinct =
        |points: &mut dyn Iterator<Item = &Planned>| points.map(on_the_wafer).collect::<BTreeSet<_>>().len();
    let all_masks = distinct(&mut open.iter().filter_map(|&index| plan.points.get(index))) as f64
        / distinct(&mut looked_at.iter().copied()).max(1) as f64;
    // What is simulated once is counted once.
    let (mut shared, mut masked) = (0.0, 0.0);
    for (at, point) in points.iter().enumerate() {
        let before = || points[..at].iter().filter(|other| other.on == point.on);
        if before().next().is_none() {
            shared += point.shared_seconds;
        }
        if before().all(|other| other.sparsity != point.sparsity) {
            masked += point.masked_seconds;
        }
    }
    Estimate {
        seconds: shared + all_masks * masked + LEAST_SECONDS * open.len() as f64,
        memory: points.iter().map(|point| point.memory).max().unwrap_or(Bytes(LEAST_MEMORY)),
        disk: Bytes((all * points.iter().map(|point| point.disk.as_f64()).sum::<f64>()) as u64),
    }
}

/// What a point sets that bears on kernels.
fn on_the_wafer(point: &Planned) -> String {
    let settings = point.settings.iter().filter(|setting| bears_on_kernels(&setting.key));
    settings.map(|setting| format!("{}={} ", setting.key, setting.value)).collect()
}

/// What one point takes.
struct Point {
    /// What is simulated once on a basis: the dense twin, attention.
    on: Basis,
    shared_seconds: f64,
    /// And what is once with a sparsity.
    sparsity: SparsitySpec,
    masked_seconds: f64,
    memory: Bytes,
    disk: Bytes,
}

/// One point; `None` where it cannot be run.
fn one(plan: &Plan, point: &Planned) -> Option<Point> {
    let specs = plan.spec.specs(&point.settings).ok()?;
    let (workload, machine) = (specs.workload.spec, specs.machine.spec);
    let masks = Masks::open(&workload).ok()?;
    let step = plan_with(&workload, &machine, &masks).ok()?;
    let jobs = jobs(&step.graph, &step.mapping, &masks, &workload, &machine);
    let mut alike: BTreeMap<_, BTreeSet<&WeightKernel>> = BTreeMap::new();
    for job in &jobs {
        if let Kernel::Weights(product) = &job.kernel {
            let shape = (product.direction, product.input, product.output, product.mask.is_some());
            alike.entry(shape).or_default().insert(product);
        }
    }
    // Weight rows of all lanes, of products with a mask and of others, as which each has a dense twin; weights with a mask;
    // bits of masks side by side.
    let (mut rows, mut dense_rows, mut weights, mut bits) = (0.0, 0.0, 0.0, 0);
    for ((direction, input, output, masked), kernels) in &alike {
        let [inputs, outputs] = [input, output].map(|of| u64::from(step.mapping.slices(*of).features()));
        let of_kernel = if *direction == Direction::Data { inputs } else { outputs } as f64;
        dense_rows += of_kernel * ALONE;
        if *masked {
            let full = kernels.len() / LANES;
            let part = match kernels.len() % LANES {
                0 => 0.0,
                1 => ALONE,
                rest => 1.0 - FOR_ITSELF + FOR_ITSELF * rest as f64 / LANES as f64,
            };
            rows += of_kernel * (full as f64 + part);
            bits = bits.max(inputs * outputs * kernels.len().min(LANES) as u64);
            if *direction == Direction::Weight {
                weights += inputs as f64 * outputs as f64 * kernels.len() as f64;
            }
        }
    }
    let timing = Timing { mapping: &step.mapping, precision: workload.training.precision, machine: &machine };
    let columns = f64::from(step.mapping.width);
    let of_row = columns * LANES as f64 * nanoseconds(step.mapping.tokens) * 1e-9;
    let of_head = f64::from(step.mapping.group_columns);
    let attention = SECONDS_OF_ATTENTION * of_head * (of_head / COLUMNS_OF_A_HEAD).max(1.0);
    let height = f64::from(step.mapping.rows());
    Some(Point {
        shared_seconds: dense_rows * of_row + attention + SECONDS_OF_COLUMNS * height * height,
        masked_seconds: rows * of_row + weights * NANOSECONDS_OF_A_WEIGHT * 1e-9,
        // Each mask lies both ways.
        memory: Bytes(LEAST_MEMORY + 2 * bits / 8),
        disk: Bytes(BYTES_OF_A_RECORD + BYTES_OF_AN_OP * jobs.len() as u64),
        on: Basis::new(timing, &workload, Engines::default()),
        sparsity: workload.sparsity,
    })
}

/// Of a lane for a weight row and a column, with so many tokens a PE: short slots go whole, longer ones in pieces (measured
/// on steps of 7B, on all threads; `cargo bench --bench fast` has one alone).
fn nanoseconds(tokens: u32) -> f64 {
    let tokens = f64::from(tokens);
    if tokens <= 16.0 { 1.9 + 0.3 * tokens } else { 5.5 + 0.22 * tokens }
}
