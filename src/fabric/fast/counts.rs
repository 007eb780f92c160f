//! How many weights the next rows have in each column, in all lanes.
//!
//! Weights that are kept by bits are counted when they are needed, those of all lanes at once: the bytes of a row are laid
//! side by side, each with that of all other lanes, and the bits of a column are counted in the few bytes that it has.

use crate::fabric::fast::LANES;
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::Vector;

/// Bits and bytes of a word, and words of as many bytes as there are lanes.
const BITS: usize = u64::BITS as usize;
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
    /// Where columns begin and end.
    starts: &'a [u32],
    /// The bytes of a row, and a row without bits.
    bytes: Vec<Bytes>,
    none: Vec<u64>,
    /// Sums of the last rows, so many of which fit short numbers and so many of which there are.
    sums: Vec<Line>,
    fit: u32,
    rows: u32,
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
            kept.take::<V>((self.weights, row), counts, &mut self.sums);
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
        let starts = |weights: &Weights<'a>| match *weights {
            Weights::Kept { starts, .. } => Some(starts),
            Weights::Counted { .. } => None,
        };
        let first = starts(weights.first()?)?;
        let same = weights.iter().all(|other| starts(other) == Some(first));
        let words = (*first.last()? as usize).div_ceil(BITS);
        same.then(|| Self {
            starts: first,
            bytes: vec![Bytes([0; LANES]); words * BYTES],
            none: vec![0; words],
            sums: vec![Line([0; LANES]); first.len() - 1],
            fit: u32::from(u16::MAX) / weights[0].most().max(1),
            rows: 0,
        })
    }

    /// Take in a row; `sums` are those of rows before the last ones.
    fn take<V: Vector>(
        &mut self,
        (weights, row): (&[Weights<'_>], u32),
        counts: &mut [V::Short],
        sums: &mut [u64],
    ) {
        if self.rows == self.fit {
            self.carry::<V>(sums);
        }
        self.rows += 1;
        let row_of = |lane: usize, row: u32| match weights.get(lane) {
            Some(Weights::Kept { kept, .. }) => kept.row(row),
            _ => &self.none,
        };
        let rows = std::array::from_fn(|lane| row_of(lane, row));
        let next = std::array::from_fn(|lane| row_of(lane, row + 1));
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "the processor has just said that it can")]
            return unsafe {
                count_256::<V>((&rows, &next), self.starts, &mut self.bytes, (counts, &mut self.sums))
            };
        }
        count::<V>((&rows, &next), self.starts, &mut self.bytes, (counts, &mut self.sums));
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

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn count_256<V: Vector>(
    rows: (&[&[u64]; LANES], &[&[u64]; LANES]),
    starts: &[u32],
    bytes: &mut [Bytes],
    counts: (&mut [V::Short], &mut [Line]),
) {
    count::<V>(rows, starts, bytes, counts);
}

/// Bits of each column in a row of each lane, also added to sums. Its bytes are laid side by side in `bytes`, and the row
/// behind it is had closer.
#[inline(always)]
fn count<V: Vector>(
    (rows, next): (&[&[u64]; LANES], &[&[u64]; LANES]),
    starts: &[u32],
    bytes: &mut [Bytes],
    (counts, sums): (&mut [V::Short], &mut [Line]),
) {
    for (word, bytes) in bytes.chunks_exact_mut(BYTES).enumerate() {
        if word.is_multiple_of(LINE) {
            next.iter().filter_map(|next| next.get(word)).for_each(V::fetch);
        }
        lay_side_by_side(rows, word, bytes);
    }
    let columns = starts.windows(2).zip(counts).zip(sums);
    for ((column, counts), sums) in columns {
        let ones = ones(bytes, column[0], column[1]);
        *counts = V::narrow(&ones.0);
        for lane in 0..LANES {
            sums.0[lane] += ones.0[lane];
        }
    }
}

/// The bytes of a word of each lane, each beside those of all other lanes.
#[inline(always)]
fn lay_side_by_side(rows: &[&[u64]; LANES], word: usize, bytes: &mut [Bytes]) {
    let mut block: [[u64; GROUPS]; BYTES] =
        std::array::from_fn(|at| std::array::from_fn(|group| rows[group * BYTES + at][word]));
    swap_quarters::<4>(&mut block, 0x0000_0000_ffff_ffff);
    swap_quarters::<2>(&mut block, 0x0000_ffff_0000_ffff);
    swap_quarters::<1>(&mut block, 0x00ff_00ff_00ff_00ff);
    for (bytes, words) in bytes.iter_mut().zip(&block) {
        for (bytes, word) in bytes.0.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
    }
}

/// Swaps the two off-diagonal quarters of every square of `2 * HALF` bytes, in each group; `low` has the lower half of each
/// `2 * HALF` bytes set.
#[inline(always)]
fn swap_quarters<const HALF: usize>(block: &mut [[u64; GROUPS]; BYTES], low: u64) {
    let shift = HALF * u8::BITS as usize;
    for square in block.chunks_exact_mut(2 * HALF) {
        let (upper, lower) = square.split_at_mut(HALF);
        for (upper, lower) in upper.iter_mut().zip(lower) {
            for group in 0..GROUPS {
                let swap = (upper[group] >> shift ^ lower[group]) & low;
                upper[group] ^= swap << shift;
                lower[group] ^= swap;
            }
        }
    }
}

/// Bits from `start` to `end`, lane by lane.
#[inline(always)]
fn ones(bytes: &[Bytes], start: u32, end: u32) -> Line {
    let first = start as usize / 8;
    let bytes = &bytes[first..(end as usize).div_ceil(8).max(first)];
    let (mut from, mut left) = (start % 8, end - start);
    let mut all = Line([0; LANES]);
    for bytes in bytes.chunks(COUNTED) {
        let mut ones = [0; LANES];
        for bytes in bytes {
            let here = left.min(8 - from);
            let wanted = (((1_u32 << here) - 1) << from) as u8;
            for (ones, byte) in ones.iter_mut().zip(&bytes.0) {
                *ones += (byte & wanted).count_ones() as u8;
            }
            (from, left) = (0, left - here);
        }
        for (all, ones) in all.0.iter_mut().zip(ones) {
            *all += u16::from(ones);
        }
    }
    all
}
