//! The training graph: its structure, its parameters and its work, against counts made by hand.

use std::collections::BTreeSet;

use wafersim::graph::flops::StepWork;
use wafersim::graph::{GraphError, MatmulShape, OpKind, Phase, Target, TensorRole, TrainGraph};
use wafersim::lower::job::{Kernel, jobs};
use wafersim::lower::plan::plan;
use wafersim::sparsity::Masks;
use wafersim::spec::workload::{AttentionFlops, Family, ModelSpec};
use wafersim::spec::{Override, load_workload};

use crate::support::machine;

fn llama(layers: u32, hidden: u32, ffn: u32, heads: u32, kv_heads: u32) -> ModelSpec {
    let family = Family::Llama;
    ModelSpec {
        family,
        layers,
        hidden,
        ffn,
        heads,
        kv_heads,
        vocab: 32000,
        norm_eps: 1e-5,
        rope_theta: 1e4,
        rotary_dim: None,
    }
}

fn llama_7b() -> ModelSpec {
    llama(32, 4096, 11008, 32, 32)
}

fn llama_13b() -> ModelSpec {
    llama(40, 5120, 13824, 40, 40)
}

fn llama_70b() -> ModelSpec {
    llama(80, 8192, 28672, 64, 8)
}

/// GPT-3 XL, the 1.3 B model of the published FLOP reductions.
fn gpt3_xl() -> ModelSpec {
    ModelSpec { family: Family::Gpt3, vocab: 50257, ..llama(24, 2048, 4 * 2048, 16, 16) }
}

/// The least of those whose training speed is published: an odd number of heads.
fn gpt3_256m() -> ModelSpec {
    ModelSpec { family: Family::Gpt3, ..llama(14, 1088, 4 * 1088, 17, 17) }
}

/// GPT-J 6B.
fn gptj_6b() -> ModelSpec {
    let shape = llama(28, 4096, 4 * 4096, 16, 16);
    ModelSpec { family: Family::Gptj, vocab: 50400, rotary_dim: Some(64), ..shape }
}

fn small() -> TrainGraph {
    TrainGraph::build(&llama(2, 64, 160, 4, 2), 2, 16).unwrap()
}

/// Work of a step in which each sparsifiable weight keeps `density` of its elements.
fn work(graph: &TrainGraph, attention: AttentionFlops, density: f64) -> StepWork {
    graph.step_work(attention, |id| {
        let tensor = graph.tensor(id);
        let density = if tensor.target.is_some() { density } else { 1.0 };
        (tensor.elements() as f64 * density).round() as u64
    })
}

fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found / expected - 1.0).abs() <= tolerance,
        "found {found}, expected {expected} within {tolerance}"
    );
}

/// Products of a step: plain or batched, by phase.
fn products(graph: &TrainGraph, batched: bool, phase: Phase) -> usize {
    let ops = graph.ops().filter(|op| op.phase == phase);
    ops.filter_map(|op| op.kind.matmul()).filter(|shape| (shape.batch > 1) == batched).count()
}

#[test]
fn two_layers_have_the_45_plain_and_12_batched_products_of_pytorchs_joint_graph() {
    let phases = [Phase::Forward, Phase::BackwardData, Phase::BackwardWeight];
    // Every query head with its own key head, two that share one, and all of them.
    for kv_heads in [4, 2, 1] {
        let graph = TrainGraph::build(&llama(2, 64, 160, 4, kv_heads), 2, 16).unwrap();
        let all: Vec<MatmulShape> = graph.ops().filter_map(|op| op.kind.matmul()).collect();
        assert_eq!(all.len(), 45 + 12, "{kv_heads} key heads");
        // Seven linears a layer and the head, each with dX and dW.
        let plain = phases.map(|phase| products(&graph, false, phase));
        assert_eq!(plain, [15; 3], "{kv_heads} key heads");
        // Scores and context of each layer, each with the gradients of both operands.
        let batched = phases.map(|phase| products(&graph, true, phase));
        assert_eq!(batched, [4, 8, 0], "{kv_heads} key heads");
        // No weight has fewer or more than its three.
        for weight in graph.parameters().filter(|tensor| tensor.shape.len() == 2) {
            let read = graph.consumers(weight.id).iter().filter(|&&op| graph.op(op).kind.matmul().is_some());
            let gradient = graph.producer(graph.gradient(weight.id).unwrap()).unwrap();
            let made = usize::from(graph.op(gradient).kind.matmul().is_some());
            let expected = if weight.name.contains("embed_tokens") { 0 } else { 3 };
            assert_eq!(read.count() + made, expected, "{}", weight.name);
        }
    }
}

