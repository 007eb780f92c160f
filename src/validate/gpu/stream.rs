//! Streams through memory: the pattern of accesses under `pattern`.

use super::wants;
use crate::baseline::device::Device;
use crate::baseline::dram::{Pattern, bandwidth};
use crate::validate::measure::NotRun;
use crate::validate::row::Row;

/// Words of a pattern's name, and what it does to memory.
const PATTERNS: [(&str, Pattern); 9] = [
    ("triad", Pattern::Triad),
    ("add", Pattern::Triad),
    ("copy", Pattern::Copy),
    ("scale", Pattern::Copy),
    ("write", Pattern::Write),
    ("init", Pattern::Write),
    ("read", Pattern::Read),
    ("reduction", Pattern::Read),
    ("dot", Pattern::Read),
];

/// Achieved bandwidth.
pub(super) fn measure(row: &Row, device: &Device) -> Result<f64, NotRun> {
    wants(row, "bandwidth")?;
    let name = row.params.get("pattern").map_or("", String::as_str);
    let words: Vec<&str> = name.split('_').collect();
    let Some((_, pattern)) = PATTERNS.iter().find(|(word, _)| words.contains(word)) else {
        let legal: Vec<&str> = PATTERNS.iter().map(|(word, _)| *word).collect();
        return Err(NotRun::Params(format!("`pattern` = `{name}`; legal: one with {}", legal.join(", "))));
    };
    let found = bandwidth(*pattern, &device.spec.memory.dram);
    match row.unit.as_str() {
        "GB/s" => Ok(found / 1e9),
        "TB/s" => Ok(found / 1e12),
        other => Err(NotRun::Params(format!("no unit of bandwidth `{other}`; legal: GB/s, TB/s"))),
    }
}
