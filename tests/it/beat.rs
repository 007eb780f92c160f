//! Products whose rows all have as many weights: columns of the fast engine rest while they keep the beat, and are woken
//! with the times that they would have.

use std::ops::RangeInclusive;

use proptest::prelude::*;
use wafersim::fabric::fast::run_alike;
use wafersim::fabric::{compare, run};

use crate::support::HALF;
use crate::support::kernels::{Masked, PACE, Product, machines, small};

/// Longest run.
const LIMIT: u64 = 1 << 22;

/// Products so wide that pieces of many rows are between the ends of the row and the cells; columns own up to `owned` rows.
fn products(width: RangeInclusive<usize>, owned: u32) -> impl Strategy<Value = Product> {
    let columns = prop::collection::vec((1_u32..=6, 2..=owned), 1..=5);
    let tokens = prop_oneof![Just(15_u32), Just(28), Just(32), 1_u32..=16, 17_u32..=70];
    (columns, width, tokens).prop_map(|(pattern, width, tokens)| {
        let columns: Vec<(u32, u32)> = pattern.iter().copied().cycle().take(width).collect();
        let inner: Vec<u32> = columns.iter().map(|column| column.0).collect();
        let owned: Vec<u32> = columns.iter().map(|column| column.1).collect();
        let rows: u32 = owned.iter().sum();
        let row: Vec<u16> = inner.iter().map(|&features| features as u16).collect();
        let counts = vec![row; rows as usize];
        Product { height: 1, tokens, inner, owned, counts, formats: HALF, pace: PACE }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn columns_that_rest_take_the_same_cycles(product in products(30..=80, 12), machine in machines()) {
        let (program, machine) = (product.program(Masked::Reduce), small(machine));
        let Some(fast) = run_alike(&[&program], &machine) else { return Ok(()) };
        let reference = run(&program, &machine, LIMIT).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
        compare(&reference, &fast[0]).map_err(|difference| TestCaseError::fail(difference.to_string()))?;
    }

    /// Runs side by side work on all that they do.
    #[test]
    fn columns_that_rest_do_what_those_do_that_work(product in products(100..=300, 45), machine in machines()) {
        let (program, machine) = (product.program(Masked::Reduce), small(machine));
        let Some(alone) = run_alike(&[&program], &machine) else { return Ok(()) };
        let two = run_alike(&[&program, &program], &machine).expect("one is known");
        compare(&two[0], &alone[0]).map_err(|difference| TestCaseError::fail(difference.to_string()))?;
    }
}
