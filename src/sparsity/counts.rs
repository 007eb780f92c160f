//! Exact non-zeros of every weight row in every slice.

use super::mask::low_bits;
use super::{Mask, Slices};

/// Non-zeros of every weight row in the slice of every fabric column.
///
/// Counts are 16-bit ([`Slices`] sees to it that they fit): one FFN tensor of Llama-2 7B over 755 columns is
/// 17 MB, all of a step would be 4 GB, so ask for one tensor at a time. A dense matrix stores its one row once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountMatrix {
    rows: u32,
    columns: u16,
    /// Row-major; a single row where all are the same.
    counts: Vec<u16>,
    repeated: bool,
}

impl CountMatrix {
    /// The counts of `rows` dense weight rows: every count is the width of its slice.
    pub fn dense(rows: u32, slices: &Slices) -> Self {
        let counts = slices.ranges().map(|range| range.len() as u16).collect();
        Self { rows, columns: slices.columns(), counts, repeated: true }
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
        if slices.features() != self.cols() {
            return None;
        }
        let cuts: Vec<Cut> = slices.ranges().map(|range| Cut::before(range.end)).collect();
        let columns = usize::from(slices.columns());
        let mut counts = vec![0; self.rows() as usize * columns];
        let mut below = vec![0; self.width()];
        for (counts, words) in counts.chunks_exact_mut(columns).zip(self.row_words()) {
            rank_differences(words, &cuts, &mut below, counts);
        }
        Some(CountMatrix { rows: self.rows(), columns: slices.columns(), counts, repeated: false })
    }

    /// Counts of the input-gradient product: weight rows are the mask's columns (input features), and `slices`
    /// cut its rows (output features). `None` unless `slices` cut exactly that many features.
    pub fn counts_by_column(&self, slices: &Slices) -> Option<CountMatrix> {
        (slices.features() == self.rows()).then(|| self.transposed().counts_by_row(slices)).flatten()
    }
}

/// The end of a slice: bits `mask` of word `word` and all bits of the words before it lie below.
struct Cut {
    word: usize,
    mask: u64,
}

impl Cut {
    /// Before bit `end`. A cut between two words counts as after the first, so that the word always exists.
    fn before(end: u32) -> Self {
        let word = end.saturating_sub(1) / 64;
        Self { word: word as usize, mask: low_bits(end - word * 64) }
    }
}

/// Counts of one row: set bits below each cut less those below the cut before it. `below` is scratch space for
/// the set bits before each word; ranks wrap at 2^16, and differences of neighbours do not care.
fn rank_differences(words: &[u64], cuts: &[Cut], below: &mut [u16], counts: &mut [u16]) {
    let mut sum = 0u16;
    for (below, word) in below.iter_mut().zip(words) {
        *below = sum;
        sum = sum.wrapping_add(word.count_ones() as u16);
    }
    let mut previous = 0u16;
    for (count, cut) in counts.iter_mut().zip(cuts) {
        let rank = below[cut.word].wrapping_add((words[cut.word] & cut.mask).count_ones() as u16);
        *count = rank.wrapping_sub(previous);
        previous = rank;
    }
}
