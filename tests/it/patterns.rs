//! Masks with structure: exact in count, whole in their groups, seeded, and placed on the fabric as features lie.

use proptest::prelude::*;
use rayon::prelude::*;

use wafersim::inspect;
use wafersim::lower::job::{Direction, Features, WeightKernel};
use wafersim::lower::plan::plan;
use wafersim::lower::timing::Timing;
use wafersim::rng::Stream;
use wafersim::sparsity::{Mask, Masks, Placed, Slices, Target};
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::workload::WorkloadSpec;
use wafersim::spec::{ArchSpec, Override, load_arch, load_workload};

fn set(texts: &[&str]) -> Vec<Override> {
    texts.iter().map(|text| Override((*text).to_owned())).collect()
}

fn tiny(overrides: &[&str]) -> WorkloadSpec {
    load_workload("llama2-tiny", &set(overrides)).unwrap().spec
}

fn small_wafer() -> WaferSpec {
    let small = set(&["fabric.width_pes=23", "fabric.height_pes=16", "io.prefetch_mib=1"]);
    let ArchSpec::Wafer(machine) = load_arch("cs3", &small).unwrap().spec else { panic!("cs3 is a wafer") };
    machine
}

proptest! {
    #[test]
    fn every_group_keeps_n_of_m(rows in 1..40u32, groups in 1..40u32, m in 1..20u32, n in 0..20u32, seed: u64) {
        let n = n.min(m);
        let cols = groups * m;
        let mask = Mask::n_of_m(rows, cols, n, m, Stream::new(seed, 0));
        for (r, first) in (0..rows).flat_map(|r| (0..cols).step_by(m as usize).map(move |first| (r, first))) {
            let kept = (first..first + m).filter(|c| mask.get(r, *c)).count();
            prop_assert_eq!(kept as u32, n, "row {}, columns from {}", r, first);
        }
        prop_assert_eq!(mask.nnz(), u64::from(rows) * u64::from(groups) * u64::from(n));
    }

    #[test]
    fn blocks_are_whole_and_their_number_is_exact(
        rows in 1..150u32, cols in 1..200u32, height in 1..40u32, width in 1..90u32, level in 0.0..1.0, seed: u64,
    ) {
        let mask = Mask::blocks(rows, cols, (height, width), level, Stream::new(seed, 0));
        let (down, across) = (rows.div_ceil(height), cols.div_ceil(width));
        let mut kept = 0;
        for (i, j) in (0..down).flat_map(|i| (0..across).map(move |j| (i, j))) {
            let first = mask.get(i * height, j * width);
            kept += u64::from(first);
            for r in i * height..rows.min((i + 1) * height) {
                for c in j * width..cols.min((j + 1) * width) {
                    prop_assert_eq!(mask.get(r, c), first, "({}, {})", r, c);
                }
            }
        }
        let blocks = u64::from(down) * u64::from(across);
        prop_assert_eq!(blocks - kept, (level * blocks as f64).round() as u64);
    }

    #[test]
    fn the_largest_magnitudes_are_kept_and_ties_go_to_the_first(
        rows in 1..12u32, cols in 1..90u32, share in 0.0..=1.0, seed: u64, steps in 1..2000u64,
    ) {
        let size = rows as usize * cols as usize;
        let mut stream = Stream::new(seed, 3);
        let value = |word: u64| ((word % (2 * steps)) as f64 - steps as f64) / 7.0;
        let values: Vec<f64> =
            std::iter::repeat_with(|| stream.next_words()).flatten().map(value).take(size).collect();
        let kept = (share * size as f64) as u64;
        let mask = Mask::largest(rows, cols, kept, || values.iter().copied());
        // By sorting: the largest first, equal ones in their order.
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()).then(a.cmp(&b)));
        let mut expected = vec![false; size];
        order[..kept as usize].iter().for_each(|&at| expected[at] = true);
        prop_assert_eq!(Mask::from_bits(rows, cols, expected), Some(mask));
    }

    #[test]
    fn orders_move_rows_and_columns(rows in 1..100u32, cols in 1..100u32, seed: u64, turn in 0..100u32) {
        let mask = Mask::uniform(rows, cols, 0.5, Stream::new(seed, 1));
        let (by_row, by_column): (Vec<u32>, Vec<u32>) =
            ((0..rows).map(|r| (r + turn) % rows).collect(), (0..cols).rev().collect());
        let moved = mask.with_rows(&by_row).with_columns(&by_column);
        for (r, c) in (0..rows).flat_map(|r| (0..cols).map(move |c| (r, c))) {
            prop_assert_eq!(moved.get(r, c), mask.get(by_row[r as usize], by_column[c as usize]));
        }
    }
}

