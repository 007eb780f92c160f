//! Rows of many systems: the step of a workload on one system, and how well more of them share it.

use crate::cluster::steps;
use crate::run::{Progress, Request, simulate};
use crate::simulate::{Engines, Known};
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;
use crate::spec::{Resolved, load_workload};
use crate::validate::measure::NotRun;
use crate::validate::params;
use crate::validate::row::Row;

/// Nobody listens.
struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _: &str) {}
    fn kernel(&self, _: usize, _: usize) {}
}

/// Samples per second and system of a row's systems, over those of one system with the same share.
pub(super) fn efficiency(row: &Row, machine: &WaferSpec) -> Result<f64, NotRun> {
    if row.metric != "efficiency" {
        return Err(NotRun::Params(format!("no metric `{}`; legal: efficiency", row.metric)));
    }
    let systems = params::number(row, &["systems"], machine.cluster.most_systems, "systems of a cluster")?;
    let name = row.params.get("model").map_or("", String::as_str);
    let first_line = |text: String| NotRun::Params(text.lines().next().unwrap_or_default().to_owned());
    let workload = load_workload(name, &[]).map_err(|faults| first_line(faults.to_string()))?;
    let refused = |error: &dyn std::fmt::Display| NotRun::Params(error.to_string());
    let masks = Masks::open(&workload.spec).map_err(|error| refused(&error))?;
    let request = Request {
        workload,
        machine: Resolved { spec: machine.clone(), entries: Vec::new() },
        masks,
        gpus: Vec::new(),
        engines: Engines::default(),
        command: String::new(),
    };
    let simulation = simulate(&request, &Known::default(), &Quiet).map_err(|error| refused(&error))?;
    let cycles = |systems| steps(&simulation, systems, machine).sparse.cycles.as_f64();
    Ok(cycles(1) / cycles(systems))
}
