//! The op table as CSV, for spreadsheets and scripts.

use super::ReportError;
use crate::record::{ColumnProfile, Engine, RunRecord};

/// One line an op, amounts with their unit in the column name. After the fixed columns comes one column
/// `<category>_pe_cycles` for each category of the record, 0 where an op has none of it.
///
/// # Errors
/// [`ReportError::Csv`] where the CSV writer refuses a line.
pub fn ops_csv(record: &RunRecord) -> Result<String, ReportError> {
    let categories = categories(record);
    let fixed = [
        "name",
        "group",
        "phase",
        "layer",
        "count",
        "kernel",
        "dense_macs",
        "effective_macs",
        "cycles",
        "dense_cycles",
        "speedup_ratio",
        "theory_speedup_ratio",
        "utilization_ratio",
        "simulated",
        "engine",
    ];
    let named = categories.iter().map(|category| format!("{}_pe_cycles", category.replace(' ', "_")));
    let head: Vec<String> = fixed.into_iter().map(str::to_owned).chain(named).collect();
    let lines = record.ops.iter().map(|op| {
        let mut line = vec![
            op.name.clone(),
            op.group.clone(),
            op.phase.name().to_owned(),
            op.layer.map(|layer| layer.to_string()).unwrap_or_default(),
            op.count.to_string(),
            op.kernel.clone(),
            op.macs_dense.0.to_string(),
            op.macs_effective.0.to_string(),
            op.cycles.0.to_string(),
            op.dense_cycles.0.to_string(),
            op.speedup.to_string(),
            op.theory_speedup.to_string(),
            op.utilization.to_string(),
            op.simulated.name().to_owned(),
            op.engine.map_or("", Engine::name).to_owned(),
        ];
        for category in &categories {
            let cycles: u128 = op
                .stalls
                .iter()
                .filter(|row| row.category == *category)
                .map(|row| u128::from(row.pe_cycles))
                .sum();
            line.push(cycles.to_string());
        }
        line
    });
    csv_text(&head, lines)
}

/// One line a column of PEs (or a group of neighbours on a fabric of many), from the west: shares of the step's cycles by
/// category, the load of its busiest link, and the SRAM of its PEs. Nothing but the head where the record has no map.
///
/// # Errors
/// [`ReportError::Csv`] where the CSV writer refuses a line.
pub fn columns_csv(record: &RunRecord) -> Result<String, ReportError> {
    let none = ColumnProfile::default();
    let profile = record.heatmap.as_ref().map_or(&none, |map| &map.columns);
    let named = profile.categories.iter().map(|row| format!("{}_ratio", row.category.replace(' ', "_")));
    let fixed = ["column", "link_load_ratio", "sram_bytes"].map(str::to_owned);
    let head: Vec<String> = fixed.into_iter().chain(named).collect();
    let lines =
        profile.link_load.iter().zip(&profile.sram_bytes).enumerate().map(|(column, (load, sram))| {
            let mut line = vec![column.to_string(), load.to_string(), sram.to_string()];
            let shares = profile.categories.iter().map(|row| row.share.get(column));
            line.extend(shares.map(|share| share.map(f64::to_string).unwrap_or_default()));
            line
        });
    csv_text(&head, lines)
}

/// A head and lines as CSV.
///
/// # Errors
/// [`ReportError::Csv`] where the CSV writer refuses a line.
pub(super) fn csv_text(
    head: &[impl AsRef<[u8]>],
    lines: impl Iterator<Item = Vec<String>>,
) -> Result<String, ReportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(head)?;
    for line in lines {
        writer.write_record(line)?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Categories in the order of the step's breakdown, then those that only an op has.
fn categories(record: &RunRecord) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    let of_step = record.breakdown.iter().map(|row| row.category.as_str());
    let of_ops = record.ops.iter().flat_map(|op| &op.stalls).map(|row| row.category.as_str());
    for name in of_step.chain(of_ops) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
