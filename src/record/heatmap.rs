//! What PEs do over the step, by place on the wafer.

use serde::{Deserialize, Serialize};

/// Means over the step in cells of PEs, row-major from the north-west corner. Cell `i` of `n` across `w` columns has the
/// columns `floor(i * w / n) .. floor((i + 1) * w / n)`; rows likewise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heatmap {
    /// Columns of PEs.
    pub width_pes: u32,
    /// Rows of PEs.
    pub height_pes: u32,
    /// Rows of PEs that the mapping uses, from the north.
    pub used_rows: u32,
    /// Cells across.
    pub cells_across: u32,
    /// Cells down.
    pub cells_down: u32,
    /// Share of the cycles that are useful, in [0, 1].
    pub useful: Vec<f64>,
    /// Wavelets over the busiest of the four links out of a PE, as a share of what it could carry, in [0, 1].
    pub link_load: Vec<f64>,
    /// SRAM in use at the fullest moment, as a share of a PE's, in [0, 1].
    pub sram: Vec<f64>,
    /// What takes most cycles beside useful work: an index into `columns.categories`.
    pub stall: Vec<u32>,
    /// Every column by itself, as a mean over the rows in use.
    pub columns: ColumnProfile,
}

/// Columns of PEs, each by itself (beyond some thousand, neighbours are averaged).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Cycles by category: each sums to 1 over categories.
    pub categories: Vec<CategoryColumns>,
    /// As in [`Heatmap::link_load`].
    pub link_load: Vec<f64>,
    /// SRAM of a PE in use at the fullest moment, in bytes.
    pub sram_bytes: Vec<u64>,
}

/// A category over columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryColumns {
    /// "useful", a named stall, or "idle".
    pub category: String,
    /// Share of the cycles of the step in each column, in [0, 1].
    pub share: Vec<f64>,
}

impl Heatmap {
    /// PEs of cell `at`.
    pub fn pes(&self, at: usize) -> u64 {
        let across = self.cells_across.max(1) as usize;
        let length = |cell: usize, cells: u32, all: u32| {
            let edge = |cell: usize| cell as u64 * u64::from(all) / u64::from(cells.max(1));
            edge(cell + 1) - edge(cell)
        };
        length(at % across, self.cells_across, self.width_pes)
            * length(at / across, self.cells_down, self.height_pes)
    }

    /// One sentence for each law that does not hold; `useful` is the share of the whole step.
    pub(super) fn faults(&self, useful: f64) -> Vec<String> {
        let mut faults = Vec::new();
        let cells = self.cells_across as usize * self.cells_down as usize;
        let lengths = [self.useful.len(), self.link_load.len(), self.sram.len(), self.stall.len()];
        if lengths.iter().any(|&length| length != cells) {
            faults.push(format!("heatmap: {lengths:?} values for {cells} cells"));
        }
        if self.stall.iter().any(|&stall| stall as usize >= self.columns.categories.len()) {
            faults.push("heatmap: a stall that is none of the categories".to_owned());
        }
        let all = self.useful.iter().chain(&self.link_load).chain(&self.sram);
        if let Some(value) = all.into_iter().find(|value| !(0.0..=1.0 + ROUNDING).contains(*value)) {
            faults.push(format!("heatmap: {value} is not within 0 and 1"));
        }
        let weighed = self.useful.iter().enumerate().map(|(at, share)| share * self.pes(at) as f64);
        let mean = weighed.sum::<f64>() / (f64::from(self.width_pes) * f64::from(self.height_pes)).max(1.0);
        if (mean - useful).abs() > ROUNDING {
            faults
                .push(format!("heatmap: its cells are useful for {mean} of the time, the step for {useful}"));
        }
        faults
    }
}

/// Cells are rounded to four digits.
const ROUNDING: f64 = 2e-4;
