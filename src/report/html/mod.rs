//! The report as one HTML file: no script, no font, nothing to load.

mod baselines;
mod campaign;
mod cluster;
mod ops;
mod sweep;
mod tables;
mod wafer;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use campaign::campaign_html;
pub use cluster::cluster_html;
pub use sweep::sweep_html;

use super::format::{bytes, count, cycles, number, percent, seconds, si, times};
use super::provenance::of_run;
use super::{Figure, ReportError};
use crate::record::RunRecord;

/// The whole report as one self-contained page, for light and dark screens and for paper.
///
/// # Errors
/// [`ReportError::Figure`] where a figure cannot be drawn.
pub fn html(record: &RunRecord) -> Result<String, ReportError> {
    let figures = Figure::ALL.into_iter().map(|figure| figure.draw(record)).collect::<Result<Vec<_>, _>>()?;
    Ok(page(
        &record.title,
        &html! {
            (headline(record))
            (tiles(record))
            .figures { @for figure in &figures { figure { (PreEscaped(figure)) } } }
            (wafer::section(record)?)
            (ops::section(record))
            (tables::breakdown(record))
            (tables::flops(record))
            (tables::memory(record))
            (baselines::section(record))
            (tables::verification(record))
            (tables::sampling(record))
            (tables::validation(record))
            (tables::entries("Machine", &record.machine.name, &record.machine_entries))
            (tables::entries("Workload", &record.workload.name, &record.workload_entries))
            (notes(&record.notes))
            (provenance_table(&of_run(record)))
        },
    ))
}

/// A page around what is in it.
fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

fn headline(record: &RunRecord) -> Markup {
    let s = &record.summary;
    html! {
        header {
            h1 { (record.title) }
            p .lead {
                "The step runs " (times(s.achieved_speedup)) " as fast as the dense one. Arithmetic allows "
                (times(s.theoretical_speedup)) "; with every op at its own theory and the same streams on the links, "
                "it would be " (times(s.bound_speedup)) "."
            }
            p { "Limited by " (s.limiter) "." }
            @if s.verified {
                span .badge.good { "values verified" }
            } @else {
                span .badge.bad { "values not verified" }
            }
            @if s.approximate {
                span .badge.bad {
                    "approximate: " (percent(s.exact_share)) " of the kernels' cycles are exact, the others sampled"
                }
            } @else {
                span .badge.good { "simulated whole" }
            }
        }
    }
}

fn tiles(record: &RunRecord) -> Markup {
    let s = &record.summary;
    let used: f64 = record.memory.rows.iter().map(|row| row.bytes_per_pe.as_f64()).sum();
    let tiles = [
        ("step", seconds(s.step_seconds), cycles(s.step_cycles.as_f64())),
        (
            "throughput",
            format!("{} samples/s", number(s.samples_per_s)),
            format!("{} tokens/s", number(s.tokens_per_s)),
        ),
        ("achieved speedup", times(s.achieved_speedup), format!("bound {}", times(s.bound_speedup))),
        ("theoretical speedup", times(s.theoretical_speedup), "dense over effective FLOPs".to_owned()),
        ("utilization", percent(s.utilization), "useful over possible MACs".to_owned()),
        (
            "work done",
            si(s.flops_effective.as_f64(), "FLOP"),
            format!("dense {}", si(s.flops_dense.as_f64(), "FLOP")),
        ),
        (
            "SRAM in use",
            bytes(used),
            format!("of {} a PE", bytes(record.memory.capacity_bytes_per_pe.as_f64())),
        ),
        (
            "wafer",
            format!("{} PEs", count(s.pe_count)),
            format!("{} MHz", number(record.machine.fabric.clock.0 as f64 / 1e6)),
        ),
    ];
    tile_row(&tiles)
}

/// Name, value and detail of each of some numbers.
fn tile_row(tiles: &[(&str, String, String)]) -> Markup {
    html! {
        .tiles {
            @for (name, value, detail) in tiles {
                .tile { span .name { (name) } b { (value) } span { (detail) } }
            }
        }
    }
}

fn notes(notes: &[String]) -> Markup {
    html! {
        @if !notes.is_empty() {
            h2 { "Notes" }
            ul { @for note in notes { li { (note) } } }
        }
    }
}

fn provenance_table(rows: &[(&str, String)]) -> Markup {
    html! {
        h2 { "Provenance" }
        table { @for (name, value) in rows { tr { th scope="row" { (name) } td { code { (value) } } } } }
    }
}
