//! A training step on GPUs: data parallel, weights and optimizer states sharded over all or over those of a node.
//!
//! ```text
//! TrainGraph of a micro-batch -> time of each op -> forward, backward, again -> beside the links -> step
//! ```
//!
//! Attention runs fused: its square matrices stay on the chip. What goes element by element runs at the bandwidth of
//! memory. Kernels follow each other without a gap but for what a launch takes in a graph of kernels.

mod exchange;
mod layout;
mod memory;
mod ops;

use super::device::{Device, Rates};
use super::sparse::Way;
use crate::graph::{Op, Phase, TrainGraph};
use crate::spec::workload::AttentionFlops;
use crate::units::{Bytes, Flops, Seconds};
use exchange::Exchange;

pub use layout::{Laid, Wanted, lay_out};
use memory::fits;
pub use ops::OpTime;

/// What the forward pass of a block is run again for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nothing: all activations stay in memory.
    Nothing,
    /// Every second product and what goes element by element; attention stays.
    Selective,
    /// All of it: only what goes into a block stays.
    Block,
}

/// Over how many GPUs weights, gradients and optimizer states are sharded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharding {
    /// All of them.
    All,
    /// Those of a node; nodes have copies.
    Node,
}

/// How a step is laid out on GPUs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// GPUs in all.
    pub gpus: u32,
    /// Over which of them states are sharded.
    pub sharding: Sharding,
    /// Micro-batches, one after the other, of as many sequences for each GPU as the graph has.
    pub micro_batches: u32,
    /// What is run again in the backward pass.
    pub again: Again,
    /// How products with weights of blocks are done, and gradients of those weights.
    pub way: Way,
}

/// A training step on all GPUs of a layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Its time.
    pub time: Seconds,
    /// The part of it in which multiprocessors wait for links, or move words.
    pub exposed: Seconds,
    /// Operations of all GPUs that the model asks for: what is run again is not counted.
    pub flops: Flops,
    /// Bytes between all GPUs and their memory.
    pub hbm: Bytes,
    /// Bytes that go into all GPUs over links.
    pub links: Bytes,
    /// Energy of all boards, in joules, with every product dense.
    pub energy_j: f64,
    /// Kernels of one GPU.
    pub kernels: [Kernels; 4],
}

/// Kernels of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Matrix products with weights.
    Product,
    /// Fused attention.
    Attention,
    /// Norms, activations, residuals, loss.
    Elementwise,
    /// The update of the weights.
    Optimizer,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Product, Self::Attention, Self::Elementwise, Self::Optimizer];

    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "products",
            Self::Attention => "attention",
            Self::Elementwise => "element by element",
            Self::Optimizer => "optimizer",
        }
    }

    /// Bandwidth of memory for its pattern, in bytes per second.
    pub fn rate(self, memory: &Rates) -> f64 {
        if self == Self::Product { memory.operands } else { memory.stream }
    }

    fn of(op: &Op) -> Self {
        match op.phase {
            Phase::Optimizer => Self::Optimizer,
            _ if op.kind.attention().is_some() => Self::Attention,
            _ if op.kind.matmul().is_some() => Self::Product,
            _ => Self::Elementwise,
        }
    }
}

/// All kernels of a kind on one GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kernels {
    /// Which.
    pub kind: Kind,
    /// Time of all of them.
    pub time: Seconds,
    /// Between memory and the chip.
    pub traffic: Bytes,
}

/// Time, traffic and energy of a part of the step on one GPU, by kind of kernel.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    seconds: [f64; 4],
    traffic: [f64; 4],
    dynamic_j: f64,
}

impl Part {
    fn add(&mut self, kind: Kind, op: &OpTime) {
        self.seconds[kind as usize] += op.time.0;
        self.traffic[kind as usize] += op.traffic.as_f64();
        self.dynamic_j += op.dynamic_j;
    }

    fn time(&self) -> f64 {
        self.seconds.iter().sum()
    }
}

/// The step whose micro-batch on one GPU is `graph`, with elements of `element` bytes.
pub fn step(graph: &TrainGraph, element: Bytes, layout: &Layout, device: &Device) -> Step {
    let mut ops = ops::Ops::new(graph, element, layout.way, device);
    let (mut forward, mut backward, mut optimizer) = (Part::default(), Part::default(), Part::default());
    let mut flops = Flops::ZERO;
    let mut products = 0_u64;
    for op in graph.ops() {
        let (kind, time) = (Kind::of(op), ops.time(op));
        let work = graph.work(op, AttentionFlops::Causal, |tensor| {
            let tensor = graph.tensor(tensor);
            match layout.way {
                Way::Unstructured(_, density) if tensor.target.is_some() => {
                    (density * tensor.elements() as f64) as u64
                }
                _ => tensor.elements(),
            }
        });
        let done = work.effective() + work.other;
        match op.phase {
            Phase::Forward | Phase::Teacher => {
                forward.add(kind, &time);
                if op.phase == Phase::Forward && op.layer.is_some() {
                    let linear = graph.weight(op).is_some();
                    products += u64::from(linear);
                    let again = match layout.again {
                        Again::Nothing => false,
                        Again::Block => true,
                        Again::Selective if linear => products.is_multiple_of(2),
                        Again::Selective => op.kind.attention().is_none(),
                    };
                    if again {
                        backward.add(kind, &time);
                    }
                }
            }
            Phase::BackwardData | Phase::BackwardWeight => backward.add(kind, &time),
            Phase::Optimizer => optimizer.add(kind, &time),
        }
        let times = if op.phase == Phase::Optimizer { 1 } else { u64::from(layout.micro_batches) };
        flops += done * times;
    }
    // Each GPU updates its shard.
    let shard = 1.0 / f64::from(exchange::shards(layout, device));
    let exchange = Exchange::new(graph, element, layout, device);
    let micro_batches = f64::from(layout.micro_batches);
    let forward_time = exchange.beside(forward.time(), exchange.forward);
    let backward_time = exchange.beside(backward.time(), exchange.backward);
    // Copies of gradients are added up beside the last backward pass.
    let last = exchange.beside(backward.time(), exchange.backward.and(exchange.once));
    let busy = micro_batches * (forward.time() + backward.time()) + shard * optimizer.time();
    let beside_links = micro_batches * forward_time + (micro_batches - 1.0) * backward_time + last;
    let running = beside_links + shard * optimizer.time();
    let time = running / device.spec.compute.training_busy_share;
    let sum = |part: &dyn Fn(&Part) -> f64| {
        micro_batches * (part(&forward) + part(&backward)) + shard * part(&optimizer)
    };
    let kernels = Kind::ALL.map(|kind| Kernels {
        kind,
        time: Seconds(sum(&|part| part.seconds[kind as usize])),
        traffic: Bytes(sum(&|part| part.traffic[kind as usize]) as u64),
    });
    let gpus = f64::from(layout.gpus);
    let power = &device.spec.power;
    let energy = (power.static_w * time + sum(&|part| part.dynamic_j)).min(power.board_w * time);
    Step {
        time: Seconds(time),
        exposed: Seconds((running - busy).max(0.0)),
        flops: flops * u64::from(layout.gpus),
        hbm: Bytes((gpus * sum(&|part| part.traffic.iter().sum())) as u64),
        links: Bytes((gpus * exchange.bytes(layout.micro_batches)) as u64),
        energy_j: gpus * energy,
        kernels,
    }
}