/// A choice that is equally likely falls on every place of a group about as often.
#[test]
fn places_of_a_group_are_equally_likely() {
    let mask = Mask::n_of_m(1000, 400, 2, 8, Stream::new(9, 9));
    let mut hits = [0u32; 8];
    (0..1000).flat_map(|r| (0..400).map(move |c| (r, c))).for_each(|(r, c)| {
        hits[c as usize % 8] += u32::from(mask.get(r, c));
    });
    // 50,000 groups; the standard deviation of a place is 97.
    assert!(hits.iter().all(|hits| hits.abs_diff(12_500) < 500), "{hits:?}");
}

const PATTERNS: [&[&str]; 3] = [
    &["sparsity.pattern=n_of_m", "sparsity.n=2", "sparsity.m=8"],
    &["sparsity.pattern=block", "sparsity.level=0.6", "sparsity.block_rows=16", "sparsity.block_columns=8"],
    // Blocks that the ends of a tensor cut.
    &["sparsity.pattern=block", "sparsity.level=0.6", "sparsity.block_rows=7", "sparsity.block_columns=48"],
];

#[test]
fn counts_are_known_without_making_a_mask() {
    let by_layer: &[&str] =
        &["sparsity.levels=[0.25, 0.75]", "sparsity.by_target.up=0.5", "sparsity.by_target.q=[0.0, 0.9]"];
    for overrides in PATTERNS.into_iter().chain([by_layer]) {
        let masks = Masks::new(&tiny(overrides)).unwrap();
        let (mut kept, mut size) = (0, 0);
        for (layer, target) in masks.tensors() {
            let mask = masks.mask(layer, target);
            assert_eq!(mask.nnz(), masks.nnz(layer, target), "{overrides:?}, layer {layer}, {target}");
            assert_eq!(mask.nnz() < mask.size(), masks.is_sparse_in(layer, target), "{layer}, {target}");
            (kept, size) = (kept + mask.nnz(), size + mask.size());
        }
        assert!((masks.level() - (1.0 - kept as f64 / size as f64)).abs() < 1e-2, "{overrides:?}");
    }
    let masks = Masks::new(&tiny(by_layer)).unwrap();
    let share = |layer, target| 1.0 - masks.mask(layer, target).density();
    assert_eq!([share(0, Target::K), share(1, Target::K)], [0.25, 0.75], "by layer");
    assert_eq!([share(0, Target::Up), share(1, Target::Up)], [0.5, 0.5], "a target's own level goes first");
    assert_eq!(share(0, Target::Q), 0.0);
    assert!(!masks.is_sparse_in(0, Target::Q) && masks.is_sparse_in(1, Target::Q));
}

#[test]
fn any_order_and_number_of_threads_makes_the_same_masks() {
    for overrides in PATTERNS {
        let masks = Masks::new(&tiny(overrides)).unwrap();
        let keys: Vec<(u32, Target)> = masks.tensors().collect();
        let forwards: Vec<Mask> = keys.iter().map(|&(layer, target)| masks.mask(layer, target)).collect();
        assert_ne!(forwards[0], forwards[1], "each tensor has its own mask");
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let again: Vec<Mask> = pool.install(|| {
                keys.par_iter().rev().map(|&(layer, target)| masks.mask(layer, target)).collect()
            });
            assert!(again.into_iter().rev().eq(forwards.iter().cloned()), "{threads} threads");
        }
    }
}

