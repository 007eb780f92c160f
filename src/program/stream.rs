//! What enters the fabric at its edge.

use std::sync::Arc;

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
}

impl StreamItems {
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
    /// Next item; for rows: index of the count of the current row.
    at: usize,
    /// For rows: data wavelets of the current row that are sent.
    sent: u16,
}

impl StreamIter<'_> {
    /// Whether all wavelets were given.
    pub fn is_done(&self) -> bool {
        match self.items {
            StreamItems::Wavelets(items) => self.at >= items.len(),
            StreamItems::Rows { counts, .. } => self.at >= counts.len(),
        }
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
                let count = *counts.get(self.at)?;
                if self.sent < count {
                    self.sent += 1;
                    return Some(Wavelet::default());
                }
                self.at += *stride as usize;
                self.sent = 0;
                Some(Wavelet { control: Some(*end), ..Wavelet::default() })
            }
        }
    }
}
