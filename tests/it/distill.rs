//! A teacher in the training graph: what it adds, what it leaves alone, its work, and who refuses it.

use wafersim::graph::{OpKind, Phase, TensorRole, TrainGraph};
use wafersim::lower::plan::{PlanError, plan};
use wafersim::spec::workload::{AttentionFlops, WorkloadSpec};
use wafersim::spec::{Override, load_workload};

use crate::support::machine;

fn workload(name: &str, overrides: &[&str]) -> Result<WorkloadSpec, String> {
    let overrides: Vec<Override> = overrides.iter().map(|text| Override((*text).to_owned())).collect();
    load_workload(name, &overrides).map(|resolved| resolved.spec).map_err(|faults| faults.to_string())
}

fn graphs(name: &str, overrides: &[&str]) -> (TrainGraph, TrainGraph) {
    let model = workload(name, overrides).unwrap().model;
    let alone = TrainGraph::build(&model, 1, 4096).unwrap();
    (alone, TrainGraph::with_teacher(&model, 1, 4096, 1.0).unwrap())
}

#[test]
fn a_teacher_is_read_and_never_changed() {
    let gpt3 = [r#"model.family="gpt3""#, r#"sparsity.targets=["q"]"#];
    for overrides in [&[][..], &gpt3] {
        let (alone, taught) = graphs("llama2-tiny", overrides);
        let teacher: Vec<_> =
            taught.tensors().iter().filter(|tensor| tensor.role == TensorRole::TeacherParameter).collect();
        // All parameters of the trunk; the final norm and the head are the student's alone.
        assert!(teacher.len() + 3 >= alone.parameters().count() && !teacher.is_empty());
        for tensor in teacher {
            let twin = alone.tensor_named(tensor.name.strip_prefix("teacher.").unwrap()).unwrap();
            assert_eq!(
                (&twin.shape, twin.layer, twin.role),
                (&tensor.shape, tensor.layer, TensorRole::Parameter)
            );
            assert_eq!((tensor.target, taught.gradient(tensor.id)), (None, None), "{}", tensor.name);
            let readers = taught.consumers(tensor.id).iter().map(|&op| taught.op(op));
            assert!(readers.clone().count() == 1 && readers.into_iter().all(|op| op.phase == Phase::Teacher));
        }
        assert_eq!(alone.parameters().count(), taught.parameters().count());
        // Nothing of the teacher is computed in vain.
        for op in taught.ops().filter(|op| op.phase == Phase::Teacher) {
            assert!(op.name.starts_with("teacher."), "{}", op.name);
            assert!(op.outputs.iter().all(|&id| !taught.consumers(id).is_empty()), "{}", op.name);
        }
    }
}

#[test]
fn the_students_ops_are_the_same_but_for_distances_and_their_gradients() {
    let (alone, taught) = graphs("llama2-tiny", &[]);
    for op in alone.ops() {
        let twin = taught.op_named(&op.name).unwrap();
        assert_eq!((&twin.kind, twin.phase, twin.layer), (&op.kind, op.phase, op.layer));
    }
    let kinds = |of: fn(&OpKind) -> bool| taught.ops().filter(|op| of(&op.kind)).count();
    let layers = taught.model().layers as usize;
    assert_eq!(kinds(|kind| matches!(kind, OpKind::SquareHead(_))), layers);
    assert_eq!(kinds(|kind| matches!(kind, OpKind::SquareHeadGrad(_))), layers);
    assert_eq!(kinds(|kind| matches!(kind, OpKind::TotalLoss(_))), 1);
    let state = taught.tensor_named("layers.0.mlp.residual").unwrap();
    assert_eq!(taught.tensor(taught.gradient(state.id).unwrap()).name, "layers.0.mlp.residual.grad.2");
}

#[test]
fn a_teacher_costs_a_third_of_a_dense_step_and_four_fifths_of_one_at_70_percent() {
    let (alone, taught) = graphs("llama2-7b", &[]);
    let work = |graph: &TrainGraph, density: f64| {
        graph.step_work(AttentionFlops::Full, |id| {
            let tensor = graph.tensor(id);
            let density = if tensor.target.is_some() { density } else { 1.0 };
            (tensor.elements() as f64 * density).round() as u64
        })
    };
    for (density, more) in [(1.0, 1.33), (0.3, 1.81)] {
        let step = work(&taught, density);
        assert_eq!(step.student().dense(), work(&alone, density).total().dense());
        assert_eq!(step.teacher.dense_macs, step.teacher.effective_macs);
        // The published ratio has the teacher's head, which nothing reads: 1.7 % of a forward pass.
        let found = step.total().effective().as_f64() / step.student().effective().as_f64();
        assert!((found / more - 1.0).abs() < 0.01, "{found} {more}");
    }
    assert_eq!(work(&alone, 0.3).teacher.dense().0, 0);
}

#[test]
fn a_workload_asks_for_a_teacher_and_for_a_weight() {
    let squarehead = r#"training.distillation="squarehead""#;
    let asked =
        |overrides: &[&str]| workload("llama2-tiny", overrides).map(|spec| spec.training.squarehead());
    assert_eq!(asked(&[]), Ok(None));
    assert_eq!(asked(&[r#"training.distillation="none""#]), Ok(None));
    assert_eq!(asked(&[squarehead]), Ok(Some(1.0)));
    assert_eq!(asked(&[squarehead, "training.squarehead_weight=0.5"]), Ok(Some(0.5)));
    let alone = asked(&["training.squarehead_weight=0.5"]).unwrap_err();
    assert!(alone.contains("without a teacher nothing reads `training.squarehead_weight`"), "{alone}");
    assert!(asked(&[r#"training.distillation="kl""#]).is_err());
}

#[test]
fn a_wafer_refuses_a_teacher() {
    let spec = workload("llama2-tiny", &[r#"training.distillation="squarehead""#]).unwrap();
    let error = plan(&spec, &machine()).unwrap_err();
    assert!(matches!(error, PlanError::Teacher));
    assert!(error.to_string().contains("training.distillation"), "{error}");
}