/// Heads lie in pairs of features, each column with the same pairs of all heads of a group: masks are cut so.
#[test]
fn counts_follow_the_order_in_which_features_lie() {
    let mut overrides = PATTERNS[2].to_vec();
    overrides.push("model.kv_heads=2");
    let workload = tiny(&overrides);
    let machine = small_wafer();
    let plan = plan(&workload, &machine).unwrap();
    let masks = Masks::new(&workload).unwrap();
    let mapping = &plan.mapping;
    let timing = Timing { mapping, precision: workload.training.precision, machine: &machine };
    let own = |slices: &Slices| (0..slices.features()).collect::<Vec<u32>>();
    let order = |features| match features {
        Features::Query => mapping.query_order(),
        Features::Key => mapping.key_order(),
        _ => own(mapping.slices(features)),
    };
    assert_ne!(mapping.query_order(), own(&mapping.query));
    let mut moved = 0;
    for (target, input, output) in [
        (Target::Q, Features::Hidden, Features::Query),
        (Target::K, Features::Hidden, Features::Key),
        (Target::V, Features::Hidden, Features::Key),
        (Target::O, Features::Query, Features::Hidden),
        (Target::Up, Features::Hidden, Features::Ffn),
    ] {
        let kernel = WeightKernel { direction: Direction::Forward, mask: Some((1, target)), input, output };
        let counts = timing.counts(kernel, &masks).unwrap();
        let mask = masks.mask(1, target);
        let (ins, outs) = (order(input), order(output));
        for (row, &out) in outs.iter().enumerate() {
            let naive = mapping
                .slices(input)
                .ranges()
                .map(|range| range.filter(|&place| mask.get(out, ins[place as usize])).count() as u16);
            assert_eq!(counts.forward.row(row as u32), naive.collect::<Vec<_>>(), "{target}, output {out}");
        }
        for (row, &inp) in ins.iter().enumerate() {
            let naive = mapping
                .slices(output)
                .ranges()
                .map(|range| range.filter(|&place| mask.get(outs[place as usize], inp)).count() as u16);
            assert_eq!(
                counts.input_gradient.row(row as u32),
                naive.collect::<Vec<_>>(),
                "{target}, input {inp}"
            );
        }
        let by_position = masks.counts(1, target, mapping.slices(input), mapping.slices(output)).unwrap();
        moved += usize::from(by_position != counts);
    }
    assert_eq!(moved, 4, "q, k, v and o lie in another order than that of the tensor; up does not");
}

#[test]
fn cuts_of_another_shape_have_no_counts() {
    let slices = Slices::even(7, 3).unwrap();
    let placed = Placed { slices: &slices, order: None };
    assert_eq!(Mask::dense(7, 8).counts_placed(placed, placed), None);
}

#[test]
fn stats_say_what_masks_are_like() {
    let machine = small_wafer();
    let stats = |overrides: &[&str]| {
        let workload = tiny(overrides);
        inspect::stats(&workload, &Masks::new(&workload).unwrap(), &machine).unwrap()
    };
    let groups = stats(PATTERNS[0]);
    assert_eq!(groups.tensors.len(), 14);
    assert_eq!(groups.total.density, 0.25);
    let up = groups.targets.iter().find(|row| row.target == Some(Target::Up)).unwrap();
    // 2 of 8 in every row: no spread at all over outputs, that of chance over inputs.
    assert_eq!((up.by_row.min, up.by_row.mean, up.by_row.max, up.by_row.ratio()), (16, 16.0, 16, 0.0));
    assert!((0.8..1.2).contains(&up.by_column.ratio()), "{:?}", up.by_column);
    assert!(up.forward.cost < 0.0 && up.forward.mask > 1.0, "{:?}", up.forward);

    let uniform = stats(&["sparsity.level=0.75"]);
    for row in uniform.targets.iter().chain([&uniform.total]) {
        assert!((0.75..1.25).contains(&row.by_row.ratio()), "{row:?}");
        assert!(row.forward.cost.abs() < 0.1 && row.input_gradient.cost.abs() < 0.1, "{row:?}");
    }
    let dense = stats(&[]);
    assert_eq!((dense.total.density, dense.total.forward.cost), (1.0, 0.0));
    assert!(groups.text().contains("2 of every 8 consecutive inputs are kept; 75.00 % zeros in 14 tensors."));
    let json: serde_json::Value = serde_json::from_str(&groups.json()).unwrap();
    assert_eq!(json["total"]["density"], 0.25);
    assert_eq!(json["tensors"][13]["target"], "down");
}
