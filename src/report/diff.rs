//! Two runs beside each other: what was changed, and what that did.

use serde::Serialize;

use super::format::{bytes, number, percent, seconds, si, times};
use super::groups::groups;
use crate::record::{Better, RunRecord, SpecEntry, better, is_of_host};

/// What differs between two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// Title of the first.
    pub a: String,
    /// Title of the second.
    pub b: String,
    /// Values of the specs that differ, in the order of the specs.
    pub specs: Vec<SpecChange>,
    /// Metrics that differ, those with the largest factor first.
    pub metrics: Vec<MetricChange>,
    /// Metrics that are the same in both.
    pub same: usize,
}

/// A value of a spec that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpecChange {
    /// Key.
    pub key: String,
    /// Value of the first, with its unit; absent where it has none.
    pub a: Option<String>,
    /// Value of the second.
    pub b: Option<String>,
}

/// A metric that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricChange {
    /// Its name, with the unit at the end: `step_seconds`, `cycles_of_gate`.
    pub metric: String,
    /// Value of the first; absent where that has no such metric.
    pub a: Option<f64>,
    /// Value of the second.
    pub b: Option<f64>,
    /// `b / a - 1`; absent where either is missing or the first is zero.
    pub change: Option<f64>,
    /// Whether the second is better; absent where neither is.
    pub better: Option<bool>,
}

/// What differs between `a` and `b`. Time and memory of the host are no part of it.
pub fn diff(a: &RunRecord, b: &RunRecord) -> Diff {
    let entries = |record: &RunRecord| -> Vec<SpecEntry> {
        record.machine_entries.iter().chain(&record.workload_entries).cloned().collect()
    };
    let (mut metrics, same): (Vec<_>, Vec<_>) =
        metrics(a, b).into_iter().partition(|metric| metric.a != metric.b);
    metrics.sort_by(|first, second| second.size().total_cmp(&first.size()));
    Diff {
        a: a.title.clone(),
        b: b.title.clone(),
        specs: spec_changes(&entries(a), &entries(b)),
        metrics,
        same: same.len(),
    }
}

/// Whether a metric is a part of a whole, so that its change is one of the whole: a share, or a loss of speedup.
fn is_part(metric: &str) -> bool {
    ["pe_cycles_", "lost_to_", "saved_"].iter().any(|start| metric.starts_with(start)) && metric != SIMULATED
}

/// PE-cycles that were simulated: no share.
const SIMULATED: &str = "pe_cycles_simulated";

impl MetricChange {
    /// How far the two are apart: as a factor either way, so that half as much counts as twice as much; of a part, as a
    /// difference. What only one of them has comes last.
    fn size(&self) -> f64 {
        if is_part(&self.metric) {
            return (self.b.unwrap_or(0.0) - self.a.unwrap_or(0.0)).abs();
        }
        match (self.a, self.b) {
            (Some(a), Some(b)) if a > 0.0 && b > 0.0 => (b / a).ln().abs(),
            (Some(_), Some(_)) => f64::MAX,
            _ => -1.0,
        }
    }
}

/// Keys of either that differ in value or are missing in one.
fn spec_changes(a: &[SpecEntry], b: &[SpecEntry]) -> Vec<SpecChange> {
    let text = |entry: &SpecEntry| format!("{} {}", entry.value, entry.unit).trim_end().to_owned();
    let of = |entries: &[SpecEntry], key: &str| entries.iter().find(|entry| entry.key == key).map(text);
    let only_b = b.iter().filter(|entry| a.iter().all(|other| other.key != entry.key));
    a.iter()
        .chain(only_b)
        .map(|entry| SpecChange { key: entry.key.clone(), a: of(a, &entry.key), b: of(b, &entry.key) })
        .filter(|change| change.a != change.b)
        .collect()
}

