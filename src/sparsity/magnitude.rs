//! The largest magnitudes of a tensor, without sorting it and without a copy of it.

use super::Mask;
use crate::bits::words_per_row;

/// Bits of a magnitude that one pass over the values settles.
const DIGIT: u32 = 16;

impl Mask {
    /// The `kept` largest magnitudes of `rows * cols` values, which `values` gives in row-major order as often
    /// as it is asked; of equal magnitudes the first ones. Values that are missing count as zero.
    pub fn largest<I: Iterator<Item = f64>>(rows: u32, cols: u32, kept: u64, values: impl Fn() -> I) -> Self {
        let (least, mut ties) = least_kept(kept, &values);
        let mut values = values();
        Self::from_words(rows, cols, |words| {
            for row in words.chunks_exact_mut(words_per_row(cols)) {
                for column in 0..cols as usize {
                    let key = values.next().map_or(0, key);
                    let tie = key == least && ties > 0;
                    ties -= u64::from(tie);
                    row[column / 64] |= u64::from(key > least || tie) << (column % 64);
                }
            }
        })
    }
}

/// Magnitudes in their order, as whole numbers: the bits of a number that is not negative grow with it.
fn key(value: f64) -> u64 {
    value.abs().to_bits()
}

/// The key of the smallest magnitude kept, and how many of that key are kept. The key is found digit by digit,
/// the highest first: each pass counts the values that share the digits found so far by their next one.
fn least_kept<I: Iterator<Item = f64>>(kept: u64, values: &impl Fn() -> I) -> (u64, u64) {
    let (mut found, mut missing) = (0u64, kept);
    for shift in (0..u64::BITS).step_by(DIGIT as usize).rev() {
        let mut histogram = vec![0u64; 1 << DIGIT];
        for key in values().map(key) {
            if key.checked_shr(shift + DIGIT).unwrap_or(0) == found {
                histogram[(key >> shift) as usize & ((1 << DIGIT) - 1)] += 1;
            }
        }
        let mut digit = (1 << DIGIT) - 1;
        while digit > 0 && histogram[digit] < missing {
            missing -= histogram[digit];
            digit -= 1;
        }
        found = found << DIGIT | digit as u64;
    }
    (found, missing)
}
