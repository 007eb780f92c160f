//! The weights of a program: how many there are in each row and column of its streams.

use crate::ids::Coord;
use crate::program::{Port, Program, StreamItems};

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

    /// Weights of each column.
    pub(super) fn by_column(&self) -> Vec<u64> {
        let mut sums = vec![0_u64; self.stride];
        for row in self.counts.chunks_exact(self.stride) {
            sums.iter_mut().zip(row).for_each(|(sum, &count)| *sum += u64::from(count));
        }
        sums
    }
}

/// How fast words of a stream come and go at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// Words that fit the input queue, and the router buffer before it.
    pub(super) queue: u32,
    pub(super) lane: u32,
    /// Cycles of a hop and of the ramp; eighths of a cycle between two words.
    pub(super) hop: u32,
    pub(super) ramp: u32,
    pub(super) interval: u32,
    /// Cycles of the shortest task that a word starts.
    pub(super) least: u32,
}

impl Stream {
    /// Whether words come faster than they are taken, so that a main thread never waits for one but the first.
    pub(super) fn is_ahead(&self) -> bool {
        8 * self.least > self.interval
            && self.least * self.lane >= self.hop + 4
            && self.least * self.queue >= 2 * self.ramp + self.hop + 4
    }

    /// Words that fill queue and buffer once, however fast they are taken.
    pub(super) fn words_that_fill(&self) -> u64 {
        let first = self.hop + self.ramp;
        let mut word = 0;
        loop {
            let comes = word * self.interval / 8 + self.hop;
            let taken = comes.saturating_sub(first).div_ceil(self.least);
            if word + 1 >= self.queue + taken {
                return u64::from(word + 1 + 2 * self.lane);
            }
            word += 1;
        }
    }
}

/// The weights of all columns, if they stand in one table of `rows` rows, each ended by `end`.
pub(super) fn weights(program: &Program, end: u8, rows: u32) -> Option<Weights<'_>> {
    let mut table: Option<Weights<'_>> = None;
    for (x, stream) in program.streams.iter().enumerate() {
        let StreamItems::Rows { counts, stride, column, end: code } = &stream.items else { return None };
        let mine = Weights { counts, stride: *stride as usize };
        let known = *table.get_or_insert(mine);
        let same = known.counts.as_ptr() == mine.counts.as_ptr() && known.stride == mine.stride;
        let whole =
            mine.stride == usize::from(program.width) && mine.counts.len() == rows as usize * mine.stride;
        let placed = stream.at == Coord { x: x as u16, y: 0 } && stream.port == Port::North;
        if !same || !whole || !placed || *code != end || *column as usize != x {
            return None;
        }
    }
    table
}
