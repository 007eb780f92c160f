//! Gradients are the slopes of the loss.

use wafersim::exec::reference::{Reference, Tensors, random_inputs};
use wafersim::graph::TrainGraph;
use wafersim::ids::TensorId;
use wafersim::spec::workload::Family;

use super::{distilled, graph, loss, moved, reference, rounding};

/// The five-point difference quotient of the loss `f` over one element of a tensor:
/// `(8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h`.
fn quotient(
    reference: &Reference<'_>,
    graph: &TrainGraph,
    inputs: &Tensors,
    element: (TensorId, usize),
    h: f64,
) -> f64 {
    let at = |step: f64| moved(reference, graph, inputs, element, step);
    (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
}

/// Compares the gradient of every parameter with difference quotients: for the three largest elements and five
/// others that span the rest.
///
/// A quotient of step h is off by a multiple of h^4 and by rounding. Two quotients, of 2h and h, differ by 15 times
/// the first error of the latter; their whole difference is taken as its bound. Rounding gives 18 / 12h times the
/// error of the loss, that of a chain of sums: in each of two blocks five linears one after the other and
/// attention, at most 20 terms each, the head and the loss: fewer than 256 roundings.
fn compare(family: Family, level: f64) {
    compare_in(&graph(family), level);
}

fn compare_in(graph: &TrainGraph, level: f64) {
    let (family, reference) = (graph.model().family, reference(graph, level));
    let inputs = random_inputs(graph, 1);
    let step = reference.evaluate(inputs.clone()).unwrap();
    let h = 5e-4;
    let rounded = 1.5 / h * rounding(256) * loss(&reference, graph, &inputs);
    let (mut worst, mut loosest, mut compared) = (0.0_f64, 0.0_f64, 0);
    for parameter in graph.parameters() {
        let name = &parameter.name;
        let gradient = step.get(graph.gradient(parameter.id).unwrap()).unwrap();
        let mut order: Vec<usize> = (0..gradient.len()).collect();
        order.sort_by(|&a, &b| gradient[b].abs().total_cmp(&gradient[a].abs()));
        let others = (1..=5).map(|i| order[i * (order.len() - 1) / 5]);
        for index in order[..3].iter().copied().chain(others) {
            let element = (parameter.id, index);
            let [coarse, fine] = [2.0 * h, h].map(|h| quotient(&reference, graph, &inputs, element, h));
            let tolerance = (coarse - fine).abs() + rounded;
            let (found, error) = (gradient[index], (gradient[index] - fine).abs());
            assert!(
                error <= tolerance,
                "{name}[{index}]: {found}, quotient {fine}: {error:e} apart, tolerance {tolerance:e}"
            );
            // A key's bias adds the same to all scores of a query, which softmax does not see: its gradient is 0.
            let telling = index != order[0] || name.ends_with("k_proj.bias") || found.abs() > 1e4 * tolerance;
            assert!(telling, "{name}: a gradient of {found} says nothing within {tolerance:e}");
            (worst, loosest) = (worst.max(error), loosest.max(tolerance));
            compared += 1;
        }
    }
    println!("{family:?}, {level} zeros: {compared} elements, worst {worst:e}, tolerances to {loosest:e}");
}

#[test]
fn of_llama() {
    compare(Family::Llama, 0.0);
}

#[test]
fn of_gpt3() {
    compare(Family::Gpt3, 0.0);
}

#[test]
fn of_gptj() {
    compare(Family::Gptj, 0.0);
}

#[test]
fn of_sparse_models() {
    compare(Family::Llama, 0.5);
    compare(Family::Gpt3, 0.5);
    compare(Family::Gptj, 0.5);
}

#[test]
fn of_students() {
    for family in [Family::Llama, Family::Gpt3, Family::Gptj] {
        compare_in(&distilled(family, 0.75), 0.0);
    }
    compare_in(&distilled(Family::Llama, 3.0), 0.5);
}
