//! Time of one op on one GPU.

use std::collections::BTreeMap;

use crate::baseline::device::Device;
use crate::baseline::gemm::{Kernels, Product, product};
use crate::baseline::power::Load;
use crate::baseline::sparse::{Way, run};
use crate::graph::{Attention, MatmulShape, Op, OpKind, Phase, TensorRole, TrainGraph};
use crate::ids::TensorId;
use crate::spec::workload::AttentionFlops;
use crate::units::{Bytes, Seconds};

/// An op on one GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OpTime {
    /// From its start to the start of the next.
    pub time: Seconds,
    /// Between memory and the chip.
    pub traffic: Bytes,
    /// Energy beyond what the board takes without work, in joules.
    pub dynamic_j: f64,
}

/// Times ops of a graph; products of a shape are looked up once.
pub(super) struct Ops<'a> {
    graph: &'a TrainGraph,
    element: Bytes,
    way: Way,
    device: &'a Device,
    products: BTreeMap<([u64; 4], bool), OpTime>,
}

/// Bytes of moments, and of what the loss is worked out in.
const WIDE: Bytes = Bytes(4);

impl<'a> Ops<'a> {
    pub(super) fn new(graph: &'a TrainGraph, element: Bytes, way: Way, device: &'a Device) -> Self {
        Self { graph, element, way, device, products: BTreeMap::new() }
    }

    /// Time of an op. The ops of attention are one kernel forward and one backward; the first of them has its time.
    pub(super) fn time(&mut self, op: &Op) -> OpTime {
        match op.kind {
            OpKind::AttentionScores(attention) => self.attention(attention, false),
            OpKind::AttentionContextGradV(attention) => self.attention(attention, true),
            _ if op.kind.attention().is_some() => OpTime::default(),
            // The product before it adds it on the way out.
            OpKind::Bias => OpTime::default(),
            _ => match op.kind.matmul() {
                Some(shape) => self.product(op, shape),
                None => self.elementwise(op),
            },
        }
    }

    fn product(&mut self, op: &Op, shape: MatmulShape) -> OpTime {
        // A student's linears in blocks are what can be sparse.
        let prunable = self.graph.weight(op).is_some_and(|weight| self.graph.tensor(weight).target.is_some());
        let key = ([shape.batch, shape.m, shape.k, shape.n], prunable);
        let (graph, element, device) = (self.graph, self.element, self.device);
        let way = match (prunable, self.way, op.phase) {
            (false, _, _) => Way::Dense,
            // Two of every four along one axis are none along the other: only the forward pass gains.
            (true, Way::TwoFour, Phase::BackwardData | Phase::BackwardWeight) => Way::Dense,
            (true, way, _) => way,
        };
        let key = (key.0, way != Way::Dense);
        *self.products.entry(key).or_insert_with(|| {
            let dense = dense(shape, element, device);
            let mut found = OpTime {
                time: dense.time,
                traffic: dense.traffic,
                dynamic_j: device.dynamic_j(shape.macs().flops().as_f64(), element, dense.traffic),
            };
            if way != Way::Dense {
                // Gradients of weights: tokens are the terms of the sums, and each kept weight gathers two rows of them.
                let tokens = graph.tokens();
                let shape = if shape.k == tokens && op.phase == Phase::BackwardWeight {
                    MatmulShape { m: shape.k, k: shape.m, ..shape }
                } else {
                    shape
                };
                let sparse = run(shape, element, way, device, Load::Sustained);
                found = OpTime { time: sparse.time, traffic: sparse.traffic, ..found };
            }
            found
        })
    }

    fn attention(&self, heads: Attention, backward: bool) -> OpTime {
        let spec = &self.device.spec;
        let scores = OpKind::AttentionScores(heads);
        let op = self.graph.ops().find(|op| op.kind == scores);
        let none = |_: TensorId| 0;
        let one = op.map_or(0.0, |op| self.graph.work(op, AttentionFlops::Causal, none).dense().as_f64());
        // Scores and context forward; backward the scores again and four gradients.
        let (products, share) = if backward {
            (5.0, spec.compute.attention_backward_share)
        } else {
            (2.0, spec.compute.attention_forward_share)
        };
        let flops = products * one;
        let rows = heads.sequences * heads.tokens * heads.head_dim;
        let tensors = 2 * heads.heads + 2 * heads.kv_heads;
        let traffic = self.element * (rows * tensors * if backward { 2 } else { 1 });
        let arithmetic = flops * spec.slowdown(self.element) / (spec.peak_flop_per_s() * share);
        let memory = traffic.as_f64() / self.device.memory.stream;
        OpTime {
            time: Seconds(arithmetic.max(memory) + self.launch()),
            traffic,
            dynamic_j: self.device.dynamic_j(flops, self.element, traffic),
        }
    }

    /// What an op reads and writes, at the bandwidth of memory.
    fn elementwise(&self, op: &Op) -> OpTime {
        let loss = matches!(op.kind, OpKind::CrossEntropy | OpKind::CrossEntropyGrad);
        let bytes = |&id: &TensorId| {
            let tensor = self.graph.tensor(id);
            let wide = loss
                || op.phase == Phase::Optimizer
                || matches!(tensor.role, TensorRole::Moment | TensorRole::UpdatedMoment);
            (if wide { WIDE } else { self.element }) * tensor.elements()
        };
        let traffic: Bytes = op.inputs.iter().chain(&op.outputs).map(bytes).sum();
        OpTime {
            time: Seconds(traffic.as_f64() / self.device.memory.stream + self.launch()),
            traffic,
            dynamic_j: self.device.dynamic_j(0.0, self.element, traffic),
        }
    }

    fn launch(&self) -> f64 {
        self.device.spec.compute.graph_launch_us * 1e-6
    }
}

fn dense(shape: MatmulShape, element: Bytes, device: &Device) -> Product {
    product(shape, element, &Kernels::dense(&device.spec), device, Load::Sustained)
}
