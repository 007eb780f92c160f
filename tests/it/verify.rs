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
    let gpt3 = [r#"model.family="gpt3""#, r#"sparsity.targets=["q", "fc1"]"#];
    for more in [&["training.squarehead_weight=0.25"][..], &gpt3] {
        let overrides = [&[squarehead, "sparsity.level=0.7"], more].concat();
        let verification = verified("llama2-tiny", &overrides);
        holds(&verification);
        for what in ["squarehead, sums", "squarehead", "squarehead, dx"] {
            for precision in ["bf16", "fp32"] {
                let label = format!("{what}, {precision}");
                assert!(
                    verification.checks.iter().any(|check| check.what == label && check.elements > 0),
                    "{label}"
                );
            }
        }
    }
}

#[test]
fn steps_of_another_family_are_right() {
    let targets = r#"sparsity.targets=["q", "k", "v", "o", "fc1", "fc2"]"#;
    holds(&verified("llama2-tiny", &[r#"model.family="gpt3""#, targets, "sparsity.level=0.5"]));
}
