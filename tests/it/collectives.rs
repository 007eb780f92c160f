//! Collectives and products on a mesh: closed forms, conservation and values.
//!
//! The closed forms are those of "Near-Optimal Wafer-Scale Reduce" (HPDC 2024), which its authors hold to be
//! within 4 % of a CS-2 on average: a PE takes an element a cycle, a hop takes one and a stage `2 T_R + 1`.

use wafersim::dtype::Dtype;
use wafersim::exec::Sram;
use wafersim::fabric::{Counters, run_with};
use wafersim::program::{Program, check};
use wafersim::validate::kernels::{
    Columns, Gemm, Gemv, broadcast_2d, chain, gemm, gemv_mesh, multicast, reduce_2d, reduce_broadcast, ring,
    star, tree, two_phase,
};

use crate::support::kernels::{cycles, go, wafer};

const F32: Dtype = Dtype::Fp32;
/// Cycles of a stage besides its hop: `2 T_R + 1`.
const STAGE: f64 = 5.0;

/// Holds cycles against a closed form: never below it, and above it by a share of at most `tolerance`.
#[track_caller]
fn near(what: &str, program: &Program, form: f64, tolerance: f64) {
    let found = cycles(program, &wafer("cs2", &[])) as f64;
    let error = found / form - 1.0;
    assert!((-1e-9..=tolerance).contains(&error), "{what}: {found} for {form}, {:+.1} %", 100.0 * error);
}

#[test]
fn trees_take_what_their_closed_form_says() {
    for (pes, elements) in [(2, 256), (8, 256), (64, 256), (64, 1024), (256, 1024), (512, 1024), (512, 4096)]
    {
        let (p, b) = (f64::from(pes), f64::from(elements));
        let rounds = p.log2();
        let hops = b * p * rounds / 2.0 / (p - 1.0) + p - 1.0;
        let form = (b * rounds).max(hops) + STAGE * rounds;
        near(&format!("tree {pes} {elements}"), &tree(pes, elements, F32), form, 0.06);
    }
}

#[test]
fn rings_take_what_their_closed_form_says() {
    // A round costs some 7 cycles more than the form has it, so chunks are long.
    for (pes, elements, tolerance) in
        [(4, 1024, 0.03), (8, 1024, 0.05), (16, 4096, 0.03), (64, 4096, 0.1), (64, 16384, 0.03)]
    {
        let (p, b) = (f64::from(pes), f64::from(elements));
        let form = 2.0 * (p - 1.0) * b / p + 4.0 * p - 6.0 + 2.0 * (p - 1.0) * STAGE;
        let machine = wafer("cs2", &["pe.sram_kib=128"]);
        let found = cycles(&ring(pes, elements, F32), &machine) as f64 / form - 1.0;
        assert!((0.0..=tolerance).contains(&found), "ring {pes} {elements}: {found}");
    }
}

#[test]
fn chains_that_send_back_take_what_their_closed_form_says() {
    for (pes, elements) in [(8, 256), (64, 256), (512, 64), (512, 1024)] {
        let (p, b) = (f64::from(pes), f64::from(elements));
        let form = b + (STAGE + 1.0) * (p - 1.0) + b + p + STAGE - 1.0;
        near(&format!("chain {pes} {elements}"), &reduce_broadcast(pes, elements, F32), form, 0.05);
    }
}

#[test]
fn rectangles_take_what_their_closed_forms_say() {
    for ((width, height), elements) in [((8, 8), 256), ((64, 64), 256), ((16, 4), 1024), ((200, 300), 64)] {
        let (m, n, b) = (f64::from(width), f64::from(height), f64::from(elements));
        let (size, broadcast) = ((width, height), b + m + n - 2.0 + STAGE);
        let program = broadcast_2d(size, elements, F32, Columns::Last);
        near(&format!("broadcast {size:?} {elements}"), &program, broadcast, 0.015);
        if width < 200 {
            let chains = 2.0 * b + (STAGE + 1.0) * (m + n - 2.0);
            near(&format!("reduce {size:?}"), &reduce_2d(size, elements, F32, false), chains, 0.03);
            let both = chains + broadcast;
            near(&format!("all-reduce {size:?}"), &reduce_2d(size, elements, F32, true), both, 0.05);
        }
    }
}

