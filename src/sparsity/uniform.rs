//! Masks with an exact number of zeros, every choice of them equally likely.
//!
//! Two steps. First every weight is kept with probability t/256, 64 weights a word: with the bits of t from
//! the lowest up, `word | random` after a 1 and `word & random` after a 0 halve the probability and add
//! half of the bit. Then random weights are flipped one by one until the count is right.
//!
//! The result is uniform over all masks with that count, whatever t is: after the first step, given the
//! number k of weights kept, each set of k weights is equally likely; taking a uniformly chosen member away
//! from a uniformly random k-set leaves a uniformly random (k-1)-set, and likewise for adding one. So t only
//! sets how many flips there are. 8 bits of it leave at most 1 in 256 of the weights to flip; fewer bits (more
//! flips) and more bits (more random words) both took longer on a 4096 x 11008 tensor.

use super::Mask;
use crate::rng::{Stream, scale};
use crate::vectors::compiled_twice;

/// Bits of the probability of the first step.
const PROBABILITY_BITS: u32 = 8;

/// Weights that are drawn at once.
const DRAWN: usize = 16;

/// Zeros of a tensor of `size` weights at sparsity `level`: `round(level * size)`, halves away from zero,
/// held to 0..=`size`.
pub(super) fn zeros(size: u64, level: f64) -> u64 {
    ((level * size as f64).round() as u64).min(size)
}

impl Mask {
    /// Exactly `round(level * rows * cols)` zeros, every choice of them equally likely; a pure function of
    /// its arguments. `level` is the share of zeros, in 0..=1.
    pub fn uniform(rows: u32, cols: u32, level: f64, mut stream: Stream) -> Self {
        let size = u64::from(rows) * u64::from(cols);
        let kept = size - zeros(size, level);
        let threshold = threshold(kept, size);
        let mut mask = Self::from_words(rows, cols, |words| keep_at_random(words, threshold, &mut stream));
        mask.flip_until(kept, &mut stream);
        mask
    }

    /// Keeps or drops random weights until `kept` of them are kept.
    fn flip_until(&mut self, kept: u64, stream: &mut Stream) {
        let adding = self.nnz() < kept;
        let (rows, cols) = (u64::from(self.rows()), u64::from(self.cols()));
        let mut missing = self.nnz().abs_diff(kept);
        while missing > 0 {
            let (mut places, mut kept) = ([(0, 0); DRAWN], 0);
            for place in &mut places {
                let [row, col, ..] = stream.next_words();
                *place = (scale(row, rows) as u32, scale(col, cols) as u32);
                kept += u32::from(self.get(place.0, place.1));
            }
            // They lie far apart, and now all of them have come to the processor at once.
            std::hint::black_box(kept);
            for (row, col) in places {
                missing -= u64::from(missing > 0 && self.set(row, col, adding));
            }
        }
    }
}

/// The probability, in units of 2^-8, with which the first step keeps a weight: `kept / size` rounded to the
/// side on which the flips that remain turn the rarer kind into the commoner seldom, so that few draws miss.
fn threshold(kept: u64, size: u64) -> u32 {
    let share = kept as f64 / size.max(1) as f64 * f64::from(1 << PROBABILITY_BITS);
    (if 2 * kept <= size { share.floor() } else { share.ceil() }) as u32
}

compiled_twice! {
    /// Sets every bit with probability `threshold / 256`.
    fn keep_at_random(words: &mut [u64], threshold: u32, stream: &mut Stream) {
        if threshold >> PROBABILITY_BITS != 0 {
            words.fill(u64::MAX);
            return;
        }
        // Zeros below the lowest 1 would only halve a probability of zero.
        let bits = threshold.trailing_zeros().min(PROBABILITY_BITS)..PROBABILITY_BITS;
        for chunk in words.chunks_mut(crate::rng::LANES) {
            let mut kept = [0; crate::rng::LANES];
            for bit in bits.clone() {
                let one = u64::from(threshold >> bit & 1).wrapping_neg();
                for (kept, random) in kept.iter_mut().zip(stream.next_words()) {
                    // Majority of (kept, random, one): OR after a 1, AND after a 0.
                    *kept = (*kept & random) | (one & (*kept | random));
                }
            }
            chunk.copy_from_slice(&kept[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_round_to_nearest_and_stay_in_the_tensor() {
        assert_eq!(zeros(10, 0.25), 3);
        assert_eq!(zeros(10, 0.0), 0);
        assert_eq!(zeros(10, 7.0), 10);
        assert_eq!(zeros(10, -1.0), 0);
        assert_eq!(zeros(10, f64::NAN), 0);
        assert_eq!(zeros(4096 * 11008, 0.7), 31_562_138);
    }

    #[test]
    fn the_first_step_keeps_the_share_it_is_told() {
        for threshold in [0, 1, 3, 77, 128, 200, 255, 256] {
            let mut words = vec![0; 1 << 14];
            keep_at_random(&mut words, threshold, &mut Stream::new(5, 6));
            let kept: u64 = words.iter().map(|word| u64::from(word.count_ones())).sum();
            let share = f64::from(threshold) / 256.0;
            let size = f64::from(1 << 20);
            let deviation = (size * share * (1.0 - share)).sqrt();
            assert!((kept as f64 - size * share).abs() <= 5.0 * deviation, "threshold {threshold}: {kept}");
        }
    }
}
