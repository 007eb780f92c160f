//! Transposition of a mask, 64 x 64 bits at a time.

use super::Mask;
use super::mask::words_per_row;

impl Mask {
    /// The mask of the transposed tensor: rows are input features.
    pub fn transposed(&self) -> Self {
        Self::from_words(self.cols(), self.rows(), |words| {
            for (column, band) in words.chunks_mut(64 * words_per_row(self.rows())).enumerate() {
                self.transpose_column(column, band);
            }
        })
    }

    /// Writes the up to 64 rows of the transposed mask that word `column` of every row of this one holds.
    pub(super) fn transpose_column(&self, column: usize, band: &mut [u64]) {
        for (word, rows) in self.words().chunks(64 * self.width()).enumerate() {
            let mut block = [0; 64];
            for (line, row) in block.iter_mut().zip(rows.chunks_exact(self.width())) {
                *line = row[column];
            }
            transpose_block(&mut block);
            for (row, line) in band.chunks_exact_mut(words_per_row(self.rows())).zip(block) {
                row[word] = line;
            }
        }
    }
}

/// Transposes 64 words of 64 bits in place.
fn transpose_block(block: &mut [u64; 64]) {
    swap_quarters::<32>(block, 0x0000_0000_ffff_ffff);
    swap_quarters::<16>(block, 0x0000_ffff_0000_ffff);
    swap_quarters::<8>(block, 0x00ff_00ff_00ff_00ff);
    swap_quarters::<4>(block, 0x0f0f_0f0f_0f0f_0f0f);
    swap_quarters::<2>(block, 0x3333_3333_3333_3333);
    swap_quarters::<1>(block, 0x5555_5555_5555_5555);
}

/// Swaps the two off-diagonal quarters of every square of `2 * HALF` bits; `low` has the lower half of each
/// `2 * HALF` bits set. The width is a constant so that each call becomes straight vector code.
fn swap_quarters<const HALF: usize>(block: &mut [u64; 64], low: u64) {
    for square in block.chunks_exact_mut(2 * HALF) {
        let (upper, lower) = square.split_at_mut(HALF);
        for (upper, lower) in upper.iter_mut().zip(lower) {
            let swap = (*upper >> HALF ^ *lower) & low;
            *upper ^= swap << HALF;
            *lower ^= swap;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_swaps_rows_and_columns() {
        let mut block = [0; 64];
        block[3] = 1 << 60 | 1 << 2;
        block[63] = 1;
        transpose_block(&mut block);
        let mut expected = [0; 64];
        expected[60] = 1 << 3;
        expected[2] = 1 << 3;
        expected[0] = 1 << 63;
        assert_eq!(block, expected);
    }
}
