//! The page of a campaign.

use maud::{Markup, PreEscaped, html};

use super::tables::{Column, entries, table};
use super::{notes, page, provenance_table, tile_row};
use crate::record::{Amounts, CampaignRecord};
use crate::report::format::{count, energy, long, percent, plural, scientific, seconds, si, times};
use crate::report::provenance::to_repeat;
use crate::report::{ReportError, duration};

/// A campaign as one self-contained page.
///
/// # Errors
/// [`ReportError::Figure`] where the figure cannot be drawn.
pub fn campaign_html(record: &CampaignRecord) -> Result<String, ReportError> {
    let figure = duration(record)?;
    Ok(page(
        &record.title,
        &html! {
            (headline(record))
            (tiles(record))
            .figures { figure { (PreEscaped(figure)) } }
            (phases(record))
            (flops(record))
            (sources(record))
            (entries("Machine", &record.machine.name, &record.machine_entries))
            @for phase in &record.phases {
                (entries(&format!("Workload of {}", phase.name), &phase.workload.name, &phase.workload_entries))
            }
            (notes(&record.notes))
            (provenance_table(&to_repeat(&record.provenance)))
        },
    ))
}

fn headline(record: &CampaignRecord) -> Markup {
    let total = &record.total;
    html! {
        header {
            h1 { (record.title) }
            p .lead {
                (plural(record.phases.len(), "phase")) " of " (si(total.tokens, "")) " tokens take " (long(total.days)) ", "
                (long(total.dense_days)) " without zeros: " (times(total.achieved_speedup)) ". FLOPs promise "
                (times(total.theoretical_speedup)) ", and every op at its theory gives " (times(total.bound_speedup)) "."
            }
            @if record.verified() { span .badge.good { "values verified" } }
            @else { span .badge.bad { "values not verified" } }
        }
    }
}

fn tiles(record: &CampaignRecord) -> Markup {
    let total = &record.total;
    let dense = |what: String| format!("dense {what}");
    tile_row(&[
        ("time", long(total.days), dense(long(total.dense_days))),
        ("energy", energy(total.energy_mwh), dense(energy(total.dense_energy_mwh))),
        ("work", format!("{} FLOP", scientific(total.flop.effective)), dense(scientific(total.flop.dense))),
        (
            "achieved speedup",
            times(total.achieved_speedup),
            format!("theory {}, bound {}", times(total.theoretical_speedup), times(total.bound_speedup)),
        ),
        ("tokens", si(total.tokens, ""), format!("{} steps", count(total.steps))),
        ("systems", count(record.systems.into()), record.machine.name.clone()),
    ])
}

fn phases(record: &CampaignRecord) -> Markup {
    let columns = [
        Column::text("phase"),
        Column::number("zeros"),
        Column::number("tokens"),
        Column::number("steps"),
        Column::number("step"),
        Column::number("dense step"),
        Column::number("theory"),
        Column::number("bound"),
        Column::number("achieved"),
        Column::number("time"),
        Column::number("dense time"),
        Column::number("energy"),
        Column::number("dense energy"),
    ];
    let line = |name: &str, zeros: String, step: [String; 2], all: &Amounts| {
        let [step, dense] = step;
        vec![
            name.to_owned(),
            zeros,
            si(all.tokens, ""),
            count(all.steps),
            step,
            dense,
            times(all.theoretical_speedup),
            times(all.bound_speedup),
            times(all.achieved_speedup),
            long(all.days),
            long(all.dense_days),
            energy(all.energy_mwh),
            energy(all.dense_energy_mwh),
        ]
    };
    let rows = record.phases.iter().map(|phase| {
        let steps = [phase.step_seconds, phase.dense_step_seconds].map(seconds);
        line(&phase.name, percent(phase.level), steps, &phase.amounts)
    });
    let all = line("all", String::new(), [String::new(), String::new()], &record.total);
    html! {
        h2 { "Phases" }
        (table(&columns, rows.chain([all])))
    }
}

fn flops(record: &CampaignRecord) -> Markup {
    let columns = [
        Column::text("phase"),
        Column::number("dense, all pairs"),
        Column::number("effective, all pairs"),
        Column::number("ratio"),
        Column::number("dense, causal pairs"),
        Column::number("effective, causal pairs"),
        Column::number("ratio"),
    ];
    let line = |name: &str, all: &Amounts| {
        let mut line = vec![name.to_owned()];
        for pair in [all.flop_full_attention, all.flop_causal_attention] {
            line.extend([
                scientific(pair.dense),
                scientific(pair.effective),
                times(pair.dense / pair.effective),
            ]);
        }
        line
    };
    let rows = record.phases.iter().map(|phase| line(&phase.name, &phase.amounts));
    html! {
        h2 { "FLOP by how attention is counted" }
        (table(&columns, rows.chain([line("all", &record.total)])))
    }
}

fn sources(record: &CampaignRecord) -> Markup {
    let columns = [Column::text("phase"), Column::text("source")];
    let rows = record.phases.iter().filter_map(|phase| Some(vec![phase.name.clone(), phase.source.clone()?]));
    html! {
        h2 { "Sources of the recipe" }
        (table(&columns, rows))
    }
}
