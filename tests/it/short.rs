//! Runs that are longer than short numbers count: side by side they are as they are alone.

use std::sync::Arc;

use wafersim::dtype::Dtype;
use wafersim::fabric::compare;
use wafersim::fabric::fast::{LANES, run_alike};
use wafersim::lower::kernel::matmul::{Feed, Form, Formats, Shape, program, timing_streams};
use wafersim::program::Program;
use wafersim::rng::Stream;
use wafersim::sparsity::{Mask, Slices};
use wafersim::units::Bytes;

use crate::support::kernels::{PACE, small};

const COLUMNS: u16 = 24;
const INNER: u32 = 120;
const ROWS: u32 = 7200;

/// A product with a mask of its own, or the gradient of its weights.
fn product(seed: u64, tokens: u32, gradient: bool) -> Program {
    let [inner, owned] = [INNER, ROWS].map(|features| Slices::even(features, COLUMNS).unwrap());
    let mask = Mask::uniform(ROWS, INNER, 0.3 + 0.02 * seed as f64, Stream::new(seed, 0));
    let counts = mask.counts_by_row(&inner).unwrap().all();
    // Some come to an end of their weights long before their rows end.
    let ends = if seed.is_multiple_of(4) { counts.len() * 2 / 3 } else { counts.len() };
    let counts: Arc<[u16]> =
        counts.iter().enumerate().map(|(at, &count)| if at < ends { count } else { 0 }).collect();
    let shape = Shape {
        name: "product".to_owned(),
        width: COLUMNS,
        height: 1,
        vector: tokens,
        rows_per_pe: tokens,
        inner: inner.widths(),
        owned: owned.widths(),
        formats: Formats { operand: Dtype::Bf16, sum: Dtype::Bf16, reduce: Dtype::Bf16 },
        cache: Bytes(512),
        pace: PACE,
    };
    let streams = timing_streams(&counts, COLUMNS);
    program(&shape, &if gradient { Form::Gradient(streams) } else { Form::Reduce(Feed::Edge(streams)) })
}

#[test]
fn short_numbers_give_what_long_ones_give() {
    let machine = small("cs3");
    for (tokens, gradient) in [(8, false), (15, false), (30, false), (60, false), (8, true), (60, true)] {
        let programs: Vec<Program> =
            (0..LANES as u64 * 2 / 3).map(|seed| product(seed, tokens, gradient)).collect();
        let programs: Vec<&Program> = programs.iter().collect();
        let short = run_alike(&programs, &machine).unwrap();
        let longest = short.iter().map(|outcome| outcome.counters.cycles.0).max().unwrap();
        assert!(longest > u64::from(u16::MAX), "{tokens} tokens: too short to count anew");
        for (lane, (program, short)) in programs.iter().zip(&short).enumerate() {
            let alone = run_alike(&[*program], &machine).unwrap();
            let difference = compare(&alone[0], short).err().map(|difference| difference.to_string());
            assert_eq!(difference, None, "{tokens} tokens, gradient {gradient}, lane {lane}");
        }
    }
}
