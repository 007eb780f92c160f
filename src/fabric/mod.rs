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

mod bank;
mod code;
mod cost;
mod counters;
mod engine;
mod fault;
mod fifo;
mod lanes;
mod mesh;
mod pe;
mod router;
mod source;
mod values;
mod wheel;

pub use cost::{VectorCost, vector_cost};
pub use counters::{Activity, Breakdown, Counters};
pub use fault::{Fault, FaultKind};
pub use values::{Ring, TimingOnly, Values, VectorStep};

use crate::ids::Coord;
use crate::program::{Port, Program};
use crate::spec::wafer::WaferSpec;
use crate::units::{Cycles, Macs, Wavelets};

/// What a run gives back.
#[derive(Clone, Debug)]
pub struct Outcome<W> {
    /// Totals.
    pub counters: Counters,
    /// Activity of each PE, row-major.
    pub per_pe: Vec<Breakdown>,
    /// Cycle after the last in which each PE did something, row-major.
    pub finish: Vec<Cycles>,
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
    let code = code::compile(program, &spec.pe);
    let mut engine = engine::Engine::new(program, spec, code, values, keep_drained);
    engine.run(limit.min(CYCLE_LIMIT))?;
    let ends = engine.ces.iter().map(|ce| ce.finish.max(ce.settled));
    let elapsed = ends.max().unwrap_or(0).max(engine.shared.end);
    let mut activity = Breakdown::default();
    let mut per_pe = Vec::with_capacity(engine.ces.len());
    for ce in &mut engine.ces {
        // The cycle of the last look is what it was found to be; from then on nothing is left to do.
        if ce.settled != ce.finish {
            ce.settle((ce.settled + 1).min(elapsed));
        }
        ce.resting = Activity::Idle;
        ce.settle(elapsed);
        activity.merge(&ce.breakdown, 1);
        per_pe.push(ce.breakdown);
    }
    Ok(Outcome {
        counters: Counters {
            cycles: Cycles(elapsed),
            activity,
            macs: Macs(engine.shared.macs),
            sent: Wavelets(engine.shared.sent),
            copied: Wavelets(engine.shared.mesh.copied),
            delivered: Wavelets(engine.shared.delivered),
            drained: Wavelets(engine.shared.mesh.drained_count),
            last_drained: Cycles(engine.shared.mesh.last_drained),
            hops: Wavelets(engine.shared.mesh.hops),
            input_high_water: u32::from(engine.input_high),
            router_high_water: u32::from(engine.shared.mesh.high_water),
        },
        per_pe,
        finish: engine.ces.iter().map(|ce| Cycles(ce.finish)).collect(),
        drained: engine
            .shared
            .mesh
            .drained
            .iter()
            .map(|&(pe, port, word)| (program.coord(pe as usize), port, word))
            .collect(),
    })
}
