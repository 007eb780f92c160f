//! Campaigns: FLOPs in closed form, sums over phases, and each phase as the plain run has it.

use std::path::Path;

use wafersim::campaign::{CampaignError, CampaignRequest, Work, campaign};
use wafersim::cluster::{ClusterRequest, scale};
use wafersim::record::{Amounts, CampaignRecord, FlopPair, Scaling};
use wafersim::run::run;
use wafersim::simulate::Engines;
use wafersim::sparsity::Masks;
use wafersim::spec::recipe::{RecipePhase, RecipeSpec};
use wafersim::spec::{Override, load_recipe, recipe_presets};

use crate::support::tiny::{Counted, Quiet, request};

/// FLOP of a phase with causal attention, without a simulation.
fn causal(phase: &RecipePhase) -> FlopPair {
    let workload = &phase.workload.spec;
    let work = Work::of_sequence(workload, &Masks::open(workload).unwrap()).unwrap();
    let sequences = phase.phase.steps(&workload.training) * u64::from(workload.training.batch_sequences);
    work.causal_attention.times(sequences as f64)
}

fn shipped(name: &str) -> RecipeSpec {
    load_recipe(name, &[]).unwrap_or_else(|faults| panic!("{faults}"))
}

fn near(found: f64, wanted: f64) {
    assert!((found / wanted - 1.0).abs() < 0.01, "{found:e} is not {wanted:e}");
}

/// The bill of arXiv 2405.03594's sparse pretraining, worked out apart from this program: 45 billion tokens at 50 % and
/// 100 billion at 70 % against 145 billion dense ones.
#[test]
fn the_sparse_recipe_saves_what_arithmetic_says() {
    let sparse: Vec<FlopPair> = shipped("sparse-llama-7b").phases.iter().map(causal).collect();
    near(sparse[0].effective, 1.06e21);
    near(sparse[1].effective, 1.57e21);
    let dense = causal(&shipped("dense-llama-7b").phases[0]);
    near(dense.dense, 6.22e21);
    assert_eq!(dense.dense, dense.effective);
    near(sparse[0].dense + sparse[1].dense, dense.dense);
    near(dense.dense / (sparse[0].effective + sparse[1].effective), 2.37);
}

#[test]
fn lengths_become_whole_steps() {
    let steps = |name: &str| -> Vec<u64> {
        shipped(name).phases.iter().map(|p| p.phase.steps(&p.workload.spec.training)).collect()
    };
    // 1,024 sequences of 4,096 tokens a step; the vendor's recipe for two trillion says 476,837.
    assert_eq!(steps("sparse-llama-7b"), [10_729, 23_842]);
    assert_eq!(steps("dense-llama-7b"), [34_571, 476_838]);
    // 7,473 samples are 233 steps of 32 and a bit, four times.
    assert_eq!(steps("sparse-finetune-gsm8k"), [4 * 234]);
}

#[test]
fn every_recipe_that_ships_names_its_sources() {
    for name in recipe_presets() {
        let recipe = shipped(name);
        assert_eq!(recipe.name, name);
        assert!(recipe.phases.iter().all(|phase| phase.phase.source.is_some()), "{name}");
    }
}

/// A file of phases `(name, what follows it)` of the tiny model.
fn recipe(folder: &Path, phases: &[(&str, &str)]) -> RecipeSpec {
    let mut text = "schema = \"wafersim-recipe-1\"\n".to_owned();
    for (name, rest) in phases {
        text += &format!("[[phases]]\nname = \"{name}\"\ntokens_billion = 1e-6\n[phases.workload]\n");
        text += &format!("inherits = \"llama2-tiny\"\ntraining.batch_sequences = 8\n{rest}\n");
    }
    let path = folder.join("mine.toml");
    std::fs::write(&path, text).unwrap();
    load_recipe(path.to_str().unwrap(), &[]).unwrap_or_else(|faults| panic!("{faults}"))
}

fn ask(recipe: RecipeSpec, systems: u32) -> CampaignRequest {
    let machine = request(&[]).machine;
    CampaignRequest { recipe, machine, systems, engines: Engines::default(), command: String::new() }
}

fn sound(record: &CampaignRecord) {
    assert!(record.validate_sums().is_empty(), "{:?}", record.validate_sums());
    assert!(record.verified());
    assert_eq!(CampaignRecord::from_json(&record.to_json()).unwrap(), *record);
}

#[test]
fn phases_are_plain_runs_and_sum_to_the_campaign() {
    let folder = tempfile::tempdir().unwrap();
    let phases = [("half", "sparsity.level = 0.5"), ("most", "sparsity.level = 0.75"), ("none", "")];
    let record = campaign(&ask(recipe(folder.path(), &phases), 1), &Quiet).unwrap();
    sound(&record);
    for (phase, level) in record.phases.iter().zip(["0.5", "0.75", "0.0"]) {
        let plain =
            run(&request(&["training.batch_sequences=8", &format!("sparsity.level={level}")]), &Quiet);
        let plain = plain.unwrap().summary;
        let all = &phase.amounts;
        assert_eq!(phase.step_seconds, plain.step_seconds, "{level}");
        assert_eq!(all.flop.dense, plain.flops_dense.as_f64() * all.steps as f64);
        assert_eq!(all.flop.effective, plain.flops_effective.as_f64() * all.steps as f64);
        assert_eq!(all.theoretical_speedup, plain.theoretical_speedup);
        // A ratio of days rounds otherwise than one of cycles.
        for (mine, theirs) in
            [(all.achieved_speedup, plain.achieved_speedup), (all.bound_speedup, plain.bound_speedup)]
        {
            assert!((mine / theirs - 1.0).abs() < 1e-12, "{level}: {mine} {theirs}");
        }
        // A thousand tokens are eight steps of 8 x 16, and a thousand watts for an hour are a kilowatt-hour.
        assert_eq!((all.steps, all.tokens), (8, 1024.0));
        let megawatts = record.machine.power.system_kw / 1e3;
        assert!((all.energy_mwh / (all.days * 24.0 * megawatts) - 1.0).abs() < 1e-12);
    }
    let sum = |of: fn(&Amounts) -> f64| record.phases.iter().map(|phase| of(&phase.amounts)).sum::<f64>();
    assert_eq!(record.total.days, sum(|all| all.days));
    assert_eq!(record.total.tokens, 3072.0);
    assert_eq!(record.total.achieved_speedup, sum(|all| all.dense_days) / sum(|all| all.days));
    let dense = &record.phases[2].amounts;
    assert_eq!((dense.days, dense.achieved_speedup, dense.theoretical_speedup), (dense.dense_days, 1.0, 1.0));
}