/// Metrics of either, each once, in their order.
fn metrics(a: &RunRecord, b: &RunRecord) -> Vec<MetricChange> {
    let (of_a, of_b) = (values(a), values(b));
    let find =
        |values: &[(String, f64)], name: &str| values.iter().find(|(other, _)| other == name).map(|it| it.1);
    let only_b = of_b.iter().filter(|(name, _)| find(&of_a, name).is_none());
    of_a.iter()
        .chain(only_b)
        .map(|(name, _)| {
            let (a, b) = (find(&of_a, name), find(&of_b, name));
            MetricChange {
                metric: name.clone(),
                a,
                b,
                change: a.zip(b).filter(|(a, _)| *a != 0.0).map(|(a, b)| b / a - 1.0),
                better: a.zip(b).zip(better(name)).filter(|((a, b), _)| a != b).map(|((a, b), side)| {
                    match side {
                        Better::Lower => b < a,
                        Better::Higher => b > a,
                    }
                }),
            }
        })
        .collect()
}

/// The numbers of a run, and the cycles of its groups of ops.
fn values(record: &RunRecord) -> Vec<(String, f64)> {
    let metrics = record.metrics().into_iter().filter(|metric| !is_of_host(&metric.name));
    let metrics = metrics.filter_map(|metric| Some((metric.name, metric.value.number()?)));
    let groups = groups(record).into_iter().map(|group| (format!("cycles_of_{}", group.name), group.cycles));
    metrics.chain(groups).collect()
}

impl Diff {
    /// As indented JSON with a newline at the end.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).map_or_else(|_| String::new(), |json| json + "\n")
    }

    /// Tables for the terminal.
    pub fn text(&self) -> String {
        let mut text = format!("A  {}\nB  {}\n", self.a, self.b);
        let heading = |what: &str, none: bool| {
            if none { format!("\n{what}: the same\n") } else { format!("\n{what}\n") }
        };
        text += &heading("specs", self.specs.is_empty());
        let missing = || "-".to_owned();
        let specs = self.specs.iter().map(|change| {
            let [a, b] = [&change.a, &change.b].map(|value| value.clone().unwrap_or_else(missing));
            [change.key.clone(), a, b, String::new(), String::new()]
        });
        text += &aligned(specs.collect());
        text += &heading("metrics, largest change first", self.metrics.is_empty());
        let metrics = self.metrics.iter().map(|change| {
            let name = change.metric.clone();
            let value = |value: Option<f64>| value.map_or_else(missing, |value| says(&change.metric, value));
            let verdict = change.better.map_or("", |better| if better { "better" } else { "worse" });
            [name, value(change.a), value(change.b), says_change(change), verdict.to_owned()]
        });
        text += &aligned(metrics.collect());
        if self.same > 0 {
            text += &format!("\n{} metrics are the same\n", self.same);
        }
        text
    }
}

/// A value with its unit, which the end of its name says.
fn says(name: &str, value: f64) -> String {
    let ends = |end: &str| name.ends_with(end);
    if ends("_seconds") {
        seconds(value)
    } else if name.starts_with("lost_to_") {
        format!("{value:.3}")
    } else if ends("speedup_ratio") || name.starts_with("speedup_over_") {
        times(value)
    } else if ends("_ratio") {
        percent(value)
    } else if name.contains("bytes") {
        bytes(value)
    } else if ends("_flop") {
        si(value, "FLOP")
    } else if ends("_j") {
        si(value, "J")
    } else if ends("_per_s") {
        number(value)
    } else {
        si(value, "")
    }
}

/// A change as a reader takes it in: of a part the difference, else "+12.0 %", and a factor from a doubling on.
fn says_change(change: &MetricChange) -> String {
    let signed = |value: f64, text: String| if value < 0.0 { format!("-{text}") } else { format!("+{text}") };
    if is_part(&change.metric) {
        let by = change.b.unwrap_or(0.0) - change.a.unwrap_or(0.0);
        let is_speedup = change.metric.starts_with("lost_to_");
        return signed(by, if is_speedup { format!("{:.3}", by.abs()) } else { percent(by.abs()) });
    }
    match change.change {
        Some(by) if by >= 1.0 => format!("x {}", number(by + 1.0)),
        Some(by) => signed(by, percent(by.abs())),
        None => String::new(),
    }
}

/// Columns as wide as what is in them, the first to the left.
fn aligned(rows: Vec<[String; 5]>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [key, a, b, change] = [0, 1, 2, 3].map(width);
    let line = |row: &[String; 5]| {
        let [name, of_a, of_b, by, verdict] = row;
        let line = format!("  {name:key$}  {of_a:>a$}  {of_b:>b$}  {by:>change$}  {verdict}");
        line.trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
