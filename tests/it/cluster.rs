//! Many systems: the law of tree and store by hand, and what must hold for any step.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wafersim::cluster::share::{Gradient, Parameter, Share, Table};
use wafersim::cluster::tree::{Path, Stage, Stream, levels};
use wafersim::cluster::{ClusterRequest, scale, share_of, step};
use wafersim::ids::TensorId;
use wafersim::record::{ClusterPoint, ClusterRecord, Scaling};
use wafersim::run::{Request, run, simulate};
use wafersim::simulate::Known;
use wafersim::spec::wafer::WaferSpec;
use wafersim::units::{Bytes, Cycles};

use crate::support::kernels::wafer;
use crate::support::tiny::{Counted, Quiet, request};

fn stream(first: u64, last: u64, bytes: u64) -> Stream {
    Stream { first, last, bytes: Bytes(bytes) }
}

/// A clock of 1 GHz, 10 cycles to the wafer, 50 a level, 100 bytes a cycle on the tree and 1,000 at the store.
fn round_numbers() -> WaferSpec {
    wafer(
        "cs3",
        &[
            "fabric.clock_mhz=1000",
            "io.latency_us=0.01",
            "cluster.tree_fanout=4",
            "cluster.tree_latency_us=0.05",
            "cluster.tree_bandwidth_gbit_per_s=800",
            "cluster.store_bandwidth_gb_per_s=1000",
            "cluster.store_update_bytes_per_parameter=30",
        ],
    )
}

/// One weight of 500 parameters: in from the first cycle, its gradient out at the end.
fn one_weight() -> Share {
    let id = TensorId(7);
    let parameter = Parameter { id, elements: 500, table: None };
    Share {
        cycles: 910,
        weights: vec![stream(0, 100, 1000)],
        gradients: vec![Gradient { stream: stream(800, 900, 1000), completes: Some(parameter) }],
        first_use: BTreeMap::from([(id, 0)]),
    }
}

#[test]
fn levels_grow_with_the_logarithm() {
    let of = |systems| levels(systems, 4);
    assert_eq!([1, 2, 4, 5, 16, 17, 2048].map(of), [0, 1, 1, 2, 2, 3, 6]);
    assert_eq!(levels(2048, 2), 11);
    assert_eq!(levels(u32::MAX, 2), 32);
}

#[test]
fn a_stage_delays_holds_its_rate_and_keeps_the_order() {
    let mut stage = Stage::new(100.0, 50);
    // As fast as it comes: later by the latency.
    assert_eq!(stage.pass(stream(0, 100, 1000)), stream(50, 150, 1000));
    // Faster than the rate: as long as its bytes take, after the one before.
    assert_eq!(stage.pass(stream(90, 91, 1000)), stream(150, 160, 1000));
    assert_eq!(stage.pass(stream(200, 200, 0)), stream(250, 250, 0));
}

/// Two levels both ways, and an update that goes along with the gradient.
#[test]
fn a_step_pays_every_level_twice() {
    let machine = round_numbers();
    let alone = step(&one_weight(), 1, &machine);
    assert_eq!((alone.cycles, alone.tree, alone.store), (Cycles(910), Cycles(0), Cycles(0)));
    for (systems, levels) in [(2, 1), (4, 1), (5, 2), (16, 2), (17, 3)] {
        let all = step(&one_weight(), systems, &machine);
        assert_eq!((all.tree, all.store), (Cycles(2 * 50 * levels), Cycles(0)), "{systems} systems");
        assert_eq!(all.cycles, Cycles(910 + 100 * levels));
    }
}

/// 500 parameters of 30 bytes at 10 bytes a cycle: 1,500 cycles from the first byte of the gradient, of which 100 go by
/// while it arrives.
#[test]
fn a_slow_store_holds_the_next_step_back() {
    let mut machine = round_numbers();
    machine.cluster.store_bandwidth_gb_per_s = 10.0;
    let alone = step(&one_weight(), 1, &machine);
    assert_eq!((alone.cycles, alone.tree, alone.store), (Cycles(2310), Cycles(0), Cycles(1400)));
    // A weight that is first used late leaves the store time.
    let mut late = one_weight();
    late.first_use = BTreeMap::from([(TensorId(7), 1000)]);
    assert_eq!(step(&late, 1, &machine).store, Cycles(400));
}

