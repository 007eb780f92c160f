//! The wafer closer: a map of each quantity that unfolds.

use maud::{Markup, PreEscaped, html};

use crate::record::RunRecord;
use crate::report::{Quantity, ReportError, wafer_map};

/// The maps at the full number of cells; nothing where the record has none.
pub(super) fn section(record: &RunRecord) -> Result<Markup, ReportError> {
    if record.heatmap.is_none() {
        return Ok(html! {});
    }
    let maps = Quantity::ALL.into_iter().map(|quantity| Ok((quantity, wafer_map(record, quantity)?)));
    let maps = maps.collect::<Result<Vec<_>, ReportError>>()?;
    Ok(html! {
        h2 { "The wafer, closer" }
        p .soft {
            "Each map with the places of its PEs. Rows of PEs that do the same are simulated once, and are alike here; bands of "
            "attention are drawn from the smaller band that was simulated. Columns one by one are in the figure above, and in "
            code { "columns.csv" } "."
        }
        @for (quantity, map) in &maps {
            details { summary { b { (quantity.title()) } } .map { (PreEscaped(map)) } }
        }
    })
}
