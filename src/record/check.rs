//! The arithmetic that a record must satisfy.

use serde_json::Value;

use super::{OpRow, Phase, RunRecord, Simulated};

/// Relative difference that sums and ratios of the same quantity may have: they are added in floating
/// point, in an order that is not prescribed.
const ROUNDING: f64 = 1e-6;

pub(super) fn faults(record: &RunRecord) -> Vec<String> {
    let mut faults = Vec::new();
    numbers(record, &mut faults);
    flops(record, &mut faults);
    exact(record, &mut faults);
    breakdown(record, &mut faults);
    waterfall(record, &mut faults);
    memory(record, &mut faults);
    let useful = record.breakdown.iter().filter(|row| row.category == "useful").map(|row| row.share).sum();
    faults.extend(record.heatmap.iter().flat_map(|map| map.faults(useful)));
    for op in &record.ops {
        self::op(op, record.summary.pe_count, &mut faults);
    }
    for span in record.timeline.iter().filter(|span| span.end_cycle < span.start_cycle) {
        faults.push(format!(
            "timeline: {} ends at {} before it starts at {}",
            span.label, span.end_cycle, span.start_cycle
        ));
    }
    faults
}

fn same(left: f64, right: f64) -> bool {
    (left - right).abs() <= ROUNDING * left.abs().max(right.abs())
}

fn share_is_legal(share: f64) -> bool {
    (0.0..=1.0 + ROUNDING).contains(&share)
}

/// JSON has no NaN: serde writes `null` for it, and every optional field of a record is left out when
/// absent, so a `null` outside the specs is a number that went wrong.
fn numbers(record: &RunRecord, faults: &mut Vec<String>) {
    let Ok(Value::Object(fields)) = serde_json::to_value(record) else {
        faults.push("the record cannot be written as JSON".to_owned());
        return;
    };
    for (key, value) in fields.iter().filter(|(key, _)| !matches!(key.as_str(), "machine" | "workload")) {
        find_null(key, value, faults);
    }
}