/// 1,000 bytes at 5 a cycle take 200 cycles where the links take 100.
#[test]
fn a_slow_tree_stretches_streams() {
    let mut machine = round_numbers();
    machine.cluster.tree_bandwidth_gbit_per_s = 40.0;
    // A level and 100 cycles more, down and up.
    assert_eq!(step(&one_weight(), 2, &machine).tree, Cycles(2 * (50 + 100)));
}

/// The rows of all systems go up when the last token is through, and come back: 3 rows of 100 bytes take 3 cycles each
/// way and a level each.
#[test]
fn a_table_goes_up_and_comes_back() {
    let id = TensorId(1);
    let table = Table { touched: 2, rows: 3, row: Bytes(100) };
    let parameter = Parameter { id, elements: 100, table: Some(table) };
    let share = Share {
        cycles: 910,
        weights: vec![stream(0, 10, 1000)],
        gradients: vec![Gradient { stream: stream(880, 900, 200), completes: Some(parameter) }],
        first_use: BTreeMap::from([(id, 0)]),
    };
    let machine = round_numbers();
    assert_eq!(step(&share, 1, &machine).cycles, Cycles(910));
    let two = step(&share, 2, &machine);
    // Late by a level, up 50 + 3, 150 parameters at the store in 5, of which 3 go by as they arrive; down 50 + 3.
    assert_eq!(two.tree, Cycles(50 + 53 + 53 - 50));
    assert_eq!(two.store, Cycles(2));
}

#[test]
fn one_path_is_as_long_as_its_levels() {
    let machine = round_numbers();
    let across = |systems| Path::new(systems, &machine).pass(stream(0, 0, 100)).last;
    // The first level takes the cycle of 100 bytes, the others pass it on as it comes.
    assert_eq!([1, 4, 16, 64].map(across), [0, 51, 101, 151]);
}

fn shares() -> impl Strategy<Value = Share> {
    let gradient = (0u64..200, 1u64..200, 0u64..20_000, any::<bool>(), 0u64..5_000);
    (prop::collection::vec(gradient, 1..12), 0u64..3_000).prop_map(|(gradients, more)| {
        let (mut free, mut share) =
            (0, Share { cycles: 0, weights: Vec::new(), gradients: Vec::new(), first_use: BTreeMap::new() });
        for (at, (gap, length, bytes, completes, elements)) in gradients.into_iter().enumerate() {
            let id = TensorId(at as u32);
            let link = stream(free + gap, free + gap + length, bytes);
            free = link.last;
            share.weights.push(stream(link.first / 2, link.last / 2, bytes));
            share.first_use.insert(id, link.first / 2);
            let parameter = completes.then_some(Parameter { id, elements, table: None });
            share.gradients.push(Gradient { stream: link, completes: parameter });
        }
        // The links take some time to the store.
        share.cycles = free + 10 + more;
        share
    })
}

proptest! {
    /// More systems never make a step shorter, its parts add up, and one system with a store that is fast enough is
    /// alone.
    #[test]
    fn steps_grow_with_systems(share in shares()) {
        let mut machine = round_numbers();
        let mut last = Cycles(0);
        for systems in [1, 2, 3, 4, 5, 16, 17, 64, 65, 2048] {
            let all = step(&share, systems, &machine);
            prop_assert_eq!(all.alone + all.tree + all.store, all.cycles);
            prop_assert_eq!(all.alone, Cycles(share.cycles));
            prop_assert!(all.cycles >= last, "{} systems", systems);
            last = all.cycles;
        }
        machine.cluster.store_bandwidth_gb_per_s = 1e9;
        prop_assert_eq!(step(&share, 1, &machine).cycles, Cycles(share.cycles));
    }
}

/// A small step scaled.
fn scaled(more: &[&str], systems: &[u32]) -> (Request, ClusterRecord) {
    let step = request(&[&["training.batch_sequences=16", "sparsity.level=0.5"], more].concat());
    let scalings = vec![Scaling::Weak, Scaling::Strong];
    let asked = ClusterRequest { step: step.clone(), systems: systems.to_vec(), scalings };
    (step, scale(&asked, &Quiet).unwrap_or_else(|error| panic!("{error}")))
}

fn of(record: &ClusterRecord, scaling: Scaling) -> Vec<&ClusterPoint> {
    record.points.iter().filter(|point| point.scaling == scaling).collect()
}

