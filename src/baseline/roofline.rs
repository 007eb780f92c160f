//! A GPU as two rates: each op takes as long as its arithmetic at the achieved tensor-core rate or its
//! traffic at the achieved memory bandwidth, whichever is longer, and a launch.
//!
//! Attention runs fused: its square matrices stay on the chip. Unstructured zeros save nothing: the tensor
//! cores multiply them.

use super::device::Device;
use crate::graph::{Op, TensorRole, TrainGraph};
use crate::spec::workload::AttentionFlops;
use crate::units::{Bytes, Flops, Seconds};

/// A training step on one GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Time of the step.
    pub step: Seconds,
    /// Operations that it does.
    pub flops: Flops,
    /// Bytes between the GPU and its memory.
    pub hbm: Bytes,
    /// Energy of the board at its limit, in joules.
    pub energy_j: f64,
}

/// `micro_batches` runs of the step of `graph` on one GPU, optimizer once.
pub fn estimate(graph: &TrainGraph, micro_batches: u32, precision: Bytes, device: &Device) -> Estimate {
    let gpu = &device.spec;
    let rate = gpu.peak_flop_per_s() * gpu.gemm.mma_share;
    let bandwidth = device.memory.stream;
    let launch = gpu.compute.launch_overhead_us * 1e-6;
    let mut total = Estimate { step: Seconds(0.0), flops: Flops::ZERO, hbm: Bytes::ZERO, energy_j: 0.0 };
    for op in graph.ops() {
        let work = graph.work(op, AttentionFlops::Causal, |t| graph.tensor(t).elements());
        let flops = work.dense() + work.other;
        let bytes = traffic(graph, op, precision);
        let times = if op.phase == crate::graph::Phase::Optimizer { 1 } else { u64::from(micro_batches) };
        let arithmetic = if op.kind.matmul().is_some() { flops.as_f64() / rate } else { 0.0 };
        let seconds = arithmetic.max(bytes.as_f64() / bandwidth) + launch;
        total.step.0 += seconds * times as f64;
        total.flops += flops * times;
        total.hbm += bytes * times;
    }
    total.energy_j = total.step.0 * gpu.power.board_w;
    total
}

/// What an op reads and writes; optimizer state is fp32.
fn traffic(graph: &TrainGraph, op: &Op, precision: Bytes) -> Bytes {
    op.inputs
        .iter()
        .chain(&op.outputs)
        .map(|&id| graph.tensor(id))
        .filter(|tensor| tensor.shape.len() < 4)
        .map(|tensor| {
            let wide = matches!(tensor.role, TensorRole::Moment | TensorRole::UpdatedMoment);
            (if wide { Bytes(4) } else { precision }) * tensor.elements()
        })
        .sum()
}
