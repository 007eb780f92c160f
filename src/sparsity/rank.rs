//! Set bits between any two cuts of a row, without looking at a bit.
//!
//! The bits of a slice are those below its end less those below its start. Those below a cut are the bits of all
//! bytes before it, summed once for the row, and some of the bits of one byte, looked up.

use super::Slices;
use super::mask::{low_bits, words_per_row};

/// Counts the bits of row after row in every slice.
pub(super) struct RowCounter {
    cuts: Vec<Cut>,
    /// Scratch space: the bytes of a row.
    ranked: Vec<RankedByte>,
    counts: Vec<u16>,
}

impl RowCounter {
    /// For `rows` rows of as many bits as `slices` has features.
    pub(super) fn new(rows: u32, slices: &Slices) -> Self {
        Self {
            cuts: slices.ranges().map(|range| Cut::before(range.end)).collect(),
            ranked: vec![RankedByte::default(); 8 * words_per_row(slices.features())],
            counts: Vec::with_capacity(rows as usize * usize::from(slices.columns())),
        }
    }

    /// Counts the next row.
    pub(super) fn push(&mut self, row: &[u64]) {
        rank_bytes(row, &mut self.ranked);
        let ranked = &self.ranked;
        let mut previous = 0u16;
        self.counts.extend(self.cuts.iter().map(|cut| {
            let RankedByte { below, byte } = ranked[cut.byte];
            let rank = below.wrapping_add(u16::from(ONES[usize::from(byte & cut.mask)]));
            // Ranks wrap at 2^16; the difference of two neighbours is at most 65535 and does not mind.
            rank.wrapping_sub(std::mem::replace(&mut previous, rank))
        }));
    }

    /// The counts of all rows, row-major.
    pub(super) fn into_counts(self) -> Vec<u16> {
        self.counts
    }
}

/// The end of a slice: bits `mask` of byte `byte` and all bits of the bytes before it lie below.
struct Cut {
    byte: usize,
    mask: u8,
}

impl Cut {
    /// Before bit `end`. A cut between two bytes counts as after the first, so that the byte always exists.
    fn before(end: u32) -> Self {
        let byte = end.saturating_sub(1) / 8;
        Self { byte: byte as usize, mask: low_bits(end - byte * 8) as u8 }
    }
}

/// A byte of a row, and the set bits of the row before it, modulo 2^16.
#[derive(Clone, Copy, Default)]
struct RankedByte {
    below: u16,
    byte: u8,
}

/// Set bits of every byte. A cut falls within a byte, and a look-up takes less time than counting the bits of a word
/// on a processor without an instruction for it.
const ONES: [u8; 256] = {
    let mut ones = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        ones[byte] = (byte as u8).count_ones() as u8;
        byte += 1;
    }
    ones
};

/// Ranks the bytes of a row; `ranked` has 8 places a word.
fn rank_bytes(words: &[u64], ranked: &mut [RankedByte]) {
    let mut below = 0u16;
    for (ranked, word) in ranked.chunks_exact_mut(8).zip(words) {
        // Set bits of each pair, each four and each byte of bits, side by side in the word; the product then
        // adds to each byte all bytes below it.
        let pairs = word - (word >> 1 & 0x5555_5555_5555_5555);
        let fours = (pairs & 0x3333_3333_3333_3333) + (pairs >> 2 & 0x3333_3333_3333_3333);
        let bytes = (fours + (fours >> 4)) & 0x0f0f_0f0f_0f0f_0f0f;
        let up_to = bytes.wrapping_mul(0x0101_0101_0101_0101);
        let before = (up_to << 8).to_le_bytes();
        for ((ranked, before), byte) in ranked.iter_mut().zip(before).zip(word.to_le_bytes()) {
            *ranked = RankedByte { below: below.wrapping_add(u16::from(before)), byte };
        }
        below = below.wrapping_add((up_to >> 56) as u16);
    }
}
