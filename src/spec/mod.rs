//! TOML to validated specs.

pub mod gpu;
mod resolved;
pub mod wafer;
pub mod workload;

use serde::{Deserialize, Serialize};

pub use resolved::{Entry, Mark, Resolved};

use crate::error::{Fault, Faults, SourceText};
use gpu::GpuSpec;
use wafer::WaferSpec;
use workload::WorkloadSpec;

/// A machine: the wafer, or the GPU that it is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "one value a run: not worth a Box in every match")]
pub enum ArchSpec {
    /// `kind = "wafer"`.
    Wafer(WaferSpec),
    /// `kind = "gpu"`.
    Gpu(GpuSpec),
}

/// One `--set key=value`, as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Override(pub String);

/// Reads, merges and checks a workload.
///
/// `name_or_path` is a preset (`llama2-7b`) or, with a `/` or ending in `.toml`, a path.
///
/// # Errors
/// Every fault of the file, of those it inherits from and of the overrides.
pub fn load_workload(name_or_path: &str, _overrides: &[Override]) -> Result<Resolved<WorkloadSpec>, Faults> {
    Err(unread(name_or_path))
}

/// Reads, merges and checks a machine; as [`load_workload`].
///
/// # Errors
/// Every fault of the file, of those it inherits from and of the overrides.
pub fn load_arch(name_or_path: &str, _overrides: &[Override]) -> Result<Resolved<ArchSpec>, Faults> {
    Err(unread(name_or_path))
}

/// Sorts one list of overrides by the spec that has their keys: machine, workload.
///
/// # Errors
/// Every override without `=` or with a key that neither spec has.
pub fn split_overrides(overrides: &[Override]) -> Result<(Vec<Override>, Vec<Override>), Faults> {
    Ok((overrides.to_vec(), Vec::new()))
}

/// A table of every value with its unit, mark and source.
pub fn explain<T>(resolved: &Resolved<T>) -> String {
    resolved.entries.iter().map(|entry| format!("{} = {}\n", entry.key, entry.value)).collect()
}

fn unread(name: &str) -> Faults {
    Fault::new(&SourceText::new("command line", name), 0..name.len(), "cannot be read").into()
}
