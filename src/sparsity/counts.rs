//! Exact non-zeros of every weight row in every slice.

use std::sync::Arc;

use super::rank::RowCounter;
use super::{DirectionCounts, Mask, Placed, Slices};
use crate::bits::words_per_row;

/// Non-zeros of every weight row in the slice of every fabric column.
///
/// Counts are 16-bit ([`Slices`] sees to it that they fit): one FFN tensor of Llama-2 7B over 755 columns is
/// 17 MB, all of a step would be 4 GB, so ask for one tensor at a time. A dense matrix stores its one row once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountMatrix {
    rows: u32,
    columns: u16,
    /// Row-major; a single row where all are the same. Whoever streams them holds on to them: they are no copy.
    counts: Arc<[u16]>,
    repeated: bool,
}

impl CountMatrix {
    /// The counts of `rows` dense weight rows: every count is the width of its slice.
    pub fn dense(rows: u32, slices: &Slices) -> Self {
        let counts = slices.ranges().map(|range| range.len() as u16).collect();
        Self { rows, columns: slices.columns(), counts, repeated: true }
    }

    /// The counts of `rows` weight rows, which `fill` writes one after the other.
    fn of(slices: &Slices, rows: u32, fill: impl FnOnce(&mut [u16])) -> Self {
        let columns = slices.columns();
        let mut counts: Arc<[u16]> = std::iter::repeat_n(0, rows as usize * usize::from(columns)).collect();
        // Nobody else has it yet.
        if let Some(counts) = Arc::get_mut(&mut counts) {
            fill(counts);
        }
        Self { rows, columns, counts, repeated: false }
    }

    /// Weight rows.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Fabric columns.
    pub fn columns(&self) -> u16 {
        self.columns
    }

    /// Whether all rows are the same because they are dense: whoever has timed one has timed all.
    pub fn is_dense(&self) -> bool {
        self.repeated
    }

    /// The count of every fabric column for weight row `row`; empty where there is no such row.
    pub fn row(&self, row: u32) -> &[u16] {
        let columns = usize::from(self.columns);
        match (row < self.rows, self.repeated) {
            (false, _) => &[],
            (true, true) => &self.counts,
            (true, false) => &self.counts[row as usize * columns..][..columns],
        }
    }

    /// The counts of all rows, one after the other.
    pub fn all(&self) -> Arc<[u16]> {
        if self.repeated { self.counts.repeat(self.rows as usize).into() } else { self.counts.clone() }
    }

    /// Non-zeros of the busiest fabric column of each weight row, in sum.
    pub fn busiest(&self) -> u64 {
        let of_row = |row| u64::from(self.row(row).iter().copied().max().unwrap_or(0));
        (0..self.rows).map(of_row).sum()
    }

    /// All non-zeros.
    pub fn nnz(&self) -> u64 {
        let stored: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        if self.repeated { stored * u64::from(self.rows) } else { stored }
    }
}

impl Mask {
    /// Counts of the forward product: weight rows are the mask's rows (output features), and `slices` cut its
    /// columns (input features). `None` unless `slices` cut exactly that many features.
    pub fn counts_by_row(&self, slices: &Slices) -> Option<CountMatrix> {
        (slices.features() == self.cols()).then(|| {
            CountMatrix::of(slices, self.rows(), |counts| {
                let mut counter = RowCounter::new(slices);
                let counts = counts.chunks_exact_mut(usize::from(slices.columns()));
                self.row_words().zip(counts).for_each(|(row, counts)| counter.count(row, counts));
            })
        })
    }

    /// Counts of the input-gradient product: weight rows are the mask's columns (input features), and `slices`
    /// cut its rows (output features). `None` unless `slices` cut exactly that many features.
    pub fn counts_by_column(&self, slices: &Slices) -> Option<CountMatrix> {
        (slices.features() == self.rows()).then(|| {
            CountMatrix::of(slices, self.cols(), |counts| {
                let mut counter = RowCounter::new(slices);
                // 64 rows of the transposed mask at a time stay in the cache.
                let width = words_per_row(self.rows());
                let mut band = vec![0; 64 * width];
                let counts = counts.chunks_mut(64 * usize::from(slices.columns()));
                for (column, counts) in counts.enumerate() {
                    self.bits().transpose_column(column, &mut band);
                    let counts = counts.chunks_exact_mut(usize::from(slices.columns()));
                    band.chunks_exact(width).zip(counts).for_each(|(row, counts)| counter.count(row, counts));
                }
            })
        })
    }

    /// Counts of both products for features that lie in the given orders. `None` where the cuts are not of the
    /// mask's shape.
    pub fn counts_placed(self, inputs: Placed<'_>, outputs: Placed<'_>) -> Option<DirectionCounts> {
        let placed = self.placed(inputs, outputs);
        Some(DirectionCounts {
            forward: placed.counts_by_row(inputs.slices)?,
            input_gradient: placed.counts_by_column(outputs.slices)?,
        })
    }
}
