//! Folding is exact: a few rows of PEs, shifted from row to row, are the whole rectangle.

use std::sync::Arc;

use proptest::prelude::*;
use wafersim::dtype::Dtype;
use wafersim::fabric::rows_are_alike;
use wafersim::lower::job::{Direction, Kernel, WeightKernel, jobs};
use wafersim::lower::kernel::chain::Axis;
use wafersim::lower::kernel::matmul::{Feed, Form, Pace, program as product_program, timing_streams};
use wafersim::lower::kernel::rowwise;
use wafersim::lower::local::{LocalConstants, LocalOp, pe};
use wafersim::lower::plan::plan;
use wafersim::lower::shape::weight_shape;
use wafersim::lower::timing::Timing;
use wafersim::program::{Fold, Program, check};
use wafersim::record::Simulated;
use wafersim::simulate::{Engines, simulate, unfold};
use wafersim::sparsity::Masks;
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::{Override, load_workload};

use crate::support::kernels::{Dense, Head, Masked, cycles, formats, go, machines, products, small, wafer};

/// How much later a row of PEs does what the row above it does.
fn shift(fold: Fold, machine: &WaferSpec) -> u64 {
    let hop = u64::from(machine.fabric.hop_latency_cycles);
    match fold {
        Fold::None => panic!("the kernel does not fold"),
        Fold::Alike => 0,
        Fold::Forwarded => hop,
        Fold::Staggered { cycles } => u64::from(cycles),
    }
}

