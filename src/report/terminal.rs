//! The summary that a terminal shows after a run.

use std::path::Path;

use super::format::{bytes, count, number, percent, seconds, si, times};
use crate::record::{BaselineKind, BaselineRow, CategoryShare, RunRecord};

/// Columns of the terminal that the summary is made for; it takes at most 23 lines, so that the prompt
/// after it still fits 24.
const WIDTH: usize = 80;
/// Rows of the breakdown; further categories are added up in the last one.
const BREAKDOWN_ROWS: usize = 6;
/// Characters of a full bar.
const BAR: usize = 38;
/// Baselines shown.
const BASELINE_ROWS: usize = 3;

/// The run in at most 23 lines of 80 columns: headline, key numbers, where the PE-cycles went, what limits,
/// baselines, whether the values are verified, and where the report lies
/// (in `folder`).
pub fn summary(record: &RunRecord, folder: &Path) -> String {
    let s = &record.summary;
    let mut lines = vec![
        record.title.clone(),
        format!(
            "speedup {} over the dense step (theory {}, bound {})",
            times(s.achieved_speedup),
            times(s.theoretical_speedup),
            times(s.bound_speedup)
        ),
        String::new(),
        pair("step", &seconds(s.step_seconds), "cycles", &count(s.step_cycles.0)),
        pair("samples/s", &number(s.samples_per_s), "tokens/s", &number(s.tokens_per_s)),
        pair(
            "FLOPs dense",
            &si(s.flops_dense.as_f64(), "FLOP"),
            "effective",
            &si(s.flops_effective.as_f64(), "FLOP"),
        ),
        pair("utilization", &percent(s.utilization), "SRAM used", &sram(record)),
        String::new(),
        format!("PE-cycles of {} PEs", count(s.pe_count)),
    ];
    lines.extend(largest(&record.breakdown).iter().map(bar));
    lines.push(format!("limited by   {}", s.limiter));
    let others = record.baselines.iter().filter(|row| row.kind != BaselineKind::ThisRun);
    lines.extend(others.take(BASELINE_ROWS).map(baseline));
    lines.push(String::new());
    lines.push(verdict(record));
    lines.push(format!(
        "{} engine, {} PE-cycles in {}{}",
        s.engine,
        si(s.pe_cycles_simulated as f64, ""),
        seconds(s.wall_seconds),
        if s.approximate { format!("; {} of cycles exact", percent(s.exact_share)) } else { String::new() }
    ));
    lines.push(format!("report       {}", folder.join("report.html").display()));
    lines.iter().map(|line| clip(line) + "\n").collect()
}

fn pair(left: &str, left_value: &str, right: &str, right_value: &str) -> String {
    format!("{left:<13}{left_value:<25}{right:<11}{right_value}")
}

fn sram(record: &RunRecord) -> String {
    let used: f64 = record.memory.rows.iter().map(|row| row.bytes_per_pe.as_f64()).sum();
    format!("{} of {}", bytes(used), bytes(record.memory.capacity_bytes_per_pe.as_f64()))
}

/// The largest categories in falling order, the rest in one row.
fn largest(breakdown: &[CategoryShare]) -> Vec<CategoryShare> {
    let mut rows = breakdown.to_vec();
    rows.sort_by(|a, b| b.share.total_cmp(&a.share));
    if rows.len() > BREAKDOWN_ROWS {
        let rest = rows.split_off(BREAKDOWN_ROWS - 1);
        rows.push(CategoryShare {
            category: format!("{} others", rest.len()),
            pe_cycles: rest.iter().fold(0, |sum, row| sum.saturating_add(row.pe_cycles)),
            teacher_pe_cycles: rest.iter().fold(0, |sum, row| sum.saturating_add(row.teacher_pe_cycles)),
            share: rest.iter().map(|row| row.share).sum(),
        });
    }
    rows
}

fn bar(row: &CategoryShare) -> String {
    let filled = ((row.share.clamp(0.0, 1.0) * BAR as f64).round() as usize).min(BAR);
    let name: String = row.category.chars().take(20).collect();
    format!("  {name:<20} {}{} {:>8}", "█".repeat(filled), "·".repeat(BAR - filled), percent(row.share))
}

fn baseline(row: &BaselineRow) -> String {
    let trust = match (row.kind, row.validation_error) {
        (BaselineKind::ThisRun | BaselineKind::DenseWafer, _) => "same simulator".to_owned(),
        (BaselineKind::Gpu, Some(error)) => format!("model error {}", percent(error)),
        (BaselineKind::Gpu, None) => "not validated".to_owned(),
    };
    let devices = if row.devices > 1 { format!("{} x ", row.devices) } else { String::new() };
    let name: String = format!("{devices}{}", row.name).chars().take(28).collect();
    format!(
        "vs {name:<28} speedup {:>6}, {:>8}, {trust}",
        times(row.wafer_speedup),
        seconds(row.step_seconds)
    )
}

fn verdict(record: &RunRecord) -> String {
    let mark = if record.summary.verified { "verified    " } else { "NOT VERIFIED" };
    format!("{mark} {}", record.verification.verdict)
}

/// Cut to the width of the terminal, with an ellipsis where something is lost. A line stays one line.
fn clip(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= WIDTH {
        return line.trim_end().to_owned();
    }
    let mut cut: String = line.chars().take(WIDTH - 1).collect();
    cut.push('…');
    cut
}
