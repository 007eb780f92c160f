//! What a sweep will take, before it starts.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::fabric::fast::LANES;
use crate::lower::job::{Direction, Kernel, WeightKernel, jobs};
use crate::lower::mapping::Mapping;
use crate::lower::plan::plan_with;
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::ModelSpec;
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
/// Of the time that all lanes take, what one alone takes (measured: `cargo bench --bench fast`).
const ALONE: f64 = 0.37;
/// Nanoseconds of a mask for each weight: to draw it and to count what is kept (measured on Llama-2 7B and 70B, as what
/// follows).
const NANOSECONDS_OF_A_WEIGHT: f64 = 0.7;
/// Seconds on the reference engine: of a fold that is measured; of what goes up and down the columns for the square of
/// their rows; of attention for each column of a head, and as often again as that is wide.
const SECONDS_OF_A_FOLD: f64 = 0.2;
const SECONDS_OF_COLUMNS: f64 = 2.3 / (1096.0 * 1096.0);
const SECONDS_OF_ATTENTION: f64 = 3.0 / 23.0;
const COLUMNS_OF_A_HEAD: f64 = 23.0;
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
    let points: Vec<Point> = looked_at.par_iter().filter_map(|point| one(plan, point)).collect();
    let all = open.len() as f64 / looked_at.len().max(1) as f64;
    let sum = |of: &dyn Fn(&Point) -> f64| all * points.iter().map(of).sum::<f64>();
    let first = |at: usize| points[..at].iter().all(|other| other.shares != points[at].shares);
    let shared: f64 = (0..points.len()).filter(|&at| first(at)).map(|at| points[at].shared_seconds).sum();
    Estimate {
        seconds: shared + sum(&|point| point.seconds),
        memory: points.iter().map(|point| point.memory).max().unwrap_or(Bytes(LEAST_MEMORY)),
        disk: Bytes(sum(&|point| point.disk.as_f64()) as u64),
    }
}

/// What one point takes.
struct Point {
    /// What is alike in all points that share these: the dense twin, attention.
    shares: (WaferSpec, ModelSpec, Mapping),
    shared_seconds: f64,
    /// The rest.
    seconds: f64,
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
    // Weight rows of all lanes, of products with a mask and of others, as which each has a dense twin; weights with a
    // mask; folds.
    let (mut rows, mut dense_rows, mut weights, mut folds, mut counts) = (0.0, 0.0, 0.0, [0.0; 2], 0);
    for ((direction, input, output, masked), kernels) in &alike {
        let [inputs, outputs] = [input, output].map(|of| u64::from(step.mapping.slices(*of).features()));
        let of_kernel = if *direction == Direction::Data { inputs } else { outputs } as f64;
        folds[usize::from(*masked)] += f64::from(u8::from(*direction == Direction::Weight));
        dense_rows += of_kernel * ALONE;
        if *masked {
            let full = kernels.len() / LANES;
            let rest = (kernels.len() % LANES) as f64 / LANES as f64;
            let part = if rest > 0.0 { ALONE + (1.0 - ALONE) * rest } else { 0.0 };
            rows += of_kernel * (full as f64 + part);
            if *direction == Direction::Weight {
                weights += inputs as f64 * outputs as f64 * kernels.len() as f64;
            }
        }
        let lanes = kernels.len().min(LANES) as u64;
        counts = counts.max(inputs.max(outputs) * u64::from(step.mapping.width) * lanes);
    }
    let columns = f64::from(step.mapping.width);
    let of_row = columns * LANES as f64 * nanoseconds(step.mapping.tokens) * 1e-9;
    let [dense_folds, folds] = folds.map(|folds| folds * SECONDS_OF_A_FOLD);
    let of_head = f64::from(step.mapping.group_columns);
    let attention = SECONDS_OF_ATTENTION * of_head * (of_head / COLUMNS_OF_A_HEAD).max(1.0);
    let height = f64::from(step.mapping.rows());
    Some(Point {
        shared_seconds: dense_rows * of_row + dense_folds + attention + SECONDS_OF_COLUMNS * height * height,
        seconds: LEAST_SECONDS + rows * of_row + folds + weights * NANOSECONDS_OF_A_WEIGHT * 1e-9,
        memory: Bytes(LEAST_MEMORY + 6 * counts),
        disk: Bytes(BYTES_OF_A_RECORD + BYTES_OF_AN_OP * jobs.len() as u64),
        shares: (machine, workload.model, step.mapping),
    })
}

/// Of a lane for a weight row and a column, with so many tokens a PE: short slots go whole, longer ones in pieces (measured:
/// `cargo bench --bench fast`, two products and a gradient).
fn nanoseconds(tokens: u32) -> f64 {
    let tokens = f64::from(tokens);
    if tokens <= 16.0 { 1.2 + 0.2 * tokens } else { 3.4 + 0.13 * tokens }
}
