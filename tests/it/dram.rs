//! The DRAM of GPUs against closed forms: each limit by itself, with the others out of the way.

use proptest::prelude::*;
use wafersim::baseline::dram::{Pattern, Timing, bandwidth, simulate};
use wafersim::spec::dram::{DramSpec, Refresh};
use wafersim::units::{Bytes, Hertz};

use crate::gpu::device;

/// The memory of a preset.
fn memory(name: &str) -> DramSpec {
    device(name).spec.memory.dram
}

/// A memory on which nothing takes longer than the words on the bus: a clock of 1 GHz, two cycles an access.
fn ideal() -> DramSpec {
    DramSpec {
        clock: Hertz(1_000_000_000),
        ccd_s_cycles: 2,
        ccd_l_cycles: 2,
        rcd_read_ns: 0.0,
        rcd_write_ns: 0.0,
        rp_ns: 0.0,
        ras_ns: 0.0,
        rtp_ns: 0.0,
        wr_ns: 0.0,
        rrd_s_ns: 0.0,
        rrd_l_ns: 0.0,
        faw_ns: 0.0,
        wtr_s_ns: 0.0,
        wtr_l_ns: 0.0,
        read_latency_ns: 0.0,
        write_latency_ns: 0.0,
        refi_ns: 1e9,
        rfc_ns: 0.0,
        read_queue_accesses: 64,
        write_queue_accesses: 64,
        ..memory("h100-sxm")
    }
}

/// Accesses of a run that forgets its start.
const MANY: u64 = 8192;

fn share(pattern: Pattern, spec: &DramSpec) -> f64 {
    simulate(pattern, MANY, spec).share
}

#[track_caller]
fn near(found: f64, wanted: f64, tolerance: f64) {
    assert!((found / wanted - 1.0).abs() <= tolerance, "{found} is not {wanted}");
}

#[test]
fn the_peak_of_each_gpu_is_the_stated_one() {
    for name in ["a100-80g", "h100-sxm", "h200"] {
        let stated = device(name).spec.memory.bandwidth_gb_per_s * 1e9;
        near(memory(name).peak_bytes_per_s(), stated, 0.001);
    }
}

#[test]
fn without_limits_the_bus_is_always_in_use() {
    for pattern in [Pattern::Read, Pattern::Write, Pattern::Random(Bytes(64))] {
        near(share(pattern, &ideal()), 1.0, 0.002);
    }
}

#[test]
fn one_bank_group_is_paced_by_its_own_interval() {
    let spec = DramSpec { bank_groups: 1, ccd_l_cycles: 4, ..ideal() };
    near(share(Pattern::Read, &spec), 0.5, 0.002);
    // Other groups fill the gap.
    near(share(Pattern::Read, &DramSpec { bank_groups: 4, ..spec }), 1.0, 0.01);
}

#[test]
fn one_bank_takes_a_row_cycle_for_each_access_to_another_row() {
    let spec = DramSpec { bank_groups: 1, banks_per_group: 1, ras_ns: 30.0, rp_ns: 15.0, ..ideal() };
    near(share(Pattern::Random(Bytes(32)), &spec), 2.0 / 45.0, 0.01);
    // So many banks, so many rows in that time, if a queue finds work for all of them; the last banks have some left.
    let many = DramSpec { bank_groups: 4, banks_per_group: 4, read_queue_accesses: 1024, ..spec };
    let (found, bound) = (share(Pattern::Random(Bytes(32)), &many), 16.0 * 2.0 / 45.0);
    assert!(found <= bound && found > 0.9 * bound, "{found} of {bound}");
}

#[test]
fn activates_keep_their_distance_and_four_their_window() {
    let spec = DramSpec { faw_ns: 40.0, ..ideal() };
    near(share(Pattern::Random(Bytes(32)), &spec), 4.0 * 2.0 / 40.0, 0.01);
    let spec = DramSpec { rrd_s_ns: 8.0, rrd_l_ns: 8.0, ..ideal() };
    near(share(Pattern::Random(Bytes(32)), &spec), 2.0 / 8.0, 0.01);
    // A cache line of four accesses takes one activate.
    near(share(Pattern::Random(Bytes(128)), &spec), 1.0, 0.02);
}

