//! Speed of the fast engine on a product of Llama-2 7B over the columns of a CS-3. Items are weight rows times columns.
//!
//! `cargo bench --bench fast`

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;

use wafersim::dtype::Dtype;
use wafersim::fabric::fast::run_alike;
use wafersim::lower::kernel::matmul::{Feed, Form, Formats, Pace, Shape, kept_streams, program};
use wafersim::program::Program;
use wafersim::rng::Stream;
use wafersim::sparsity::{Mask, Slices};
use wafersim::spec::{ArchSpec, load_arch};
use wafersim::units::Bytes;

fn main() {
    divan::main();
}

/// Columns, features in and out.
const COLUMNS: u16 = 755;
const FEATURES: u32 = 4096;
/// Tokens of a PE: as many as make one piece of a slot, as Llama-2 7B leaves for 2048 and for 4096 in a sequence, and many.
const TOKENS: [u32; 4] = [15, 28, 30, 56];
/// As on a CS-3.
const CACHE: Bytes = Bytes(512);
const PACE: Pace = Pace { hop: 2, stage: 7, echo: 9 };

/// The product under a mask of its own, or the gradient of its weights.
fn product(seed: u64, zeros: f64, tokens: u32, gradient: bool) -> Program {
    let slices = Slices::even(FEATURES, COLUMNS).expect("enough columns");
    let mask = Mask::uniform(FEATURES, FEATURES, zeros, Stream::new(seed, 0));
    let starts = slices.ranges().map(|range| range.start).chain([FEATURES]).collect();
    let formats = Formats { operand: Dtype::Bf16, sum: Dtype::Bf16, reduce: Dtype::Bf16 };
    let shape = Shape {
        name: "product".to_owned(),
        width: COLUMNS,
        height: 1,
        vector: tokens,
        rows_per_pe: tokens,
        inner: slices.widths(),
        owned: slices.widths(),
        formats,
        cache: CACHE,
        pace: PACE,
    };
    let streams = kept_streams(&Arc::new(mask.into_bits()), &starts);
    program(&shape, &if gradient { Form::Gradient(streams) } else { Form::Reduce(Feed::Edge(streams)) })
}

fn run(bencher: Bencher, (masks, zeros, tokens): (u64, u8, u32), gradient: bool) {
    let Ok(ArchSpec::Wafer(machine)) = load_arch("cs3", &[]).map(|resolved| resolved.spec) else {
        panic!("cs3 is a wafer");
    };
    let program = |seed| product(seed, f64::from(zeros) / 100.0, tokens, gradient);
    let programs: Vec<Program> = (0..masks).map(program).collect();
    let programs: Vec<&Program> = programs.iter().collect();
    bencher
        .counter(ItemsCount::new(masks * u64::from(FEATURES) * u64::from(COLUMNS)))
        .bench(|| run_alike(&programs, &machine).expect("a kernel that the fast engine knows"));
}

/// Masks, percent of zeros, and tokens of a PE.
fn args() -> impl Iterator<Item = (u64, u8, u32)> {
    let masks = [(1, 0), (1, 70), (16, 70), (32, 50), (32, 70), (32, 90)];
    let of = move |tokens| masks.into_iter().map(move |(masks, zeros)| (masks, zeros, tokens));
    TOKENS.into_iter().flat_map(of)
}

#[divan::bench(args = args(), sample_count = 3, sample_size = 1)]
fn reduce(bencher: Bencher, of: (u64, u8, u32)) {
    run(bencher, of, false);
}

#[divan::bench(args = args(), sample_count = 3, sample_size = 1)]
fn gradient(bencher: Bencher, of: (u64, u8, u32)) {
    run(bencher, of, true);
}
