//! The fast engine gives what the reference engine gives, to the cycle and to the counter.

use std::collections::BTreeSet;

use proptest::prelude::*;
use wafersim::dtype::Dtype;
use wafersim::fabric::fast::{LANES, run_alike};
use wafersim::fabric::{Activity, Counters, Outcome, compare, rows_are_alike, run};
use wafersim::lower::job::{Kernel, jobs};
use wafersim::lower::kernel::column;
use wafersim::lower::kernel::matmul::Formats;
use wafersim::lower::plan::plan;
use wafersim::lower::timing::Timing;
use wafersim::program::{Port, Program, StreamItems};
use wafersim::record::Engine;
use wafersim::simulate::{Engines, KernelTime, SimulateError, simulate, unfold};
use wafersim::sparsity::Masks;
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::{Override, load_workload};
use wafersim::units::EighthCycles;

use crate::support::HALF;
use crate::support::kernels::{Masked, PACE, Product, formats, go, machines, small, wafer};

/// Longest run.
const LIMIT: u64 = 1 << 22;
/// So many weight rows fill the queues of a stream, which the fast engine wants.
const MANY: usize = 64;

/// Products of some hundred weight rows whose columns hold and own different numbers of features.
fn products(seeds: usize) -> impl Strategy<Value = Vec<Product>> {
    let columns = prop::collection::vec((1_u32..=9, prop_oneof![0_u32..=2, 3_u32..=30]), 2..=8);
    (columns, prop_oneof![1_u32..=16, 17_u32..=130], 0_u64..=100, any::<u64>()).prop_map(
        move |(columns, tokens, density, seed)| {
            let inner: Vec<u32> = columns.iter().map(|c| c.0).collect();
            let owned: Vec<u32> = columns.iter().map(|c| c.1).collect();
            let rows: u32 = owned.iter().sum();
            (0..seeds as u64)
                .map(|lane| {
                    let mut state = seed.wrapping_mul(2).wrapping_add(2 * lane + 1);
                    let mut random = || {
                        state = state
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
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
                        pace: PACE,
                    }
                })
                .collect()
        },
    )
}

/// Both engines on the same products; whether the fast one knew them.
fn agree(products: &[Product], form: Masked, machine: &WaferSpec) -> Result<bool, TestCaseError> {
    agree_on(&products.iter().map(|product| product.program(form)).collect::<Vec<_>>(), machine)
}

/// The same with programs: alone, side by side, and so many side by side that numbers are short.
fn agree_on(programs: &[Program], machine: &WaferSpec) -> Result<bool, TestCaseError> {
    let Some(fast) = run_alike(&programs.iter().collect::<Vec<_>>(), machine) else { return Ok(false) };
    let many = run_alike(&programs.iter().cycle().take(SHORT).collect::<Vec<_>>(), machine);
    let many = many.ok_or_else(|| TestCaseError::fail("a few are known, many are not"))?;
    for (at, program) in programs.iter().enumerate() {
        let reference =
            run(program, machine, LIMIT).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
        let alone = run_alike(&[program], machine);
        let alone = alone.ok_or_else(|| TestCaseError::fail("some are known, one of them alone is not"))?;
        for fast in [&fast[at], &many[at], &alone[0]] {
            compare(&reference, fast).map_err(|difference| TestCaseError::fail(difference.to_string()))?;
        }
    }
    Ok(true)
}

/// More than go side by side in long numbers.
const SHORT: usize = LANES / 2 + 1;

