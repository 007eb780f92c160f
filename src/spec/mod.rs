//! TOML to validated specs.
//!
//! ```text
//! name -> open -> document -> chain (inherits) -> check (field tables) -> resolve (overrides, rules) -> spec
//! ```
//!
//! What a value is called, its unit, range and meaning stand once, in the tables of [`wafer`], [`gpu`] (with
//! [`dram`]), [`workload`], [`recipe`] and [`sweep`]. All faults of a file are found before any is reported.

mod chain;
mod check;
mod document;
pub mod dram;
mod explain;
mod field;
pub mod gpu;
mod hugging_face;
mod legal;
mod nearest;
mod open;
mod overrides;
mod preset;
pub mod recipe;
mod resolve;
mod resolved;
mod schema;
mod sparsity;
mod sparsity_rules;
pub mod sweep;
pub mod wafer;
pub mod workload;

use serde::{Deserialize, Serialize};

pub use explain::{explain, explain_presets};
pub use overrides::{Override, split_overrides};
pub use preset::{arch_presets, recipe_presets, sweep_presets, workload_presets};
pub use recipe::load_recipe;
pub use resolved::{Entry, Mark, Resolved};
pub use schema::{FileKind, json_schema};
pub use sweep::load_sweep;

use crate::error::Faults;
use chain::Chain;
use gpu::GpuSpec;
use preset::{ARCH, WORKLOAD};
use resolve::resolve;
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

/// Reads, merges and checks a workload.
///
/// `name_or_path` is a preset (`llama2-7b`) or, with a `/` or ending in `.toml`, a path; one that ends in `.json`
/// is the configuration of a Hugging Face Llama.
///
/// # Errors
/// Every fault of the file, of those that it inherits from and of the overrides.
pub fn load_workload(name_or_path: &str, overrides: &[Override]) -> Result<Resolved<WorkloadSpec>, Faults> {
    let mut faults = Vec::new();
    let chain = Chain::read(&WORKLOAD, name_or_path, &mut faults)?;
    resolve(&chain, overrides, false, faults)
}

/// Reads, merges and checks a machine; names as in [`load_workload`].
///
/// # Errors
/// Every fault of the file, of those that it inherits from and of the overrides.
pub fn load_arch(name_or_path: &str, overrides: &[Override]) -> Result<Resolved<ArchSpec>, Faults> {
    let mut faults = Vec::new();
    let chain = Chain::read(&ARCH, name_or_path, &mut faults)?;
    match chain.kind.as_deref() {
        _ if chain.mixed => Err(Faults(faults)),
        Some("gpu") => Ok(resolve(&chain, overrides, true, faults)?.map(ArchSpec::Gpu)),
        Some(_) => Ok(resolve(&chain, overrides, true, faults)?.map(ArchSpec::Wafer)),
        None => Err(Faults(faults)),
    }
}
