//! The kernels that the engine is timed on: what they do, and what the engine's state costs.

use wafersim::bench::{Kernel, Series, StepRun, json, measure, step_line, steps_foot, steps_json, text};
use wafersim::fabric::{Counters, Prepared, TimingOnly, run};
use wafersim::lower::plan::plan_with;
use wafersim::program::{Port, check};
use wafersim::sparsity::Masks;
use wafersim::spec::{ArchSpec, Override, load_arch, load_sweep, load_workload, split_overrides};
use wafersim::sweep::plan;

use crate::support::machine;

/// Counts of a kernel.
fn counters(kernel: Kernel) -> Counters {
    let program = kernel.program(&machine());
    check(&program, &machine()).unwrap_or_else(|faults| panic!("{}", faults.first));
    run(&program, &machine(), 1 << 20).unwrap().counters
}

#[test]
fn the_state_of_a_pe_is_below_a_kibibyte() {
    let machine = machine();
    for zeros in [0, 70] {
        let program = Kernel::Stream { features: 694, zeros }.program(&machine);
        let state = Prepared::new(&program, &machine, &mut TimingOnly, false).state();
        let each = state.0 / program.pe_count() as u64;
        // Two queues of eight and five buffers of four wavelets at the least.
        assert!((200..1024).contains(&each), "{each} bytes");
    }
}

#[test]
fn a_broadcast_reaches_all_and_a_chain_comes_back() {
    let words = 5;
    let counters = counters(Kernel::Rows { rows: 2, of: 2, words });
    let others = 2 * 754 * u64::from(words);
    assert_eq!(counters.sent.0, 2 * 755 * u64::from(words));
    assert_eq!((counters.delivered.0, counters.hops.0), (2 * others, 2 * others));
    assert_eq!(counters.drained.0, 0);
    // All links eastwards carry the broadcast and all westwards the chain: the first of them is the busiest.
    let link = counters.busiest_link.unwrap();
    let first = wafersim::ids::Coord { x: 0, y: 0 };
    assert_eq!((link.pe, link.port, link.wavelets.0), (first, Port::East, u64::from(words)));
    assert_eq!(counters.sram_high_water.0, 2 * 4 * u64::from(words));
}

#[test]
fn rows_at_rest_change_nothing() {
    let alone = counters(Kernel::Rows { rows: 1, of: 1, words: 3 });
    let mut among = counters(Kernel::Rows { rows: 1, of: 9, words: 3 });
    let idle = wafersim::fabric::Activity::Idle;
    among.activity.take(idle, 8 * 755 * among.cycles.0);
    assert_eq!(alone, among);
}

#[test]
fn a_measurement_is_told_with_its_rates() {
    let measured = measure(Kernel::Rows { rows: 1, of: 2, words: 2 }, &machine()).unwrap();
    assert_eq!((measured.pes, measured.events), (2 * 755, (755 + 4 * 754) * 2));
    assert!(measured.active_pe_cycles < measured.pes * measured.cycles);
    assert!(text(std::slice::from_ref(&measured)).contains("broadcast and reduce 2, 1 of 2 rows"));
    let told: serde_json::Value = serde_json::from_str(&json(std::slice::from_ref(&measured))).unwrap();
    let rate = told[0]["active_pe_cycles_per_second"].as_f64().unwrap();
    assert!((rate - measured.active_pe_cycles_per_second()).abs() < 1e-6 * rate);
    assert_eq!(told[0]["cycles"], measured.cycles);
}

/// Every point of a whole step is a workload that fits the machine; that of a sweep has as many points as it says.
#[test]
fn points_of_steps_can_be_run() {
    for point in Series::ALL.into_iter().flat_map(Series::points) {
        if point.series == Series::Sweep {
            let sweep = load_sweep(point.workload).unwrap_or_else(|faults| panic!("{faults}"));
            assert_eq!(plan(sweep, "test").unwrap().points.len(), point.amount as usize);
            continue;
        }
        let overrides: Vec<Override> = point.overrides.iter().cloned().map(Override).collect();
        let (to_arch, to_workload) = split_overrides(&overrides).unwrap_or_else(|faults| panic!("{faults}"));
        let workload =
            load_workload(point.workload, &to_workload).unwrap_or_else(|faults| panic!("{faults}"));
        let ArchSpec::Wafer(machine) =
            load_arch("cs3", &to_arch).unwrap_or_else(|faults| panic!("{faults}")).spec
        else {
            panic!("a wafer")
        };
        let masks = Masks::new(&workload.spec).unwrap();
        plan_with(&workload.spec, &machine, &masks).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn rates_of_a_step_are_its_counts_over_its_time() {
    let point = Series::Layers.points().remove(1);
    let run = StepRun {
        point,
        wall_seconds: 2.0,
        peak_memory_bytes: 3_000_000_000,
        pe_cycles: 8_000_000_000,
        nonzeros: 1_000_000_000,
        exact_share: 0.5,
        step_cycles: 77,
    };
    let (line, foot) = (step_line(&run), steps_foot(&[run.clone(), run.clone()]));
    for part in ["layers", "llama2-7b", " 16 ", " 2.0 ", " 3.00 ", " 4.00 ", " 0.67 ", " 50.0 %", " 77"] {
        assert!(line.contains(part), "no `{part}` in {line}");
    }
    assert!(foot.contains(" 4.0"), "{foot}");
    let json = steps_json(&[run]);
    for part in ["\"series\": \"layers\"", "\"pe_cycles_per_second\": 4000000000.0", "model.layers=16"] {
        assert!(json.contains(part), "no `{part}` in {json}");
    }
}
