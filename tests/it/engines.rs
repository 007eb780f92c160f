//! The fast engine gives what the reference engine gives, to the cycle and to the counter.

use proptest::prelude::*;
use wafersim::fabric::fast::run_alike;
use wafersim::fabric::run;
use wafersim::spec::wafer::WaferSpec;

use crate::support::HALF;
use crate::support::kernels::{Masked, Product, machines, small};

/// Longest run.
const LIMIT: u64 = 1 << 22;

/// Products of some hundred weight rows whose columns hold and own different numbers of features.
fn products(seeds: usize) -> impl Strategy<Value = Vec<Product>> {
    let columns = prop::collection::vec((1_u32..=9, prop_oneof![0_u32..=2, 3_u32..=30]), 2..=8);
    (columns, 1_u32..=16, 0_u64..=100, any::<u64>()).prop_map(move |(columns, tokens, density, seed)| {
        let inner: Vec<u32> = columns.iter().map(|c| c.0).collect();
        let owned: Vec<u32> = columns.iter().map(|c| c.1).collect();
        let rows: u32 = owned.iter().sum();
        (0..seeds as u64)
            .map(|lane| {
                let mut state = seed.wrapping_mul(2).wrapping_add(2 * lane + 1);
                let mut random = || {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    state >> 33
                };
                let counts = (0..rows).map(|_| {
                    let kept = |&n: &u32| (0..n).filter(|_| random() % 100 < density).count() as u16;
                    inner.iter().map(kept).collect()
                });
                let counts = counts.collect();
                Product {
                    height: 1,
                    tokens,
                    inner: inner.clone(),
                    owned: owned.clone(),
                    counts,
                    formats: HALF,
                }
            })
            .collect()
    })
}

/// Both engines on the same products; whether the fast one knew them.
fn compare(products: &[Product], form: Masked, machine: &WaferSpec) -> Result<bool, TestCaseError> {
    let programs: Vec<_> = products.iter().map(|product| product.program(form)).collect();
    let programs: Vec<_> = programs.iter().collect();
    let Some(fast) = run_alike(&programs, machine) else { return Ok(false) };
    for (program, fast) in programs.iter().zip(fast) {
        let reference =
            run(program, machine, LIMIT).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
        for (pe, (reference, fast)) in reference.per_pe.iter().zip(&fast.per_pe).enumerate() {
            prop_assert_eq!(reference, fast, "PE {}", pe);
        }
        prop_assert_eq!(&reference.finish, &fast.finish);
        prop_assert_eq!(&reference.links, &fast.links);
        prop_assert_eq!(&reference.counters, &fast.counters);
    }
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_product_takes_the_same_cycles(product in products(1), machine in machines()) {
        compare(&product, Masked::Reduce, &small(machine))?;
    }

    #[test]
    fn products_side_by_side_take_the_same_cycles(products in products(3)) {
        compare(&products, Masked::Reduce, &small("cs3"))?;
    }

    #[test]
    fn a_gradient_takes_the_same_cycles(product in products(1), machine in machines()) {
        compare(&product, Masked::Gradient, &small(machine))?;
    }

    #[test]
    fn gradients_side_by_side_take_the_same_cycles(products in products(3)) {
        compare(&products, Masked::Gradient, &small("cs3"))?;
    }
}

/// Programs of both kinds are known: the tests above do compare something.
#[test]
fn products_of_a_step_are_known() {
    let machine = small("cs3");
    for tokens in [1, 8, 15, 16] {
        let product = Product::dense(6, 1, tokens, 5, 6);
        for form in [Masked::Reduce, Masked::Gradient] {
            assert!(
                compare(std::slice::from_ref(&product), form, &machine).unwrap(),
                "{form:?} of {tokens} tokens"
            );
        }
    }
}
