//! The packed bits of one weight tensor.

use crate::bits::{BitRows, words_per_row};

/// Which weights of a tensor `W[out, in]` are kept: one bit a weight, 1 = kept, 0 = zero for good.
///
/// Rows are output features, and the bits of a row are input features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    bits: BitRows,
    nnz: u64,
}

impl Mask {
    /// Every weight kept.
    pub fn dense(rows: u32, cols: u32) -> Self {
        Self::from_words(rows, cols, |words| words.fill(u64::MAX))
    }

    /// From bits in row-major order, `true` = kept; `None` unless there are exactly `rows * cols` of them.
    pub fn from_bits(rows: u32, cols: u32, bits: impl IntoIterator<Item = bool>) -> Option<Self> {
        let mut bits = bits.into_iter();
        let mut complete = true;
        let mask = Self::from_words(rows, cols, |words| {
            for row in words.chunks_exact_mut(words_per_row(cols)) {
                for c in 0..cols as usize {
                    match bits.next() {
                        Some(bit) => row[c / 64] |= u64::from(bit) << (c % 64),
                        None => complete = false,
                    }
                }
            }
        });
        (complete && bits.next().is_none()).then_some(mask)
    }

    /// A mask whose words `fill` writes over zeros; padding is cleared and the count taken afterwards.
    pub(super) fn from_words(rows: u32, cols: u32, fill: impl FnOnce(&mut [u64])) -> Self {
        let bits = BitRows::from_words(rows, cols, fill);
        Self { nnz: bits.all_ones(), bits }
    }

    /// Output features.
    pub fn rows(&self) -> u32 {
        self.bits.rows()
    }

    /// Input features.
    pub fn cols(&self) -> u32 {
        self.bits.cols()
    }

    /// Weights, kept or not.
    pub fn size(&self) -> u64 {
        u64::from(self.rows()) * u64::from(self.cols())
    }

    /// Weights kept.
    pub fn nnz(&self) -> u64 {
        self.nnz
    }

    /// Share of the weights kept, in 0..=1; 1 for a tensor without weights.
    pub fn density(&self) -> f64 {
        if self.size() == 0 { 1.0 } else { self.nnz as f64 / self.size() as f64 }
    }

    /// The words of every row, in order.
    pub fn row_words(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.words().chunks_exact(self.width())
    }

    /// The mask of the transposed tensor: rows are input features.
    pub fn transposed(&self) -> Self {
        Self { bits: self.bits.transposed(), nnz: self.nnz }
    }

    /// Its bits.
    pub(super) fn bits(&self) -> &BitRows {
        &self.bits
    }

    /// Its bits.
    pub fn into_bits(self) -> BitRows {
        self.bits
    }

    /// Words of a row.
    pub(super) fn width(&self) -> usize {
        self.bits.width()
    }

    /// All words, row after row.
    pub(super) fn words(&self) -> &[u64] {
        self.bits.words()
    }

    /// Whether the weight in row `r`, column `c` is kept; `false` outside of the tensor.
    pub fn get(&self, r: u32, c: u32) -> bool {
        self.bits.get(r, c)
    }

    /// Sets the weight in row `r`, column `c`, both inside of the tensor; says whether that changed it.
    pub(super) fn set(&mut self, r: u32, c: u32, kept: bool) -> bool {
        let changed = self.bits.set(r, c, kept);
        if changed {
            self.nnz = if kept { self.nnz + 1 } else { self.nnz - 1 };
        }
        changed
    }

    /// Weights kept in each row.
    pub fn row_nnz(&self) -> Vec<u32> {
        self.row_words().map(|row| row.iter().map(|word| word.count_ones()).sum()).collect()
    }

    /// Writes the zero of `T` over every weight that is not kept. `weights` is row-major, `rows * cols` long; of
    /// a longer or shorter one only the common part is looked at.
    pub fn apply<T: Copy + Default>(&self, weights: &mut [T]) {
        let cols = self.cols().max(1) as usize;
        for (weights, words) in weights.chunks_mut(cols).zip(self.row_words()) {
            for (weights, word) in weights.chunks_mut(64).zip(words) {
                for (bit, weight) in weights.iter_mut().enumerate() {
                    if word >> bit & 1 == 0 {
                        *weight = T::default();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_land_where_they_are_read() {
        let bits = (0..3 * 70).map(|i| i % 3 == 0);
        let mask = Mask::from_bits(3, 70, bits).unwrap();
        for (r, c) in (0..3).flat_map(|r| (0..70).map(move |c| (r, c))) {
            assert_eq!(mask.get(r, c), (r * 70 + c) % 3 == 0, "({r}, {c})");
        }
        assert!(!mask.get(0, 70) && !mask.get(3, 0), "outside of the tensor nothing is kept");
        assert_eq!(mask.nnz(), 70);
        assert_eq!(mask.row_nnz(), [24, 23, 23]);
    }

    #[test]
    fn too_few_or_too_many_bits_are_refused() {
        assert_eq!(Mask::from_bits(2, 3, [true; 5]), None);
        assert_eq!(Mask::from_bits(2, 3, [true; 7]), None);
        assert_eq!(Mask::from_bits(2, 3, [true; 6]), Some(Mask::dense(2, 3)));
    }

    #[test]
    fn dense_masks_keep_all_and_only_the_tensor() {
        for cols in [0, 1, 63, 64, 65, 128] {
            let mask = Mask::dense(5, cols);
            assert_eq!((mask.nnz(), mask.density()), (5 * u64::from(cols), 1.0), "{cols} columns");
        }
        assert_eq!(Mask::dense(0, 9).nnz(), 0);
    }

    #[test]
    fn applying_a_mask_zeroes_what_it_drops() {
        let mask = Mask::from_bits(2, 65, (0..130).map(|i| i % 2 == 0)).unwrap();
        let mut weights: Vec<f32> = (1..=130u16).map(f32::from).collect();
        mask.apply(&mut weights);
        for (i, weight) in weights.iter().enumerate() {
            assert_eq!(*weight, if i % 2 == 0 { (i + 1) as f32 } else { 0.0 }, "weight {i}");
        }
    }
}
