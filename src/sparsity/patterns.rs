//! Masks with structure: n of every m inputs, and whole blocks.

use super::Mask;
use crate::bits::low_bits;
use crate::rng::{LANES, Stream, scale};

/// Words of a stream, one after the other.
struct Words {
    stream: Stream,
    ready: [u64; LANES],
    next: usize,
}

impl Words {
    fn new(stream: Stream) -> Self {
        Self { stream, ready: [0; LANES], next: LANES }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u32) -> u32 {
        if self.next == LANES {
            (self.ready, self.next) = (self.stream.next_words(), 0);
        }
        self.next += 1;
        scale(self.ready[self.next - 1], u64::from(bound)) as u32
    }
}

/// Weights kept of a group of `len` inputs, up to `m`, where `n` of `m` are kept: a shorter group at the end of a
/// row keeps its share, rounded up.
fn kept_of_group(n: u32, m: u32, len: u32) -> u32 {
    ((u64::from(n) * u64::from(len)).div_ceil(u64::from(m.max(1))) as u32).min(len)
}

/// Weights kept of a tensor where `n` of every `m` inputs are kept.
pub(super) fn kept_of_groups(rows: u32, cols: u32, n: u32, m: u32) -> u64 {
    let m = m.max(1);
    let whole = u64::from(cols / m) * u64::from(kept_of_group(n, m, m));
    u64::from(rows) * (whole + u64::from(kept_of_group(n, m, cols % m)))
}

impl Mask {
    /// Exactly `n` kept of every `m` consecutive columns of a row, every choice of them equally likely and each
    /// group independent of the others; a shorter group at the end of a row keeps its share, rounded up. A pure
    /// function of its arguments.
    pub fn n_of_m(rows: u32, cols: u32, n: u32, m: u32, stream: Stream) -> Self {
        let mut words = Words::new(stream);
        let m = m.max(1);
        let width = crate::bits::words_per_row(cols);
        Self::from_words(rows, cols, |bits| {
            for row in bits.chunks_exact_mut(width) {
                for first in (0..cols).step_by(m as usize) {
                    let len = m.min(cols - first);
                    let mut missing = kept_of_group(n, m, len);
                    // Each column with the chance that it is among those that are still to be chosen.
                    for (left, column) in (1..=len).rev().zip(first..) {
                        if words.below(left) < missing {
                            row[column as usize / 64] |= 1 << (column % 64);
                            missing -= 1;
                        }
                    }
                }
            }
        })
    }

    /// Whole blocks of `block.0` rows by `block.1` columns kept or dropped: exactly `round(level * blocks)` of
    /// them dropped, every choice of them equally likely. Blocks at the lower and right ends may be cut by the
    /// end of the tensor. A pure function of its arguments.
    pub fn blocks(rows: u32, cols: u32, block: (u32, u32), level: f64, stream: Stream) -> Self {
        let (height, width) = (block.0.max(1), block.1.max(1));
        let kept = Self::uniform(rows.div_ceil(height), cols.div_ceil(width), level, stream);
        let words = crate::bits::words_per_row(cols);
        Self::from_words(rows, cols, |bits| {
            for (r, row) in bits.chunks_exact_mut(words).enumerate() {
                for block in 0..kept.cols() {
                    if kept.get(r as u32 / height, block) {
                        let first = block * width;
                        fill(row, first, cols.min(first.saturating_add(width)));
                    }
                }
            }
        })
    }
}

/// Sets the bits of `from..to`.
fn fill(row: &mut [u64], from: u32, to: u32) {
    for word in from / 64..to.div_ceil(64) {
        let below = |end: u32| low_bits(end.saturating_sub(word * 64).min(64));
        row[word as usize] |= below(to) & !below(from);
    }
}
