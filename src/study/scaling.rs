//! How far a step and its products follow the theory as weights become zero.

use std::collections::BTreeMap;

use crate::graph::TrainGraph;
use crate::lower::job::{Job, Kernel};
use crate::lower::plan::plan_with;
use crate::report::ScalingCurve;
use crate::run::RunError;
use crate::simulate::Known;
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
use crate::study::{StudyStep, step_of};

/// A level of zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Share of zeros.
    pub level: f64,
    /// The step: what FLOPs promise, and what was achieved.
    pub step: Speedup,
    /// Each linear of a block, forward and both gradients together, links left out.
    pub linears: Vec<(String, Speedup)>,
}

/// Against the same without zeros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speedup {
    /// Operations without zeros over operations with them.
    pub theory: f64,
    /// Time without zeros over time with them.
    pub achieved: f64,
}

/// Levels as the paper's plots have them, and beyond.
pub const LEVELS: [f64; 12] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/// A step of `workload` at each of `levels`, each on the mapping that is best for it. `progress` is told how many of how
/// many are done.
///
/// # Errors
/// [`RunError`]
pub fn scaling(
    workload: &WorkloadSpec,
    machine: &WaferSpec,
    levels: &[f64],
    progress: &dyn Fn(usize, usize),
) -> Result<Vec<Point>, RunError> {
    let known = Known::default();
    let dense = Measured::of(&workload.dense(), machine, &known)?;
    let mut points = Vec::new();
    for &level in levels {
        let mut sparse = workload.clone();
        sparse.sparsity.level = level;
        points.push(Measured::of(&sparse, machine, &known)?.point(level, &dense));
        progress(points.len(), levels.len());
    }
    Ok(points)
}

/// What a step takes.
struct Measured {
    cycles: f64,
    flops: f64,
    /// Of each linear of a block: multiply-adds that are left, and cycles for a sequence.
    linears: BTreeMap<String, (f64, f64)>,
}

impl Measured {
    fn of(workload: &WorkloadSpec, machine: &WaferSpec, known: &Known) -> Result<Self, RunError> {
        let masks = Masks::new(workload)?;
        let plan = plan_with(workload, machine, &masks)?;
        let step = step_of((workload, &masks), machine, &plan, known)?;
        let sequences = f64::from(plan.mapping.sequences());
        let work =
            plan.graph.step_work(workload.training.attention_flops, |tensor| masks.kept(&plan.graph, tensor));
        let flops = work.total().effective().as_f64() / sequences;
        Ok(Self {
            cycles: step.timeline.cycles as f64,
            flops,
            linears: linears(&plan.graph, &step, sequences),
        })
    }

    fn point(&self, level: f64, dense: &Self) -> Point {
        let linears = self.linears.iter().filter_map(|(name, (macs, cycles))| {
            let (dense_macs, dense_cycles) = dense.linears.get(name)?;
            Some((name.clone(), Speedup { theory: dense_macs / macs, achieved: dense_cycles / cycles }))
        });
        Point {
            level,
            step: Speedup { theory: dense.flops / self.flops, achieved: dense.cycles / self.cycles },
            linears: linears.collect(),
        }
    }
}

/// Linears of the first block that have a mask, or would have one.
fn linears(graph: &TrainGraph, step: &StudyStep, sequences: f64) -> BTreeMap<String, (f64, f64)> {
    let mut linears: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let of_block = |job: &&Job| job.layer == Some(0) && matches!(job.kernel, Kernel::Weights(_));
    for job in step.jobs.iter().filter(of_block) {
        let target = graph.weight(graph.op(job.op)).and_then(|weight| graph.tensor(weight).target);
        let Some(target) = target else { continue };
        let (macs, cycles) = linears.entry(target.name().to_owned()).or_default();
        *macs += job.macs_effective.as_f64() / sequences;
        *cycles += step.times.of(&job.kernel).cycles as f64 / sequences;
    }
    linears
}

/// The step, and the linears: those that follow theory alike are one curve.
pub fn curves(points: &[Point]) -> (ScalingCurve, Vec<ScalingCurve>) {
    let curve = |name: &str, of: &dyn Fn(&Point) -> Option<Speedup>| ScalingCurve {
        name: name.to_owned(),
        points: points.iter().filter_map(|p| of(p).map(|s| (p.level, s.theory, s.achieved))).collect(),
    };
    let step = curve("step", &|point| Some(point.step));
    let mut linears: Vec<ScalingCurve> = Vec::new();
    for (at, (name, _)) in points.first().into_iter().flat_map(|point| point.linears.iter().enumerate()) {
        let own = curve(name, &|point| point.linears.get(at).map(|(_, speedup)| *speedup));
        let alike = |other: &&mut ScalingCurve| {
            other.points.iter().zip(&own.points).all(|(a, b)| (a.2 / b.2 - 1.0).abs() < ALIKE)
        };
        match linears.iter_mut().find(alike) {
            Some(other) => other.name = format!("{}, {name}", other.name),
            None => linears.push(own),
        }
    }
    (step, linears)
}

/// Relative difference below which curves lie on each other.
const ALIKE: f64 = 0.03;

/// As a table: what was achieved over what theory promises.
pub fn text(workload: &str, machine: &str, points: &[Point]) -> String {
    let names: Vec<&str> = points
        .first()
        .map_or_else(Vec::new, |point| point.linears.iter().map(|(name, _)| name.as_str()).collect());
    let mut text = format!("{workload} on {machine}: speedup over the step without zeros\n\n{:>6}", "zeros");
    for name in ["step"].into_iter().chain(names) {
        text += &format!("  {:>15}", format!("{name} (theory)"));
    }
    text.push('\n');
    for point in points {
        text += &format!("{:>5.0} %", 100.0 * point.level);
        for speedup in [&point.step].into_iter().chain(point.linears.iter().map(|(_, speedup)| speedup)) {
            text += &format!("  {:>15}", format!("{:.2} ({:.2})", speedup.achieved, speedup.theory));
        }
        text.push('\n');
    }
    text + "\nA linear is its three products on the wafer; a step has links, store and all else. Each level is a step of its \
            own on the mapping that is best for it, simulated with one block for all that are like it.\n"
}

/// The same for spreadsheets.
pub fn csv(points: &[Point]) -> String {
    let mut text = "zeros_ratio,what,theory_speedup_ratio,achieved_speedup_ratio\n".to_owned();
    for point in points {
        let step = [("step".to_owned(), point.step)];
        for (name, Speedup { theory, achieved }) in step.iter().chain(&point.linears) {
            text += &format!("{},{name},{theory},{achieved}\n", point.level);
        }
    }
    text
}