/// From this row on, rows do not notice any more that the program starts in all of them at once.
const SETTLED: u16 = 8;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_row_adds_its_shift(product in products(), more in 1_u16..=9, machine in machines()) {
        let machine = small(machine);
        // Without a weight nothing is relayed.
        prop_assume!(product.nonzeros() > 0);
        for form in [Masked::Reduce, Masked::Gradient] {
            let product = product.on(&machine);
            let few = product.with_height(SETTLED).program(form);
            let many = product.with_height(SETTLED + more).program(form);
            let exact = few.fold == Fold::Forwarded || rows_are_alike(&product.with_height(1).program(form), &machine);
            let (short, long) = (go(&few, &machine), go(&many, &machine));
            let later = shift(few.fold, &machine) * u64::from(more);
            let (short_end, long_end) = (short.counters.cycles.0, long.counters.cycles.0);
            if exact {
                prop_assert_eq!(long_end, short_end + later, "{:?}", form);
            } else {
                // The machine is one on which rows wait for each other.
                prop_assert!(long_end.abs_diff(short_end + later) <= 16 + short_end / 10, "{:?}", form);
            }
            // Every row does the same work.
            let width = usize::from(product.width());
            for (pe, busy) in long.per_pe.iter().enumerate() {
                use wafersim::fabric::Activity::{Control, Mac, Reduce, Setup, Vector};
                for kind in [Mac, Vector, Reduce, Setup, Control] {
                    let waits = if few.fold != Fold::Forwarded && kind == Control { (pe / width) as u64 } else { 0 };
                    let first = long.per_pe[pe % width].of(kind) + waits * shift(few.fold, &machine);
                    prop_assert_eq!(busy.of(kind), first, "{:?} {:?}", form, kind);
                }
            }
        }
    }

    #[test]
    fn rows_that_do_not_talk_take_the_same_cycles(
        op in prop::sample::select(vec![LocalOp::Add, LocalOp::RmsNormGrad, LocalOp::Softmax]),
        pairs in prop::collection::vec(1_u32..=2, 1..=5),
        (height, tokens) in (1_u16..=4, 1_u32..=5),
        machine in machines(),
    ) {
        let machine = small(machine);
        let constants = LocalConstants { features: 1.0, eps: 1.0, scale: 1.0 };
        let program = |height| rowwise::program("local", Axis::Row, (pairs.len() as u16, height), Dtype::Fp32, |x| {
            pe(op, 2 * pairs[usize::from(x)], (tokens, 1), Dtype::Bf16, Dtype::Fp32, constants)
        });
        let (one, all): (Program, Program) = (program(1), program(height));
        let (row, rectangle) = (go(&one, &machine), go(&all, &machine));
        let unfolded = unfold(&one, &row, &machine, height);
        prop_assert_eq!(unfolded.cycles, rectangle.counters.cycles.0);
        prop_assert_eq!(unfolded.activity, rectangle.counters.activity);
        prop_assert_eq!(shift(one.fold, &machine), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_row_of_a_band_tells_all(
        inner in prop::collection::vec(1_u32..=7, 1..=6),
        (height, tokens, heads) in (2_u16..=9, 1_u32..=20, 1_u32..=2),
        form in prop::sample::select(Dense::ALL.to_vec()),
        formats in formats(),
        machine in machines(),
    ) {
        let machine = wafer(machine, &["fabric.width_pes=8", "fabric.height_pes=12", "io.prefetch_mib=1"]);
        let head = Head { height, tokens, heads, inner, formats };
        let [one, all] = [1, height].map(|rows| head.program_of_rows(form, rows, Pace::of(&machine)));
        prop_assume!(check(&all, &machine).is_ok() && rows_are_alike(&one, &machine));
        let (row, rectangle) = (go(&one, &machine), go(&all, &machine));
        let unfolded = unfold(&one, &row, &machine, height);
        prop_assert_eq!(unfolded.cycles, rectangle.counters.cycles.0);
        prop_assert_eq!(unfolded.activity, rectangle.counters.activity);
    }
}

/// Every product with a weight of a one-layer model on 64 x 8 PEs, as a run times it and as the simulation of
/// every PE does.
#[test]
fn a_folded_kernel_takes_what_the_rectangle_takes() {
    let machine = wafer("cs3", &["fabric.width_pes=64", "fabric.height_pes=8", "io.prefetch_mib=1"]);
    let mut faults = Vec::new();
    for level in ["0", "0.5", "0.9"] {
        let set = [format!("sparsity.level={level}"), "model.layers=1".to_owned()].map(Override);
        let workload = load_workload("llama2-tiny", &set).unwrap().spec;
        let plan = plan(&workload, &machine).unwrap();
        let masks = Masks::new(&workload).unwrap();
        let mut all = jobs(&plan.graph, &plan.mapping, &masks, &workload, &machine);
        all.retain(|job| matches!(job.kernel, Kernel::Weights(_)));
        let precision = workload.training.precision;
        let timing = Timing { mapping: &plan.mapping, precision, machine: &machine };
        let times = simulate(&all, timing, &masks, Engines::Fast, &|_| ()).unwrap();
        let mut compared = 0;
        for job in &all {
            let Kernel::Weights(kernel) = job.kernel else { continue };
            let time = times.of(&job.kernel);
            let whole = cycles(&rectangle(kernel, timing, &masks), &machine);
            let error = (time.cycles as f64 / whole as f64 - 1.0).abs();
            let known = match time.how {
                Simulated::Whole => 0.0,
                // What was measured on two rows and a second mask stands for eight rows and all masks.
                _ => 0.04 + 2.0 * time.sample.map_or(0.0, |sample| sample.error),
            };
            compared += usize::from(known == 0.0);
            if error > known {
                faults
                    .push(format!("{} at {level}: {} folded, {whole} whole, {known}", job.name, time.cycles));
            }
        }
        assert!(compared > 3, "at {level} only {compared} kernels are not sampled");
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The program of a kernel on every row of PEs.
fn rectangle(kernel: WeightKernel, timing: Timing<'_>, masks: &Masks) -> Program {
    let shape = weight_shape(kernel, timing.mapping, timing.precision, timing.machine);
    let of_mask = timing.counts(kernel, masks);
    let rows: u32 = shape.owned.iter().sum();
    let counts: Arc<[u16]> = (0..rows)
        .flat_map(|row| match &of_mask {
            None => shape.inner.iter().map(|&inner| inner as u16).collect(),
            Some(counts) if kernel.direction == Direction::Data => counts.input_gradient.row(row).to_vec(),
            Some(counts) => counts.forward.row(row).to_vec(),
        })
        .collect();
    let streams = timing_streams(&counts, shape.width);
    let form = match kernel.direction {
        Direction::Weight => Form::Gradient(streams),
        Direction::Forward | Direction::Data => Form::Reduce(Feed::Edge(streams)),
    };
    product_program(&shape, &form)
}