/// A CS-3 with other latencies and, half of the time, other depths: those of queues by their number, of which stream and
/// chains use the first four.
fn other_machines() -> impl Strategy<Value = WaferSpec> {
    let any = (prop_oneof![Just(8_u32), 4_u32..=8], 2_u32..=8, 2_u32..=8, 1_u32..=8);
    let depths = prop_oneof![Just((8_u32, 4_u32, 8_u32, 4_u32)), any];
    let latencies = (1_u32..=5, 1_u32..=4, prop_oneof![Just(9_u32), 4_u32..=20]);
    let overheads = (1_u32..=4, 1_u32..=5, 1_u32..=5, 1_u32..=3, 0_u32..=5, 1_u32..=5);
    (depths, latencies, overheads).prop_map(|((stream, chain, output, lane), (hop, ramp, interval), of)| {
        let mut machine = small("cs3");
        machine.pe.input_queue_wavelets = vec![stream.max(chain), stream, chain, chain, 4, 4, 4, 4];
        machine.pe.output_queue_wavelets = vec![output; 8];
        let fabric = &mut machine.fabric;
        (fabric.hop_latency_cycles, fabric.ramp_latency_cycles, fabric.router_buffer_wavelets) =
            (hop, ramp, lane);
        fabric.link_interval = EighthCycles(interval);
        let overhead = &mut machine.pe.overhead;
        (overhead.weight_trigger_cycles, overhead.control_task_cycles, overhead.local_task_cycles) =
            (of.0, of.1, of.2);
        (overhead.microthread_launch_cycles, overhead.microthread_start_cycles) = (of.3, of.4);
        overhead.completion_cycles = of.5;
        machine
    })
}