#[test]
fn the_last_column_tells_when_all_have_heard() {
    for preset in ["cs2", "cs3"] {
        let machine = wafer(preset, &[]);
        for size in [(1, 1), (1, 6), (6, 1), (5, 7), (9, 2)] {
            let [all, last] = [Columns::All, Columns::Last]
                .map(|columns| cycles(&broadcast_2d(size, 33, F32, columns), &machine));
            assert_eq!(all, last, "{preset} {size:?}");
        }
    }
}

#[test]
fn every_word_arrives_once() {
    let machine = wafer("cs3", &[]);
    let (pes, elements) = (8_u16, 24_u32);
    let (p, b) = (u64::from(pes), u64::from(elements));
    let gemv = Gemv { pes: 10, group: 3, rows: 4, columns: 6, dtype: F32 };
    let gemm_of = Gemm { side: 3, rows: 2, inner: 4, columns: 5, dtype: F32 };
    // Besides the words of the tiles, each sender of a tile ends it with one that all of its line get.
    let tiles = 27 * (2 * 4 + 1 + 4 * 5 + 1);
    for (what, program, words) in [
        ("tree", tree(pes, elements, F32), (p - 1) * b),
        ("ring", ring(pes, elements, F32), 2 * (p - 1) * b),
        ("chain and back", reduce_broadcast(pes, elements, F32), 2 * (p - 1) * b),
        ("broadcast", broadcast_2d((4, 5), elements, F32, Columns::All), 19 * b),
        ("reduce", reduce_2d((4, 5), elements, F32, false), 19 * b),
        ("all-reduce", reduce_2d((4, 5), elements, F32, true), 2 * 19 * b),
        ("product of a vector", gemv_mesh(gemv), 2 * 9 * 6),
        ("product of matrices", gemm(gemm_of), tiles),
    ] {
        let counters: Counters = go(&program, &machine).counters;
        assert_eq!(counters.delivered.0, words, "{what}");
        assert_eq!(counters.drained.0, 0, "{what}");
        assert_eq!(counters.sent.0 + counters.copied.0, words, "{what}");
    }
    assert_eq!(go(&gemv_mesh(gemv), &machine).counters.macs.0, 10 * 4 * 6);
    assert_eq!(go(&gemm(gemm_of), &machine).counters.macs.0, 9 * 3 * 2 * 4 * 5);
}

/// Run with values: buffer `name` of each PE is filled by `load` before and returned after.
fn values(program: &Program, (into, from): (&str, &str), load: impl Fn(usize) -> Vec<f64>) -> Vec<Vec<f32>> {
    let machine = wafer("cs2", &[]);
    check(program, &machine).unwrap_or_else(|faults| panic!("{}", faults.first));
    let mut sram = Sram::new(program);
    for pe in 0..program.pe_count() {
        sram.load(pe, into, &load(pe));
    }
    run_with(program, &machine, &mut sram, 1 << 18, false).unwrap_or_else(|fault| panic!("{fault}"));
    (0..program.pe_count()).map(|pe| sram.read(pe, from).to_vec()).collect()
}

/// Whole numbers that tell PEs and positions apart; their sums are exact.
fn element(pe: usize, n: usize) -> f64 {
    ((pe * 7 + n * 3) % 11) as f64
}

fn vector(pe: usize, elements: usize) -> Vec<f64> {
    (0..elements).map(|n| element(pe, n)).collect()
}

fn sum(pes: usize, elements: usize) -> Vec<f32> {
    (0..elements).map(|n| (0..pes).map(|pe| element(pe, n)).sum::<f64>() as f32).collect()
}

