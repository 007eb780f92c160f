//! How many weights the next rows have in each column, in all lanes.
//!
//! Weights that are kept by bits are counted when they are needed, those of all lanes at once: the bytes of a row are laid
//! side by side, each with that of all other lanes, and the bits of a column are counted in the few bytes that it has.

use crate::fabric::fast::LANES;
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::Vector;
use crate::vectors::compiled_twice;

/// Bytes of a word, and words of as many bytes as there are lanes.
const BYTES: usize = size_of::<u64>();
const GROUPS: usize = LANES / BYTES;
/// Words of a line of the cache.
const LINE: usize = 64 / BYTES;
/// Bytes of which all bits can be counted in a byte.
const COUNTED: usize = u8::MAX as usize / u8::BITS as usize;

/// A byte of each lane.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
struct Bytes([u8; LANES]);

/// Weights of a row in a column, in each lane.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u16; LANES]);

/// Weights of the last few rows in each column, in all lanes.
#[derive(Clone, Debug)]
pub(super) struct Counts<'a, V: Vector> {
    weights: &'a [Weights<'a>],
    /// Weights that all lanes keep by bits, if they do.
    kept: Option<Kept<'a>>,
    /// `[row % depth][column][lane]`.
    counts: Vec<V::Short>,
    width: usize,
    /// A power of two: its remainders are taken at every column.
    depth: usize,
    /// The row that is taken in next.
    next: u32,
    /// `[column][lane]`, of rows that were taken in.
    sums: Vec<u64>,
}

/// Weights that are kept by bits in all lanes, with the same columns.
#[derive(Clone, Debug)]
struct Kept<'a> {
    /// What columns have of which bytes, column by column, and where those of each one end.
    parts: Vec<Part>,
    ends: Vec<usize>,
    /// All words of each lane, so many to a row; a row without bits.
    words: Vec<&'a [u64]>,
    width: usize,
    none: Vec<u64>,
    /// The bytes of a row.
    bytes: Vec<Bytes>,
    /// Sums of the last rows, so many of which fit short numbers and so many of which there are.
    sums: Vec<Line>,
    fit: u32,
    rows: u32,
}

/// What a column has of a byte of its row.
#[derive(Clone, Copy, Debug)]
struct Part {
    at: u32,
    wanted: u8,
}

/// The bits from `start` to `end`.
fn parts(start: u32, end: u32) -> impl Iterator<Item = Part> {
    let below = |bit: u32, at: u32| (1_u16 << bit.saturating_sub(8 * at).min(8)) - 1;
    (start / 8..end.div_ceil(8))
        .map(move |at| Part { at, wanted: (below(end, at) & !below(start, at)) as u8 })
}

/// Weights of each column in all rows, in all lanes.
#[derive(Clone, Debug)]
pub(super) struct NonZeros {
    /// `[column][lane]`.
    sums: Vec<u64>,
    lanes: usize,
}

impl NonZeros {
    /// Those of a lane, column by column.
    pub(super) fn of(&self, lane: usize) -> Vec<u64> {
        self.sums.iter().skip(lane).step_by(self.lanes).copied().collect()
    }
}

