//! What the machine's arithmetic does with values that are no ordinary numbers, the same on the fabric and in the
//! executor.

use wafersim::dtype::Dtype;
use wafersim::exec::{Sram, execute};
use wafersim::fabric::run_with;
use wafersim::lower::kernel::feed::ROW_END;
use wafersim::lower::kernel::matmul::Formats;
use wafersim::program::{StreamItems, Wavelet};

use crate::support::kernels::{Masked, Product, small};

/// One weight row against two features of one token, on one PE: what comes out. `weights` are those that are
/// streamed, with their features.
fn product(formats: Formats, activations: [f64; 2], weights: &[(u16, f32)]) -> f32 {
    let machine = small("cs3");
    let product = Product { formats, ..Product::dense(1, 1, 1, 2, 1) };
    let mut program = product.program(Masked::Reduce);
    let weight = |&(index, value): &(u16, f32)| Wavelet { index, values: [value, 0.0], control: None };
    let end = Wavelet { control: Some(ROW_END), ..Wavelet::default() };
    let items: Vec<Wavelet> = weights.iter().map(weight).chain([end]).collect();
    program.streams[0].items = StreamItems::Wavelets(items.into());
    let mut sram = Sram::new(&program);
    sram.load(0, "activations", &activations);
    let mut timed = sram.clone();
    execute(&program, &machine, &mut sram).unwrap();
    run_with(&program, &machine, &mut timed, 10_000, false).unwrap();
    let (executed, run) = (sram.read(0, "results")[0], timed.read(0, "results")[0]);
    assert_eq!(executed.to_bits(), run.to_bits(), "executor {executed}, fabric {run}");
    executed
}

const FP16: Formats = Formats { operand: Dtype::Fp16, sum: Dtype::Fp16, reduce: Dtype::Fp16 };
const BF16: Formats = Formats { operand: Dtype::Bf16, sum: Dtype::Bf16, reduce: Dtype::Bf16 };
const WIDE: Formats = Formats { operand: Dtype::Fp16, sum: Dtype::Fp32, reduce: Dtype::Fp32 };

/// A pruned weight meets nothing: that it is skipped shows where a dense product would make a NaN of it.
#[test]
fn a_skipped_zero_does_not_meet_an_infinity() {
    let infinite = [f64::INFINITY, 3.0];
    for formats in [FP16, BF16, WIDE] {
        assert_eq!(product(formats, infinite, &[(1, 2.0)]), 6.0);
        assert!(product(formats, infinite, &[(0, 0.0), (1, 2.0)]).is_nan(), "a zero that is streamed does");
    }
}

#[test]
fn sums_overflow_to_infinity_in_the_format_that_keeps_them() {
    let large = [300.0, 300.0];
    let weights = [(0, 200.0), (1, 200.0)];
    assert_eq!(product(FP16, large, &weights), f32::INFINITY, "120,000 is beyond fp16");
    assert_eq!(product(BF16, large, &weights), 119_808.0, "and within bf16, of 8 bits");
    // Summed in fp32, the result is rounded where it is kept.
    assert_eq!(product(WIDE, large, &[(0, 200.0), (1, -200.0)]), 0.0);
    assert!(product(FP16, large, &[(0, 300.0), (1, -300.0)]).is_infinite(), "90,000 on the way");
    assert_eq!(product(WIDE, large, &[(0, 300.0), (1, -300.0)]), 0.0);
}

#[test]
fn what_is_no_number_stays_none() {
    for formats in [FP16, BF16, WIDE] {
        assert!(product(formats, [f64::NAN, 1.0], &[(0, 1.0), (1, 1.0)]).is_nan());
        assert_eq!(product(formats, [f64::NAN, 1.0], &[(1, 1.0)]), 1.0, "unless nothing reads it");
        let both = [f64::INFINITY, f64::NEG_INFINITY];
        assert!(product(formats, both, &[(0, 1.0), (1, 1.0)]).is_nan());
    }
}
