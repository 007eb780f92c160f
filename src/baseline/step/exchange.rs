//! What GPUs exchange in a step, and how much of it hides behind arithmetic.

use super::{Layout, Sharding};
use crate::baseline::device::Device;
use crate::graph::TrainGraph;
use crate::units::Bytes;

/// Seconds of links and bytes into a GPU.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    seconds: f64,
    bytes: f64,
}

/// What one GPU exchanges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    /// In the forward pass of a micro-batch: weights are gathered.
    pub(super) forward: Traffic,
    /// In the backward pass: weights are gathered again, gradients are added up and scattered.
    pub(super) backward: Traffic,
    /// Once a step: copies of a shard in all nodes are added up.
    pub(super) once: Traffic,
    /// Decoder blocks: what the first one waits for, and the last one leaves, hides behind nothing.
    blocks: f64,
    /// Share of the multiprocessors that move words.
    movers: f64,
}

/// GPUs that a shard is a part of.
pub(super) fn shards(layout: &Layout, device: &Device) -> u32 {
    match layout.sharding {
        Sharding::All => layout.gpus,
        Sharding::Node => layout.gpus.min(device.spec.link.gpus_per_node),
    }
}

impl Traffic {
    /// One after the other.
    pub(super) fn and(self, other: Self) -> Self {
        Self { seconds: self.seconds + other.seconds, bytes: self.bytes + other.bytes }
    }
}

impl Exchange {
    pub(super) fn new(graph: &TrainGraph, element: Bytes, layout: &Layout, device: &Device) -> Self {
        let link = &device.spec.link;
        let weights: u64 = graph.parameters().map(|parameter| parameter.elements()).sum();
        let weights = (element * weights).as_f64();
        let shards = shards(layout, device);
        let nodes = f64::from(layout.gpus.div_ceil(link.gpus_per_node));
        // Rings go through all GPUs of a node and leave it over the network adapters of all of them together.
        let network = link.network_gb_per_s * f64::from(link.gpus_per_node);
        let within = link.bandwidth_gb_per_s;
        let rate = if shards > link.gpus_per_node { within.min(network) } else { within };
        let others = |count: f64| (count - 1.0) / count;
        let over =
            |bytes: f64, rate: f64| Traffic { seconds: bytes / (rate * 1e9 * link.achieved_share), bytes };
        let gather = over(weights * others(f64::from(shards)), rate);
        let copies = match layout.sharding {
            Sharding::All => 0.0,
            Sharding::Node => 2.0 * weights / f64::from(shards) * others(nodes),
        };
        Self {
            forward: gather,
            backward: gather.and(gather),
            once: over(copies, link.network_gb_per_s),
            blocks: f64::from(graph.model().layers.max(1)),
            movers: f64::from(link.channels) / f64::from(device.spec.compute.sm_count),
        }
    }

    /// Time of `compute` with `traffic` beside it: what moves words takes multiprocessors, and what is longer shows.
    pub(super) fn beside(&self, compute: f64, traffic: Traffic) -> f64 {
        let hidden = traffic.seconds.min(compute);
        let ends = traffic.seconds / self.blocks;
        compute + hidden * self.movers + (traffic.seconds - compute).max(ends)
    }

    /// Bytes into one GPU in a step.
    pub(super) fn bytes(&self, micro_batches: u32) -> f64 {
        f64::from(micro_batches) * (self.forward.bytes + self.backward.bytes) + self.once.bytes
    }
}
