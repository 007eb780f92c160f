//! What validation found: row by row, and by group.

use serde::Serialize;

use crate::validate::measure::NotRun;
use crate::validate::row::Row;

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
        }
    }
}

/// Errors of a group, as fractions of the published values, without their signs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Stem of the file.
    pub name: String,
    /// Rows in all.
    pub rows: usize,
    /// Rows that were not run.
    pub failed: usize,
    /// Mean over the rows that were run.
    pub mean_error: f64,
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
}

impl Report {
    pub(super) fn new(rows: Vec<Outcome>) -> Self {
        let mut names: Vec<&str> = rows.iter().map(|row| row.group.as_str()).collect();
        names.dedup();
        let groups = names.into_iter().map(|name| group(name, &rows)).collect();
        Self { rows, groups }
    }

    /// The report as JSON, with a newline at its end.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).map_or_else(|_| String::new(), |json| json + "\n")
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

    /// The tables as text.
    pub fn text(&self) -> String {
        let mut text =
            format!("{:28} {:>12} {:>12} {:>9}  {}\n", "id", "published", "simulated", "error", "evidence");
        for row in &self.rows {
            let line = match (&row.simulated, &row.error, &row.status) {
                (Some(simulated), Some(error), _) => format!(
                    "{:28} {:>12.4} {:>12.4} {:>+8.1}%  {}\n",
                    row.id,
                    row.published,
                    simulated,
                    100.0 * error,
                    row.evidence
                ),
                (_, _, Status::Failed(reason)) => {
                    format!("{:28} {:>12.4} {:>12} {:>9}  {reason}\n", row.id, row.published, "not run", "")
                }
                _ => String::new(),
            };
            text.push_str(&line);
        }
        text.push_str("\ngroup            rows  not run      mean       p95     worst\n");
        for group in &self.groups {
            text.push_str(&format!(
                "{:15} {:>5} {:>8} {:>8.1}% {:>8.1}% {:>8.1}%\n",
                group.name,
                group.rows,
                group.failed,
                100.0 * group.mean_error,
                100.0 * group.p95_error,
                100.0 * group.worst_error
            ));
        }
        text
    }
}

fn group(name: &str, rows: &[Outcome]) -> Group {
    let of_group: Vec<&Outcome> = rows.iter().filter(|row| row.group == name).collect();
    let mut errors: Vec<f64> = of_group.iter().filter_map(|row| row.error).map(f64::abs).collect();
    errors.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = (share * errors.len() as f64).ceil() as usize;
        errors.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    };
    Group {
        name: name.to_owned(),
        rows: of_group.len(),
        failed: of_group.len() - errors.len(),
        mean_error: errors.iter().sum::<f64>() / errors.len().max(1) as f64,
        p95_error: at(0.95),
        worst_error: at(1.0),
    }
}