/// A ring of partial sums with so many slots.
fn with_slots(mut program: Program, slots: u16) -> Program {
    let rings = program.roles.iter_mut().flat_map(|role| &mut role.buffers);
    rings.filter(|ring| ring.name == "partial sums").for_each(|ring| ring.slots = slots);
    program
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_product_takes_the_same_cycles_on_other_machines(
        products in products(2),
        formats in formats(),
        machine in other_machines(),
        slots in prop_oneof![Just(8_u16), 3_u16..=8],
    ) {
        let program = |product: &Product| {
            with_slots(Product { formats, ..product.clone() }.program(Masked::Reduce), slots)
        };
        agree_on(&products.iter().map(program).collect::<Vec<_>>(), &machine)?;
    }

    #[test]
    fn a_gradient_takes_the_same_cycles_on_other_machines(
        products in products(2),
        formats in formats(),
        machine in other_machines(),
    ) {
        let program =
            |product: &Product| Product { formats, ..product.on(&machine) }.program(Masked::Gradient);
        agree_on(&products.iter().map(program).collect::<Vec<_>>(), &machine)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_product_takes_the_same_cycles(product in products(1), machine in machines()) {
        agree(&product, Masked::Reduce, &small(machine))?;
    }

    #[test]
    fn products_side_by_side_take_the_same_cycles(products in products(3)) {
        let known = agree(&products, Masked::Reduce, &small("cs3"))?;
        prop_assert!(known || products[0].counts.len() < MANY);
    }

    #[test]
    fn a_gradient_takes_the_same_cycles(product in products(1), machine in machines()) {
        agree(&product, Masked::Gradient, &small(machine))?;
    }

    #[test]
    fn gradients_side_by_side_take_the_same_cycles(products in products(3)) {
        let known = agree(&products, Masked::Gradient, &small("cs3"))?;
        prop_assert!(known || products[0].counts.len() < MANY);
    }
}

#[test]
fn a_step_that_needs_the_room_of_the_words_before_it_goes_when_they_leave() {
    // Output queues of 3 words hold less than two steps.
    let overrides = [
        "pe.output_queue_wavelets=[3,3,3,3,3,3,3,3]",
        "pe.input_queue_wavelets=[8,8,2,2,4,4,4,4]",
        "fabric.router_buffer_wavelets=3",
        "fabric.hop_latency_cycles=5",
        "fabric.ramp_latency_cycles=2",
        "pe.overhead.weight_trigger_cycles=1",
        "pe.overhead.local_task_cycles=1",
        "pe.overhead.microthread_launch_cycles=1",
        "pe.overhead.microthread_start_cycles=0",
        "pe.overhead.completion_cycles=1",
    ];
    let machine = wafer(
        "cs3",
        &[&overrides[..], &["fabric.width_pes=8", "fabric.height_pes=8", "io.prefetch_mib=1"]].concat(),
    );
    let rows = "003 012 011 000 000 101 122 000 100 002 001 112".split(' ');
    let counts: Vec<Vec<u16>> = rows.map(|row| row.bytes().map(|n| u16::from(n - b'0')).collect()).collect();
    let mut unequal = Vec::new();
    for tokens in 17..=130 {
        let product = Product {
            height: 1,
            tokens,
            inner: vec![1, 5, 7],
            owned: vec![0, 5, 7],
            counts: counts.clone(),
            formats: Formats { operand: Dtype::Bf16, sum: Dtype::Fp32, reduce: Dtype::Fp32 },
            pace: PACE,
        };
        match agree(&[product.clone(), product], Masked::Reduce, &machine) {
            Ok(known) => assert!(known, "{tokens} tokens"),
            Err(difference) => unequal.push(format!("{tokens} tokens: {difference}")),
        }
    }
    assert!(unequal.is_empty(), "{unequal:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn one_row_of_a_gradient_tells_all(
        product in products(1),
        height in 2_u16..=40,
        machine in prop_oneof![Just(small("cs3")), other_machines()],
    ) {
        let product = product[0].on(&machine);
        let [one, all] = [1, height].map(|height| product.with_height(height).program(Masked::Gradient));
        prop_assume!(rows_are_alike(&one, &machine));
        let mut machine = machine;
        machine.fabric.height_pes = height;
        let (row, rectangle) = (go(&one, &machine), go(&all, &machine));
        let unfolded = unfold(&one, &row, &machine, height);
        prop_assert_eq!(unfolded.cycles, rectangle.counters.cycles.0);
        prop_assert_eq!(unfolded.activity, rectangle.counters.activity);
        // All but the waits before the start is the same in each row.
        for (pe, spent) in rectangle.per_pe.iter().enumerate() {
            let mut first = row.per_pe[pe % row.per_pe.len()];
            first.add(Activity::Control, u64::from(machine.fabric.stage_cycles()) * (pe / row.per_pe.len()) as u64);
            first.add(Activity::Idle, rectangle.counters.cycles.0 - first.total());
            prop_assert_eq!(*spent, first, "PE {}", pe);
        }
    }
}

/// Where tasks are short and links slow, a sum and a word of the stream want the link to the next row at once: one row then
/// does not tell all, and is not said to. On a link that carries both, for a task that ends too soon, for a local one.
#[test]
fn a_row_whose_sums_meet_the_stream_does_not_tell_all() {
    let (odd, even) = ("02 11 33 32 21 11 30 10 12 32 33 31 24 03 20 22 21 31", "25 33");
    let cases = [
        (odd, [18, 0], [4, 4], (20, 6), [8, 2, 3], (2, 3)),
        (even, [1, 1], [4, 8], (16, 3), [4, 2, 2], (4, 5)),
    ];
    for (rows, owned, inner, (interval, lane), [stream, chain, output], (weight, control)) in cases {
        let mut machine = small("cs3");
        machine.pe.input_queue_wavelets = vec![stream, stream, chain, chain, 4, 4, 4, 4];
        machine.pe.output_queue_wavelets = vec![output; 8];
        let (fabric, overhead) = (&mut machine.fabric, &mut machine.pe.overhead);
        (fabric.hop_latency_cycles, fabric.ramp_latency_cycles) = (1, 4);
        (fabric.link_interval, fabric.router_buffer_wavelets) = (EighthCycles(interval), lane);
        (overhead.weight_trigger_cycles, overhead.control_task_cycles) = (weight, control);
        (overhead.local_task_cycles, overhead.microthread_start_cycles) = (1, 0);
        (overhead.microthread_launch_cycles, overhead.completion_cycles) = (1, 1);
        let product = Product {
            height: 1,
            tokens: 1,
            inner: inner.to_vec(),
            owned: owned.to_vec(),
            counts: rows.split(' ').map(|row| row.bytes().map(|n| u16::from(n - b'0')).collect()).collect(),
            formats: HALF,
            pace: PACE,
        }
        .on(&machine);
        let [one, all] = [1, 2].map(|height| product.with_height(height).program(Masked::Gradient));
        machine.fabric.height_pes = 2;
        let told = unfold(&one, &go(&one, &machine), &machine, 2);
        assert_ne!(told.activity, go(&all, &machine).counters.activity, "{interval}");
        assert!(!rows_are_alike(&one, &machine), "{interval}");
    }
}

/// What goes down or up a column of so many PEs, with so many values each.
fn along_a_column(scatters: bool, height: u16, elements: u32, dtype: Dtype) -> Program {
    if scatters {
        let words = u64::from(height) * u64::from(elements).div_ceil(dtype.per_wavelet());
        column::scatter("scatter", 1, height, elements, dtype, vec![StreamItems::blank(words)])
    } else {
        column::gather("gather", 1, height, elements, dtype)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_goes_along_a_column_takes_the_same_cycles(
        (scatters, height, elements) in (any::<bool>(), 2_u16..=24, 1_u32..=60),
        dtype in prop::sample::select(vec![Dtype::Bf16, Dtype::Fp32]),
        machine in prop_oneof![machines().prop_map(small), other_machines()],
    ) {
        let mut machine = machine;
        machine.fabric.height_pes = height;
        agree_on_one(&along_a_column(scatters, height, elements, dtype), &machine)?;
    }
}

/// Both engines on one program; whether the fast one knew it.
fn agree_on_one(program: &Program, machine: &WaferSpec) -> Result<bool, TestCaseError> {
    let Some(fast) = run_alike(&[program], machine) else { return Ok(false) };
    let reference = run(program, machine, LIMIT).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
    compare(&reference, &fast[0]).map_err(|difference| TestCaseError::fail(difference.to_string()))?;
    Ok(true)
}

#[test]
fn columns_of_a_step_are_known() {
    for (scatters, elements) in [(true, 180), (true, 7), (false, 180), (false, 7)] {
        let program = along_a_column(scatters, 8, elements, Dtype::Bf16);
        assert!(agree_on_one(&program, &small("cs3")).unwrap(), "{scatters} {elements}");
    }
}

/// Programs of both kinds are known: the tests above do compare something.
#[test]
fn products_of_a_step_are_known() {
    let machine = small("cs3");
    let whole = Formats { operand: Dtype::Fp32, sum: Dtype::Fp32, reduce: Dtype::Fp32 };
    for (tokens, formats) in
        [1, 8, 15, 16, 17, 28, 33, 48, 64, 127, 128].into_iter().flat_map(|n| [(n, HALF), (n, whole)])
    {
        let product = Product { formats, ..Product::dense(6, 1, tokens, 5, 6) };
        for form in [Masked::Reduce, Masked::Gradient] {
            assert!(
                agree(std::slice::from_ref(&product), form, &machine).unwrap(),
                "{form:?} of {tokens} tokens in {formats:?}"
            );
        }
    }
}

/// A column that owns nothing sends the end of its block all the same: its microthread may start when the last row is done.
#[test]
fn a_sender_may_start_after_the_last_row() {
    let mut machine = small("cs3");
    (machine.fabric.hop_latency_cycles, machine.fabric.ramp_latency_cycles) = (1, 1);
    machine.fabric.router_buffer_wavelets = 5;
    machine.pe.input_queue_wavelets = vec![8, 8, 2, 2, 4, 4, 4, 4];
    machine.pe.output_queue_wavelets = vec![4; 8];
    let overhead = &mut machine.pe.overhead;
    (overhead.weight_trigger_cycles, overhead.control_task_cycles, overhead.local_task_cycles) = (1, 2, 1);
    (overhead.microthread_launch_cycles, overhead.microthread_start_cycles) = (1, 3);
    overhead.completion_cycles = 1;
    let first = [1, 3, 2, 2, 3, 2, 5, 1, 3, 1, 1, 5];
    let second = [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0];
    let counts = first.into_iter().zip(second).map(|(first, second)| vec![first, second]).collect();
    let product = Product {
        height: 1,
        tokens: 3,
        inner: vec![7, 1],
        owned: vec![12, 0],
        counts,
        formats: HALF,
        pace: PACE,
    };
    assert!(agree(std::slice::from_ref(&product), Masked::Gradient, &machine).unwrap());
}

/// Whatever differs is found, and said by PE or counter.
#[test]
fn a_difference_is_caught_and_named() {
    let machine = small("cs3");
    let outcome = go(&Product::dense(4, 1, 3, 2, 9).program(Masked::Reduce), &machine);
    compare(&outcome, &outcome).unwrap();
    let said = |change: &dyn Fn(&mut _)| {
        let mut other = outcome.clone();
        change(&mut other);
        compare(&outcome, &other).unwrap_err().to_string()
    };
    type Changed<'a> = &'a dyn Fn(&mut Counters);
    let counters: [(&str, Changed<'_>); 6] = [
        ("cycles", &|c| c.cycles.0 += 1),
        ("macs", &|c| c.macs.0 += 1),
        ("hops", &|c| c.hops.0 -= 1),
        ("router_high_water", &|c| c.router_high_water += 1),
        ("busiest_link", &|c| c.busiest_link = None),
        ("sram_high_water", &|c| c.sram_high_water.0 += 1),
    ];
    for (name, change) in counters {
        let text = said(&|outcome: &mut Outcome<_>| change(&mut outcome.counters));
        assert!(text.starts_with(&format!("counter {name}: ")), "{text}");
    }
    let finish = outcome.finish[2].0;
    let text = said(&|outcome: &mut Outcome<_>| outcome.finish[2].0 += 1);
    assert_eq!(text, format!("PE 2, cycle of its end: Cycles({finish}) and Cycles({})", finish + 1));
    let idle = outcome.per_pe[1].of(Activity::Idle);
    let text = said(&|outcome: &mut Outcome<_>| outcome.per_pe[1].add(Activity::Idle, 1));
    assert_eq!(text, format!("PE 1, cycles of idle: {idle} and {}", idle + 1));
    let mut other = outcome.clone();
    other.counters.hops.0 += 1;
    let difference = compare(&outcome, &other).unwrap_err();
    let failed =
        SimulateError::Engines { part: "`q, forward`, 64 of 4096 weight rows".to_owned(), difference };
    let text = failed.to_string();
    let says =
        "program `q, forward`, 64 of 4096 weight rows: reference and fast engine differ in counter hops: ";
    assert!(text.starts_with(says), "{text}");
    let carried = outcome.links[3][Port::West as usize];
    let text = said(&|outcome: &mut Outcome<_>| outcome.links[3][Port::West as usize] += 1);
    assert_eq!(text, format!("PE 3, wavelets to the west: {carried} and {}", carried + 1));
}

/// What a run says of kernels on the fast engine is what the reference engine says of the same programs, whole.
#[test]
fn whole_kernels_are_those_of_the_reference_engine() {
    let machine = wafer("cs3", &["fabric.width_pes=48", "fabric.height_pes=8", "io.prefetch_mib=1"]);
    let set = ["sparsity.level=0.7", "model.layers=3"].map(|text| Override(text.to_owned()));
    let workload = load_workload("llama2-tiny", &set).unwrap().spec;
    let plan = plan(&workload, &machine).unwrap();
    let masks = Masks::new(&workload).unwrap();
    let timing = Timing { mapping: &plan.mapping, precision: workload.training.precision, machine: &machine };
    let dense = workload.dense();
    // A step and its dense twin, whose products and those of their mirrors share their times.
    let jobs = |workload, masks| jobs(&plan.graph, &plan.mapping, masks, workload, &machine);
    let all = [jobs(&workload, &masks), jobs(&dense, &Masks::new(&dense).unwrap())].concat();
    let times = simulate(&all, timing, &masks, Engines::Fast, &|_| ()).unwrap();
    let (mut compared, mut distinct) = (0, BTreeSet::new());
    for job in &all {
        let (Kernel::Weights(kernel), time) = (&job.kernel, times.of(&job.kernel)) else { continue };
        if time.engine != Some(Engine::Fast) {
            continue;
        }
        let program = timing.weights(*kernel, timing.counts(*kernel, &masks).as_ref(), None, 1);
        let outcome = run(&program, &machine, LIMIT).unwrap_or_else(|fault| panic!("{fault}"));
        let whole = unfold(&program, &outcome, &machine, plan.mapping.rows());
        // How well one row of a gradient tells all is noted beside what it tells.
        let noted = KernelTime { engine: time.engine, how: time.how, sample: time.sample, ..whole };
        assert_eq!(*time, noted, "{}", job.name);
        compared += 1;
        if kernel.mask.is_none() {
            distinct.insert((kernel, times.class(&job.kernel)));
        }
    }
    // Seven weights in each of three layers, and the output head: forward, back, and their gradients, twice.
    assert_eq!(compared, 2 * 3 * (3 * 7 + 1));
    let classes: BTreeSet<usize> = distinct.iter().map(|(_, class)| *class).collect();
    assert!(classes.len() < distinct.len(), "no product shares its time with the dx of its mirror");
}
