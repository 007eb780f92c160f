//! Values: a step on the small wafer equals the f64 evaluation of its graph.

use wafersim::record::Verification;
use wafersim::spec::{Override, load_workload};
use wafersim::verify;

use crate::support::machine;

fn verified(name: &str, overrides: &[&str]) -> Verification {
    let overrides: Vec<Override> = overrides.iter().map(|text| Override((*text).to_owned())).collect();
    let workload = load_workload(name, &overrides).unwrap_or_else(|faults| panic!("{faults}")).spec;
    verify::check(&workload, &machine()).unwrap_or_else(|error| panic!("{error}"))
}

fn holds(verification: &Verification) {
    assert!(
        verification.checks.iter().all(|check| check.ok),
        "{} {:#?}",
        verification.verdict,
        verification.checks
    );
    // Every kind of op, twice, and the ends of the step.
    assert!(verification.checks.len() > 45, "{} comparisons", verification.checks.len());
    // An error of rounding, but not nothing: the machine does not compute in f64.
    let linear = verification.checks.iter().find(|check| check.what.starts_with("linear, b"));
    assert!(linear.is_some_and(|check| check.largest_error > 1e-3));
}

#[test]
fn dense_steps_are_right() {
    holds(&verified("llama2-7b", &["sparsity.level=0.0"]));
}

#[test]
fn sparse_steps_are_right() {
    holds(&verified("llama2-7b", &["sparsity.level=0.7"]));
    holds(&verified("llama2-tiny", &["sparsity.level=0.9"]));
}

#[test]
fn steps_with_grouped_queries_are_right() {
    holds(&verified("llama2-70b", &["sparsity.level=0.5"]));
}

#[test]
fn steps_beside_a_teacher_are_right() {
    let squarehead = r#"training.distillation="squarehead""#;
    let quarter = "training.squarehead_weight=0.25";
    for (name, weight) in [("llama2-tiny", Some(quarter)), ("gpt3-tiny", None), ("gptj-tiny", None)] {
        let overrides: Vec<&str> = [squarehead, "sparsity.level=0.7"].into_iter().chain(weight).collect();
        let verification = verified(name, &overrides);
        holds(&verification);
        compares(&verification, &["squarehead, sums", "squarehead", "squarehead, dx"]);
    }
}

/// The comparisons of these kinds of ops, in both precisions.
fn compares(verification: &Verification, kinds: &[&str]) {
    for kind in kinds {
        for precision in ["bf16", "fp32"] {
            let label = format!("{kind}, {precision}");
            let found = verification.checks.iter().any(|check| check.what == label && check.elements > 0);
            assert!(found, "{label}");
        }
    }
}

#[test]
fn steps_of_gpt3_are_right() {
    let kinds = [
        "layernorm",
        "layernorm, dx",
        "layernorm, dw",
        "gelu",
        "gelu, dx",
        "bias",
        "bias, db",
        "positions",
        "positions, dw",
        "embedding, dw",
    ];
    for overrides in [&["sparsity.level=0.5"][..], &["sparsity.level=0.0", "model.kv_heads=2"]] {
        let verification = verified("gpt3-tiny", overrides);
        holds(&verification);
        compares(&verification, &kinds);
    }
}

#[test]
fn steps_of_gptj_are_right() {
    let kinds = ["layernorm, dx", "rope", "rope, dx", "gelu, dx", "bias", "bias, db"];
    for (name, level) in [("gptj-tiny", "sparsity.level=0.7"), ("gptj-6b", "sparsity.level=0.0")] {
        let verification = verified(name, &[level]);
        holds(&verification);
        compares(&verification, &kinds);
    }
}
