//! Set bits between any two cuts of a row.
//!
//! The bits of a slice are those below its end less those below its start. Those below a cut are the bits of all
//! words before it, summed once for the row, and some of the bits of one word.

use super::Slices;
use crate::bits::{low_bits, words_per_row};
use crate::vectors::compiled_twice;

/// Counts the bits of row after row in every slice.
pub(super) struct RowCounter {
    cuts: Vec<Cut>,
    /// Scratch space: the words of a row.
    ranked: Vec<RankedWord>,
}

impl RowCounter {
    /// For rows of as many bits as `slices` has features.
    pub(super) fn new(slices: &Slices) -> Self {
        Self {
            cuts: slices.ranges().map(|range| Cut::before(range.end)).collect(),
            ranked: vec![RankedWord::default(); words_per_row(slices.features())],
        }
    }

    /// Counts a row, one number for each slice.
    pub(super) fn count(&mut self, row: &[u64], counts: &mut [u16]) {
        count(&self.cuts, &mut self.ranked, row, counts);
    }
}

compiled_twice! {
    /// Counts a row, one number for each cut; `ranked` is scratch space.
    fn count(cuts: &[Cut], ranked: &mut [RankedWord], row: &[u64], counts: &mut [u16]) {
        let mut below = 0_u16;
        for (ranked, &word) in ranked.iter_mut().zip(row) {
            *ranked = RankedWord { word, below };
            below = below.wrapping_add(word.count_ones() as u16);
        }
        let mut previous = 0_u16;
        for (count, cut) in counts.iter_mut().zip(cuts) {
            let RankedWord { word, below } = ranked[cut.word as usize];
            let rank = below.wrapping_add((word & cut.mask).count_ones() as u16);
            // Ranks wrap at 2^16; the difference of two neighbours is at most 65535 and does not mind.
            *count = rank.wrapping_sub(previous);
            previous = rank;
        }
    }
}

/// The end of a slice: bits `mask` of word `word` and all bits of the words before it lie below.
struct Cut {
    mask: u64,
    word: u32,
}

impl Cut {
    /// Before bit `end`. A cut between two words counts as after the first, so that the word always exists.
    fn before(end: u32) -> Self {
        let word = end.saturating_sub(1) / 64;
        Self { word, mask: low_bits(end - word * 64) }
    }
}

/// A word of a row, and the set bits of the row before it, modulo 2^16.
#[derive(Clone, Copy, Default)]
struct RankedWord {
    word: u64,
    below: u16,
}
