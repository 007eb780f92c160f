//! Reports from records: terminal summary, CSV, SVG figures and one self-contained HTML page.
//!
//! Everything here is a function of a [`RunRecord`] or of another record: equal records give equal bytes. Only [`write_dir`]
//! touches the disk.

mod campaign;
mod cells;
mod checks;
mod cluster;
mod diff;
mod figures;
mod format;
mod groups;
mod html;
mod losses;
mod markdown;
mod provenance;
mod sweep;
mod table;
mod terminal;
mod trace;
mod write;

pub use campaign::{campaign_csv, campaign_files, campaign_text};
pub use checks::checks;
pub use cluster::{cluster_csv, cluster_files, cluster_text};
pub use diff::{Diff, MetricChange, SpecChange, diff};
pub use figures::{
    Figure, GrowthCurve, LossCurve, Quantity, ScalingCurve, SweepFigure, duration, efficiency, growth,
    losses, scaling, sweep_figures, wafer_map,
};
pub use html::{campaign_html, cluster_html, html, sweep_html};
pub use losses::{losses_csv, losses_text};
pub use markdown::markdown;
pub use sweep::{cells_csv, cells_text, outcome_text, sweep_files, sweep_text};
pub use table::{columns_csv, ops_csv};
pub use terminal::summary;
pub use trace::{TRACE_BYTES, trace};
pub use write::{Claim, claim, write_dir};

use crate::record::RunRecord;

/// A report that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A figure could not be drawn.
    #[error("cannot draw the figure {figure}: {cause}")]
    Figure {
        /// File stem of the figure.
        figure: &'static str,
        /// What the drawing library says.
        cause: String,
    },
    /// The Parquet file could not be written.
    #[error("cannot write the Parquet file: {0}")]
    Parquet(String),
    /// The op table could not be written.
    #[error("cannot write the op table: {0}")]
    Csv(#[from] csv::Error),
}

/// All files of a report, as paths relative to its folder and their bytes: `record.json`, `ops.csv`,
/// `columns.csv`, `trace.json`, `figures/*.svg`, `report.html`, `report.md`.
///
/// # Errors
/// [`ReportError`] where a figure or the op table cannot be made.
pub fn files(record: &RunRecord) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let mut files = vec![
        ("record.json".to_owned(), record.to_json().into_bytes()),
        ("ops.csv".to_owned(), ops_csv(record)?.into_bytes()),
        ("columns.csv".to_owned(), columns_csv(record)?.into_bytes()),
        ("trace.json".to_owned(), trace(record, TRACE_BYTES).into_bytes()),
    ];
    for figure in Figure::ALL {
        let svg = figures::standalone(&figure.draw(record)?);
        files.push((format!("figures/{}.svg", figure.name()), svg.into_bytes()));
    }
    files.push(("report.html".to_owned(), html(record)?.into_bytes()));
    files.push(("report.md".to_owned(), markdown(record).into_bytes()));
    Ok(files)
}
