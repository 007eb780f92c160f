//! A teacher: what it adds to the training graph and what it leaves alone, its work, its place on the wafer, and its
//! part of a record.

use std::collections::BTreeMap;

use wafersim::graph::{OpKind, Phase, TensorRole, TrainGraph};
use wafersim::lower::job::{Features, Job, Kernel, jobs};
use wafersim::lower::local::LocalOp;
use wafersim::lower::memory::recomputed;
use wafersim::lower::plan::{Plan, candidates, plan};
use wafersim::record::{self, Lane, OpRow, RunRecord};
use wafersim::report::html;
use wafersim::sparsity::Masks;
use wafersim::spec::workload::{AttentionFlops, WorkloadSpec};
use wafersim::spec::{Override, load_workload};
use wafersim::units::Bytes;

use crate::speedups::record;
use crate::support::machine;

const SQUAREHEAD: &str = r#"training.distillation="squarehead""#;

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
    for name in ["llama2-tiny", "gpt3-tiny", "gptj-tiny"] {
        let (alone, taught) = graphs(name, &[]);
        let teacher: Vec<_> =
            taught.tensors().iter().filter(|tensor| tensor.role == TensorRole::TeacherParameter).collect();
        // All parameters of the trunk; the final norm and the head are the student's alone.
        assert!(teacher.len() + 4 >= alone.parameters().count() && !teacher.is_empty());
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
    assert_eq!(kinds(|kind| matches!(kind, OpKind::SquareHeadSums)), layers);
    assert_eq!(kinds(|kind| matches!(kind, OpKind::SquareHead(_))), layers);
    assert_eq!(kinds(|kind| matches!(kind, OpKind::SquareHeadGrad)), layers);
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
    let asked =
        |overrides: &[&str]| workload("llama2-tiny", overrides).map(|spec| spec.training.squarehead());
    assert_eq!(asked(&[]), Ok(None));
    assert_eq!(asked(&[r#"training.distillation="none""#]), Ok(None));
    assert_eq!(asked(&[SQUAREHEAD]), Ok(Some(1.0)));
    assert_eq!(asked(&[SQUAREHEAD, "training.squarehead_weight=0.5"]), Ok(Some(0.5)));
    let alone = asked(&["training.squarehead_weight=0.5"]).unwrap_err();
    assert!(alone.contains("without a teacher nothing reads `training.squarehead_weight`"), "{alone}");
    assert!(asked(&[r#"training.distillation="kl""#]).is_err());
}

/// Jobs of a workload on the CS-3, by name: few sequences at a time, so that there is room for a teacher too.
fn placed(overrides: &[&str]) -> (Plan, BTreeMap<String, Job>) {
    let few = [overrides, &["training.micro_batch_sequences=4"]].concat();
    let spec = workload("llama2-7b", &few).unwrap();
    let (masks, plan) = (Masks::new(&spec).unwrap(), plan(&spec, &machine()).unwrap());
    let jobs = jobs(&plan.graph, &plan.mapping, &masks, &spec, &machine());
    let jobs = jobs.into_iter().map(|job| (job.name.clone(), job)).collect();
    (plan, jobs)
}

#[test]
fn a_teacher_runs_the_kernels_of_the_dense_step_and_streams_all_its_weights() {
    let (_, taught) = placed(&[SQUAREHEAD, "sparsity.level=0.7"]);
    let (_, dense) = placed(&[]);
    let mut bytes = 0;
    for job in taught.values().filter(|job| job.phase == Phase::Teacher) {
        let twin = &dense[job.name.strip_prefix("teacher.").unwrap()];
        assert_eq!(
            (&job.kernel, job.copies, &job.group),
            (&twin.kernel, twin.copies, &twin.group),
            "{}",
            job.name
        );
        assert_eq!((job.macs_dense, job.macs_effective), (twin.macs_dense, twin.macs_dense), "{}", job.name);
        assert_eq!((job.bytes_in, job.bytes_out.0), (twin.bytes_in, 0), "{}", job.name);
        bytes += job.bytes_in.0;
    }
    // 6.48 G weights of the blocks in bf16.
    assert!((bytes as f64 / (2.0 * 6.476e9) - 1.0).abs() < 0.02, "{bytes}");
    let kernel = |name: &str| &taught[name].kernel;
    let rowwise = |op| Kernel::Rowwise { op, features: Features::Hidden };
    assert_eq!(*kernel("layers.3.squarehead.sums"), rowwise(LocalOp::SquareHeadSums));
    assert_eq!(*kernel("layers.3.squarehead"), Kernel::Columnwise(LocalOp::SquareHead));
    assert_eq!(*kernel("layers.3.squarehead.sums.dx"), rowwise(LocalOp::SquareHeadGrad));
    assert_eq!(*kernel("loss.total"), Kernel::OffWafer);
}

#[test]
fn a_teachers_hidden_states_lie_in_sram_and_no_block_runs_again_for_them() {
    let both = |more: &str| (placed(&[more]).0, placed(&[more, SQUAREHEAD]).0);
    for recompute in [r#"training.recompute="block""#, r#"training.recompute="auto""#] {
        let (alone, taught) = both(recompute);
        let row = |plan: &Plan, what: &str| {
            plan.memory.rows.iter().find(|row| row.0 == what).map_or(0, |row| row.1.0)
        };
        assert_eq!(taught.mapping, alone.mapping, "else the rows below are of other sizes");
        let states = row(&taught, "hidden states of the teacher");
        // As much as the inputs of the student's blocks: a value in bf16 for each feature, token and block.
        let mapping = &taught.mapping;
        assert_eq!(states, 2 * u64::from(mapping.hidden.widest() * mapping.tokens) * 32);
        assert_eq!(taught.memory.used().0, alone.memory.used().0 + states);
        let again =
            |plan: &Plan, layer| recomputed(&plan.graph, layer).iter().map(|op| op.name.clone()).collect();
        for layer in [0, 31] {
            let (one, other): (Vec<_>, Vec<_>) = (again(&alone, layer), again(&taught, layer));
            assert_eq!(one, other);
        }
    }
}

#[test]
fn a_teacher_without_room_is_refused_with_what_would_make_room() {
    let four = "training.micro_batch_sequences=4";
    let [alone, taught] = [&[four][..], &[four, SQUAREHEAD]].map(|set| workload("llama2-7b", set).unwrap());
    let mut small = machine();
    let found = candidates(&taught, &small, &Masks::new(&taught).unwrap()).unwrap();
    let least = found.fit.iter().map(|candidate| candidate.memory.used().0).min().unwrap();
    small.pe.sram = Bytes(least - 1024);
    plan(&alone, &small).unwrap();
    let Err(error) = plan(&taught, &small) else { panic!("it fits") };
    let error = error.to_string();
    for part in ["hidden states of the teacher", "training.distillation = \"none\"", "over"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_record_tells_the_teachers_work_and_cycles_apart() {
    let [alone, taught] = ["none", "squarehead"]
        .map(|from| record("0.7", &[&format!("training.distillation=\"{from}\"")], &[]));
    for record in [&alone, &taught] {
        assert_eq!(record.validate_sums(), Vec::<String>::new());
        assert!(record.summary.verified, "{}", record.verification.verdict);
    }
    for (mine, theirs) in [
        (&taught.flops.full_attention, &alone.flops.full_attention),
        (&taught.flops.causal_attention, &alone.flops.causal_attention),
    ] {
        let teacher = mine.teacher;
        assert!(teacher.dense == teacher.effective && teacher.dense.0 > 0);
        assert_eq!(mine.total().dense, theirs.total().dense + teacher.dense);
        assert_eq!((mine.phases().count(), theirs.phases().count()), (5, 4));
    }
    assert_eq!(
        (alone.name.as_str(), taught.name.as_str()),
        ("llama2-tiny-cs3-70", "llama2-tiny-cs3-70-squarehead")
    );
    let [with, without] = [&taught, &alone].map(|record| html(record).unwrap());
    for part in [">teacher</td>", "of them in the teacher's ops", "beside a teacher"] {
        assert!(with.contains(part) && !without.contains(part), "{part}");
    }
    // Every cycle of its ops is in the breakdown, and none of anybody else.
    let cycles = |record: &RunRecord, of: fn(&OpRow) -> bool| -> u64 {
        record.ops.iter().filter(|op| of(op)).map(|op| op.cycles.0).sum()
    };
    let teacher = cycles(&taught, |op| op.phase == record::Phase::Teacher);
    let in_breakdown: u64 = taught.breakdown.iter().map(|row| row.teacher_pe_cycles).sum();
    assert_eq!(in_breakdown, teacher * taught.summary.pe_count);
    assert!(teacher > 0 && alone.breakdown.iter().all(|row| row.teacher_pe_cycles == 0));
    // Beside the teacher's own ops there are the distances, their gradients and the sums with these; nothing runs again
    // that did not before.
    let added = cycles(&taught, |op| op.group == "squarehead" || op.name.contains("mlp.residual.grad"));
    let before = cycles(&alone, |op| op.name.contains("mlp.residual.grad"));
    assert_eq!(cycles(&taught, |_| true), cycles(&alone, |_| true) + teacher + added - before);
    let links = |record: &RunRecord| -> u64 {
        record.timeline.iter().filter(|span| span.lane == Lane::WeightsIn && span.group == "teacher").count()
            as u64
    };
    assert!(links(&taught) > 0 && links(&alone) == 0);
}
