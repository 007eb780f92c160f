//! The report as Markdown, for a repository or a notebook: the same figures and the tables that fit a page.

use super::Figure;
use super::cells;
use super::format::{bytes, count, number, percent, seconds, si, times};
use super::groups::groups;
use super::provenance::of_run;
use crate::record::{BaselineKind, FlopsByPhase, RunRecord, SpecEntry};

/// The report of a record; figures are named by their place beside it, `figures/<name>.svg`.
pub fn markdown(record: &RunRecord) -> String {
    let s = &record.summary;
    let mut text = format!(
        "# {}\n\nThe step runs **{}** as fast as the dense one; theory {}, bound {}. Limited by {}.\n\n{}{}\n",
        inline(&record.title),
        times(s.achieved_speedup),
        times(s.theoretical_speedup),
        times(s.bound_speedup),
        inline(&s.limiter),
        if s.verified { "Values verified: " } else { "**Values not verified**: " },
        inline(&record.verification.verdict),
    );
    if s.approximate {
        text += &format!(
            "\nApproximate: {} of the kernels' cycles are exact, the others sampled.\n",
            percent(s.exact_share)
        );
    }
    text += "\n## Key numbers\n\n";
    text += &table(&["", "this run", "dense or possible"], key_numbers(record));
    for figure in Figure::ALL {
        text += &format!("\n![{0}](figures/{0}.svg)\n", figure.name());
    }
    text += "\n## From theory to achieved\n\n";
    let parts = record.waterfall.iter().map(|step| {
        let change = step.speedup_after - step.speedup_before;
        vec![step.label.clone(), format!("{change:+.4}"), times(step.speedup_after)]
    });
    text += &table(&["part", "speedup", "after it"], parts);
    text += "\n## Groups of ops\n\n";
    let of_groups = groups(record).into_iter().map(|group| {
        let share = group.cycles / s.step_cycles.as_f64().max(1.0);
        vec![
            group.name.clone(),
            si(group.cycles, ""),
            percent(share),
            times(group.achieved()),
            times(group.theory()),
        ]
    });
    text += &table(&["group", "cycles", "of the step", "speedup", "theory"], of_groups);
    text += "\n## Where the PE-cycles went\n\n";
    let shares = record.breakdown.iter();
    let shares =
        shares.map(|row| vec![row.category.clone(), si(row.pe_cycles as f64, ""), percent(row.share)]);
    text += &table(&["category", "PE-cycles", "share"], shares);
    text += "\n## Arithmetic\n\n";
    let pairs =
        [("all pairs", &record.flops.full_attention), ("causal pairs", &record.flops.causal_attention)];
    text += &table(
        &["attention counted", "phase", "dense FLOP", "effective FLOP", "saved"],
        pairs.into_iter().flat_map(|(name, table)| flops(name, table)),
    );
    text += "\n## Baselines\n\n";
    text += &table(
        &["machine", "devices", "step", "tokens/s", "speedup of this run", "error of the model"],
        baselines(record),
    );
    text += "\n## Verification of values\n\n";
    let checks = record.verification.checks.iter().map(cells::check);
    text += &table(&["compared", "elements", "largest error", "allowed", "holds"], checks);
    if !record.validation.is_empty() {
        text += "\n## Validation of the models\n\n";
        let rows = record.validation.iter().map(cells::validation);
        text += &table(
            &["published measurements", "rows", "mean error", "median", "95 % are below", "worst"],
            rows,
        );
    }
    text += &entries("Machine", &record.machine.name, &record.machine_entries);
    text += &entries("Workload", &record.workload.name, &record.workload_entries);
    if !record.notes.is_empty() {
        text += "\n## Notes\n\n";
        text.extend(record.notes.iter().map(|note| format!("- {}\n", inline(note))));
    }
    text += "\n## Provenance\n\n";
    let facts = of_run(record).into_iter().map(|(name, value)| vec![name.to_owned(), format!("`{value}`")]);
    text + &table(&["", ""], facts)
}

fn key_numbers(record: &RunRecord) -> Vec<Vec<String>> {
    let s = &record.summary;
    let used: f64 = record.memory.rows.iter().map(|row| row.bytes_per_pe.as_f64()).sum();
    let row = |name: &str, value: String, beside: String| vec![name.to_owned(), value, beside];
    vec![
        row("step", seconds(s.step_seconds), format!("{} cycles", count(s.step_cycles.0))),
        row("samples/s", number(s.samples_per_s), format!("{} tokens/s", number(s.tokens_per_s))),
        row("work", si(s.flops_effective.as_f64(), "FLOP"), si(s.flops_dense.as_f64(), "FLOP")),
        row("utilization", percent(s.utilization), "useful over possible MACs".to_owned()),
        row("SRAM of a PE", bytes(used), bytes(record.memory.capacity_bytes_per_pe.as_f64())),
    ]
}

fn flops(convention: &str, table: &FlopsByPhase) -> Vec<Vec<String>> {
    let phases = table.phases().map(|(phase, flops)| (phase.name(), flops));
    let row = |(phase, flops): (&str, crate::record::PhaseFlops)| {
        let (dense, effective) = (flops.dense.as_f64(), flops.effective.as_f64());
        let saved = if dense > 0.0 { percent(1.0 - effective / dense) } else { String::new() };
        vec![convention.to_owned(), phase.to_owned(), si(dense, ""), si(effective, ""), saved]
    };
    phases.chain([("all", table.total())]).map(row).collect()
}

fn baselines(record: &RunRecord) -> impl Iterator<Item = Vec<String>> {
    record.baselines.iter().map(|row| {
        let trust = match (row.kind, row.validation_error) {
            (BaselineKind::ThisRun | BaselineKind::DenseWafer, _) => "same simulator".to_owned(),
            (BaselineKind::Gpu, Some(error)) => percent(error),
            (BaselineKind::Gpu, None) => "not validated".to_owned(),
        };
        vec![
            row.name.clone(),
            row.devices.to_string(),
            seconds(row.step_seconds),
            number(row.tokens_per_s),
            times(row.wafer_speedup),
            trust,
        ]
    })
}

fn entries(what: &str, name: &str, entries: &[SpecEntry]) -> String {
    let rows = entries.iter().map(|entry| {
        let value = format!("{} {}", entry.value, entry.unit).trim_end().to_owned();
        vec![format!("`{}`", entry.key), value, entry.mark.clone(), entry.source.clone()]
    });
    format!("\n## {what}: {}\n\n{}", inline(name), table(&["key", "value", "mark", "source"], rows))
}

/// A table of words.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rule = vec!["---".to_owned(); head.len()];
    let mut text = line(&head) + &line(&rule);
    for row in rows {
        text += &line(&row.iter().map(|cell| inline(cell)).collect::<Vec<_>>());
    }
    text
}

/// A text that stays in its line and its cell, whatever is in it.
fn inline(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' => safe.push_str("\\|"),
            '<' => safe.push_str("&lt;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
