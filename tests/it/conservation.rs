//! Nothing is lost and nothing is made up: wavelets, multiply-accumulates and PE cycles of every kernel in
//! the library.

use std::fmt;
use std::sync::Arc;

use proptest::prelude::*;
use wafersim::dtype::Dtype;
use wafersim::fabric::{FaultKind, Outcome, run};
use wafersim::lower::kernel::bands::Bands;
use wafersim::lower::kernel::chain::Axis;
use wafersim::lower::kernel::{bands, column, rowwise};
use wafersim::lower::local::{LocalConstants, LocalOp, pe};
use wafersim::program::{Program, StreamItems, Wavelet};

use crate::support::kernels::{Dense, Masked, go, heads, machines, products, small, wafer};

/// What holds for any run of any program; that the run ended says that no wavelet is left in the fabric.
fn conserves(program: &Program, outcome: &Outcome<impl Copy + fmt::Debug>) {
    let counters = &outcome.counters;
    assert_eq!(
        counters.sent.0 + counters.copied.0,
        counters.delivered.0 + counters.drained.0,
        "wavelets are lost or made up\n{program}"
    );
    let mut all = [0; 10];
    for (index, pe) in outcome.per_pe.iter().enumerate() {
        assert_eq!(pe.total(), counters.cycles.0, "cycles of PE {}\n{program}", program.coord(index));
        assert!(outcome.finish[index] <= counters.cycles);
        all.iter_mut().zip(pe.0).for_each(|(sum, cycles)| *sum += cycles);
    }
    assert_eq!(all, counters.activity.0);
    assert_eq!(outcome.per_pe.len(), program.pe_count());
    links_carry_all_hops(program, outcome);
}

/// What links carried adds up to all hops, and the busiest one is one of them.
fn links_carry_all_hops(program: &Program, outcome: &Outcome<impl Copy + fmt::Debug>) {
    let counters = &outcome.counters;
    let carried = || outcome.links.iter().flatten().map(|&carried| u64::from(carried));
    assert_eq!(outcome.links.len(), program.pe_count());
    assert_eq!(carried().sum::<u64>(), counters.hops.0, "{program}");
    let most = counters.busiest_link.map_or(0, |link| link.wavelets.0);
    assert_eq!(carried().max().unwrap_or(0), most, "{program}");
    if let Some(link) = counters.busiest_link {
        let of = outcome.links[program.pe_index(link.pe)];
        assert_eq!(u64::from(of[link.port as usize]), most, "{program}");
    }
    let sram = program.role_of.iter().map(|role| program.roles[role.index()].sram()).max();
    assert_eq!(counters.sram_high_water, sram.unwrap_or_default());
}

