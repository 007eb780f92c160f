//! Weights that are kept by bits do what as many do that are counted.

use std::sync::Arc;

use proptest::prelude::*;
use wafersim::bits::BitRows;
use wafersim::fabric::fast::{LANES, run_alike};
use wafersim::fabric::{compare, run};
use wafersim::lower::kernel::matmul::kept_streams;
use wafersim::program::{Program, StreamItems};

use crate::support::HALF;
use crate::support::kernels::{Masked, PACE, Product, small};

/// Longest run.
const LIMIT: u64 = 1 << 22;

/// Products that differ in their weights alone, of columns so wide at most.
fn products(widest: u32) -> impl Strategy<Value = Vec<Product>> {
    let columns = prop::collection::vec((1..=widest, 12_u32..=24), 3..=6);
    let lanes = prop_oneof![Just(2), Just(LANES / 2 + 1), Just(LANES + 1)];
    (columns, 1_u32..=40, lanes, any::<u32>()).prop_map(|(columns, tokens, lanes, seed)| {
        let (inner, owned): (Vec<u32>, Vec<u32>) = columns.into_iter().unzip();
        let rows: u32 = owned.iter().sum();
        let of_lane = |lane: usize| {
            let count = |row: u32, at: usize| {
                let mixed = (seed ^ (row * 31 + at as u32 * 17 + lane as u32)).wrapping_mul(2_654_435_761);
                ((mixed >> 16) % (inner[at] + 1)) as u16
            };
            let counts = |row| (0..inner.len()).map(|at| count(row, at)).collect();
            let counts = (0..rows).map(counts).collect();
            Product {
                height: 1,
                tokens,
                inner: inner.clone(),
                owned: owned.clone(),
                counts,
                formats: HALF,
                pace: PACE,
            }
        };
        (0..lanes).map(of_lane).collect()
    })
}

/// All products, by bits and by counts, on the fast engine; the first one on the reference engine too.
fn agree(products: &[Product], form: Masked) -> Result<(), TestCaseError> {
    let machine = small("cs3");
    let fails = |difference: String| TestCaseError::fail(difference);
    let by_counts: Vec<Program> = products.iter().map(|product| product.program(form)).collect();
    let by_bits: Vec<Program> = products.iter().map(|product| product.program_of_bits(form)).collect();
    let on_fast = |programs: &[Program]| {
        let fast = run_alike(&programs.iter().collect::<Vec<_>>(), &machine);
        fast.ok_or_else(|| TestCaseError::reject("a product that the fast engine does not know"))
    };
    let (counted, kept) = (on_fast(&by_counts)?, on_fast(&by_bits)?);
    for (lane, (counted, kept)) in counted.iter().zip(&kept).enumerate() {
        compare(counted, kept).map_err(|difference| fails(format!("lane {lane}: {difference}")))?;
    }
    let alone = on_fast(&by_bits[..1])?;
    let reference = run(&by_bits[0], &machine, LIMIT).map_err(|fault| fails(fault.to_string()))?;
    for fast in [&kept[0], &alone[0]] {
        compare(&reference, fast).map_err(|difference| fails(difference.to_string()))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn narrow_columns_are_counted(products in products(9)) {
        agree(&products, Masked::Reduce)?;
        agree(&products, Masked::Gradient)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// More weights in a column than are counted in a byte.
    #[test]
    fn wide_columns_are_counted(products in products(600)) {
        agree(&products, Masked::Reduce)?;
    }
}

/// Rows of three columns: two bits, none, and what is left of 70.
fn streams() -> Vec<StreamItems> {
    let kept = BitRows::from_words(2, 70, |words| words.copy_from_slice(&[0b0110, 0b1, u64::MAX, u64::MAX]));
    kept_streams(&Arc::new(kept), &[0, 2, 2, 70].into())
}

#[test]
fn a_stream_of_kept_weights_has_their_wavelets_and_the_ends_of_rows() {
    let codes = |items: &StreamItems| items.iter().map(|word| word.control.is_some()).collect::<Vec<_>>();
    let streams = streams();
    assert_eq!(codes(&streams[0]), [false, true, false, false, true]);
    assert_eq!(codes(&streams[1]), [true, true]);
    let lengths: Vec<u64> = streams.iter().map(StreamItems::len).collect();
    assert_eq!(lengths, [5, 2, 2 + 68 + 2]);
    for items in &streams {
        let mut iter = items.iter();
        assert_eq!(iter.by_ref().count() as u64, items.len());
        assert!(iter.is_done());
    }
}
