//! A step on many systems as text and as CSV, and the files of its report.

use super::figures::{efficiency, standalone};
use super::format::{count, near_percent, seconds, si, times};
use super::html::cluster_html;
use super::table::csv_text;
use crate::record::{ClusterPoint, ClusterRecord, Scaling};
use crate::report::ReportError;

/// All files of a cluster's report: `record.json`, `cluster.csv`, `figures/efficiency.svg`, `report.html`.
///
/// # Errors
/// [`ReportError`] where the figure or the table cannot be made.
pub fn cluster_files(record: &ClusterRecord) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    Ok(vec![
        ("record.json".to_owned(), record.to_json().into_bytes()),
        ("cluster.csv".to_owned(), cluster_csv(record)?.into_bytes()),
        ("figures/efficiency.svg".to_owned(), standalone(&efficiency(record)?).into_bytes()),
        ("report.html".to_owned(), cluster_html(record)?.into_bytes()),
    ])
}

/// A line for each cluster, amounts with their unit in the column name.
///
/// # Errors
/// [`ReportError::Csv`] where the table cannot be written.
pub fn cluster_csv(record: &ClusterRecord) -> Result<String, ReportError> {
    let head = [
        "scaling",
        "systems",
        "tree_levels",
        "batch_sequences",
        "share_sequences",
        "step_cycles",
        "alone_cycles",
        "tree_cycles",
        "step_seconds",
        "dense_step_seconds",
        "achieved_speedup_ratio",
        "samples_per_s",
        "tokens_per_s",
        "scaling_speedup_ratio",
        "efficiency_ratio",
        "systems_energy_joules",
    ];
    let line = |point: &ClusterPoint| {
        vec![
            point.scaling.name().to_owned(),
            point.systems.to_string(),
            point.tree_levels.to_string(),
            point.batch_sequences.to_string(),
            point.share_sequences.to_string(),
            point.step_cycles.0.to_string(),
            point.alone_cycles.0.to_string(),
            point.tree_cycles.0.to_string(),
            point.step_seconds.to_string(),
            point.dense_step_seconds.to_string(),
            point.achieved_speedup.to_string(),
            point.samples_per_s.to_string(),
            point.tokens_per_s.to_string(),
            point.scaling_speedup.to_string(),
            point.efficiency.to_string(),
            point.systems_energy_j.to_string(),
        ]
    };
    csv_text(&head, record.points.iter().map(line))
}

/// A table for the terminal.
pub fn cluster_text(record: &ClusterRecord) -> String {
    let mut text = format!("{}\n", record.title);
    for scaling in [Scaling::Weak, Scaling::Strong] {
        let points: Vec<&ClusterPoint> =
            record.points.iter().filter(|point| point.scaling == scaling).collect();
        let Some(first) = points.first() else { continue };
        let same = match scaling {
            Scaling::Weak => format!("{} sequences a system", first.share_sequences),
            Scaling::Strong => format!("{} sequences in all", first.batch_sequences),
        };
        text += &format!("\n{} scaling, {same}\n", scaling.name());
        text += &format!(
            "{:>7} {:>6} {:>9} {:>10} {:>10} {:>10} {:>10} {:>9} {:>10}\n",
            "systems", "levels", "batch", "step", "tree", "efficiency", "tokens/s", "vs dense", "energy"
        );
        let clock = record.machine.fabric.clock;
        for point in points {
            text += &format!(
                "{:>7} {:>6} {:>9} {:>10} {:>10} {:>10} {:>10} {:>9} {:>10}\n",
                count(point.systems.into()),
                point.tree_levels,
                count(point.batch_sequences),
                seconds(point.step_seconds),
                seconds(point.tree_cycles.at(clock).0),
                near_percent(point.efficiency),
                si(point.tokens_per_s, ""),
                times(point.achieved_speedup),
                si(point.systems_energy_j, "J"),
            );
        }
    }
    text += "\ntree: what it adds to the step. Energy: systems alone.\n";
    text
}