#[test]
fn one_system_is_the_run_and_more_are_less_efficient() {
    let (request, record) = scaled(&[], &[1, 2, 4, 16, 64, 2048]);
    assert!(record.validate_sums().is_empty(), "{:?}", record.validate_sums());
    let plain = run(&request, &Quiet).unwrap();
    for scaling in [Scaling::Weak, Scaling::Strong] {
        let one = of(&record, scaling)[0];
        assert_eq!((one.systems, one.step_cycles), (1, plain.summary.step_cycles));
        assert_eq!((one.efficiency, one.scaling_speedup), (1.0, 1.0));
        assert_eq!(one.achieved_speedup, plain.summary.achieved_speedup);
        assert_eq!(one.tokens_per_s, plain.summary.tokens_per_s);
    }
    let weak = of(&record, Scaling::Weak);
    assert_eq!(weak.len(), 6);
    for pair in weak.windows(2) {
        assert!(pair[1].efficiency <= pair[0].efficiency && pair[1].efficiency < 1.0, "{pair:?}");
        assert!(pair[1].tokens_per_s > pair[0].tokens_per_s);
    }
    // 16 sequences divide over 1, 2, 4 and 16 systems; the others are named.
    let strong = of(&record, Scaling::Strong);
    assert_eq!(strong.iter().map(|point| point.systems).collect::<Vec<_>>(), [1, 2, 4, 16]);
    assert!(record.notes.iter().any(|note| note.contains("do not divide over 64, 2048 systems")));
    // A system more may cost its levels, both ways and for the table, and no more.
    for point in strong {
        let whole = plain.summary.step_cycles;
        assert!(point.alone_cycles <= whole && point.step_cycles <= whole + point.tree_cycles, "{point:?}");
    }
}

#[test]
fn a_tree_that_takes_no_time_never_makes_strong_scaling_worse() {
    let free = ["cluster.tree_latency_us=0", "cluster.tree_bandwidth_gbit_per_s=1e9", "io.latency_us=0"];
    let (_, record) = scaled(&free, &[1, 2, 4, 8, 16]);
    let strong = of(&record, Scaling::Strong);
    for pair in strong.windows(2) {
        assert!(pair[1].step_cycles <= pair[0].step_cycles, "{pair:?}");
    }
    assert!(of(&record, Scaling::Weak).iter().all(|point| point.efficiency > 0.999), "{:?}", record.points);
}

/// What is known is not simulated again, and takes the same time.
#[test]
fn a_known_kernel_is_simulated_once() {
    let whole = request(&["training.batch_sequences=64", "sparsity.level=0.5"]);
    let (mut known, counted) = (Known::default(), Counted::default());
    let first = simulate(&whole, &mut known, &counted).unwrap();
    let kernels = counted.kernels();
    assert!(kernels > 20);
    // Half of the sequences lie on the wafer as all do, in half as many passes.
    let half = share_of(&whole, 2).unwrap();
    let again = simulate(&half, &mut known, &counted).unwrap();
    let fresh = simulate(&half, &mut Known::default(), &Quiet).unwrap();
    assert_eq!((&again.timeline, &again.dense), (&fresh.timeline, &fresh.dense));
    assert_eq!(first.plan.mapping, again.plan.mapping);
    assert_eq!(counted.kernels(), kernels, "nothing new");
    // Other zeros: only products with masks are new.
    let sparser = request(&["training.batch_sequences=64", "sparsity.level=0.75"]);
    let third = simulate(&sparser, &mut known, &counted).unwrap();
    let fresh = simulate(&sparser, &mut Known::default(), &Quiet).unwrap();
    assert_eq!((&third.timeline, &third.dense), (&fresh.timeline, &fresh.dense));
    assert_eq!(third.plan.mapping, first.plan.mapping);
    let masked = third.jobs[0].iter().filter(|job| job.density() < 1.0).count();
    assert_eq!(counted.kernels() - kernels, masked);
    // Another machine: all of them.
    let mut slower = whole.clone();
    slower.machine.spec.pe.overhead.fma_setup_cycles += 1;
    simulate(&slower, &mut known, &counted).unwrap();
    assert_eq!(counted.kernels() - kernels - masked, kernels);
}

#[test]
fn shares_are_even() {
    let whole = request(&["training.batch_sequences=12", "training.micro_batch_sequences=4"]);
    let part = |systems| {
        let training = share_of(&whole, systems)?.workload.spec.training;
        Some((training.batch_sequences, training.micro_batch_sequences))
    };
    assert_eq!(part(1), Some((12, Some(4))));
    assert_eq!(part(2), Some((6, Some(3))));
    assert_eq!(part(12), Some((1, Some(1))));
    assert_eq!((part(5), part(24), part(0)), (None, None, None));
}
