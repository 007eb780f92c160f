//! The op table: groups that unfold, most cycles first.

use maud::{Markup, html};

use super::tables::{Column, table};
use crate::record::{Engine, OpRow, RunRecord};
use crate::report::format::{cycles, number, percent, plural, si, times};
use crate::report::groups::{Group, groups};

const COLUMNS: [Column; 12] = [
    Column::text("op"),
    Column::text("phase"),
    Column::text("kernel"),
    Column::number("count"),
    Column::number("cycles"),
    Column::number("dense cycles"),
    Column::number("speedup"),
    Column::number("theory"),
    Column::number("utilization"),
    Column::number("effective MACs"),
    Column::text("simulated"),
    Column::text("engine"),
];

/// The section with one foldable table a group.
pub(super) fn section(record: &RunRecord) -> Markup {
    let step = record.summary.step_cycles.as_f64().max(1.0);
    let groups = groups(record);
    html! {
        h2 { "Ops" }
        p .soft {
            (plural(record.ops.len(), "row")) " in " (plural(groups.len(), "group"))
            ", most cycles first. A row may stand for several layers and micro-batches; its amounts are their total."
        }
        @for group in &groups { (fold(group, step)) }
    }
}

fn fold(group: &Group<'_>, step: f64) -> Markup {
    html! {
        details {
            summary {
                b { (group.name) }
                span { (cycles(group.cycles)) }
                span { (percent(group.cycles / step)) " of the step" }
                span { (number(group.achieved())) " of " (times(group.theory())) }
            }
            (table(&COLUMNS, group.ops.iter().map(|op| line(op))))
        }
    }
}

fn line(op: &OpRow) -> Vec<String> {
    vec![
        op.name.clone(),
        op.phase.name().to_owned(),
        op.kernel.clone(),
        op.count.to_string(),
        si(op.cycles.as_f64(), ""),
        si(op.dense_cycles.as_f64(), ""),
        times(op.speedup),
        times(op.theory_speedup),
        percent(op.utilization),
        si(op.macs_effective.as_f64(), ""),
        op.simulated.name().to_owned(),
        op.engine.map_or("", Engine::name).to_owned(),
    ]
}