#[test]
fn masks_take_no_product_away() {
    let products = |level: &str| {
        let overrides = [Override(format!("sparsity.level={level}"))];
        let workload = load_workload("llama2-tiny", &overrides).unwrap().spec;
        let mut machine = machine();
        (machine.fabric.width_pes, machine.fabric.height_pes) = (16, 8);
        let plan = plan(&workload, &machine).unwrap();
        let masks = Masks::new(&workload).unwrap();
        let jobs = jobs(&plan.graph, &plan.mapping, &masks, &workload, &machine);
        let count = |is: fn(&Kernel) -> bool| jobs.iter().filter(|job| is(&job.kernel)).count();
        [count(|k| matches!(k, Kernel::Weights(_))), count(|k| matches!(k, Kernel::Attention(_)))]
    };
    assert_eq!([products("0.0"), products("0.9")], [[45, 12]; 2]);
}

#[test]
fn every_operand_is_made_before_it_is_read_and_names_are_unique() {
    for model in [llama(2, 64, 160, 4, 2), ModelSpec { vocab: 96, ..gpt3_xl() }, gptj_6b()] {
        let graph = TrainGraph::build(&model, 2, 16).unwrap();
        assert!(!petgraph::algo::is_cyclic_directed(graph.dag()));
        for (index, op) in graph.ops().enumerate() {
            assert_eq!(op.id.index(), index);
            assert_eq!(graph.op(op.id).name, op.name);
            for &input in &op.inputs {
                assert!(graph.producer(input).is_none_or(|producer| producer < op.id), "{}", op.name);
                assert!(graph.consumers(input).contains(&op.id));
            }
            for &output in &op.outputs {
                assert_eq!(graph.producer(output), Some(op.id));
            }
        }
        let ops: BTreeSet<_> = graph.ops().map(|op| &op.name).collect();
        let tensors: BTreeSet<_> = graph.tensors().iter().map(|tensor| &tensor.name).collect();
        assert_eq!((ops.len(), tensors.len()), (graph.ops().len(), graph.tensors().len()));
    }
}

#[test]
fn no_result_is_left_unread_but_the_updates_and_the_loss() {
    let graph = small();
    for tensor in graph.tensors() {
        let ends = [TensorRole::UpdatedParameter, TensorRole::UpdatedMoment, TensorRole::Loss];
        assert_eq!(graph.consumers(tensor.id).is_empty(), ends.contains(&tensor.role), "{}", tensor.name);
    }
}

#[test]
fn each_parameter_has_a_gradient_of_its_shape_and_one_update() {
    let graph = small();
    for parameter in graph.parameters() {
        let gradient = graph.tensor(graph.gradient(parameter.id).unwrap());
        assert_eq!(gradient.shape, parameter.shape);
        assert_eq!((gradient.role, gradient.target), (TensorRole::ParameterGradient, parameter.target));
        assert_eq!((gradient.parameter, gradient.layer), (Some(parameter.id), parameter.layer));
        let updates = graph.consumers(parameter.id).iter().filter(|op| graph.op(**op).kind == OpKind::AdamW);
        assert_eq!(updates.count(), 1);
    }
    assert_eq!(graph.gradient(graph.ends().token_ids), None);
}

#[test]
fn parameters_are_hugging_faces() {
    let graph = small();
    let names: Vec<&str> = graph.parameters().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names.len(), 1 + 2 * 9 + 2);
    assert_eq!(
        names[..3],
        [
            "model.embed_tokens.weight",
            "model.layers.0.input_layernorm.weight",
            "model.layers.0.self_attn.q_proj.weight",
        ]
    );
    let k = graph.tensor_named("model.layers.1.self_attn.k_proj.weight").unwrap();
    assert_eq!((&k.shape[..], k.target, k.layer), (&[32, 64][..], Some(Target::K), Some(1)));
}

#[test]
fn shared_tensors_add_their_gradients() {
    let graph = small();
    // The normed input feeds q, k and v: two additions; the block's input feeds a norm and a residual: one.
    let normed = graph.tensor_named("layers.1.attn.norm").unwrap().id;
    assert_eq!(graph.tensor(graph.gradient(normed).unwrap()).name, "layers.1.attn.norm.grad.2");
    let input = graph.tensor_named("layers.0.mlp.residual").unwrap().id;
    assert_eq!(graph.tensor(graph.gradient(input).unwrap()).name, "layers.0.mlp.residual.grad.1");
    // GPT-3 uses its embedding twice: the table's gradient is a sum.
    let graph = TrainGraph::build(&ModelSpec { layers: 1, ..gpt3_xl() }, 1, 8).unwrap();
    let table = graph.tensor_named("model.decoder.embed_tokens.weight").unwrap();
    let gradient = graph.tensor(graph.gradient(table.id).unwrap());
    assert_eq!(graph.op(graph.producer(gradient.id).unwrap()).kind, OpKind::Add);
    assert_eq!(gradient.parameter, Some(table.id));
}

