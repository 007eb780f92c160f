//! The page of a step on many systems.

use maud::{PreEscaped, html};

use super::tables::{Column, entries, table};
use super::{notes, page, provenance_table, tile_row};
use crate::record::ClusterRecord;
use crate::report::format::{count, near_percent, number, seconds, si, times};
use crate::report::provenance::to_repeat;
use crate::report::{ReportError, efficiency};

/// Clusters of several sizes as one self-contained page.
///
/// # Errors
/// [`ReportError::Figure`] where the figure cannot be drawn.
pub fn cluster_html(record: &ClusterRecord) -> Result<String, ReportError> {
    let figure = efficiency(record)?;
    let columns = [
        Column::text("scaling"),
        Column::number("systems"),
        Column::number("levels"),
        Column::number("batch"),
        Column::number("of a system"),
        Column::number("step"),
        Column::number("alone"),
        Column::number("tree adds"),
        Column::number("efficiency"),
        Column::number("samples/s"),
        Column::number("tokens/s"),
        Column::number("over dense"),
        Column::number("energy of the systems"),
    ];
    let clock = record.machine.fabric.clock;
    let rows = record.points.iter().map(|point| {
        vec![
            point.scaling.name().to_owned(),
            count(point.systems.into()),
            point.tree_levels.to_string(),
            count(point.batch_sequences),
            count(point.share_sequences.into()),
            seconds(point.step_seconds),
            seconds(point.alone_cycles.at(clock).0),
            seconds(point.tree_cycles.at(clock).0),
            near_percent(point.efficiency),
            number(point.samples_per_s),
            number(point.tokens_per_s),
            times(point.achieved_speedup),
            si(point.systems_energy_j, "J"),
        ]
    });
    let alone = &record.alone;
    let tiles = [
        (
            "one system",
            seconds(alone.step_seconds),
            format!("{} sequences a step", count(record.workload.training.batch_sequences.into())),
        ),
        (
            "over its dense step",
            times(alone.achieved_speedup),
            format!("bound {}", times(alone.bound_speedup)),
        ),
        (
            "largest cluster",
            record.points.iter().map(|point| point.systems).max().map_or(String::new(), |n| count(n.into())),
            format!("of {} systems at most", count(record.machine.cluster.most_systems.into())),
        ),
    ];
    Ok(page(
        &record.title,
        &html! {
            header {
                h1 { (record.title) }
                p .lead { "Data parallel: each system has all weights pass by and does its share of the batch." }
                @if alone.verified { span .badge.good { "values verified" } }
                @else { span .badge.bad { "values not verified" } }
            }
            (tile_row(&tiles))
            .figures { figure { (PreEscaped(figure)) } }
            h2 { "Clusters" }
            (table(&columns, rows))
            (entries("Machine", &record.machine.name, &record.machine_entries))
            (entries("Workload", &record.workload.name, &record.workload_entries))
            (notes(&record.notes))
            (provenance_table(&to_repeat(&record.provenance)))
        },
    ))
}