fn find_null(path: &str, value: &Value, faults: &mut Vec<String>) {
    match value {
        Value::Null => faults.push(format!("{path} is not a finite number")),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_null(&format!("{path}[{index}]"), item, faults);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                find_null(&format!("{path}.{key}"), item, faults);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn flops(record: &RunRecord, faults: &mut Vec<String>) {
    let (name, table) = record.counted_flops();
    let (total, summary) = (table.total(), &record.summary);
    for (what, sum, headline) in
        [("dense", total.dense, summary.flops_dense), ("effective", total.effective, summary.flops_effective)]
    {
        if sum != headline {
            faults.push(format!(
                "flops.{name}: the phases sum to {sum} {what}, but the summary says {headline}"
            ));
        }
    }
    let ratio = total.dense.as_f64() / total.effective.as_f64();
    if total.effective.0 > 0 && !same(ratio, summary.theoretical_speedup) {
        faults.push(format!(
            "summary.theoretical_speedup is {}, but dense over effective FLOPs is {ratio}",
            summary.theoretical_speedup
        ));
    }
    if summary.achieved_speedup > summary.bound_speedup * (1.0 + ROUNDING) {
        faults.push(format!(
            "summary.achieved_speedup {} passes the bound {}",
            summary.achieved_speedup, summary.bound_speedup
        ));
    }
    if !share_is_legal(summary.utilization) {
        faults.push(format!("summary.utilization is {}, not within 0 and 1", summary.utilization));
    }
}

/// What is exact is what no sample stands for.
fn exact(record: &RunRecord, faults: &mut Vec<String>) {
    let cycles = |ops: &mut dyn Iterator<Item = &OpRow>| ops.map(|op| op.cycles.as_f64()).sum::<f64>();
    let whole = cycles(&mut record.ops.iter().filter(|op| op.simulated != Simulated::Sampled));
    let share = whole / cycles(&mut record.ops.iter()).max(1.0);
    if !same(share, record.summary.exact_share) {
        faults.push(format!(
            "summary.exact_share is {}, but ops that are not sampled have {share} of the cycles",
            record.summary.exact_share
        ));
    }
}

fn breakdown(record: &RunRecord, faults: &mut Vec<String>) {
    let total = record.summary.step_cycles.as_f64() * record.summary.pe_count as f64;
    let sum: f64 = record.breakdown.iter().map(|row| row.pe_cycles as f64).sum();
    if !same(sum, total) {
        faults.push(format!(
            "breakdown: the categories sum to {sum} PE-cycles, but {} PEs had {total}",
            record.summary.pe_count
        ));
    }
    let shares: f64 = record.breakdown.iter().map(|row| row.share).sum();
    if total > 0.0 && !same(shares, 1.0) {
        faults.push(format!("breakdown: the shares sum to {shares}, not to 1"));
    }
    let of_rows: f64 = record.breakdown.iter().map(|row| row.teacher_pe_cycles as f64).sum();
    let taught = record.ops.iter().filter(|op| op.phase == Phase::Teacher);
    let of_ops = taught.map(|op| op.cycles.as_f64()).sum::<f64>() * record.summary.pe_count as f64;
    if !same(of_rows, of_ops) {
        faults.push(format!(
            "breakdown: the teacher has {of_rows} PE-cycles in the categories, but its ops take {of_ops}"
        ));
    }
    for row in record.breakdown.iter().filter(|row| row.teacher_pe_cycles > row.pe_cycles) {
        faults.push(format!(
            "breakdown: {} has {} PE-cycles of the teacher in {}",
            row.category, row.teacher_pe_cycles, row.pe_cycles
        ));
    }
    for row in
        record.breakdown.iter().filter(|row| total > 0.0 && !same(row.share, row.pe_cycles as f64 / total))
    {
        faults.push(format!(
            "breakdown: {} has share {}, but {} of {total} PE-cycles",
            row.category, row.share, row.pe_cycles
        ));
    }
}

fn waterfall(record: &RunRecord, faults: &mut Vec<String>) {
    let mut at = record.summary.theoretical_speedup;
    let mut passes_bound = same(at, record.summary.bound_speedup);
    for step in &record.waterfall {
        if !same(step.speedup_before, at) {
            faults.push(format!("waterfall: {} starts at {}, not at {at}", step.label, step.speedup_before));
        }
        at = step.speedup_after;
        passes_bound |= same(at, record.summary.bound_speedup);
    }
    if !same(at, record.summary.achieved_speedup) {
        faults.push(format!(
            "waterfall: ends at {at}, not at the achieved speedup {}",
            record.summary.achieved_speedup
        ));
    }
    if !passes_bound {
        faults.push(format!("waterfall: no step ends at the bound {}", record.summary.bound_speedup));
    }
}

fn memory(record: &RunRecord, faults: &mut Vec<String>) {
    let capacity = record.memory.capacity_bytes_per_pe;
    let used: f64 = record.memory.rows.iter().map(|row| row.bytes_per_pe.as_f64()).sum();
    if used > capacity.as_f64() {
        faults.push(format!("memory: {used} B in a PE of {capacity}"));
    }
    for row in &record.memory.rows {
        if capacity.0 > 0 && !same(row.share, row.bytes_per_pe.as_f64() / capacity.as_f64()) {
            faults.push(format!(
                "memory: {} has share {} of {capacity} with {}",
                row.what, row.share, row.bytes_per_pe
            ));
        }
    }
}

fn op(op: &OpRow, pe_count: u64, faults: &mut Vec<String>) {
    if op.macs_effective > op.macs_dense {
        faults.push(format!("{}: {} done of {} dense", op.name, op.macs_effective, op.macs_dense));
    }
    if !share_is_legal(op.utilization) {
        faults.push(format!("{}: utilization is {}, not within 0 and 1", op.name, op.utilization));
    }
    if op.cycles.0 > 0 && !same(op.speedup, op.dense_cycles.as_f64() / op.cycles.as_f64()) {
        faults.push(format!(
            "{}: speedup is {}, but {} dense over {}",
            op.name, op.speedup, op.dense_cycles, op.cycles
        ));
    }
    // An elapsed time ends on a whole cycle, for each of the ops that the row stands for.
    let ceiling = (op.cycles.as_f64() + op.count as f64) * op.theory_speedup;
    if op.dense_cycles.as_f64() > ceiling * (1.0 + ROUNDING) {
        faults
            .push(format!("{}: speedup {} passes its own theory {}", op.name, op.speedup, op.theory_speedup));
    }
    let sum: f64 = op.stalls.iter().map(|row| row.pe_cycles as f64).sum();
    let total = op.cycles.as_f64() * pe_count as f64;
    if !same(sum, total) {
        faults.push(format!(
            "{}: the categories sum to {sum} PE-cycles, but {pe_count} PEs had {total}",
            op.name
        ));
    }
}