#[test]
fn llama_2_has_its_published_parameters() {
    let graph = TrainGraph::build(&llama_7b(), 1, 4096).unwrap();
    let sum = |keep: fn(Option<Target>) -> bool| -> u64 {
        graph.parameters().filter(|tensor| keep(tensor.target)).map(|tensor| tensor.elements()).sum()
    };
    assert_eq!(sum(|target| target.is_some()), 6_476_005_376);
    assert_eq!(sum(|_| true), 6_738_415_616);
}

#[test]
fn gptj_6b_has_its_published_parameters_under_their_names() {
    let graph = TrainGraph::build(&gptj_6b(), 1, 2048).unwrap();
    assert_eq!(graph.parameters().map(|tensor| tensor.elements()).sum::<u64>(), 6_050_882_784);
    let of_block = graph.parameters().filter(|tensor| tensor.layer == Some(27));
    let names: Vec<&str> =
        of_block.map(|tensor| tensor.name.strip_prefix("transformer.h.27.").unwrap()).collect();
    assert_eq!(
        names,
        [
            "ln_1.weight",
            "ln_1.bias",
            "attn.q_proj.weight",
            "attn.k_proj.weight",
            "attn.v_proj.weight",
            "attn.out_proj.weight",
            "mlp.fc_in.weight",
            "mlp.fc_in.bias",
            "mlp.fc_out.weight",
            "mlp.fc_out.bias",
        ]
    );
    for name in ["transformer.wte.weight", "transformer.ln_f.bias", "lm_head.weight", "lm_head.bias"] {
        assert!(graph.tensor_named(name).is_some_and(|tensor| tensor.layer.is_none()), "{name}");
    }
    // Attention and feed-forward read the same norm, and the residual takes both.
    let reads = |name: &str| graph.tensor(graph.op_named(name).unwrap().inputs[0]).name.clone();
    assert_eq!(reads("layers.3.attn.q"), reads("layers.3.mlp.fc1"));
    assert_eq!(reads("layers.3.attn.residual"), "layers.2.mlp.residual");
    assert_eq!(reads("layers.3.mlp.residual"), "layers.3.attn.residual");
}

#[test]
fn training_flops_of_gpts_per_token_are_the_closed_form() {
    // 6 FLOPs for each weight of a linear, the head's too, and 12 L S h for attention in full.
    for model in [gpt3_xl(), gptj_6b(), ModelSpec { vocab: 50257, ..gpt3_256m() }] {
        let graph = TrainGraph::build(&model, 2, 2048).unwrap();
        let [layers, h, f, vocab] = [model.layers, model.hidden, model.ffn, model.vocab].map(u64::from);
        let per_token = 6 * (layers * (4 * h * h + 2 * h * f) + vocab * h) + 12 * layers * 2048 * h;
        assert_eq!(work(&graph, AttentionFlops::Full, 1.0).total().dense().0, graph.tokens() * per_token);
    }
}

#[test]
fn training_flops_per_token_are_the_published_ones() {
    // GFLOP per token at sequence 4096, attention in full and causal.
    let known = [(llama_7b(), 46.09, 42.86), (llama_13b(), 87.18, 82.14), (llama_70b(), 444.49, 428.39)];
    for (model, full, causal) in known {
        let graph = TrainGraph::build(&model, 1, 4096).unwrap();
        for (attention, expected) in [(AttentionFlops::Full, full), (AttentionFlops::Causal, causal)] {
            let total = work(&graph, attention, 1.0).total();
            let found = total.dense().as_f64() / graph.tokens() as f64 / 1e9;
            assert!((found - expected).abs() < 0.0051, "{found} {expected}");
            assert_eq!(total.dense_macs, total.effective_macs);
        }
    }
}

#[test]
fn matmul_work_is_the_closed_form_and_splits_in_thirds() {
    let (model, sequences, length) = (llama(3, 96, 224, 6, 2), 3, 20);
    let graph = TrainGraph::build(&model, sequences, length).unwrap();
    let (h, f, kv, vocab, s) = (96, 224, 32, 32000, 20);
    let linears = 3 * (2 * h * h + 2 * h * kv + 3 * h * f) + h * vocab;
    for (attention, pairs) in [(AttentionFlops::Full, s * s), (AttentionFlops::Causal, s * (s + 1) / 2)] {
        let products = 3 * (2 * pairs * h);
        let step = work(&graph, attention, 1.0);
        assert_eq!(step.forward.dense_macs.0, 3 * s * linears + 3 * products);
        assert_eq!(step.backward_data.dense_macs.0, 3 * s * linears + 3 * 2 * products);
        assert_eq!(step.backward_weight.dense_macs.0, 3 * s * linears);
        assert_eq!(step.optimizer.dense_macs.0, 0);
    }
}

