//! Records of many points: one a point, and the table of all.

use serde::{Deserialize, Serialize};

use super::metrics::{Better, Cell, Metric, better, is_of_host};
use crate::spec::sweep::{Axis, Setting};

/// How a point ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PointStatus {
    /// It ran.
    Done,
    /// It cannot be run: what it sets does not go together, or does not fit.
    Refused,
    /// It should have run, and did not, or its values are wrong: a fault of the simulator or of the host.
    Failed,
}

impl PointStatus {
    /// As printed and as written in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What is known of a point that has run, or cannot. Points with equal specs share it, in whatever sweep they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointRecord {
    /// Hash of all that it depends on: its specs and the program.
    pub key: String,
    /// How it ended.
    pub status: PointStatus,
    /// Why it did not run; absent where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its numbers; none where it did not run.
    pub metrics: Vec<Metric>,
}

impl PointRecord {
    /// A metric; `None` where it has none of this name.
    pub fn metric(&self, name: &str) -> Option<&Cell> {
        self.metrics.iter().find(|metric| metric.name == name).map(|metric| &metric.value)
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        super::to_json(self)
    }
}

/// A point of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepPoint {
    /// Its number.
    pub index: usize,
    /// Hash of all that it depends on.
    pub key: String,
    /// What it sets.
    pub settings: Vec<Setting>,
    /// What runs it alone.
    pub command: String,
    /// What came of it; `None`: nothing yet.
    pub outcome: Option<PointRecord>,
}

/// A sweep as far as it has come: everything that its tables and its report print.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepRecord {
    /// Short name, also of its folder.
    pub name: String,
    /// The question that it answers.
    pub asks: String,
    /// Version and hash of the program.
    pub program: String,
    /// What is swept.
    pub axes: Vec<Axis>,
    /// Columns that trade against each other, with which of their values are better; `None` where the sweep names none.
    pub pareto: Option<[(String, Better); 2]>,
    /// Combinations of the axes that conditions leave out.
    pub left_out: usize,
    /// In order of their numbers.
    pub points: Vec<SweepPoint>,
}

/// A column of the table of points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name with its unit at the end.
    pub name: String,
    /// Which values are better; `None` where neither is.
    pub better: Option<Better>,
}

impl SweepRecord {
    /// Points that ran, and whose values are right: those that tables, figures and sentences are about.
    pub fn done(&self) -> impl Iterator<Item = &SweepPoint> {
        self.points.iter().filter(|point| point.status() == Some(PointStatus::Done))
    }

    /// How many points ended so; `None`: those that have not run.
    pub fn count(&self, status: Option<PointStatus>) -> usize {
        self.points.iter().filter(|point| point.status() == status).count()
    }

    /// Columns in order: number, state, axes, metrics, those of the host at the end, and the reason.
    pub fn columns(&self) -> Vec<Column> {
        let column = |name: &str| Column { name: name.to_owned(), better: better(name) };
        let mut columns: Vec<Column> = ["index", "key", "status"].into_iter().map(column).collect();
        let axes = self.axes.iter().flat_map(|axis| &axis.keys);
        columns.extend(axes.map(|key| Column { name: key.key.clone(), better: None }));
        let mut metrics: Vec<&str> = Vec::new();
        for metric in self.points.iter().filter_map(|point| point.outcome.as_ref()).flat_map(|o| &o.metrics) {
            if !metrics.contains(&metric.name.as_str()) {
                metrics.push(&metric.name);
            }
        }
        metrics.sort_by_key(|name| is_of_host(name));
        columns.extend(metrics.into_iter().chain(["reason"]).map(column));
        columns
    }
}

impl SweepPoint {
    /// How it ended; `None` where it has not run.
    pub fn status(&self) -> Option<PointStatus> {
        self.outcome.as_ref().map(|outcome| outcome.status)
    }

    /// The value in a column; `None` where the point has none.
    pub fn cell(&self, column: &str) -> Option<Cell> {
        let outcome = self.outcome.as_ref();
        match column {
            "index" => Some(Cell::Integer(self.index as i64)),
            "key" => Some(Cell::Text(self.key.clone())),
            "status" => Some(Cell::Text(self.status().map_or("open", PointStatus::name).to_owned())),
            "reason" => outcome.and_then(|o| o.reason.clone()).map(Cell::Text),
            name => match self.settings.iter().find(|setting| setting.key == name) {
                Some(setting) => Some(setting.value.clone().into()),
                None => outcome?.metric(name).cloned(),
            },
        }
    }

    /// The number in a column.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.cell(column)?.number()
    }
}
