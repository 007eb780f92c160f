//! The figures of a report, as SVG of 800 x 480 pixels with real text and no font inside.
//!
//! Text and axes use `currentColor`: black on paper, and whatever the page says inside HTML.

mod canvas;
mod cycles;
mod duration;
mod efficiency;
mod growth;
mod loss;
mod memory;
mod palette;
mod pe_cycles;
mod plane;
mod rows;
mod scaling;
mod speedup;
mod sweep;
mod timeline;
mod waterfall;

pub use duration::duration;
pub use efficiency::efficiency;
pub use growth::{GrowthCurve, growth};
pub use loss::{LossCurve, losses};
pub use scaling::{ScalingCurve, scaling};
pub use sweep::{SweepFigure, sweep_figures};

use super::ReportError;
use crate::record::RunRecord;

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
}

impl Figure {
    /// All figures in the order of the report.
    pub const ALL: [Self; 6] =
        [Self::Waterfall, Self::PeCycles, Self::Speedup, Self::Cycles, Self::Timeline, Self::Memory];

    /// File stem.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waterfall => "waterfall",
            Self::PeCycles => "pe_cycles",
            Self::Speedup => "speedup",
            Self::Cycles => "cycles",
            Self::Timeline => "timeline",
            Self::Memory => "memory",
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
        };
        canvas.render(self.name())
    }
}
