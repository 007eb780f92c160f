//! Records on disk.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{CampaignRecord, ClusterRecord, RunRecord};

/// File of a record in the folder of its report.
pub const RECORD: &str = "record.json";

/// A record of one of the kinds that commands write.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Of `wafersim run`.
    Run(Box<RunRecord>),
    /// Of `wafersim cluster`.
    Cluster(Box<ClusterRecord>),
    /// Of `wafersim campaign`.
    Campaign(Box<CampaignRecord>),
}

impl Record {
    /// What it is of: the command that writes such a record.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Cluster(_) => "cluster",
            Self::Campaign(_) => "campaign",
        }
    }
}

/// A record that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such file, or none that can be read.
    #[error(
        "cannot read {}: {source}; give the folder of a report that `wafersim run`, `cluster` or `campaign` wrote, or its {RECORD}",
        path.display()
    )]
    Read {
        /// File.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not a record of this version.
    #[error(
        "{} is no record of wafersim {version} ({source}); run it again, or read it with the version that wrote it",
        path.display(),
        version = env!("CARGO_PKG_VERSION")
    )]
    Record {
        /// File.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
}

/// The keys by which records differ.
#[derive(Deserialize)]
struct Kind {
    phases: Option<IgnoredAny>,
    points: Option<IgnoredAny>,
}

/// The record at `path`: a file, or a folder with a `record.json`.
///
/// # Errors
/// [`OpenError`] with the path and, in a file that is no record, line and column.
pub fn open(path: &Path) -> Result<Record, OpenError> {
    let path = if path.is_dir() { path.join(RECORD) } else { path.to_owned() };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(OpenError::Read { path, source }),
    };
    read(&text).map_err(|source| OpenError::Record { path, source })
}

fn read(text: &str) -> Result<Record, serde_json::Error> {
    let kind: Kind = serde_json::from_str(text)?;
    Ok(match kind {
        Kind { points: Some(_), .. } => Record::Cluster(Box::new(serde_json::from_str(text)?)),
        Kind { phases: Some(_), .. } => Record::Campaign(Box::new(serde_json::from_str(text)?)),
        Kind { .. } => Record::Run(Box::new(serde_json::from_str(text)?)),
    })
}