#[test]
fn sums_towards_the_first_pe_are_right() {
    for elements in [1, 5, 40] {
        let load = |pe| vector(pe, elements);
        let b = elements as u32;
        // Trees of more than 16 PEs use their colors again.
        for pes in [1, 2, 16, 64, 512] {
            let found = values(&tree(pes, b, F32), ("own", "own"), load);
            assert_eq!(found[0], sum(pes.into(), elements), "tree of {pes}, {elements}");
        }
        for (what, program) in [
            ("chain", chain(13, b, F32)),
            ("star", star(13, b, F32)),
            ("two-phase", two_phase(13, 4, b, F32)),
            ("rectangle", reduce_2d((13, 1), b, F32, false)),
        ] {
            let found = values(&program, ("own", "own"), load);
            assert_eq!(found[0], sum(13, elements), "{what}, {elements}");
        }
    }
}

#[test]
fn sums_that_all_get_are_right() {
    let elements = 21;
    for (what, program) in [
        ("row", reduce_broadcast(7, 21, F32)),
        ("one", reduce_broadcast(1, 21, F32)),
        ("rectangle", reduce_2d((5, 4), 21, F32, true)),
        ("column", reduce_2d((1, 6), 21, F32, true)),
    ] {
        let found = values(&program, ("own", "own"), |pe| vector(pe, elements));
        assert!(found.iter().all(|values| *values == sum(found.len(), elements)), "{what}");
    }
    for (pes, chunk, dtype) in [(1, 3, F32), (2, 3, F32), (7, 3, F32), (8, 1, F32), (6, 3, Dtype::Fp16)] {
        let count = usize::from(pes);
        // Chunk `c` lies in slot `(at - c) mod count`.
        let place = |at: usize, n: usize| (at + count - n / chunk) % count * chunk + n % chunk;
        let load = |at: usize| {
            let mut slots = vec![0.0; count * chunk];
            (0..count * chunk).for_each(|n| slots[place(at, n)] = element(at, n));
            slots
        };
        let found = values(&ring(pes, (count * chunk) as u32, dtype), ("chunks", "chunks"), load);
        let expected = sum(count, count * chunk);
        for (at, slots) in found.iter().enumerate() {
            let whole: Vec<f32> = (0..count * chunk).map(|n| slots[place(at, n)]).collect();
            assert_eq!(whole, expected, "ring of {pes}, PE {at}");
        }
    }
}

#[test]
fn products_on_a_mesh_are_right() {
    let dtype = Dtype::Fp16;
    for (pes, group) in [(1, 1), (2, 1), (3, 3), (7, 3), (16, 4), (23, 5), (30, 30), (9, 1)] {
        let (rows, columns) = (4, 5);
        let program = gemv_mesh(Gemv { pes, group, rows, columns, dtype });
        let found = values(&program, ("w", "y"), |pe| vector(pe, 20));
        let all = sum(pes.into(), 20);
        let expected: Vec<f32> = (0..5).map(|n| all[n] + all[n + 5] + all[n + 10] + all[n + 15]).collect();
        assert!(found.iter().all(|y| *y == expected), "{pes} in groups of {group}: {found:?}");
    }
    for side in [1_usize, 2, 4] {
        let shape = Gemm { side: side as u16, rows: 2, inner: 3, columns: 4, dtype };
        let found = values(&gemm(shape), ("own b", "c"), |pe| vector(pe, 12));
        for (pe, c) in found.iter().enumerate() {
            // Rows of A are ones: each row of C is the sum of the rows of B, over the PEs of the column.
            let column = |n: usize| {
                let of = |y: usize| (0..3).map(|k| element(y * side + pe % side, k * 4 + n)).sum::<f64>();
                (0..side).map(of).sum::<f64>() as f32
            };
            let row: Vec<f32> = (0..4).map(column).collect();
            assert_eq!(c, &[row.clone(), row].concat(), "PE {pe} of {side} x {side}");
        }
    }
}

#[test]
fn a_multicast_reaches_everybody() {
    let found = values(&broadcast_2d((4, 3), 9, F32, Columns::All), ("own", "own"), |pe| vector(pe, 9));
    assert!(found.iter().all(|values| *values == found[0]) && found[0][1] == 3.0);
    assert_eq!(go(&multicast(5, 9, false), &wafer("cs2", &[])).counters.delivered.0, 45);
}
