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
}
