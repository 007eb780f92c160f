//! What validation found: row by row, by table, and of GPUs by kernel and machine.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::validate::measure::NotRun;
use crate::validate::row::{Row, write};

/// Whether a row was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was simulated.
    Run,
    /// It was not; why.
    #[serde(untagged)]
    Failed(String),
}

/// A row held against the simulator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Name of the row.
    pub id: String,
    /// Group: the stem of the file.
    pub group: String,
    /// Published value.
    pub published: f64,
    /// Simulated value; absent if it was not run.
    pub simulated: Option<f64>,
    /// `simulated / published - 1`.
    pub error: Option<f64>,
    /// Unit of both values.
    pub unit: String,
    /// How the published value is known.
    pub evidence: String,
    /// Whether it was run.
    pub status: Status,
    /// Parts of its table that it belongs to, beside the whole: kernel and machine.
    #[serde(skip)]
    pub parts: Vec<String>,
}

impl Outcome {
    pub(super) fn new(group: &str, row: &Row, simulated: Result<f64, NotRun>) -> Self {
        let status = match &simulated {
            Ok(_) => Status::Run,
            Err(reason) => Status::Failed(reason.to_string()),
        };
        let simulated = simulated.ok();
        Self {
            id: row.id.clone(),
            group: group.to_owned(),
            published: row.value,
            simulated,
            error: simulated.map(|value| value / row.value - 1.0),
            unit: row.unit.clone(),
            evidence: row.evidence.clone(),
            status,
            parts: parts(row),
        }
    }
}

/// Rows of a matrix from which a product keeps a whole GPU busy.
const MANY_ROWS: u32 = 512;

/// Kernel, and kernel and machine, for what runs on GPUs; products of many rows once more.
fn parts(row: &Row) -> Vec<String> {
    if !row.kernel.starts_with("gpu_") {
        return Vec::new();
    }
    let mut parts = vec![row.kernel.clone(), format!("{} {}", row.kernel, row.arch)];
    let m = row.params.get("m").and_then(|m| m.parse::<u32>().ok());
    if row.kernel == "gpu_gemm" && m.is_some_and(|m| m >= MANY_ROWS) {
        parts.extend(parts.clone().iter().map(|part| format!("{part}, m >= {MANY_ROWS}")));
    }
    parts
}

/// Errors of a group, as fractions of the published values, without their signs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Stem of the file, or kernel and machine.
    pub name: String,
    /// Rows in all.
    pub rows: usize,
    /// Rows that were not run.
    pub failed: usize,
    /// Mean over the rows that were run.
    pub mean_error: f64,
    /// Half are not above it.
    pub median_error: f64,
    /// Nineteen in twenty are not above it.
    pub p95_error: f64,
    /// Largest.
    pub worst_error: f64,
}

/// All rows and groups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Rows, in the order of the tables.
    pub rows: Vec<Outcome>,
    /// Groups, in the order of the tables.
    pub groups: Vec<Group>,
    /// Kernels of GPUs, all of them and by machine; by name.
    pub gpus: Vec<Group>,
}

impl Report {
    pub(super) fn new(rows: Vec<Outcome>) -> Self {
        let mut names: Vec<&str> = rows.iter().map(|row| row.group.as_str()).collect();
        names.dedup();
        let groups = names.into_iter().map(|name| group(name, rows.iter().filter(|row| row.group == name)));
        let groups = groups.collect();
        let parts: BTreeSet<&String> = rows.iter().flat_map(|row| &row.parts).collect();
        let gpus =
            parts.into_iter().map(|part| group(part, rows.iter().filter(|row| row.parts.contains(part))));
        let gpus = gpus.collect();
        Self { rows, groups, gpus }
    }

    /// The report as JSON, with a newline at its end.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).map_or_else(|_| String::new(), |json| json + "\n")
    }

    /// Every row as CSV.
    pub fn csv(&self) -> Vec<u8> {
        write(&self.rows).expect("a buffer in memory takes every row")
    }

    /// Groups whose mean error is above `limit` (a fraction) or that have rows that were not run, a sentence
    /// each.
    pub fn above(&self, limit: f64) -> Vec<String> {
        let mut faults = Vec::new();
        for group in &self.groups {
            if group.mean_error > limit {
                let (name, mean) = (&group.name, 100.0 * group.mean_error);
                faults.push(format!("error: {name}: mean error {mean:.1} % is above {:.1} %", 100.0 * limit));
            }
            if group.failed > 0 {
                faults.push(format!("error: {}: {} rows were not run", group.name, group.failed));
            }
        }
        faults
    }
}

fn group<'a>(name: &str, rows: impl Iterator<Item = &'a Outcome>) -> Group {
    let found: Vec<Option<f64>> = rows.map(|row| row.error).collect();
    let mut errors: Vec<f64> = found.iter().flatten().map(|error| error.abs()).collect();
    errors.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = (share * errors.len() as f64).ceil() as usize;
        errors.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    };
    Group {
        name: name.to_owned(),
        rows: found.len(),
        failed: found.len() - errors.len(),
        mean_error: errors.iter().sum::<f64>() / errors.len().max(1) as f64,
        median_error: at(0.5),
        p95_error: at(0.95),
        worst_error: at(1.0),
    }
}