impl<'a, V: Vector> Counts<'a, V> {
    /// Room for so many rows, a power of two.
    pub(super) fn new(width: usize, depth: usize, weights: &'a [Weights<'a>]) -> Self {
        debug_assert!(depth.is_power_of_two());
        Self {
            weights,
            kept: Kept::new(weights).filter(|_| V::LANES > 1),
            counts: vec![V::Short::default(); width * depth],
            width,
            depth,
            next: 0,
            sums: vec![0; width * V::LANES],
        }
    }

    /// Take in all rows before `end` that there are and that were not taken in; the last ones are kept.
    pub(super) fn take_until(&mut self, end: u32) {
        let rows = self.weights.first().map_or(0, Weights::rows);
        while self.next < end.min(rows) {
            self.take(self.next);
            self.next += 1;
        }
    }

    /// Take in a row.
    fn take(&mut self, row: u32) {
        let from = self.place(row) * self.width;
        let counts = &mut self.counts[from..from + self.width];
        if let Some(kept) = &mut self.kept {
            kept.take::<V>(row, counts, &mut self.sums);
            return;
        }
        for (lane, weights) in self.weights.iter().enumerate() {
            let sums = self.sums.iter_mut().skip(lane).step_by(V::LANES);
            for (column, (counts, sum)) in counts.iter_mut().zip(sums).enumerate() {
                let count = weights.count(row, column);
                counts.as_mut()[lane] = count as u16;
                *sum += u64::from(count);
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

    /// Weights of all rows, when all were taken in.
    pub(super) fn nonzeros(mut self) -> NonZeros {
        debug_assert!(self.weights.iter().all(|weights| weights.rows() == self.next));
        if let Some(kept) = &mut self.kept {
            kept.carry::<V>(&mut self.sums);
        }
        NonZeros { sums: self.sums, lanes: V::LANES }
    }
}

impl<'a> Kept<'a> {
    /// `None` where some lane does not keep bits or has other columns.
    fn new(weights: &[Weights<'a>]) -> Option<Self> {
        let Weights::Kept { kept, starts } = *weights.first()? else { return None };
        let words = |weights: &Weights<'a>| match *weights {
            Weights::Kept { kept: other, starts: others } => {
                (starts == others && kept.width() == other.width()).then(|| other.words())
            }
            Weights::Counted { .. } => None,
        };
        let mut all = Vec::new();
        let column = |cut: &[u32]| {
            all.extend(parts(cut[0], cut[1]));
            all.len()
        };
        let ends = starts.windows(2).map(column).collect();
        Some(Self {
            parts: all,
            ends,
            words: weights.iter().map(words).collect::<Option<_>>()?,
            width: kept.width(),
            none: vec![0; kept.width()],
            bytes: vec![Bytes([0; LANES]); kept.width() * BYTES],
            sums: vec![Line([0; LANES]); starts.len() - 1],
            fit: u32::from(u16::MAX) / weights[0].most().max(1),
            rows: 0,
        })
    }

    /// Take in a row; `sums` are those of rows before the last ones.
    fn take<V: Vector>(&mut self, row: u32, counts: &mut [V::Short], sums: &mut [u64]) {
        if self.rows == self.fit {
            self.carry::<V>(sums);
        }
        self.rows += 1;
        let from = row as usize * self.width;
        let mut rows = [&self.none[..]; LANES];
        let mut next = rows;
        for ((row, next), words) in rows.iter_mut().zip(&mut next).zip(&self.words) {
            (*row, *next) = words[from..].split_at(self.width);
        }
        lay_side_by_side::<V>(&rows, &next, &mut self.bytes);
        count::<V>(&self.bytes, &self.parts, &self.ends, counts, &mut self.sums);
    }

    /// Go on with short sums from zero.
    fn carry<V: Vector>(&mut self, sums: &mut [u64]) {
        for (sums, short) in sums.chunks_exact_mut(V::LANES).zip(&mut self.sums) {
            sums.iter_mut().zip(short.0).for_each(|(sum, short)| *sum += u64::from(short));
            *short = Line([0; LANES]);
        }
        self.rows = 0;
    }
}

compiled_twice! {
    #[expect(clippy::needless_range_loop, reason = "what iterators call is not inlined into wide vectors")]
    /// The bytes of a row, each beside those of all other lanes; the row behind it is had closer.
    fn lay_side_by_side<V: Vector>(rows: &[&[u64]; LANES], next: &[&[u64]; LANES], bytes: &mut [Bytes]) {
        for (word, bytes) in bytes.as_chunks_mut::<BYTES>().0.iter_mut().enumerate() {
            if word.is_multiple_of(LINE) {
                next.iter().filter_map(|next| next.get(word)).for_each(V::fetch);
            }
            let mut block = [[0; GROUPS]; BYTES];
            for at in 0..BYTES {
                for group in 0..GROUPS {
                    block[at][group] = rows[group * BYTES + at][word];
                }
            }
            swap_quarters::<4>(&mut block, 0x0000_0000_ffff_ffff);
            swap_quarters::<2>(&mut block, 0x0000_ffff_0000_ffff);
            swap_quarters::<1>(&mut block, 0x00ff_00ff_00ff_00ff);
            for at in 0..BYTES {
                for group in 0..GROUPS {
                    bytes[at].0.as_chunks_mut().0[group] = block[at][group].to_le_bytes();
                }
            }
        }
    }
}

compiled_twice! {
    #[expect(clippy::needless_range_loop, reason = "what iterators call is not inlined into wide vectors")]
    /// Bits of each column, lane by lane, also added to sums.
    fn count<V: Vector>(
        bytes: &[Bytes],
        parts: &[Part],
        ends: &[usize],
        counts: &mut [V::Short],
        sums: &mut [Line],
    ) {
        let mut first = 0;
        for (column, &end) in ends.iter().enumerate() {
            let parts = &parts[first..end];
            first = end;
            let mut all = Line([0; LANES]);
            for parts in parts.chunks(COUNTED) {
                let mut ones = [0_u8; LANES];
                for part in parts {
                    let bytes = &bytes[part.at as usize].0;
                    for lane in 0..LANES {
                        ones[lane] += (bytes[lane] & part.wanted).count_ones() as u8;
                    }
                }
                for lane in 0..LANES {
                    all.0[lane] += u16::from(ones[lane]);
                }
            }
            counts[column] = V::narrow(&all.0);
            for lane in 0..LANES {
                sums[column].0[lane] += all.0[lane];
            }
        }
    }
}

/// Swaps the two off-diagonal quarters of every square of `2 * HALF` bytes, in each group; `low` has the lower half of each
/// `2 * HALF` bytes set.
#[expect(clippy::needless_range_loop, reason = "as above")]
#[inline(always)]
fn swap_quarters<const HALF: usize>(block: &mut [[u64; GROUPS]; BYTES], low: u64) {
    let shift = HALF * u8::BITS as usize;
    for first in (0..BYTES).step_by(2 * HALF) {
        for upper in first..first + HALF {
            let lower = upper + HALF;
            for group in 0..GROUPS {
                let swap = (block[upper][group] >> shift ^ block[lower][group]) & low;
                block[upper][group] ^= swap << shift;
                block[lower][group] ^= swap;
            }
        }
    }
}
