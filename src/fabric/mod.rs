//! Time: the reference engine runs a [`Program`] on the machine, cycle by cycle.
//!
//! Every message between two parts takes at least a cycle (a wavelet on a link, a credit back, a word on
//! the ramp), so what happens in a cycle depends only on the cycles before it and never on the order in
//! which routers and compute elements are visited. (Two things that are told show it, so the order is fixed:
//! high-water marks, which look into the middle of a cycle, and the order within a cycle of what drains.)
//! Parts that have nothing to do sleep: a cycle costs as much as what happens in it.
//!
//! ```text
//!            lanes (color x port)            input queues
//!  links ──> [router] ── ramp latency ──────> [compute element: main thread, microthreads]
//!     <──────   │  <──── output queues <──────      │
//!            credits                             SRAM, rings
//! ```

mod alike;
mod bank;
mod ces;
mod code;
mod compare;
mod cost;
mod counters;
mod engine;
pub mod fast;
mod fault;
mod fifo;
mod footprint;
mod lanes;
mod mesh;
mod observe;
mod pe;
mod prepared;
mod router;
mod source;
mod values;
mod wheel;

pub use alike::rows_are_alike;
pub use compare::{Difference, Site, compare};
pub use cost::{VectorCost, vector_cost};
pub use counters::{Activity, Breakdown, Counters, Link};
pub use fault::{Fault, FaultKind};
pub use observe::{Doing, Nobody, Observer};
pub use prepared::{Prepared, Watched};
pub use values::{Ring, TimingOnly, Values, VectorStep};

use crate::ids::Coord;
use crate::program::{Port, Program};
use crate::spec::wafer::WaferSpec;
use crate::units::Cycles;

/// What a run gives back.
#[derive(Clone, Debug)]
pub struct Outcome<W> {
    /// Totals.
    pub counters: Counters,
    /// Activity of each PE, row-major.
    pub per_pe: Vec<Breakdown>,
    /// Cycle after the last in which each PE did something, row-major.
    pub finish: Vec<Cycles>,
    /// Wavelets that the links out of each PE carried, row-major: north, east, south, west.
    pub links: Vec<[u32; 4]>,
    /// What left over the edge: PE, side and word, in order of leaving and within a cycle in the order of
    /// PEs. Empty unless asked for.
    pub drained: Vec<(Coord, Port, W)>,
}

/// Longest run that is believed to be a run and not an endless loop; no limit can be higher.
pub const CYCLE_LIMIT: u64 = 1 << 31;

/// Run `program` to its end and count.
///
/// # Errors
/// A [`Fault`] that names cycle and PE: deadlock, an illegal arrival, a broken ring, or `limit` (at most
/// [`CYCLE_LIMIT`]) reached.
pub fn run(program: &Program, spec: &WaferSpec, limit: u64) -> Result<Outcome<values::Tick>, Fault> {
    run_with(program, spec, &mut TimingOnly, limit, false)
}

/// Run `program` with values; with `keep_drained`, hand back what left over the edge.
///
/// # Errors
/// As [`run`].
pub fn run_with<V: Values>(
    program: &Program,
    spec: &WaferSpec,
    values: &mut V,
    limit: u64,
    keep_drained: bool,
) -> Result<Outcome<V::Word>, Fault> {
    Prepared::new(program, spec, values, keep_drained).run(limit)
}
