//! The figures of a report, as SVG of 800 x 480 pixels at most, with real text and no font inside.
//!
//! Text and axes use `currentColor`: black on paper, and whatever the page says inside HTML.

mod baselines;
mod canvas;
mod columns;
mod cycles;
mod decades;
mod duration;
mod efficiency;
mod flops;
mod growth;
mod loss;
mod memory;
mod palette;
mod pe_cycles;
mod plane;
mod raster;
mod roofline;
mod rows;
mod scaling;
mod speedup;
mod sweep;
mod timeline;
mod wafer;
mod waterfall;

pub use duration::duration;
pub use efficiency::efficiency;
pub use growth::{GrowthCurve, growth};
pub use loss::{LossCurve, losses};
pub use scaling::{ScalingCurve, scaling};
pub use sweep::{SweepFigure, sweep_figures};
pub use wafer::{Quantity, wafer_map};

use super::ReportError;
use crate::record::RunRecord;

/// A figure as a file of its own: ink for a light and for a dark page, whichever the reader has.
pub(super) fn standalone(svg: &str) -> String {
    const STYLE: &str =
        "\n<style>:root{color:#1f2328}@media(prefers-color-scheme:dark){:root{color:#e6edf3}}</style>";
    match svg.find('>') {
        Some(end) => format!("{}{STYLE}{}", &svg[..=end], &svg[end + 1..]),
        None => svg.to_owned(),
    }
}

/// A figure of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Theory to bound to achieved.
    Waterfall,
    /// PE-cycles by group and category.
    PeCycles,
    /// Achieved and theoretical speedup by group.
    Speedup,
    /// Cycles by group, dense and sparse.
    Cycles,
    /// Compute, weights in, gradients out over time.
    Timeline,
    /// SRAM of the fullest PE.
    Memory,
    /// Operations that zeros save, by phase.
    Flops,
    /// Arithmetic against bandwidths.
    Roofline,
    /// The step on other machines.
    Baselines,
    /// Maps of the wafer.
    Wafer,
    /// Where the cycles of each column go.
    Columns,
}

impl Figure {
    /// All figures in the order of the report.
    pub const ALL: [Self; 11] = [
        Self::Waterfall,
        Self::PeCycles,
        Self::Speedup,
        Self::Flops,
        Self::Roofline,
        Self::Cycles,
        Self::Timeline,
        Self::Memory,
        Self::Wafer,
        Self::Columns,
        Self::Baselines,
    ];

    /// File stem.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waterfall => "waterfall",
            Self::PeCycles => "pe_cycles",
            Self::Speedup => "speedup",
            Self::Cycles => "cycles",
            Self::Timeline => "timeline",
            Self::Memory => "memory",
            Self::Flops => "flops",
            Self::Roofline => "roofline",
            Self::Baselines => "baselines",
            Self::Wafer => "wafer",
            Self::Columns => "columns",
        }
    }

    /// The figure of a record, as SVG.
    ///
    /// # Errors
    /// [`ReportError::Figure`] where the drawing library fails.
    pub fn draw(self, record: &RunRecord) -> Result<String, ReportError> {
        let canvas = match self {
            Self::Waterfall => waterfall::paint(record),
            Self::PeCycles => pe_cycles::paint(record),
            Self::Speedup => speedup::paint(record),
            Self::Cycles => cycles::paint(record),
            Self::Timeline => timeline::paint(record),
            Self::Memory => memory::paint(record),
            Self::Flops => flops::paint(record),
            Self::Roofline => roofline::paint(record),
            Self::Baselines => baselines::paint(record),
            Self::Wafer => wafer::paint(record)?,
            Self::Columns => columns::paint(record),
        };
        canvas.render(self.name())
    }
}
