//! Many systems: the law of tree and store by hand, and what must hold for any step.

use proptest::prelude::*;
use wafersim::cluster::share::{Share, Table};
use wafersim::cluster::tree::{Path, Stage, Stream, levels};
use wafersim::cluster::{ClusterRequest, scale, share_of, step};
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

/// A clock of 1 GHz, 10 cycles to the wafer, 50 a level and 100 bytes a cycle on the tree.
fn round_numbers() -> WaferSpec {
    wafer(
        "cs3",
        &[
            "fabric.clock_mhz=1000",
            "io.latency_us=0.01",
            "cluster.tree_fanout=4",
            "cluster.tree_latency_us=0.05",
            "cluster.tree_bandwidth_gbit_per_s=800",
        ],
    )
}

/// One weight: in from the first cycle, its gradient out at the end.
fn one_weight() -> Share {
    Share {
        cycles: 910,
        weights: vec![stream(0, 100, 1000)],
        gradients: vec![stream(800, 900, 1000)],
        tables: Vec::new(),
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

#[test]
fn a_step_pays_every_level_twice() {
    let machine = round_numbers();
    let alone = step(&one_weight(), 1, &machine);
    assert_eq!((alone.cycles, alone.tree), (Cycles(910), Cycles(0)));
    for (systems, levels) in [(2, 1), (4, 1), (5, 2), (16, 2), (17, 3)] {
        let all = step(&one_weight(), systems, &machine);
        assert_eq!((all.alone, all.tree), (Cycles(910), Cycles(2 * 50 * levels)), "{systems} systems");
        assert_eq!(all.cycles, Cycles(910 + 100 * levels));
    }
}

/// Compute that goes on after the last gradient hides the tree behind it.
#[test]
fn what_ends_later_hides_the_tree() {
    let share = Share { cycles: 1050, ..one_weight() };
    assert_eq!(step(&share, 4, &round_numbers()).tree, Cycles(0));
    assert_eq!(step(&share, 5, &round_numbers()).tree, Cycles(910 + 200 - 1050));
}

/// 1,000 bytes at 5 a cycle take 200 cycles where the links take 100.
#[test]
fn a_slow_tree_stretches_streams() {
    let mut machine = round_numbers();
    machine.cluster.tree_bandwidth_gbit_per_s = 40.0;
    // A level and 100 cycles more, down and up.
    assert_eq!(step(&one_weight(), 2, &machine).tree, Cycles(2 * (50 + 100)));
}

/// The rows of all systems go up when the last token is through, and the host has them for the next step: 3 rows of 100
/// bytes take 3 cycles and a level each way.
#[test]
fn a_table_goes_up_and_comes_back() {
    let table = Table { read: 20, done: 900, touched: 2, rows: 3, row: Bytes(100) };
    let share = Share {
        cycles: 910,
        weights: vec![stream(0, 10, 1000)],
        gradients: vec![stream(780, 880, 1000)],
        tables: vec![table],
    };
    let machine = round_numbers();
    assert_eq!(step(&share, 1, &machine).cycles, Cycles(910));
    // Two systems touch all three rows, as more do.
    for systems in [2, 4] {
        assert_eq!(step(&share, systems, &machine).tree, Cycles(2 * (50 + 3)), "{systems} systems");
    }
    let large = Share { tables: vec![Table { rows: 1000, ..table }], ..share };
    assert_eq!(step(&large, 4, &machine).tree, Cycles(2 * (50 + 8)));
}

#[test]
fn one_path_is_as_long_as_its_levels() {
    let machine = round_numbers();
    let across = |systems| Path::new(systems, &machine).pass(stream(0, 0, 100)).last;
    // The first level takes the cycle of 100 bytes, the others pass it on as it comes.
    assert_eq!([1, 4, 16, 64].map(across), [0, 51, 101, 151]);
}

fn shares() -> impl Strategy<Value = Share> {
    let gradient = (0u64..200, 1u64..200, 0u64..20_000);
    let table = (0u64..50, 1u64..50, 1u64..5_000).prop_map(|(touched, more, row)| Table {
        read: 0,
        done: 0,
        touched,
        rows: touched + more,
        row: Bytes(row),
    });
    (prop::collection::vec(gradient, 1..12), prop::collection::vec(table, 0..3), 0u64..3_000).prop_map(
        |(gradients, mut tables, more)| {
            let mut free = 0;
            let (mut weights, mut out) = (Vec::new(), Vec::new());
            for (gap, length, bytes) in gradients {
                let link = stream(free + gap, free + gap + length, bytes);
                free = link.last;
                weights.push(stream(link.first / 2, link.last / 2, bytes));
                out.push(link);
            }
            for table in &mut tables {
                (table.read, table.done) = (free / 3, free);
            }
            // The links take some time to the store.
            Share { cycles: free + 10 + more, weights, gradients: out, tables }
        },
    )
}

proptest! {
    /// More systems never make a step shorter, its parts add up, and one system is alone.
    #[test]
    fn steps_grow_with_systems(share in shares()) {
        let machine = round_numbers();
        let mut last = Cycles(share.cycles);
        prop_assert_eq!(step(&share, 1, &machine).cycles, last);
        for systems in [2, 3, 4, 5, 16, 17, 64, 65, 2048] {
            let all = step(&share, systems, &machine);
            prop_assert_eq!(all.alone + all.tree, all.cycles);
            prop_assert_eq!(all.alone, Cycles(share.cycles));
            prop_assert!(all.cycles >= last, "{} systems", systems);
            last = all.cycles;
        }
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
    let whole =
        request(&["training.batch_sequences=64", "training.micro_batch_sequences=8", "sparsity.level=0.5"]);
    let (known, counted) = (Known::default(), Counted::default());
    let first = simulate(&whole, &known, &counted).unwrap();
    let kernels = counted.kernels();
    assert!(kernels > 20);
    // Half of the sequences lie on the wafer as all do, in half as many passes.
    let half = share_of(&whole, 2).unwrap();
    let again = simulate(&half, &known, &counted).unwrap();
    let fresh = simulate(&half, &Known::default(), &Quiet).unwrap();
    assert_eq!((&again.timeline, &again.dense), (&fresh.timeline, &fresh.dense));
    assert_eq!(first.plan.mapping, again.plan.mapping);
    assert_eq!(counted.kernels(), kernels, "nothing new");
    // Other zeros: only products with masks are new.
    let sparser =
        request(&["training.batch_sequences=64", "training.micro_batch_sequences=8", "sparsity.level=0.75"]);
    let third = simulate(&sparser, &known, &counted).unwrap();
    let fresh = simulate(&sparser, &Known::default(), &Quiet).unwrap();
    assert_eq!((&third.timeline, &third.dense), (&fresh.timeline, &fresh.dense));
    assert_eq!(third.plan.mapping, first.plan.mapping);
    let masked = third.jobs[0].iter().filter(|job| job.density() < 1.0).count();
    assert_eq!(counted.kernels() - kernels, masked);
    // Faster links off the wafer, a faster clock: the step changes, its kernels do not.
    let mut linked = whole.clone();
    linked.machine.spec.io.bandwidth_gbit_per_s *= 2.0;
    let mut clocked = whole.clone();
    clocked.machine.spec.fabric.clock.0 *= 2;
    let before = counted.kernels();
    for changed in [linked, clocked] {
        let fourth = simulate(&changed, &known, &counted).unwrap();
        let fresh = simulate(&changed, &Known::default(), &Quiet).unwrap();
        assert_eq!((&fourth.timeline, &fourth.dense), (&fresh.timeline, &fresh.dense));
        assert_eq!(counted.kernels(), before, "nothing new");
    }
    // Another machine: all of them.
    let mut slower = whole.clone();
    slower.machine.spec.pe.overhead.fma_setup_cycles += 1;
    simulate(&slower, &known, &counted).unwrap();
    assert_eq!(counted.kernels() - kernels - masked, kernels);
}

/// Steps that are simulated at the same time tell each other what they have in common, and take the time that they take alone.
#[test]
fn steps_at_the_same_time_share_what_they_know() {
    let levels = [0.0, 0.5, 0.6, 0.7, 0.8];
    let requests = levels.map(|level| request(&[&format!("sparsity.level={level}")]));
    let known = Known::default();
    for _ in 0..2 {
        let together = std::thread::scope(|scope| {
            let threads: Vec<_> = requests
                .iter()
                .map(|request| scope.spawn(|| simulate(request, &known, &Quiet).unwrap()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        for (request, together) in requests.iter().zip(&together) {
            let alone = simulate(request, &Known::default(), &Quiet).unwrap();
            assert_eq!((&together.timeline, &together.dense), (&alone.timeline, &alone.dense));
        }
    }
    let counted = Counted::default();
    requests.iter().for_each(|request| assert!(simulate(request, &known, &counted).is_ok()));
    assert_eq!(counted.kernels(), 0, "all is known");
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
