//! Features over fabric columns.

use std::ops::Range;

use thiserror::Error;

/// A cut of features into one slice per fabric column, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slices {
    /// First feature of each slice, and the number of features at the end.
    starts: Vec<u32>,
    /// Features of the widest one: plans ask for it again and again.
    widest: u32,
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
    /// `features` over `columns`, at most 65535 features in a slice: slice `i` of `w` is
    /// `floor(i * features / w) .. floor((i + 1) * features / w)`, so that widths differ by at most one and wide
    /// slices are spread evenly among narrow ones. With fewer features than columns, some slices are empty.
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
        let start = |i: u16| (u64::from(i) * u64::from(features) / u64::from(columns)) as u32;
        Ok(Self::starting_at((0..=columns).map(start).collect()))
    }

    /// Slices of the given widths, one per fabric column.
    ///
    /// # Errors
    /// [`SlicesError`] where there is no column or a slice is wider than 65535.
    pub fn of_widths(widths: &[u32]) -> Result<Self, SlicesError> {
        let features = widths.iter().sum();
        let columns = widths.len() as u16;
        if widths.is_empty() {
            return Err(SlicesError::NoColumns { features });
        }
        if widths.iter().any(|&w| w > u32::from(u16::MAX)) {
            return Err(SlicesError::TooWide {
                features,
                columns,
                needed: features.div_ceil(u32::from(u16::MAX)),
            });
        }
        let mut starts = vec![0];
        for width in widths {
            starts.push(starts[starts.len() - 1] + width);
        }
        Ok(Self::starting_at(starts))
    }

    fn starting_at(starts: Vec<u32>) -> Self {
        let widest = starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        Self { starts, widest }
    }

    /// Features in all.
    pub fn features(&self) -> u32 {
        self.starts[self.starts.len() - 1]
    }

    /// Slices, one per fabric column.
    pub fn columns(&self) -> u16 {
        (self.starts.len() - 1) as u16
    }

    /// The features of slice `column`; empty past the last slice.
    pub fn range(&self, column: u16) -> Range<u32> {
        let last = self.starts.len() - 1;
        let at = |i: usize| self.starts[i.min(last)];
        at(usize::from(column))..at(usize::from(column) + 1)
    }

    /// The features of every slice, in order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<u32>> + '_ {
        self.starts.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// The slice that holds `feature`; `None` where there is no such feature.
    pub fn owner_of(&self, feature: u32) -> Option<u16> {
        (feature < self.features())
            .then(|| (self.starts.partition_point(|&start| start <= feature) - 1) as u16)
    }

    /// Features of each slice.
    pub fn widths(&self) -> Vec<u32> {
        self.ranges().map(|range| range.end - range.start).collect()
    }

    /// Features of the widest slice.
    pub fn widest(&self) -> u32 {
        self.widest
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
