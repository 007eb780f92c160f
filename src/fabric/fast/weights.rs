//! The weights of a program: how many there are in each row and column of its streams.

use crate::bits::BitRows;
use crate::fabric::fast::source::{Fabric, Source};
use crate::ids::Coord;
use crate::program::{Port, StreamItems};

/// The weights of one program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Weights<'a> {
    /// `counts[row * stride + column]` of them.
    Counted { counts: &'a [u16], stride: usize },
    /// As many as bits are set in `starts[column]..starts[column + 1]` of a row.
    Kept { kept: &'a BitRows, starts: &'a [u32] },
}

impl<'a> Weights<'a> {
    /// Those that a stream brings, and its column of them.
    fn of(items: &'a StreamItems) -> Option<(Self, u32, u8)> {
        match items {
            StreamItems::Rows { counts, stride, column, end } => {
                Some((Self::Counted { counts, stride: *stride as usize }, *column, *end))
            }
            StreamItems::Kept { kept, starts, column, end } => {
                Some((Self::Kept { kept, starts }, *column, *end))
            }
            StreamItems::Wavelets(_) => None,
        }
    }

    /// Whether both are the very same table.
    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Counted { counts, stride }, Self::Counted { counts: others, stride: other }) => {
                counts.as_ptr() == others.as_ptr() && stride == other
            }
            (Self::Kept { kept, starts }, Self::Kept { kept: others, starts: other }) => {
                std::ptr::eq(kept, others) && starts.as_ptr() == other.as_ptr()
            }
            _ => false,
        }
    }

    /// Whether it has so many rows and columns.
    fn has(self, rows: u32, columns: usize) -> bool {
        match self {
            Self::Counted { counts, stride } => stride == columns && counts.len() == rows as usize * columns,
            Self::Kept { kept, starts } => {
                let ends = starts.last().is_some_and(|&end| end <= kept.cols());
                kept.rows() == rows && starts.len() == columns + 1 && starts.is_sorted() && ends
            }
        }
    }

    /// Weights of a row in a column, none behind the last one.
    #[inline(always)]
    pub(super) fn count(&self, row: u32, column: usize) -> u32 {
        match *self {
            Self::Counted { counts, stride } => {
                counts.get(row as usize * stride + column).map_or(0, |&count| u32::from(count))
            }
            Self::Kept { kept, starts } => kept.ones(row, starts[column]..starts[column + 1]),
        }
    }

    /// Rows.
    pub(super) fn rows(&self) -> u32 {
        match *self {
            Self::Counted { counts, stride } => (counts.len() / stride) as u32,
            Self::Kept { kept, .. } => kept.rows(),
        }
    }

    /// Most weights that a row could have in a column.
    pub(super) fn most(&self) -> u32 {
        match *self {
            Self::Counted { counts, .. } => u32::from(counts.iter().fold(0, |most, &count| most.max(count))),
            Self::Kept { starts, .. } => starts.windows(2).map(|cut| cut[1] - cut[0]).max().unwrap_or(0),
        }
    }

    /// Whether all rows are known to have as many weights as the first one, column by column.
    pub(super) fn rows_are_alike(&self) -> bool {
        match *self {
            Self::Counted { counts, stride } => {
                let mut rows = counts.chunks(stride);
                rows.next().is_some_and(|first| rows.all(|row| row == first))
            }
            Self::Kept { .. } => false,
        }
    }
}

/// How fast words of a stream come and go at most.
#[derive(Clone, Copy, Debug)]
pub(in crate::fabric) struct Stream {
    pub(in crate::fabric) fabric: Fabric,
    /// Words that fit the input queue.
    pub(in crate::fabric) queue: u32,
    /// Cycles of the shortest task that a word starts.
    pub(in crate::fabric) least: u32,
}

impl Stream {
    /// Whether words come faster than they are taken, so that a main thread never waits for one but the first.
    pub(in crate::fabric) fn is_ahead(&self) -> bool {
        let Fabric { lane, hop, ramp, interval, .. } = self.fabric;
        8 * self.least > interval
            && self.least * lane >= hop + 4
            && self.least * self.queue >= 2 * ramp + hop + 4
    }

    /// Whether one of the columns has so many non-zeros that its queue and buffer were full once.
    pub(super) fn fills(&self, nonzeros: &[u64], rows: u64) -> bool {
        let words = self.words_that_fill();
        nonzeros.iter().any(|&nonzeros| nonzeros + rows >= words)
    }

    /// Words that fill queue and buffer once, however fast they are taken.
    fn words_that_fill(&self) -> u64 {
        let Fabric { lane, hop, ramp, interval, .. } = self.fabric;
        let first = hop + ramp;
        let mut word = 0;
        loop {
            let comes = word * interval / 8 + hop;
            let taken = comes.saturating_sub(first).div_ceil(self.least);
            if word + 1 >= self.queue + taken {
                return u64::from(word + 1 + 2 * lane);
            }
            word += 1;
        }
    }
}

/// The weights of all columns, if they stand in one table of `rows` rows; `wanted` are the input queue of each PE that
/// they must come in (by its place), and the code that ends a row.
pub(super) fn weights<'a>(
    source: &Source<'a>,
    wanted: impl Iterator<Item = (u8, u8)>,
    rows: u32,
) -> Option<Weights<'a>> {
    let mut table: Option<Weights<'_>> = None;
    let width = source.width();
    for ((pe, stream), (queue, end)) in source.pes().zip(&source.program.streams).zip(wanted) {
        let (mine, column, code) = Weights::of(&stream.items)?;
        let known = *table.get_or_insert(mine);
        let at = Coord { x: pe.at as u16, y: 0 };
        let heard = pe.role.inputs.get(usize::from(queue))?.color;
        let enters = (stream.at, stream.port, stream.color) == (at, Port::North, heard);
        let ends = code == end && column as usize == pe.at;
        (known.is(mine) && enters && ends).then_some(())?;
    }
    table.filter(|table| table.has(rows, width))
}