#[test]
fn equal_phases_are_simulated_once_and_dense_kernels_too() {
    let folder = tempfile::tempdir().unwrap();
    let (half, most) = (("half", "sparsity.level = 0.5"), ("most", "sparsity.level = 0.75"));
    let alone = Counted::default();
    campaign(&ask(recipe(folder.path(), &[most]), 1), &alone).unwrap();
    let both = Counted::default();
    let record = campaign(&ask(recipe(folder.path(), &[half, most, half]), 1), &both).unwrap();
    assert_eq!(record.phases[0].amounts, record.phases[2].amounts);
    assert!(!both.stages().iter().any(|stage| stage.starts_with("phase 3")), "{:?}", both.stages());
    assert!(both.kernels() < 2 * alone.kernels(), "{} {}", both.kernels(), alone.kernels());
}

#[test]
fn systems_share_a_step_as_a_cluster_does() {
    let folder = tempfile::tempdir().unwrap();
    let asked = ask(recipe(folder.path(), &[("half", "sparsity.level = 0.5")]), 4);
    let record = campaign(&asked, &Quiet).unwrap();
    sound(&record);
    let whole = request(&["training.batch_sequences=8", "sparsity.level=0.5"]);
    let asked = ClusterRequest { step: whole, systems: vec![4], scalings: vec![Scaling::Strong] };
    let cluster = scale(&asked, &Quiet).unwrap();
    assert_eq!(record.phases[0].step_seconds, cluster.points[0].step_seconds);
    assert_eq!(record.phases[0].dense_step_seconds, cluster.points[0].dense_step_seconds);
    let (days, kw) = (record.total.days, record.machine.power.system_kw);
    assert!((record.total.energy_mwh / (4.0 * days * 24.0 * kw / 1e3) - 1.0).abs() < 1e-12);
}

#[test]
fn a_teacher_costs_its_forward_pass() {
    let folder = tempfile::tempdir().unwrap();
    let taught = "sparsity.level = 0.5\ntraining.distillation = \"squarehead\"";
    let record = campaign(
        &ask(recipe(folder.path(), &[("alone", "sparsity.level = 0.5"), ("taught", taught)]), 1),
        &Quiet,
    );
    let record = record.unwrap();
    sound(&record);
    let [alone, taught] = [0, 1].map(|at| record.phases[at].amounts);
    // The teacher is dense: its forward pass is a third of the dense training but for the output head, a sixteenth
    // here, and saves nothing.
    let (dense, effective) =
        (taught.flop.dense - alone.flop.dense, taught.flop.effective - alone.flop.effective);
    assert_eq!(dense, effective);
    assert!((0.9..1.0).contains(&(dense / (alone.flop.dense / 3.0))), "{dense} {}", alone.flop.dense);
    assert!(taught.days > alone.days && taught.theoretical_speedup < alone.theoretical_speedup);
}

#[test]
fn what_cannot_be_shared_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let heard = Counted::default();
    let phases = [("first", ""), ("second", "training.micro_batch_sequences = 2")];
    let refused = campaign(&ask(recipe(folder.path(), &phases), 3), &heard).unwrap_err();
    assert!(matches!(refused, CampaignError::Share { batch: 8, systems: 3, .. }), "{refused}");
    assert!(
        refused.to_string().starts_with("phase `first`: 8 sequences of a step do not divide over 3 systems")
    );
    assert!(heard.stages().is_empty());
}

#[test]
fn overrides_hold_in_every_phase() {
    let overrides = [Override("training.batch_sequences=512".to_owned())];
    let recipe = load_recipe("sparse-llama-7b", &overrides).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(recipe.phases.iter().all(|phase| phase.workload.spec.training.batch_sequences == 512));
    // One fault, said once.
    let wrong = [Override("training.batch_sequences=0".to_owned())];
    assert_eq!(load_recipe("sparse-llama-7b", &wrong).unwrap_err().0.len(), 1);
}

/// A recipe is read relative to its own folder.
#[test]
fn a_phase_inherits_from_a_file_beside_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let workload = "schema = \"wafersim-workload-1\"\ninherits = \"llama2-tiny\"\n[model]\nlayers = 3\n";
    std::fs::write(folder.path().join("three.toml"), workload).unwrap();
    let text = "schema = \"wafersim-recipe-1\"\n[[phases]]\nname = \"a\"\ntokens_billion = 1\n\
                workload.inherits = \"./three.toml\"\n";
    let path = folder.path().join("recipe.toml");
    std::fs::write(&path, text).unwrap();
    let recipe = load_recipe(path.to_str().unwrap(), &[]).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(recipe.phases[0].workload.spec.model.layers, 3);
    assert_eq!(recipe.phases[0].workload.spec.name, "three");
}
