//! What a GPU holds during a step.

use super::{Again, Layout, exchange};
use crate::baseline::device::Device;
use crate::graph::{TensorRole, TrainGraph};
use crate::units::Bytes;

/// Master weight, two moments and gradient of a parameter, all fp32.
const STATES: Bytes = Bytes(16);
/// Share of the memory that a step can use: the rest is context, buffers of links and gaps.
const USABLE: f64 = 0.9;

/// Whether a GPU holds its part of the step: shards of states, gathered weights of two blocks, activations, and the logits
/// with their gradient in fp32.
pub(super) fn fits(graph: &TrainGraph, element: Bytes, layout: &Layout, device: &Device) -> bool {
    let layers = f64::from(graph.model().layers.max(1));
    let parameters: u64 = graph.parameters().map(|parameter| parameter.elements()).sum();
    let shards = f64::from(exchange::shards(layout, device));
    let states = (STATES * parameters).as_f64() / shards;
    let gathered = (element * parameters).as_f64() * (2.0 / layers).min(1.0);
    let inside = |layer: bool| {
        let made = graph.tensors().iter().filter(|tensor| {
            tensor.role == TensorRole::Activation && tensor.shape.len() < 4 && tensor.layer.is_some() == layer
        });
        (element * made.map(|tensor| tensor.elements()).sum::<u64>()).as_f64()
    };
    let hidden = (element * (graph.tokens() * u64::from(graph.model().hidden))).as_f64();
    let kept = match layout.again {
        Again::Nothing => inside(true),
        Again::Selective => inside(true) / 2.0,
        Again::Block => hidden * layers + inside(true) / layers,
    };
    let logits = 2.0 * 4.0 * (graph.tokens() * u64::from(graph.model().vocab)) as f64;
    let held = states + gathered + kept + inside(false) + logits;
    held <= USABLE * device.spec.memory.capacity.as_f64()
}
