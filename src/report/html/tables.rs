//! The tables of the report, one function a section.

use maud::{Markup, html};

use crate::record::{FlopsByPhase, RunRecord, SpecEntry};
use crate::report::cells;
use crate::report::format::{bytes, count, percent, si, times};

/// Heading of a column, and whether it holds numbers (right-aligned).
pub(super) struct Column<'a> {
    name: &'a str,
    number: bool,
}

impl<'a> Column<'a> {
    /// A column of words.
    pub(super) const fn text(name: &'a str) -> Self {
        Self { name, number: false }
    }

    /// A column of numbers.
    pub(super) const fn number(name: &'a str) -> Self {
        Self { name, number: true }
    }
}

/// A table that scrolls by itself where the page is narrow.
pub(super) fn table(columns: &[Column<'_>], rows: impl IntoIterator<Item = Vec<String>>) -> Markup {
    html! {
        .scroll {
            table {
                thead { tr { @for column in columns { th .n[column.number] scope="col" { (column.name) } } } }
                tbody {
                    @for row in rows {
                        tr { @for (column, cell) in columns.iter().zip(&row) { td .n[column.number] { (cell) } } }
                    }
                }
            }
        }
    }
}

/// PE-cycles of the step by category.
pub(super) fn breakdown(record: &RunRecord) -> Markup {
    let mut columns = vec![Column::text("category"), Column::number("PE-cycles"), Column::number("share")];
    let taught = record.breakdown.iter().any(|row| row.teacher_pe_cycles > 0);
    columns.extend(taught.then_some(Column::number("of them in the teacher's ops")));
    let rows = record.breakdown.iter().map(|row| {
        let teacher = taught.then(|| si(row.teacher_pe_cycles as f64, ""));
        let all = [row.category.clone(), si(row.pe_cycles as f64, ""), percent(row.share)];
        all.into_iter().chain(teacher).collect()
    });
    html! {
        h2 { "Where the PE-cycles went" }
        (table(&columns, rows))
    }
}

/// Arithmetic by phase under both attention conventions.
pub(super) fn flops(record: &RunRecord) -> Markup {
    let columns = [
        Column::text("attention counted"),
        Column::text("phase"),
        Column::number("dense FLOP"),
        Column::number("effective FLOP"),
        Column::number("ratio"),
    ];
    let rows = |convention: &str, table: &FlopsByPhase| {
        let phases = table.phases().map(|(phase, flops)| (phase.name(), flops));
        let lines = phases.chain([("all", table.total())]);
        lines
            .map(|(phase, flops)| {
                let (dense, effective) = (flops.dense.as_f64(), flops.effective.as_f64());
                let ratio = if effective > 0.0 { times(dense / effective) } else { String::new() };
                vec![convention.to_owned(), phase.to_owned(), si(dense, ""), si(effective, ""), ratio]
            })
            .collect::<Vec<_>>()
    };
    let mut all = rows("all pairs", &record.flops.full_attention);
    all.extend(rows("causal pairs", &record.flops.causal_attention));
    html! {
        h2 { "Arithmetic" }
        (table(&columns, all))
    }
}

/// SRAM by use.
pub(super) fn memory(record: &RunRecord) -> Markup {
    let columns = [
        Column::text("use"),
        Column::number("a PE"),
        Column::number("all PEs"),
        Column::number("share of the SRAM"),
    ];
    let rows = record.memory.rows.iter().map(|row| {
        vec![
            row.what.clone(),
            bytes(row.bytes_per_pe.as_f64()),
            bytes(row.bytes_total.as_f64()),
            percent(row.share),
        ]
    });
    html! {
        h2 { "SRAM of the fullest PE" }
        p .soft { "Of " (bytes(record.memory.capacity_bytes_per_pe.as_f64())) " a PE, at the fullest moment of the step." }
        (table(&columns, rows))
    }
}

/// What was compared with the reference.
pub(super) fn verification(record: &RunRecord) -> Markup {
    let columns = [
        Column::text("compared"),
        Column::number("elements"),
        Column::number("largest relative error"),
        Column::number("allowed"),
        Column::text("holds"),
    ];
    let v = &record.verification;
    let rows = v.checks.iter().map(cells::check);
    html! {
        h2 { "Verification of values" }
        p {
            (v.verdict)
            @if !v.rectangle.is_empty() { ", on " (v.rectangle) }
            @if !v.note.is_empty() { "; " (v.note) }
            "."
        }
        @if !v.checks.is_empty() { (table(&columns, rows)) }
    }
}

/// Ops that were not simulated whole.
pub(super) fn sampling(record: &RunRecord) -> Markup {
    let columns = [
        Column::text("op"),
        Column::number("rows simulated"),
        Column::number("rows"),
        Column::number("measured error of the cycles"),
    ];
    let rows = record.sampling.iter().map(|row| {
        vec![row.op.clone(), count(row.simulated_rows), count(row.total_rows), percent(row.measured_error)]
    });
    html! {
        @if !record.sampling.is_empty() {
            h2 { "Sampled ops" }
            (table(&columns, rows))
        }
    }
}

/// How well the models fit published measurements.
pub(super) fn validation(record: &RunRecord) -> Markup {
    let columns = [
        Column::text("published measurements"),
        Column::number("rows"),
        Column::number("mean error"),
        Column::number("median"),
        Column::number("95 % are below"),
        Column::number("worst"),
    ];
    let rows = record.validation.iter().map(cells::validation);
    html! {
        @if !record.validation.is_empty() {
            h2 { "Validation of the models" }
            p .soft {
                "Errors of the built-in machines on what was published of them, by table; " code { "wafersim validate" }
                " prints every row. A machine that was changed has not been validated."
            }
            (table(&columns, rows))
        }
    }
}

/// The resolved values of a spec.
pub(super) fn entries(what: &str, name: &str, entries: &[SpecEntry]) -> Markup {
    let columns = [
        Column::text("key"),
        Column::number("value"),
        Column::text("unit"),
        Column::text("mark"),
        Column::text("source"),
    ];
    let rows = entries.iter().map(|entry| {
        vec![
            entry.key.clone(),
            entry.value.clone(),
            entry.unit.clone(),
            entry.mark.clone(),
            entry.source.clone(),
        ]
    });
    html! {
        h2 { (what) ": " (name) }
        (table(&columns, rows))
    }
}
