//! A campaign as text and as CSV, and the files of its report.

use super::figures::{duration, standalone};
use super::format::{count, energy, long, percent, plural, scientific, si, times};
use super::html::campaign_html;
use super::table::csv_text;
use crate::record::{Amounts, CampaignRecord};
use crate::report::ReportError;

/// All files of a campaign's report: `record.json`, `campaign.csv`, `figures/duration.svg`, `report.html`.
///
/// # Errors
/// [`ReportError`] where the figure or the table cannot be made.
pub fn campaign_files(record: &CampaignRecord) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    Ok(vec![
        ("record.json".to_owned(), record.to_json().into_bytes()),
        ("campaign.csv".to_owned(), campaign_csv(record)?.into_bytes()),
        ("figures/duration.svg".to_owned(), standalone(&duration(record)?).into_bytes()),
        ("report.html".to_owned(), campaign_html(record)?.into_bytes()),
    ])
}

/// A line for each phase and one for all, amounts with their unit in the column name.
///
/// # Errors
/// [`ReportError::Csv`] where the table cannot be written.
pub fn campaign_csv(record: &CampaignRecord) -> Result<String, ReportError> {
    let head = [
        "phase",
        "zeros_ratio",
        "steps",
        "tokens",
        "dense_flop",
        "effective_flop",
        "dense_flop_full_attention",
        "effective_flop_full_attention",
        "dense_flop_causal_attention",
        "effective_flop_causal_attention",
        "theoretical_speedup_ratio",
        "bound_speedup_ratio",
        "achieved_speedup_ratio",
        "days",
        "dense_days",
        "bound_days",
        "energy_mwh",
        "dense_energy_mwh",
    ];
    let line = |name: &str, level: Option<f64>, all: &Amounts| {
        let mut line = vec![name.to_owned(), level.map(|level| level.to_string()).unwrap_or_default()];
        line.push(all.steps.to_string());
        let (full, causal) = (all.flop_full_attention, all.flop_causal_attention);
        let amounts = [
            all.tokens,
            all.flop.dense,
            all.flop.effective,
            full.dense,
            full.effective,
            causal.dense,
            causal.effective,
            all.theoretical_speedup,
            all.bound_speedup,
            all.achieved_speedup,
            all.days,
            all.dense_days,
            all.bound_days,
            all.energy_mwh,
            all.dense_energy_mwh,
        ];
        line.extend(amounts.map(|amount| amount.to_string()));
        line
    };
    let phases = record.phases.iter().map(|phase| line(&phase.name, Some(phase.level), &phase.amounts));
    csv_text(&head, phases.chain([line("all", None, &record.total)]))
}

/// A table for the terminal, of 105 columns.
pub fn campaign_text(record: &CampaignRecord) -> String {
    let total = &record.total;
    let mut text = format!(
        "{}\n{}, {} tokens: {} and {}; dense {} and {}\n\n",
        record.title,
        plural(record.phases.len(), "phase"),
        si(total.tokens, ""),
        long(total.days),
        energy(total.energy_mwh),
        long(total.dense_days),
        energy(total.dense_energy_mwh),
    );
    text += &format!(
        "{:<27} {:>7} {:>8} {:>9} {:>7} {:>7} {:>8} {:>12} {:>12}\n",
        "phase", "zeros", "steps", "FLOP", "theory", "bound", "achieved", "time", "dense"
    );
    let line = |name: &str, zeros: String, all: &Amounts| {
        let name: String = name.chars().take(27).collect();
        format!(
            "{name:<27} {zeros:>7} {:>8} {:>9} {:>7} {:>7} {:>8} {:>12} {:>12}\n",
            count(all.steps),
            scientific(all.flop.effective),
            times(all.theoretical_speedup),
            times(all.bound_speedup),
            times(all.achieved_speedup),
            long(all.days),
            long(all.dense_days),
        )
    };
    for phase in &record.phases {
        text += &line(&phase.name, percent(phase.level), &phase.amounts);
    }
    text += &line("all", String::new(), total);
    text +=
        if record.verified() { "\nverified: values of a step of each phase\n" } else { "\nNOT VERIFIED\n" };
    text
}
