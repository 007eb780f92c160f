//! Pruned weights take no part in a step, and stay zero.

use wafersim::exec::reference::random_inputs;
use wafersim::graph::{Tensor, TensorRole, TrainGraph};
use wafersim::sparsity::Mask;
use wafersim::spec::workload::Family;

use super::{assert_close, graph, loss, masks, moved, reference};

/// Masked parameters with the indices of their pruned weights.
fn pruned(graph: &TrainGraph, level: f64) -> Vec<(&Tensor, Vec<usize>)> {
    let masks = masks(graph.model().clone(), level);
    let zeros = |tensor: &Tensor| -> Vec<usize> {
        let mask = masks.mask(tensor.layer.unwrap(), tensor.target.unwrap());
        let kept = |index: usize| mask.get(index as u32 / mask.cols(), index as u32 % mask.cols());
        (0..mask.size() as usize).filter(|&index| !kept(index)).collect()
    };
    let sparse = graph.parameters().filter(|tensor| tensor.target.is_some());
    sparse.map(|tensor| (tensor, zeros(tensor))).collect()
}

#[test]
fn pruned_weights_take_no_part() {
    for family in [Family::Llama, Family::Gpt3, Family::Gptj] {
        let graph = graph(family);
        let reference = reference(&graph, 0.5);
        let mut inputs = random_inputs(&graph, 2);
        for tensor in graph.tensors().iter().filter(|tensor| tensor.role == TensorRole::Moment) {
            inputs.set(tensor.id, vec![0.25; tensor.elements() as usize]);
        }
        let mut other = inputs.clone();
        let mut count = 0;
        for (tensor, zeros) in pruned(&graph, 0.5) {
            assert_eq!(zeros.len() as u64, tensor.elements() / 2, "{}", tensor.name);
            for &index in &zeros {
                other.get_mut(tensor.id).unwrap()[index] += 100.0;
            }
            count += zeros.len();
        }
        assert!(count > 1000);
        let step = reference.evaluate(inputs.clone()).unwrap();
        assert_eq!(step, reference.evaluate(other.clone()).unwrap(), "no value of the step changes");
        for op in graph.ops() {
            let results = reference.evaluate_op(op.id, &inputs);
            assert_eq!(results, reference.evaluate_op(op.id, &other), "{}", op.name);
        }
        for (tensor, zeros) in pruned(&graph, 0.5) {
            let belongs = |other: &&Tensor| other.id == tensor.id || other.parameter == Some(tensor.id);
            let of_tensor: Vec<&Tensor> = graph.tensors().iter().filter(belongs).collect();
            // The weight, its gradient, two moments, and the three that AdamW makes.
            assert_eq!(of_tensor.len(), 7);
            for made in of_tensor.iter().filter(|tensor| tensor.role != TensorRole::Moment) {
                let values = step.get(made.id).unwrap();
                assert!(zeros.iter().all(|&index| values[index] == 0.0), "{}", made.name);
                let others = values.iter().filter(|value| **value != 0.0).count();
                assert_eq!(others, values.len() - zeros.len(), "{} is zero only where pruned", made.name);
            }
        }
    }
}

#[test]
fn a_kept_weight_matters() {
    let graph = graph(Family::Llama);
    let reference = reference(&graph, 0.5);
    let inputs = random_inputs(&graph, 2);
    let (tensor, zeros) = pruned(&graph, 0.5).swap_remove(0);
    let kept = (0..).find(|index| !zeros.contains(index)).unwrap();
    let before = loss(&reference, &graph, &inputs);
    assert_ne!(before, moved(&reference, &graph, &inputs, (tensor.id, kept), 1.0));
    assert_eq!(before, moved(&reference, &graph, &inputs, (tensor.id, zeros[0]), 1.0));
}

#[test]
fn a_mask_can_be_given() {
    let graph = graph(Family::Llama);
    let head = graph.tensor_named("lm_head.weight").unwrap().id;
    let none = Mask::from_bits(19, 16, [false; 19 * 16]).unwrap();
    let reference = reference(&graph, 0.0).with_mask(head, none).unwrap();
    let step = reference.evaluate(random_inputs(&graph, 1)).unwrap();
    assert!(step.get(head).unwrap().iter().all(|weight| *weight == 0.0));
    assert_close(step.get(graph.ends().loss).unwrap(), &[19_f64.ln()], "all tokens are as likely");
}