/// A stream of `words` data wavelets.
fn words(words: u64) -> StreamItems {
    StreamItems::Wavelets(vec![Wavelet::default(); words as usize].into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn products_with_a_mask(product in products(), machine in machines()) {
        for form in Masked::ALL {
            let program = product.program(form);
            let outcome = go(&program, &small(machine));
            conserves(&program, &outcome);
            let counters = &outcome.counters;
            prop_assert_eq!(counters.macs.0, product.macs(), "{:?}", form);
            // One sum leaves for each kept weight, and nothing else.
            let drained = if form == Masked::Gradient { product.nonzeros() } else { 0 };
            prop_assert_eq!(counters.drained.0, drained, "{:?}", form);
        }
    }

    #[test]
    fn products_within_a_head(head in heads(), machine in machines()) {
        for form in Dense::ALL {
            let program = head.program(form);
            let outcome = go(&program, &small(machine));
            conserves(&program, &outcome);
            prop_assert_eq!(outcome.counters.macs.0, head.macs(), "{:?}", form);
            prop_assert_eq!(outcome.counters.drained.0, 0);
        }
    }

    #[test]
    fn values_down_and_up_a_column(
        (width, height, elements) in (1_u16..=4, 1_u16..=5, 1_u32..=9),
        dtype in prop::sample::select(vec![Dtype::Bf16, Dtype::Fp32]),
        machine in machines(),
    ) {
        let share = u64::from(elements).div_ceil(dtype.per_wavelet());
        let (columns, rows) = (u64::from(width), u64::from(height));
        let streams = (0..width).map(|_| words(share * rows)).collect();
        let scatter = column::scatter("scatter", width, height, elements, dtype, streams);
        let gather = column::gather("gather", width, height, elements, dtype);
        let sum = column::sum("sum", (width, height), elements, 3, dtype, dtype);
        // Words may be handed on from PE to PE, so that more are delivered than have come.
        for (program, least, drained) in [
            (scatter, share * rows * columns, 0),
            (gather, 0, share * rows * columns),
            (sum, share * (rows - 1) * columns, share * columns),
        ] {
            let outcome = go(&program, &small(machine));
            conserves(&program, &outcome);
            let counters = &outcome.counters;
            prop_assert!(counters.delivered.0 >= least, "{}", program);
            prop_assert_eq!(counters.drained.0, drained, "{}", program);
            prop_assert_eq!(counters.macs.0, 0);
        }
    }

    #[test]
    fn values_of_bands_down_a_column(
        (width, rows, bands, elements) in (1_u16..=3, 1_u16..=4, 1_u16..=3, 1_u32..=9),
        dtype in prop::sample::select(vec![Dtype::Bf16, Dtype::Fp32]),
        machine in machines(),
    ) {
        let machine = wafer(machine, &["fabric.width_pes=8", "fabric.height_pes=12", "io.prefetch_mib=1"]);
        let of = Bands { width, rows, bands };
        let (columns, band) = (u64::from(width), u64::from(rows));
        let share = u64::from(elements).div_ceil(dtype.per_wavelet());
        let streams = (0..width).map(|_| words(share * band)).collect();
        let spread = bands::spread("spread", of, elements, dtype, streams);
        let sum = bands::sum("sum", of, elements, dtype, Dtype::Fp32);
        // Every row hears all of a band; of the sums, only one band's words leave.
        let all = columns * band * u64::from(bands);
        for (program, delivered, drained) in [
            (spread, Some(all * share * band), 0),
            (sum, None, columns * band * u64::from(elements)),
        ] {
            let outcome = go(&program, &machine);
            conserves(&program, &outcome);
            let counters = &outcome.counters;
            prop_assert!(delivered.is_none_or(|words| counters.delivered.0 == words), "{}", program);
            prop_assert_eq!(counters.drained.0, drained, "{}", program);
        }
    }

    #[test]
    fn work_along_a_row(
        op in prop::sample::select(LOCAL.to_vec()),
        pairs in prop::collection::vec(0_u32..=2, 1..=5),
        (height, tokens) in (1_u16..=3, 1_u32..=5),
        machine in machines(),
    ) {
        let (op, macs, reductions) = op;
        let constants = LocalConstants { features: 1.0, eps: 1.0, scale: 1.0 };
        let width = pairs.len() as u16;
        let of = |at: u16| {
            // A softmax has no causal window over no key.
            let features = (2 * pairs[usize::from(at)]).max(u32::from(op == LocalOp::Softmax));
            pe(op, features, (tokens, 1), Dtype::Bf16, Dtype::Fp32, constants)
        };
        let program = rowwise::program("local", Axis::Row, (width, height), Dtype::Fp32, of);
        let outcome = go(&program, &small(machine));
        // Along a column it is the same, turned.
        let turned = rowwise::program("local", Axis::Column, (height, width), Dtype::Fp32, of);
        let turned = go(&turned, &small(machine)).counters;
        prop_assert_eq!(turned.cycles, outcome.counters.cycles, "{:?}", op);
        prop_assert_eq!(turned.activity, outcome.counters.activity, "{:?}", op);
        conserves(&program, &outcome);
        let features: u32 = pairs.iter().map(|pair| 2 * pair).sum();
        let macs = u64::from(macs) * u64::from(features * tokens) * u64::from(height);
        prop_assert_eq!(outcome.counters.macs.0, macs, "{:?}", op);
        // A reduction goes from PE to PE to the last one and from there to everybody.
        let (columns, hops) = (u64::from(width), u64::from(width) - 1);
        let delivered = if width == 1 { 0 } else { hops + columns };
        let all = u64::from(reductions) * delivered * u64::from(tokens) * u64::from(height);
        prop_assert_eq!(outcome.counters.delivered.0, all, "{:?}", op);
    }
}

/// Local ops, their multiply-accumulates for a feature of a token, and their reductions over the row.
const LOCAL: [(LocalOp, u32, u32); 17] = [
    (LocalOp::Add, 0, 0),
    (LocalOp::Bias, 0, 0),
    (LocalOp::SquareHeadSums, 2, 2),
    (LocalOp::SquareHeadGrad, 0, 0),
    (LocalOp::Rope, 1, 0),
    (LocalOp::SwiGlu, 0, 0),
    (LocalOp::SwiGluGrad, 0, 0),
    (LocalOp::Gelu, 0, 0),
    (LocalOp::GeluGrad, 1, 0),
    (LocalOp::RmsNorm, 1, 1),
    (LocalOp::RmsNormGrad, 3, 2),
    (LocalOp::LayerNorm, 1, 2),
    (LocalOp::LayerNormGrad, 3, 4),
    (LocalOp::Softmax, 0, 2),
    (LocalOp::SoftmaxGrad, 1, 1),
    (LocalOp::CrossEntropy, 1, 3),
    (LocalOp::CrossEntropyGrad, 0, 2),
];

/// The run does not end quietly over what it has not delivered.
#[test]
fn a_wavelet_that_nobody_takes_is_a_fault() {
    let scatter = |words_sent| column::scatter("scatter", 1, 2, 4, Dtype::Bf16, vec![words(words_sent)]);
    let machine = small("cs3");
    go(&scatter(4), &machine);
    for (sent, wait) in [(5, "1 wavelets of color"), (3, "has done 0 of 4 elements from color 0")] {
        let fault = run(&scatter(sent), &machine, 1 << 20).expect_err("too many or too few words");
        assert!(matches!(fault.kind, FaultKind::Deadlock(_)), "{fault}");
        assert!(fault.to_string().contains(wait), "{fault}");
    }
}

/// Streams say how long they are before they are run.
#[test]
fn a_stream_is_as_long_as_its_counts() {
    let counts: Arc<[u16]> = [3, 0, 2, 5].into();
    let items = |column| StreamItems::Rows { counts: counts.clone(), stride: 2, column, end: 0 };
    assert_eq!((items(0).len(), items(1).len()), (3 + 2 + 2, 5 + 2));
}
