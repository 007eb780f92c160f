//! A spec together with where each of its values comes from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A spec, and one [`Entry`] for each of its values in the order of the field tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolved<T> {
    /// The values.
    pub spec: T,
    /// Where they come from.
    pub entries: Vec<Entry>,
}

impl<T> Resolved<T> {
    /// The same entries with another spec.
    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> Resolved<U> {
        Resolved { spec: with(self.spec), entries: self.entries }
    }
}

/// One resolved value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Full key (`fabric.hop_latency_cycles`).
    pub key: String,
    /// The value as TOML.
    pub value: String,
    /// Unit of the value; empty for a plain number or a name.
    pub unit: String,
    /// How far to trust it; `None` for the choices of a workload.
    pub mark: Option<Mark>,
    /// Who says so; empty for the choices of a workload.
    pub source: String,
    /// What a calibrated value was fitted on; empty otherwise.
    pub fitted_on: String,
    /// File or `--set` that gave it.
    pub file: String,
}

/// How far to trust a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// The maker says so.
    Vendor,
    /// Measured on silicon.
    Measured,
    /// Measured in the maker's simulator, or read from its tools.
    Simulator,
    /// Derived; the source holds the derivation.
    Inferred,
    /// Fitted to measurements that the entry names.
    Calibrated,
    /// Given with `--set`.
    Override,
}

impl Mark {
    /// Those that a file may give.
    pub(super) const OF_FILES: [Self; 5] =
        [Self::Vendor, Self::Measured, Self::Simulator, Self::Inferred, Self::Calibrated];
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Vendor => "vendor",
            Self::Measured => "measured",
            Self::Simulator => "simulator",
            Self::Inferred => "inferred",
            Self::Calibrated => "calibrated",
            Self::Override => "override",
        })
    }
}