#[test]
fn refresh_of_all_banks_takes_its_share() {
    let spec = DramSpec { refresh: Refresh::AllBank, refi_ns: 1000.0, rfc_ns: 100.0, ..ideal() };
    let found = simulate(Pattern::Read, MANY, &spec);
    near(found.share, 0.9, 0.02);
    assert_eq!(found.refreshes, found.cycles / 1000);
    // Of one bank after the other it hides behind the other banks.
    let hidden = DramSpec { refresh: Refresh::PerBank, ..spec };
    assert!(share(Pattern::Read, &hidden) > 0.99);
}

#[test]
fn the_bus_turns_round_once_for_each_batch_of_writes() {
    // Writes are drained from a full queue to a quarter: a batch is three quarters of it, and as many are read.
    let spec = DramSpec { wtr_s_ns: 60.0, wtr_l_ns: 60.0, write_queue_accesses: 128, ..ideal() };
    let batch = 96.0 * 2.0;
    // Back to reads: the words of the write and 60 ns; to writes: a cycle.
    let turns = 60.0 + 1.0;
    near(share(Pattern::Copy, &spec), 2.0 * batch / (2.0 * batch + turns), 0.02);
}

#[test]
fn nanoseconds_become_whole_cycles_and_never_fewer() {
    let spec = memory("h100-sxm");
    let timing = Timing::new(&spec);
    let ns = 1e9 / spec.clock.0 as f64;
    for (cycles, least) in [(timing.rp, spec.rp_ns), (timing.faw, spec.faw_ns), (timing.ras, spec.ras_ns)] {
        assert!(cycles as f64 * ns >= least && (cycles - 1) as f64 * ns < least, "{cycles} {least}");
    }
}

#[test]
fn measured_patterns_keep_their_order() {
    for name in ["a100-80g", "h100-sxm", "h200"] {
        let memory = memory(name);
        let rate = |pattern| bandwidth(pattern, &memory) / memory.peak_bytes_per_s();
        let (read, line, sector) =
            (rate(Pattern::Read), rate(Pattern::Random(Bytes(128))), rate(Pattern::Random(Bytes(32))));
        assert!(read > line && line > 1.5 * sector, "{name}: {read} {line} {sector}");
        assert!(rate(Pattern::Copy) < read, "{name}");
        // A row of a kilobyte, spread over pseudo-channels: strides beyond it open a row for each access.
        assert!(rate(Pattern::Strided(Bytes(4096))) < 0.5 * rate(Pattern::Strided(Bytes(64))), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_share_is_a_share_and_slower_memory_is_not_faster(
        rp in 0.0_f64..40.0, ras in 0.0_f64..60.0, faw in 0.0_f64..60.0, wtr in 0.0_f64..20.0, piece in 1_u64..512,
    ) {
        let spec = memory("a100-80g");
        let slow = DramSpec {
            rp_ns: spec.rp_ns + rp,
            ras_ns: spec.ras_ns + ras,
            faw_ns: spec.faw_ns + faw,
            wtr_s_ns: spec.wtr_s_ns + wtr,
            wtr_l_ns: spec.wtr_l_ns + wtr,
            ..spec.clone()
        };
        for pattern in [Pattern::Read, Pattern::Triad, Pattern::Random(Bytes(piece)), Pattern::Strided(Bytes(piece))] {
            let (fast, slow) = (simulate(pattern, 2048, &spec), simulate(pattern, 2048, &slow));
            prop_assert!(fast.share <= 1.0 && slow.share > 0.0);
            // The scheduler is greedy: what comes later can come in a better order.
            prop_assert!(slow.share <= 1.05 * fast.share, "{pattern:?} {fast:?} {slow:?}");
        }
    }
}