#[test]
fn theoretical_speedups_are_the_published_ones() {
    // Full and causal, at 50, 70 and 90 % sparse linears of the decoder.
    let known = [
        (llama_7b(), [(0.5, 1.73, 1.83), (0.7, 2.44, 2.74), (0.9, 4.15, 5.43)]),
        (llama_13b(), [(0.5, 1.78, 1.86), (0.7, 2.57, 2.85), (0.9, 4.67, 6.03)]),
        (llama_70b(), [(0.5, 1.86, 1.92), (0.7, 2.83, 3.04), (0.9, 5.94, 7.29)]),
    ];
    for (model, levels) in known {
        let graph = TrainGraph::build(&model, 1, 4096).unwrap();
        for (level, full, causal) in levels {
            for (attention, expected) in [(AttentionFlops::Full, full), (AttentionFlops::Causal, causal)] {
                let step = work(&graph, attention, 1.0 - level);
                let found = step.total().theoretical_speedup();
                assert!((found - expected).abs() < 0.0051, "{level} {attention:?}: {found} {expected}");
                // Forward, dX and dW all skip.
                assert_close(step.forward.theoretical_speedup(), found, 1e-3);
            }
        }
    }
}

#[test]
fn gpt3_xl_reaches_the_published_flop_reductions() {
    // SPDF (75 %): 2.5x; the vendor's iterative pruning (83.8 %): 3.0x. Sequence 2048, attention in full.
    let graph = TrainGraph::build(&gpt3_xl(), 1, 2048).unwrap();
    for (level, published) in [(0.75, 2.5), (0.838, 3.0)] {
        let found = work(&graph, AttentionFlops::Full, 1.0 - level).total().theoretical_speedup();
        assert_close(found, published, 0.015);
    }
}

#[test]
fn other_work_is_apart_and_small() {
    let graph = TrainGraph::build(&llama_7b(), 1, 4096).unwrap();
    let step = work(&graph, AttentionFlops::Full, 0.3);
    assert_eq!(step.optimizer.other.0, 14 * 6_738_415_616);
    let total = step.total();
    assert!(total.other.as_f64() > 0.0 && total.other.as_f64() < 0.02 * total.dense().as_f64());
}

#[test]
fn what_cannot_be_shaped_is_refused() {
    let base = llama(2, 64, 160, 4, 2);
    let text = |model: ModelSpec, sequences, tokens| match TrainGraph::build(&model, sequences, tokens) {
        Ok(_) => "built".to_owned(),
        Err(error) => error.to_string(),
    };
    for rotary in [9, 18] {
        let model = ModelSpec { family: Family::Gptj, rotary_dim: Some(rotary), ..base.clone() };
        assert_eq!(
            text(model, 1, 8),
            format!(
                "{rotary} features of a head of 16 cannot be rotated: rotary_dim must be even and at most 16"
            )
        );
    }
    assert_eq!(text(base.clone(), 0, 8), "batch_sequences is 0, but must be at least 1");
    assert_eq!(
        text(base.clone(), 1, 1),
        "sequence_tokens is 1, but must be at least 2: the label of a token is the next token"
    );
    assert_eq!(
        text(ModelSpec { kv_heads: 3, ..base.clone() }, 1, 8),
        "heads (4) must be a multiple of kv_heads (3)"
    );
    assert_eq!(text(ModelSpec { heads: 0, ..base.clone() }, 1, 8), "heads is 0, but must be at least 1");
    let huge = ModelSpec { hidden: u32::MAX, ffn: u32::MAX, heads: 1, kv_heads: 1, ..base.clone() };
    assert_eq!(
        text(huge.clone(), 1, 8),
        "a head has 4294967295 features, but rotary positions need an even number: change hidden or heads"
    );
    let huge = ModelSpec { family: Family::Gpt3, layers: 4096, vocab: u32::MAX, ..huge };
    assert!(matches!(TrainGraph::build(&huge, u32::MAX, u32::MAX), Err(GraphError::TooLarge { .. })));
    assert_eq!(
        text(ModelSpec { layers: u32::MAX, ..base }, 1, 8),
        "layers is 4294967295, but must be at most 4096"
    );
}
