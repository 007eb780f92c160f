//! What enters the fabric at its edge.

use std::sync::Arc;

use crate::bits::BitRows;
use crate::ids::{ColorId, Coord};
use crate::program::Port;

/// A word on the fabric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wavelet {
    /// Position of a sparse value within its row slice.
    pub index: u16,
    /// One value, or two packed 16-bit ones.
    pub values: [f32; 2],
    /// A control wavelet, with its code.
    pub control: Option<u8>,
}

/// A sequence of wavelets that enters at one edge port as fast as the link takes them.
#[derive(Clone, Debug)]
pub struct EdgeStream {
    /// Edge PE.
    pub at: Coord,
    /// Side from which they come.
    pub port: Port,
    /// Their color.
    pub color: ColorId,
    /// The wavelets.
    pub items: StreamItems,
}

/// The wavelets of a stream.
#[derive(Clone, Debug)]
pub enum StreamItems {
    /// Written out.
    Wavelets(Arc<[Wavelet]>),
    /// For timing alone: row r is `counts[r * stride + column]` data wavelets and then a control wavelet.
    Rows {
        /// Non-zeros by row and column.
        counts: Arc<[u16]>,
        /// Length of a row of `counts`.
        stride: u32,
        /// Column of `counts`.
        column: u32,
        /// Code of the control wavelet that ends each row.
        end: u8,
    },
    /// For timing alone: row r is as many data wavelets as bits are set between `starts[column]` and
    /// `starts[column + 1]` of row r of `kept`, and then a control wavelet.
    Kept {
        /// Which weights there are.
        kept: Arc<BitRows>,
        /// First bit of each column, and the end of the last one.
        starts: Arc<[u32]>,
        /// Column of `starts`.
        column: u32,
        /// Code of the control wavelet that ends each row.
        end: u8,
    },
}

impl StreamItems {
    /// For timing alone: so many data wavelets.
    pub fn blank(words: u64) -> Self {
        Self::Wavelets(vec![Wavelet::default(); words as usize].into())
    }

    /// Number of wavelets, control ones included.
    pub fn len(&self) -> u64 {
        match self {
            Self::Wavelets(items) => items.len() as u64,
            Self::Rows { counts, stride, column, .. } => counts
                .iter()
                .skip(*column as usize)
                .step_by(*stride as usize)
                .map(|&c| u64::from(c) + 1)
                .sum(),
            Self::Kept { kept, starts, column, .. } => {
                (0..kept.rows()).map(|row| u64::from(ones(kept, starts, (row, *column))) + 1).sum()
            }
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its wavelets, one after the other.
    pub fn iter(&self) -> StreamIter<'_> {
        let at = if let Self::Rows { column, .. } = self { *column as usize } else { 0 };
        StreamIter { items: self, at, sent: 0 }
    }
}

/// The wavelets of a stream from some place on.
#[derive(Clone, Debug)]
pub struct StreamIter<'a> {
    items: &'a StreamItems,
    /// Next item; for rows: index of the count of the current row, or its number.
    at: usize,
    /// For rows: data wavelets of the current row that are sent.
    sent: u32,
}

/// Bits of a row that are set in a column.
fn ones(kept: &BitRows, starts: &[u32], (row, column): (u32, u32)) -> u32 {
    match starts.get(column as usize..) {
        Some(&[start, end, ..]) => kept.ones(row, start..end),
        _ => 0,
    }
}

impl StreamIter<'_> {
    /// Whether all wavelets were given.
    pub fn is_done(&self) -> bool {
        match self.items {
            StreamItems::Wavelets(items) => self.at >= items.len(),
            StreamItems::Rows { counts, .. } => self.at >= counts.len(),
            StreamItems::Kept { kept, .. } => self.at >= kept.rows() as usize,
        }
    }

    /// The next wavelet of a row with so many weights; the next row is so many places behind it.
    #[inline]
    fn of_row(&mut self, count: u32, stride: usize, end: u8) -> Wavelet {
        if self.sent < count {
            self.sent += 1;
            return Wavelet::default();
        }
        self.at += stride;
        self.sent = 0;
        Wavelet { control: Some(end), ..Wavelet::default() }
    }
}

impl Iterator for StreamIter<'_> {
    type Item = Wavelet;

    #[inline]
    fn next(&mut self) -> Option<Wavelet> {
        match self.items {
            StreamItems::Wavelets(items) => {
                let item = items.get(self.at).copied();
                self.at += 1;
                item
            }
            StreamItems::Rows { counts, stride, end, .. } => {
                let count = u32::from(*counts.get(self.at)?);
                Some(self.of_row(count, *stride as usize, *end))
            }
            StreamItems::Kept { kept, starts, column, end } => {
                let row = u32::try_from(self.at).ok().filter(|&row| row < kept.rows())?;
                Some(self.of_row(ones(kept, starts, (row, *column)), 1, *end))
            }
        }
    }
}
