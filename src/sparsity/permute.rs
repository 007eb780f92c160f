//! Masks with their rows and columns in another order: the one in which features lie on the fabric.

use super::Mask;
use crate::bits::words_per_row;

/// Features over fabric columns, in the order in which they lie there.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// Places of each column.
    pub slices: &'a super::Slices,
    /// The feature at each place; `None`: feature `p` at place `p`.
    pub order: Option<&'a [u32]>,
}

impl Mask {
    /// Row `p` of the result is row `order[p]` of this mask; rows that there are none of are empty.
    pub fn with_rows(&self, order: &[u32]) -> Self {
        let width = words_per_row(self.cols());
        Self::from_words(order.len() as u32, self.cols(), |words| {
            for (row, &from) in words.chunks_exact_mut(width).zip(order) {
                if let Some(words) = self.words().get(from as usize * width..(from as usize + 1) * width) {
                    row.copy_from_slice(words);
                }
            }
        })
    }

    /// Column `p` of the result is column `order[p]` of this mask.
    pub fn with_columns(&self, order: &[u32]) -> Self {
        self.transposed().with_rows(order).transposed()
    }

    /// The mask as it lies: its rows in the order of `outputs`, its columns in that of `inputs`.
    pub(super) fn placed(self, inputs: Placed<'_>, outputs: Placed<'_>) -> Self {
        let rows = match outputs.order {
            Some(order) => self.with_rows(order),
            None => self,
        };
        match inputs.order {
            Some(order) => rows.with_columns(order),
            None => rows,
        }
    }
}
