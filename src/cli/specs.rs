//! Workloads and machines that a command names, with what overrides them.

use wafersim::spec::gpu::GpuSpec;
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::workload::WorkloadSpec;
use wafersim::spec::{ArchSpec, Override, Resolved, load_arch, load_workload, split_overrides};

use crate::cli::failure::Failure;

/// Overrides as they were given.
pub(crate) fn overrides(texts: &[String]) -> Vec<Override> {
    texts.iter().cloned().map(Override).collect()
}

/// Workload and wafer, or all that is wrong with them.
pub(crate) fn specs(
    workload: &str,
    arch: &str,
    given: &[String],
) -> Result<(Resolved<WorkloadSpec>, Resolved<WaferSpec>), Failure> {
    let (to_arch, to_workload) = split_overrides(&overrides(given))?;
    let (workload, machine) = match (load_workload(workload, &to_workload), load_arch(arch, &to_arch)) {
        (Ok(workload), Ok(machine)) => (workload, machine),
        (Err(first), Err(second)) => return Err(Failure::Refused(format!("{first}\n\n{second}"))),
        (Err(faults), _) | (_, Err(faults)) => return Err(faults.into()),
    };
    Ok((workload, wafer(machine, arch)?))
}

/// The wafer of `--arch name`.
pub(crate) fn wafer(machine: Resolved<ArchSpec>, name: &str) -> Result<Resolved<WaferSpec>, Failure> {
    match machine.spec {
        ArchSpec::Wafer(spec) => Ok(Resolved { spec, entries: machine.entries }),
        ArchSpec::Gpu(_) => Err(Failure::Refused(format!(
            "error: `--arch {name}` is a GPU; the step runs on a wafer (GPUs are given with --gpu)"
        ))),
    }
}

/// A GPU by name.
pub(crate) fn gpu(name: &str) -> Result<(String, GpuSpec), Failure> {
    match load_arch(name, &[])?.spec {
        ArchSpec::Gpu(spec) => Ok((spec.name.clone(), spec)),
        ArchSpec::Wafer(_) => Err(Failure::Refused(format!("error: `--gpu {name}` is a wafer; give a GPU"))),
    }
}
