//! The weights of a program: how many there are in each row and column of its streams.

use crate::fabric::fast::LANES;
use crate::fabric::fast::source::{Fabric, Source};
use crate::fabric::fast::wide::Vector;
use crate::ids::Coord;
use crate::program::{Port, StreamItems};

/// The weights of one program: `counts[row * stride + column]` of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights<'a> {
    pub(super) counts: &'a [u16],
    pub(super) stride: usize,
}

impl Weights<'_> {
    /// Weights of a row in a column, none behind the last one.
    #[inline(always)]
    pub(super) fn count(&self, row: u32, column: usize) -> u32 {
        self.counts.get(row as usize * self.stride + column).map_or(0, |&count| u32::from(count))
    }

    /// Weights of a row, column by column, and of all that follow; `None` behind the last one.
    fn starting_at(&self, row: u32) -> Option<&[u16]> {
        self.counts.get(row as usize * self.stride..).filter(|counts| !counts.is_empty())
    }

    /// Most weights of a row in a column.
    pub(super) fn most(&self) -> u32 {
        u32::from(self.counts.iter().fold(0, |most, &count| most.max(count)))
    }

    /// Whether all rows have as many weights as the first one, column by column.
    pub(super) fn rows_are_alike(&self) -> bool {
        let mut rows = self.counts.chunks(self.stride);
        rows.next().is_some_and(|first| rows.all(|row| row == first))
    }

    /// Weights of each column.
    pub(super) fn by_column(&self) -> Vec<u64> {
        let mut sums = vec![0_u64; self.stride];
        // Sums of so many rows fit 32 bits, of which more are added at a time.
        for rows in self.counts.chunks(self.stride << 16) {
            let mut some = vec![0_u32; self.stride];
            for row in rows.chunks_exact(self.stride) {
                some.iter_mut().zip(row).for_each(|(sum, &count)| *sum += u32::from(count));
            }
            sums.iter_mut().zip(some).for_each(|(sum, some)| *sum += u64::from(some));
        }
        sums
    }
}

/// Columns whose counts are laid side by side at a time.
const TILE: usize = 32;
/// Counts so far ahead are on their way from memory.
const FETCHED: usize = 4 * TILE;

/// Weights of the last few rows in each column, in all lanes.
#[derive(Clone, Debug)]
pub(super) struct Counts<V: Vector> {
    /// `[row % depth][column][lane]`.
    counts: Vec<V::Short>,
    width: usize,
    /// A power of two: its remainders are taken at every column.
    depth: usize,
    /// The row that is taken in next.
    next: u32,
}

impl<V: Vector> Counts<V> {
    /// Room for so many rows, a power of two.
    pub(super) fn new(width: usize, depth: usize) -> Self {
        debug_assert!(depth.is_power_of_two());
        Self { counts: vec![V::Short::default(); width * depth], width, depth, next: 0 }
    }

    /// Take in all rows before `end` that there are and that were not taken in; of those as many as there is room for.
    pub(super) fn take_until(&mut self, end: u32, weights: &[Weights<'_>]) {
        for row in self.next.max(end.saturating_sub(self.depth as u32))..end {
            self.take(row, weights);
        }
        self.next = self.next.max(end);
    }

    /// Take in a row, if there is one.
    fn take(&mut self, row: u32, weights: &[Weights<'_>]) {
        let at = self.place(row);
        let Some(rows) = weights.iter().map(|weights| weights.starting_at(row)).collect::<Option<Vec<_>>>()
        else {
            return;
        };
        // A few columns at a time: a line of the cache is read once and written once.
        let width = self.width;
        let mut tile = [[0; TILE]; LANES];
        for first in (0..width).step_by(TILE) {
            let columns = TILE.min(width - first);
            for (tile, row) in tile.iter_mut().zip(&rows) {
                match row[first..].first_chunk() {
                    Some(whole) => *tile = *whole,
                    None => tile[..columns].copy_from_slice(&row[first..first + columns]),
                }
                // What comes behind them is in memory still.
                row.get(first + FETCHED).into_iter().for_each(V::fetch);
            }
            let counts = self.counts[at * width + first..].iter_mut();
            for (column, counts) in counts.take(columns).enumerate() {
                for (count, tile) in counts.as_mut().iter_mut().zip(&tile) {
                    *count = tile[column];
                }
            }
        }
    }

    #[inline(always)]
    fn place(&self, row: u32) -> usize {
        row as usize & (self.depth - 1)
    }

    /// Have those of a row in a column closer: they are needed soon.
    #[inline(always)]
    pub(super) fn fetch(&self, row: u32, column: usize) {
        self.counts.get(self.place(row) * self.width + column).into_iter().for_each(V::fetch);
    }

    /// Weights of a row in a column.
    #[inline(always)]
    pub(super) fn of(&self, row: u32, column: usize) -> V {
        V::widen(&self.counts[self.place(row) * self.width + column])
    }
}

/// How fast words of a stream come and go at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub(super) fabric: Fabric,
    /// Words that fit the input queue.
    pub(super) queue: u32,
    /// Cycles of the shortest task that a word starts.
    pub(super) least: u32,
}

impl Stream {
    /// Whether words come faster than they are taken, so that a main thread never waits for one but the first.
    pub(super) fn is_ahead(&self) -> bool {
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
        let StreamItems::Rows { counts, stride, column, end: code } = &stream.items else { return None };
        let mine = Weights { counts, stride: *stride as usize };
        let known = *table.get_or_insert(mine);
        let same = known.counts.as_ptr() == mine.counts.as_ptr() && known.stride == mine.stride;
        let whole = mine.stride == width && mine.counts.len() == rows as usize * width;
        let at = Coord { x: pe.at as u16, y: 0 };
        let heard = pe.role.inputs.get(usize::from(queue))?.color;
        let enters = (stream.at, stream.port, stream.color) == (at, Port::North, heard);
        let ends = *code == end && *column as usize == pe.at;
        (same && whole && enters && ends).then_some(())?;
    }
    table
}
