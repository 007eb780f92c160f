//! The step of a cluster out of the step of one system: weights down the tree, gradients up.

use crate::cluster::share::{Share, Table};
use crate::cluster::tree::{Path, Stream};
use crate::spec::wafer::WaferSpec;
use crate::units::{Bytes, Cycles, Seconds};

/// The step of a cluster, from the moment when the store has all gradients of the step before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterStep {
    /// All of it: the sum of the two.
    pub cycles: Cycles,
    /// What a system alone would take, updates at the store included.
    pub alone: Cycles,
    /// What the way through the tree adds.
    pub tree: Cycles,
}

/// The step of `systems` systems that each do `share`.
///
/// Systems run the same programs on the same masks, so that none waits for another. The store has one copy of all weights
/// and updates them once, as for a system alone, when the last sum has come. A system follows the store's clock by as much
/// as the tree delays what it needs; steps are not squeezed into each other beyond that.
pub fn step(share: &Share, systems: u32, machine: &WaferSpec) -> ClusterStep {
    let latency = Seconds(machine.io.latency_us * 1e-6).cycles_at(machine.fabric.clock).0;
    let (mut down, mut up) = (Path::new(systems, machine), Path::new(systems, machine));

    let delay = |stream: &Stream| down.pass(*stream).last - stream.last;
    let weights = share.weights.iter().map(delay).max().unwrap_or(0);
    // Rows of tables go to hosts, which are as far from the store as systems are.
    let to_host =
        |table: &Table| Path::new(systems, machine).pass(rows(table, table.read, systems)).last - table.read;
    let late = share.tables.iter().map(to_host).fold(weights, u64::max);

    let mut arrived = share.cycles;
    for gradient in &share.gradients {
        arrived = arrived.max(up.pass(gradient.later(late + latency)).last);
    }
    // The last rows are known when the last token is through.
    for table in &share.tables {
        arrived = arrived.max(up.pass(rows(table, table.done + late + latency, systems)).last);
    }
    ClusterStep { cycles: Cycles(arrived), alone: Cycles(share.cycles), tree: Cycles(arrived - share.cycles) }
}

/// Rows of a table that the last micro-batches of all systems touch, at once. A system alone shares its host with the
/// store: nothing is sent.
fn rows(table: &Table, at: u64, systems: u32) -> Stream {
    let rows = if systems > 1 { table.rows.min(table.touched.saturating_mul(systems.into())) } else { 0 };
    Stream { first: at, last: at, bytes: Bytes(table.row.0 * rows) }
}
