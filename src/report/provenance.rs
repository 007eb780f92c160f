//! What it takes to repeat a run, and what it took on the host.

use super::format::{bytes, plural, seconds, si};
use crate::record::{Provenance, RunRecord, Summary};

/// Name and value of each fact about a run.
pub(super) fn of_run(record: &RunRecord) -> Vec<(&'static str, String)> {
    let s = &record.summary;
    let mut rows = to_repeat(&record.provenance);
    rows.extend([
        ("engines", s.engine.clone()),
        ("simulated", simulated(s)),
        (
            "host",
            [
                record.provenance.host.clone(),
                seconds(s.wall_seconds),
                plural(record.provenance.host_threads as usize, "thread"),
                format!("{} of memory at most", bytes(s.peak_memory_bytes.as_f64())),
            ]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
        ),
    ]);
    rows
}

/// What it takes to repeat a run.
pub(super) fn to_repeat(provenance: &Provenance) -> Vec<(&'static str, String)> {
    vec![
        ("command", provenance.command.clone()),
        ("version", format!("wafersim {}", provenance.version)),
        ("hash of the resolved specs", provenance.spec_hash.clone()),
        ("seed", provenance.seed.to_string()),
    ]
}

/// What the engines went through, and how fast.
fn simulated(summary: &Summary) -> String {
    let all = format!("{} PE-cycles", si(summary.pe_cycles_simulated as f64, ""));
    match summary.simulated_per_second() {
        Some(rate) => format!("{all}, {} a second", si(rate, "")),
        None => all,
    }
}
