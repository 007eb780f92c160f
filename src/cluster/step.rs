//! The step of a cluster out of the step of one system: weights down the tree, gradients up, the update at the store.

use crate::cluster::share::{Share, Table};
use crate::cluster::tree::{Path, Stage, Stream};
use crate::spec::wafer::WaferSpec;
use crate::units::{Bytes, Cycles, Seconds};

/// The step of a cluster, from the first weight of one step to that of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterStep {
    /// All of it: the sum of the three.
    pub cycles: Cycles,
    /// What a system alone would take.
    pub alone: Cycles,
    /// What the way through the tree adds.
    pub tree: Cycles,
    /// What waiting for updates of the store adds.
    pub store: Cycles,
}

/// The step of `systems` systems that each do `share`.
///
/// Systems run the same programs on the same masks, so that none waits for another. A parameter is updated as the sum of
/// its last gradients arrives, and the next step begins when no weight would leave the store before it is updated; steps
/// follow each other as they are, without being squeezed.
pub fn step(share: &Share, systems: u32, machine: &WaferSpec) -> ClusterStep {
    let all = interval(share, systems, machine, true);
    let free = interval(share, systems, machine, false);
    ClusterStep {
        cycles: Cycles(all),
        alone: Cycles(share.cycles),
        tree: Cycles(free - share.cycles),
        store: Cycles(all - free),
    }
}

/// Cycles from step to step, with a store that takes its time for updates or none.
fn interval(share: &Share, systems: u32, machine: &WaferSpec, store_takes_time: bool) -> u64 {
    let clock = machine.fabric.clock;
    let latency = Seconds(machine.io.latency_us * 1e-6).cycles_at(clock).0;
    let rate = machine.cluster.store_bandwidth_gb_per_s * 1e9 / clock.0 as f64;
    let update = if store_takes_time { machine.cluster.store_update } else { Bytes::ZERO };
    let (mut down, mut up) = (Path::new(systems, machine), Path::new(systems, machine));
    let mut store = Stage::new(rate, 0);

    // Systems run so much after the store's clock that no weight comes late.
    let late = share.weights.iter().map(|stream| down.pass(*stream).last - stream.last).max().unwrap_or(0);
    let mut interval = share.cycles;
    for gradient in &share.gradients {
        let left = gradient.stream.later(late + latency);
        let Some(parameter) = gradient.completes else {
            up.pass(left);
            continue;
        };
        let table = parameter.table.filter(|_| systems > 1);
        let (arrived, elements) = match table {
            Some(table) => {
                let rows = rows(table, systems);
                let sums = Stream { first: left.last, bytes: table.row * rows, ..left };
                (up.pass(sums), rows * (parameter.elements / table.touched.max(1)))
            }
            // Of a table that one system looks up, each row is updated as the last of its tokens goes by.
            None if parameter.table.is_some() => (left, parameter.elements),
            None => (up.pass(left), parameter.elements),
        };
        let mut updated = store.pass(Stream { bytes: update * elements, ..arrived }).last;
        if let Some(table) = table {
            // Back to the hosts that look rows up, as far behind the store as systems are.
            let rows = Stream { first: updated, last: updated, bytes: table.row * rows(table, systems) };
            updated = (Path::new(systems, machine).pass(rows).last).saturating_sub(late);
        }
        let next = share.first_use.get(&parameter.id).copied().unwrap_or(0);
        interval = interval.max(updated.saturating_sub(next));
    }
    interval
}

/// Rows of a table that the last micro-batches of all systems touch.
fn rows(table: Table, systems: u32) -> u64 {
    table.rows.min(table.touched.saturating_mul(u64::from(systems)))
}
