//! The same work elsewhere: on the wafer without skipping, and on GPUs.

use maud::{Markup, html};

use super::tables::{Column, table};
use crate::record::{BaselineKind, BaselineRow, RunRecord};
use crate::report::format::{bytes, number, percent, seconds, si, times};

/// Time, energy and traffic of the step on each machine, and where the time of the GPUs goes.
pub(super) fn section(record: &RunRecord) -> Markup {
    html! {
        h2 { "Baselines" }
        p .soft {
            "The same step: model, batch and precision. GPUs are the fewest that hold it, data parallel with sharded states. "
            "The last but one column is the mean error of the GPU's model on what people have measured; "
            code { "wafersim validate" } " prints it row by row."
        }
        (work(record))
        @if record.baselines.iter().any(|row| row.gpus.is_some()) { (kernels(record)) (zeros(record)) }
    }
}

fn work(record: &RunRecord) -> Markup {
    let columns = [
        Column::text("baseline"),
        Column::text("kind"),
        Column::number("devices"),
        Column::number("step"),
        Column::number("tokens/s"),
        Column::number("speedup of this run"),
        Column::number("devices to match it"),
        Column::number("FLOP"),
        Column::number("DRAM traffic"),
        Column::number("over links"),
        Column::number("energy"),
        Column::text("error of the model"),
        Column::text("note"),
    ];
    let some = |amount: f64| if amount > 0.0 { bytes(amount) } else { String::new() };
    let rows = record.baselines.iter().map(|row| {
        vec![
            row.name.clone(),
            row.kind.name().to_owned(),
            row.devices.to_string(),
            seconds(row.step_seconds),
            number(row.tokens_per_s),
            times(row.wafer_speedup),
            to_match(row),
            si(row.flops, ""),
            some(row.hbm_bytes.as_f64()),
            some(row.link_bytes.as_f64()),
            row.energy_j.map(|energy| si(energy, "J")).unwrap_or_default(),
            trust(row),
            row.note.clone(),
        ]
    });
    table(&columns, rows)
}

fn to_match(row: &BaselineRow) -> String {
    match &row.gpus {
        None => String::new(),
        Some(gpus) => gpus.to_match.map_or_else(|| "none do".to_owned(), |count| count.to_string()),
    }
}

fn trust(row: &BaselineRow) -> String {
    let on = row.gpus.as_ref().map_or("measurements", |gpus| gpus.validated_on.as_str());
    match (row.kind, row.validation_error) {
        (BaselineKind::ThisRun | BaselineKind::DenseWafer, _) => "same simulator".to_owned(),
        (BaselineKind::Gpu, Some(error)) => format!("{} on {on}", percent(error)),
        (BaselineKind::Gpu, None) => "not validated".to_owned(),
    }
}

/// Kernels of one GPU, with their bandwidth beside what memory achieves for their pattern.
fn kernels(record: &RunRecord) -> Markup {
    let columns = [
        Column::text("GPU"),
        Column::text("kernels"),
        Column::number("time"),
        Column::number("DRAM traffic"),
        Column::number("of peak bandwidth"),
        Column::number("achievable"),
    ];
    let rows = record.baselines.iter().flat_map(|row| {
        let kernels = row.gpus.iter().flat_map(|gpus| &gpus.kernels);
        kernels.map(|kernels| {
            vec![
                row.name.clone(),
                kernels.kind.clone(),
                seconds(kernels.seconds),
                bytes(kernels.hbm_bytes.as_f64()),
                percent(kernels.bandwidth_share),
                percent(kernels.achievable_share),
            ]
        })
    });
    html! {
        p .soft { "Kernels of one of the GPUs, and how much of the bandwidth on paper they use." }
        (table(&columns, rows))
    }
}

/// What zeros are worth on a GPU, on one product.
fn zeros(record: &RunRecord) -> Markup {
    let columns = [
        Column::text("GPU"),
        Column::text("way"),
        Column::number("speedup over dense"),
        Column::text("faster from"),
    ];
    let rows = record.baselines.iter().flat_map(|row| {
        let zeros = row.gpus.iter().flat_map(|gpus| &gpus.zeros);
        zeros.map(|zeros| {
            let from = zeros
                .wins_from
                .map_or_else(|| "never".to_owned(), |level| format!("{} zeros", percent(level)));
            vec![row.name.clone(), zeros.way.clone(), times(zeros.speedup), from]
        })
    });
    html! {
        p .soft {
            "What zeros are worth in the largest product of a block on one GPU: at the share of this run, two of four for 2:4."
        }
        (table(&columns, rows))
    }
}
