//! The machine models against published measurements: every row is a small program on the wafer that it names, or a
//! kernel of the GPU.
//!
//! ```text
//! CSV rows -> kernel + machine -> Program -> reference engine -> simulated value -> error, row by row and by group
//!                       \-> baseline::Device (gpu_*) -----------/
//! ```

mod collective;
mod errors;
mod gpu;
pub mod kernels;
mod measure;
mod open;
mod outcome;
mod params;
mod product;
mod row;
mod scaling;
mod spmm;
mod text;
mod training;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::baseline::device::Device;
use crate::spec::ArchSpec;
use crate::spec::wafer::WaferSpec;
use spmm::Runs;

pub use errors::committed_errors;
pub use measure::NotRun;
pub use open::{built_in, folder};
pub use outcome::{Group, Outcome, Report, Status};
pub use row::{Row, RowError, read};

/// Run all rows of each group (a file stem and its rows) on the machines that `machine` finds by name.
pub fn validate(
    groups: &[(String, Vec<Row>)],
    machine: impl Fn(&str) -> Result<ArchSpec, String> + Sync,
) -> Report {
    let rows: Vec<_> =
        groups.iter().flat_map(|(group, rows)| rows.iter().map(move |row| (group, row))).collect();
    let mut names: Vec<&str> = rows.iter().map(|(_, row)| row.arch.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let machines: BTreeMap<&str, Result<Machine, String>> =
        names.into_par_iter().map(|name| (name, machine(name).map(Machine::new))).collect();
    let runs = Runs::default();
    let outcomes = rows.par_iter().map(|(group, row)| {
        let simulated = match &machines[row.arch.as_str()] {
            Ok(machine) => measure::measure(row, machine, &runs),
            Err(reason) => Err(NotRun::Machine(reason.clone())),
        };
        Outcome::new(group, row, simulated)
    });
    Report::new(outcomes.collect())
}

/// A machine that rows can be run on.
#[expect(clippy::large_enum_variant, reason = "a handful in all: not worth a Box")]
enum Machine {
    /// Rows are programs for its PEs.
    Wafer(WaferSpec),
    /// Rows are kernels.
    Gpu(Device),
}

impl Machine {
    fn new(spec: ArchSpec) -> Self {
        match spec {
            ArchSpec::Wafer(spec) => Self::Wafer(spec),
            ArchSpec::Gpu(spec) => Self::Gpu(Device::new(spec)),
        }
    }
}

/// How well the model of a GPU fits what was published of it.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuError {
    /// Mean of the errors, as a fraction, without their signs.
    pub mean: f64,
    /// What was compared: "6 training steps".
    pub on: String,
}

/// The error of `device` on the built-in training steps of a GPU of its name, else on products; `None` where there are
/// neither.
pub fn gpu_error(device: &Device) -> Option<GpuError> {
    let tables = open::built_in().ok()?;
    [("gpu_training_step", "training steps"), ("gpu_gemm", "matrix products")].into_iter().find_map(
        |(kernel, what)| {
            let rows = tables.iter().flat_map(|(_, rows)| rows);
            let mine = rows.filter(|row| row.kernel == kernel && row.arch == device.spec.name);
            let errors: Vec<f64> = mine
                .filter_map(|row| Some((gpu::measure(row, device).ok()? / row.value - 1.0).abs()))
                .collect();
            let count = errors.len();
            (count > 0).then(|| GpuError {
                mean: errors.iter().sum::<f64>() / count as f64,
                on: format!("{count} {what}"),
            })
        },
    )
}
