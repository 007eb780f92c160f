//! TOML to validated specs.

pub mod wafer;
pub mod workload;
