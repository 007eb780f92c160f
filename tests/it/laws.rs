//! What a mask does to time: more work is never faster, and where the work lies decides how long it takes.

use proptest::prelude::*;
use wafersim::graph::Target;
use wafersim::lower::job::{Direction, Features, WeightKernel};
use wafersim::lower::mapping::Mapping;
use wafersim::lower::timing::Timing;
use wafersim::sparsity::Masks;
use wafersim::spec::{Override, load_workload};

use crate::support::kernels::{Dense, Masked, Product, cycles, go, heads, machines, products, small};

/// Cycles that the start of a task can cost or save.
const START: u64 = 32;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn equal_runs_give_equal_results(product in products(), head in heads(), machine in machines()) {
        let machine = small(machine);
        let masked = Masked::ALL.map(|form| product.program(form));
        let dense = Dense::ALL.map(|form| head.program(form));
        for program in masked.iter().chain(&dense) {
            let (first, second) = (go(program, &machine), go(program, &machine));
            prop_assert_eq!(&first.counters, &second.counters);
            prop_assert_eq!(&first.per_pe, &second.per_pe);
            prop_assert_eq!(&first.finish, &second.finish);
        }
    }

    /// Beyond the start of a task: a thread that has nothing to do yet may take a cycle that another one needs.
    #[test]
    fn a_denser_mask_is_never_faster(
        product in products(),
        kept in prop::collection::vec(0.0_f64..1.0, 60),
        machine in machines(),
    ) {
        let machine = small(machine);
        let mut sparser = product.clone();
        for (count, share) in sparser.counts.iter_mut().flatten().zip(kept) {
            *count = (f64::from(*count) * share).round() as u16;
        }
        for form in Masked::ALL {
            let (less, more) = (sparser.program(form), product.program(form));
            let (less, more) = (cycles(&less, &machine), cycles(&more, &machine));
            prop_assert!(less <= more + START, "{:?}: {} and {} cycles, {:?}", form, less, more, sparser.counts);
        }
    }

    #[test]
    fn more_tokens_cost_more(product in products(), head in heads(), more in 8_u32..=16, machine in machines()) {
        let machine = small(machine);
        prop_assume!(product.nonzeros() > 0);
        let longer = Product { tokens: product.tokens + more, ..product.clone() };
        for form in Masked::ALL {
            let (short, long) = (product.program(form), longer.program(form));
            prop_assert!(cycles(&short, &machine) < cycles(&long, &machine), "{:?}", form);
        }
        let mut longer = head.clone();
        longer.tokens += 1;
        for form in Dense::ALL {
            let (short, long) = (head.program(form), longer.program(form));
            prop_assert!(cycles(&short, &machine) < cycles(&long, &machine), "{:?}", form);
        }
    }
}

/// Columns 0 to 3 hold 1, 3, 5 and 7 of 8 weights of every row.
#[test]
fn a_column_with_more_nonzeros_finishes_later() {
    let machine = small("cs3");
    let mut product = Product::dense(4, 3, 8, 8, 2);
    product.counts = vec![vec![1, 3, 5, 7]; 8];
    for form in [Masked::Outer, Masked::Gradient] {
        let outcome = go(&product.program(form), &machine);
        for row in outcome.finish.chunks(4) {
            assert!(row.is_sorted_by(|a, b| a < b), "{form:?}: {row:?}");
        }
    }
    // Sums along the row tie the columns together: the last column waits for all others unless it is the slow
    // one itself, and whichever is slow, more weights in it make the row later.
    for slow in 0..4 {
        let finish = |nonzeros: u16| {
            let mut product = product.clone();
            product.counts = vec![vec![2; 4]; 8];
            product.counts.iter_mut().for_each(|row| row[slow] = nonzeros);
            go(&product.program(Masked::Reduce), &machine).finish[slow]
        };
        let finishes = [2, 4, 6, 8].map(finish);
        assert!(finishes.is_sorted_by(|a, b| a < b), "column {slow}: {finishes:?}");
    }
}

/// As many non-zeros, but in one column instead of all.
#[test]
fn an_uneven_mask_is_slower_than_an_even_one() {
    let machine = small("cs3");
    let mut even = Product::dense(4, 2, 8, 8, 2);
    even.counts = vec![vec![2; 4]; 8];
    let mut uneven = even.clone();
    uneven.counts = vec![vec![8, 0, 0, 0]; 8];
    assert_eq!(even.nonzeros(), uneven.nonzeros());
    for form in Masked::ALL {
        let (fast, slow) = (cycles(&even.program(form), &machine), cycles(&uneven.program(form), &machine));
        assert!(slow > fast * 3 / 2, "{form:?}: {fast} and {slow}");
    }
}

/// Cycles of one row of PEs in a product of the tiny model with a mask of this level and seed.
fn tiny(direction: Direction, level: f64, seed: u64) -> u64 {
    let set = [format!("sparsity.level={level}"), format!("sparsity.seed={seed}")].map(Override);
    let workload = load_workload("llama2-tiny", &set).unwrap().spec;
    let machine = small("cs3");
    let masks = Masks::new(&workload).unwrap();
    let mapping =
        Mapping::new(&workload.model, workload.training.sequence_tokens, 1, (1, 2), &machine).unwrap();
    let timing = Timing { mapping: &mapping, precision: workload.training.precision, machine: &machine };
    let mask = (level > 0.0).then_some((0, Target::Up));
    let kernel = WeightKernel { direction, mask, input: Features::Hidden, output: Features::Ffn };
    let counts = timing.counts(kernel, &masks);
    cycles(&timing.weights(kernel, counts.as_ref(), None, 1), &machine)
}

/// Through the whole path from workload to program: another mask is another time.
#[test]
fn another_mask_of_a_model_takes_other_cycles() {
    for direction in [Direction::Forward, Direction::Data, Direction::Weight] {
        let mut times: Vec<u64> = (1..=8).map(|seed| tiny(direction, 0.7, seed)).collect();
        assert_eq!(times[0], tiny(direction, 0.7, 1), "the same seed is the same mask");
        times.sort_unstable();
        times.dedup();
        assert!(times.len() >= 4, "{direction:?}: 8 seeds give {times:?}");
    }
}

#[test]
fn a_sparser_model_is_faster_but_never_by_more_than_its_density() {
    for direction in [Direction::Forward, Direction::Data, Direction::Weight] {
        let dense = tiny(direction, 0.0, 1);
        let mut last = dense;
        for level in [0.25, 0.5, 0.75, 0.9] {
            let sparse = tiny(direction, level, 1);
            assert!(sparse < last, "{direction:?} at {level}: {sparse} after {last}");
            assert!(
                sparse as f64 >= (1.0 - level) * dense as f64,
                "{direction:?} at {level}: {sparse} of {dense}"
            );
            last = sparse;
        }
    }
}
