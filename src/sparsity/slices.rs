//! Features over fabric columns.

use std::ops::Range;

use thiserror::Error;

/// An even cut of `features` into one slice per fabric column.
///
/// Slice `i` of `w` is `floor(i * features / w) .. floor((i + 1) * features / w)`: widths differ by at most
/// one, and wide slices are spread evenly among narrow ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slices {
    features: u32,
    columns: u16,
}

/// Why features cannot be cut so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SlicesError {
    /// There is nothing to spread over.
    #[error("no fabric column to hold {features} features: use at least 1 column")]
    NoColumns {
        /// Features to spread.
        features: u32,
    },
    /// A count of a slice would not fit 16 bits.
    #[error(
        "{features} features over {columns} fabric columns put more than 65535 on one: use at least {needed} columns"
    )]
    TooWide {
        /// Features to spread.
        features: u32,
        /// Columns asked for.
        columns: u16,
        /// Fewest columns that do.
        needed: u32,
    },
}

impl Slices {
    /// `features` over `columns`, at most 65535 features in a slice. With fewer features than columns, some
    /// slices are empty.
    ///
    /// # Errors
    /// [`SlicesError`] where `columns` is 0 or too few.
    pub fn even(features: u32, columns: u16) -> Result<Self, SlicesError> {
        let needed = features.div_ceil(u32::from(u16::MAX));
        if columns == 0 {
            return Err(SlicesError::NoColumns { features });
        }
        if u32::from(columns) < needed {
            return Err(SlicesError::TooWide { features, columns, needed });
        }
        Ok(Self { features, columns })
    }

    /// Features in all.
    pub fn features(&self) -> u32 {
        self.features
    }

    /// Slices, one per fabric column.
    pub fn columns(&self) -> u16 {
        self.columns
    }

    /// First feature of slice `column`; `start(columns())` is the number of features.
    fn start(&self, column: u32) -> u32 {
        (u64::from(column) * u64::from(self.features) / u64::from(self.columns)) as u32
    }

    /// The features of slice `column`; empty past the last slice.
    pub fn range(&self, column: u16) -> Range<u32> {
        let column = u32::from(column.min(self.columns));
        self.start(column)..self.start((column + 1).min(u32::from(self.columns)))
    }

    /// The features of every slice, in order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<u32>> + '_ {
        (0..self.columns).map(|column| self.range(column))
    }

    /// The slice that holds `feature`; `None` where there is no such feature.
    pub fn owner_of(&self, feature: u32) -> Option<u16> {
        // The last i with floor(i * n / w) <= feature is the last with i * n < (feature + 1) * w.
        (feature < self.features).then(|| {
            (((u64::from(feature) + 1) * u64::from(self.columns) - 1) / u64::from(self.features)) as u16
        })
    }

    /// Features of the widest slice.
    pub fn widest(&self) -> u32 {
        self.features.div_ceil(u32::from(self.columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama_2_7b_over_the_columns_of_a_wafer() {
        let slices = Slices::even(4096, 755).unwrap();
        assert_eq!(slices.range(0), 0..5);
        assert_eq!(slices.range(754), 4090..4096);
        assert_eq!(slices.range(755), 4096..4096);
        assert_eq!(slices.widest(), 6);
        assert_eq!(slices.ranges().filter(|range| range.len() == 6).count(), 4096 - 5 * 755);
    }

    #[test]
    fn impossible_cuts_say_what_would_do() {
        assert_eq!(
            Slices::even(7, 0).unwrap_err().to_string(),
            "no fabric column to hold 7 features: use at least 1 column"
        );
        assert_eq!(
            Slices::even(131_071, 2).unwrap_err().to_string(),
            "131071 features over 2 fabric columns put more than 65535 on one: use at least 3 columns"
        );
        assert_eq!(Slices::even(131_070, 2).unwrap().widest(), 65_535);
    }
}
