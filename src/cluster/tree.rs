//! Streams through stages: the nodes of a tree, one behind the other.

use crate::spec::wafer::WaferSpec;
use crate::units::{Bytes, Seconds};

/// A stretch of bytes on its way: cycles in which the first and the last of them pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// First byte.
    pub first: u64,
    /// After the last byte.
    pub last: u64,
    /// All of them.
    pub bytes: Bytes,
}

impl Stream {
    /// The same so many cycles later.
    #[must_use]
    pub fn later(self, cycles: u64) -> Self {
        Self { first: self.first + cycles, last: self.last + cycles, ..self }
    }
}

/// What passes one stream after another at a rate, each byte some time after it came.
#[derive(Clone, Debug)]
pub struct Stage {
    bytes_per_cycle: f64,
    latency: u64,
    /// When the stream before is through.
    free: u64,
}

impl Stage {
    /// A stage of so many bytes per cycle.
    pub fn new(bytes_per_cycle: f64, latency: u64) -> Self {
        Self { bytes_per_cycle, latency, free: 0 }
    }

    /// Pass a stream on: no byte before it came, none before the stream before it is through, none faster than the
    /// rate.
    pub fn pass(&mut self, stream: Stream) -> Stream {
        let first = (stream.first + self.latency).max(self.free);
        let least = (stream.bytes.as_f64() / self.bytes_per_cycle).ceil() as u64;
        let last = (stream.last + self.latency).max(first + least);
        self.free = last;
        Stream { first, last, ..stream }
    }
}

/// One way through the tree: a stage for each level.
#[derive(Clone, Debug)]
pub struct Path(Vec<Stage>);

impl Path {
    /// Between the store and `systems` systems. One system is at the store's own links: it needs no tree.
    pub fn new(systems: u32, machine: &WaferSpec) -> Self {
        let (cluster, clock) = (&machine.cluster, machine.fabric.clock);
        let rate = cluster.tree_bandwidth_gbit_per_s * 1e9 / 8.0 / clock.0 as f64;
        let latency = Seconds(cluster.tree_latency_us * 1e-6).cycles_at(clock).0;
        Self(vec![Stage::new(rate, latency); levels(systems, cluster.tree_fanout) as usize])
    }

    /// A stream through all levels. The way up is the way down: a node adds up at the rate at which it passes on, and
    /// a byte waits for those of the same place from all below, which come at the same time.
    pub fn pass(&mut self, stream: Stream) -> Stream {
        self.0.iter_mut().fold(stream, |stream, stage| stage.pass(stream))
    }
}

/// Levels of a tree over so many systems: the least number whose power of the fan-out is not below them.
pub fn levels(systems: u32, fanout: u32) -> u32 {
    let (mut levels, mut reached) = (0, 1u64);
    while reached < u64::from(systems) {
        reached = reached.saturating_mul(u64::from(fanout.max(2)));
        levels += 1;
    }
    levels
}
