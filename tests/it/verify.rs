//! Values: a step on the small wafer equals the f64 evaluation of its graph.

use wafersim::spec::{Override, load_workload};
use wafersim::verify;

use crate::support::machine;

#[test]
fn llama_steps_are_right() {
    for level in ["0.0", "0.7"] {
        let workload =
            load_workload("llama2-7b", &[Override(format!("sparsity.level={level}"))]).unwrap().spec;
        let verification = verify::check(&workload, &machine()).unwrap();
        for check in &verification.checks {
            println!(
                "{:40} {:8} {:.2e} of {:.2e} {}",
                check.what, check.elements, check.largest_error, check.tolerance, check.ok
            );
        }
        println!("{} {}", verification.verdict, verification.note);
        assert!(verification.checks.iter().all(|check| check.ok), "{}", verification.verdict);
    }
}
