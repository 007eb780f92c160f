//! Patterns of accesses, as one pseudo-channel sees them.

use crate::rng::{Stream, scale};
use crate::spec::dram::DramSpec;
use crate::units::Bytes;

/// How a kernel goes through memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// Reads one address after the other.
    Read,
    /// Writes one address after the other.
    Write,
    /// Reads a stream and writes another.
    Copy,
    /// Reads two streams and writes a third.
    Triad,
    /// Reads one access in each so many bytes.
    Strided(Bytes),
    /// Reads pieces of so many bytes anywhere.
    Random(Bytes),
}

/// An access to a row of a bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) bank: usize,
    pub(super) row: u64,
    pub(super) write: bool,
}

/// Accesses of one stream before the next one of several: what the multiprocessors ask for together.
const TURN: u64 = 16;

impl Pattern {
    /// The first `count` accesses.
    pub(super) fn requests(self, count: u64, spec: &DramSpec) -> impl Iterator<Item = Request> {
        let map = Map::new(spec);
        let access = spec.access.0;
        let mut random = Stream::new(0, 0);
        let mut piece = 0;
        (0..count).map(move |n| match self {
            Self::Read => map.request(n, false),
            Self::Write => map.request(n, true),
            Self::Copy => streams(&map, n, 1),
            Self::Triad => streams(&map, n, 2),
            Self::Strided(stride) => map.request(n * stride.0.div_ceil(access).max(1), false),
            Self::Random(bytes) => {
                let long = bytes.0.div_ceil(access).max(1);
                if n % long == 0 {
                    piece = scale(random.next_words()[0], map.accesses / long);
                }
                map.request(piece * long + n % long, false)
            }
        })
    }
}

/// Access `n` of `reads` streams that are read and one that is written, which lie far apart.
fn streams(map: &Map, n: u64, reads: u64) -> Request {
    let (turn, at) = (n / TURN, n % TURN);
    let (stream, turn) = (turn % (reads + 1), turn / (reads + 1));
    map.request(stream * (map.accesses / 4) + turn * TURN + at, stream == reads)
}

/// Where an address lies: neighbouring pairs of accesses in different bank groups, then columns of a row, banks, rows.
struct Map {
    groups: u64,
    per_group: u64,
    columns: u64,
    /// Accesses that the pseudo-channel has room for, in the model.
    accesses: u64,
}

/// Accesses that lie side by side in a row before the next bank group: what one request of a cache line asks for.
const PAIR: u64 = 4;
/// Rows of each bank, in the model.
const ROWS: u64 = 1 << 14;

impl Map {
    fn new(spec: &DramSpec) -> Self {
        let columns = (spec.row.0 / spec.access.0).max(PAIR);
        let (groups, per_group) = (u64::from(spec.bank_groups), u64::from(spec.banks_per_group));
        Self { groups, per_group, columns, accesses: groups * per_group * columns * ROWS }
    }

    fn request(&self, access: u64, write: bool) -> Request {
        let (pair, _) = (access / PAIR, access % PAIR);
        let (rest, group) = (pair / self.groups, pair % self.groups);
        let rest = rest / (self.columns / PAIR);
        let (row, bank) = (rest / self.per_group % ROWS, rest % self.per_group);
        // Rows are spread over banks by a hash, so that streams that lie a power of two apart do not meet in a bank.
        let hash = row ^ (row >> 3) ^ (row >> 7);
        let group = (group + hash) % self.groups;
        let bank = (bank + hash / self.groups) % self.per_group;
        Request { bank: (group * self.per_group + bank) as usize, row, write }
    }
}
