//! Transposition of a mask, 64 x 64 bits at a time.

use super::Mask;

impl Mask {
    /// The mask of the transposed tensor: rows are input features.
    pub fn transposed(&self) -> Self {
        Self::from_words(self.cols(), self.rows(), |target| {
            let (width, target_width) = (self.width(), (self.rows().div_ceil(64).max(1)) as usize);
            for (band, rows) in self.words().chunks(64 * width).enumerate() {
                for (column, target) in target.chunks_mut(64 * target_width).enumerate() {
                    let mut block = [0; 64];
                    for (line, row) in block.iter_mut().zip(rows.chunks_exact(width)) {
                        *line = row[column];
                    }
                    transpose_block(&mut block);
                    for (row, line) in target.chunks_exact_mut(target_width).zip(block) {
                        row[band] = line;
                    }
                }
            }
        })
    }
}

/// Transposes 64 words of 64 bits in place: swaps the off-diagonal halves of every square, for squares of 64,
/// 32, ... 2 bits.
fn transpose_block(block: &mut [u64; 64]) {
    let mut low = u64::MAX >> 32;
    let mut half = 32;
    while half > 0 {
        for square in block.chunks_exact_mut(2 * half) {
            let (upper, lower) = square.split_at_mut(half);
            for (upper, lower) in upper.iter_mut().zip(lower) {
                let swap = (*upper >> half ^ *lower) & low;
                *upper ^= swap << half;
                *lower ^= swap;
            }
        }
        half /= 2;
        low ^= low << half;
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
