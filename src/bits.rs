//! Rows of bits, 64 to a word: which weights of a tensor are kept.

use std::ops::Range;

use crate::vectors::compiled_twice;

/// Rows of bits. Each is padded to whole words, at least one; padding bits are 0. Bit `c % 64` of word `c / 64` of a row is
/// its bit `c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitRows {
    rows: u32,
    cols: u32,
    words: Vec<u64>,
}

impl BitRows {
    /// Rows whose words `fill` writes over zeros, one row after the other; padding is cleared afterwards.
    pub fn from_words(rows: u32, cols: u32, fill: impl FnOnce(&mut [u64])) -> Self {
        let width = words_per_row(cols);
        let mut words = vec![0; rows as usize * width];
        fill(&mut words);
        let in_last_word = low_bits(cols - (width as u32 - 1) * 64);
        words.iter_mut().skip(width - 1).step_by(width).for_each(|word| *word &= in_last_word);
        Self { rows, cols, words }
    }

    /// Rows.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Bits of a row.
    pub fn cols(&self) -> u32 {
        self.cols
    }

    /// Words of a row.
    #[inline]
    pub fn width(&self) -> usize {
        words_per_row(self.cols)
    }

    /// All words, row after row.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words of a row; empty where there is no such row.
    #[inline]
    pub fn row(&self, row: u32) -> &[u64] {
        let width = self.width();
        self.words.get(row as usize * width..(row as usize + 1) * width).unwrap_or_default()
    }

    /// Whether a bit is set; it is not where there is none.
    #[inline]
    pub fn get(&self, row: u32, col: u32) -> bool {
        let word = row as usize * self.width() + col as usize / 64;
        col < self.cols && self.words.get(word).is_some_and(|word| word >> (col % 64) & 1 == 1)
    }

    /// Bits of a row that are set, from one to another one; none where there are no such bits.
    #[inline]
    pub fn ones(&self, row: u32, bits: Range<u32>) -> u32 {
        let words = bits.start / 64..bits.end.min(self.cols).div_ceil(64);
        let row = self.row(row);
        words
            .map(|word| {
                let below = |end: u32| low_bits(end.saturating_sub(word * 64).min(64));
                let wanted = below(bits.end) & !below(bits.start);
                row.get(word as usize).map_or(0, |row| (row & wanted).count_ones())
            })
            .sum()
    }

    /// All bits that are set.
    pub fn all_ones(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The same with rows and columns swapped.
    pub fn transposed(&self) -> Self {
        Self::from_words(self.cols, self.rows, |words| {
            for (column, band) in words.chunks_mut(64 * words_per_row(self.rows)).enumerate() {
                self.transpose_column(column, band);
            }
        })
    }

    /// Writes the up to 64 rows of the transposed bits that word `column` of every row of these holds.
    pub fn transpose_column(&self, column: usize, band: &mut [u64]) {
        for (word, rows) in self.words.chunks(64 * self.width()).enumerate() {
            let mut block = [0; 64];
            for (line, row) in block.iter_mut().zip(rows.chunks_exact(self.width())) {
                *line = row[column];
            }
            transpose_64(&mut block);
            for (row, line) in band.chunks_exact_mut(words_per_row(self.rows)).zip(block) {
                row[word] = line;
            }
        }
    }

    /// Set a bit, which there is, or clear it; whether that changed it.
    pub fn set(&mut self, row: u32, col: u32, to: bool) -> bool {
        let width = self.width();
        let word = &mut self.words[row as usize * width + col as usize / 64];
        let bit = 1 << (col % 64);
        let changed = (*word & bit != 0) != to;
        if changed {
            *word ^= bit;
        }
        changed
    }
}

/// Words of a row of `cols` bits; at least one, so that a row always has a first word.
#[inline]
pub fn words_per_row(cols: u32) -> usize {
    cols.div_ceil(64).max(1) as usize
}

/// The lowest `bits` bits of a word, `bits` in 0..=64.
#[inline]
pub fn low_bits(bits: u32) -> u64 {
    u64::MAX.checked_shr(64 - bits).unwrap_or(0)
}

compiled_twice! {
    /// Transposes 64 words of 64 bits in place.
    fn transpose_64(block: &mut [u64; 64]) {
        swap_quarters::<32>(block, 0x0000_0000_ffff_ffff);
        swap_quarters::<16>(block, 0x0000_ffff_0000_ffff);
        swap_quarters::<8>(block, 0x00ff_00ff_00ff_00ff);
        swap_quarters::<4>(block, 0x0f0f_0f0f_0f0f_0f0f);
        swap_quarters::<2>(block, 0x3333_3333_3333_3333);
        swap_quarters::<1>(block, 0x5555_5555_5555_5555);
    }
}

/// Swaps the two off-diagonal quarters of every square of `2 * HALF` bits; `low` has the lower half of each
/// `2 * HALF` bits set. The width is a constant so that each call becomes straight vector code.
#[inline(always)]
fn swap_quarters<const HALF: usize>(block: &mut [u64; 64], low: u64) {
    for first in (0..64).step_by(2 * HALF) {
        for upper in first..first + HALF {
            let lower = upper + HALF;
            let swap = (block[upper] >> HALF ^ block[lower]) & low;
            block[upper] ^= swap << HALF;
            block[lower] ^= swap;
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
        transpose_64(&mut block);
        let mut expected = [0; 64];
        expected[60] = 1 << 3;
        expected[2] = 1 << 3;
        expected[0] = 1 << 63;
        assert_eq!(block, expected);
    }

    #[test]
    fn ones_of_a_range_are_those_in_it() {
        let rows = BitRows::from_words(2, 150, |words| words.fill(0x5555_5555_5555_5555));
        for (from, to) in [(0, 150), (1, 2), (0, 1), (63, 65), (60, 140), (7, 7), (140, 149)] {
            let expected = (from..to).filter(|bit| bit % 2 == 0).count() as u32;
            assert_eq!(rows.ones(1, from..to), expected, "{from}..{to}");
        }
        assert_eq!(rows.ones(2, 0..150), 0, "there is no such row");
        assert_eq!(rows.ones(0, 140..400), 5, "there are no such bits");
        assert_eq!(rows.all_ones(), 150);
    }
}
