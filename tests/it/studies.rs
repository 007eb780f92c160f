//! Studies of a step: bounds hold, the best mapping is the best, changes are what they say, zeros follow theory.

use wafersim::lower::plan::{candidates, plan, plan_of};
use wafersim::simulate::Known;
use wafersim::sparsity::Masks;
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::workload::{Recompute, WorkloadSpec};
use wafersim::spec::{Override, load_workload};
use wafersim::study::scaling::{curves, scaling};
use wafersim::study::{bottleneck, search, step, step_of};

use crate::support::kernels::wafer;

fn workload(overrides: &[&str]) -> WorkloadSpec {
    let overrides: Vec<Override> = overrides.iter().map(|text| Override((*text).to_owned())).collect();
    load_workload("llama2-tiny", &overrides).unwrap_or_else(|faults| panic!("{faults}")).spec
}

fn machine() -> WaferSpec {
    wafer("cs3", &["fabric.width_pes=32", "fabric.height_pes=24", "io.prefetch_mib=1"])
}

#[test]
fn no_step_takes_fewer_cycles_than_its_bound() {
    for level in ["sparsity.level=0.0", "sparsity.level=0.7"] {
        let (workload, machine) = (workload(&[level, "training.batch_sequences=6"]), machine());
        let masks = Masks::new(&workload).unwrap();
        let found = candidates(&workload, &machine, &masks).unwrap();
        assert!(
            found.fit.len() > 8 && found.fit.is_sorted_by(|a, b| a.bound <= b.bound),
            "{}",
            found.fit.len()
        );
        assert!(found.fit.iter().any(|candidate| candidate.mapping.replicas > 1));
        for candidate in found.fit.into_iter().step_by(5) {
            let (bound, what) = (candidate.bound, candidate.mapping.summary());
            let plan = plan_of(&workload, candidate).unwrap();
            let cycles =
                step_of((&workload, &masks), &machine, &plan, &Known::default()).unwrap().timeline.cycles
                    as f64;
            // A mask can have fewer zeros in the busiest column than all columns on average, by some per cent.
            assert!(cycles >= 0.97 * bound, "{what:?}: {cycles} cycles, bound {bound}");
            assert!(cycles < 40.0 * bound, "{what:?}: {cycles} cycles, bound {bound} says nothing");
        }
    }
}

#[test]
fn every_mapping_has_room_for_all_sequences_and_no_micro_batch_is_needless() {
    let (workload, machine) = (workload(&["training.batch_sequences=7"]), machine());
    let found = candidates(&workload, &machine, &Masks::new(&workload).unwrap()).unwrap();
    for candidate in &found.fit {
        let (mapping, passes) = (&candidate.mapping, candidate.micro_batches);
        assert!(mapping.sequences() * passes >= 7 && mapping.sequences() * (passes - 1) < 7, "{mapping:?}");
        assert!(u32::from(mapping.band_rows) * mapping.tokens >= workload.training.sequence_tokens);
        assert!(mapping.rows() <= machine.fabric.height_pes);
        assert!(mapping.width * mapping.replicas <= machine.fabric.width_pes);
        assert!(candidate.memory.fits());
    }
}

#[test]
fn the_search_stops_where_no_bound_can_win() {
    let (workload, machine) = (workload(&["training.batch_sequences=4"]), machine());
    let masks = Masks::new(&workload).unwrap();
    let all = search(&workload, &machine, &masks, usize::MAX, &|_, _| ()).unwrap();
    let (best, cycles) = all.best().unwrap();
    assert_eq!(Some(&cycles), all.simulated.iter().min());
    assert!(all.simulated.len() < all.candidates.fit.len(), "nothing was pruned");
    // What was pruned could not have been better.
    assert!(all.candidates.fit[all.simulated.len()].bound >= cycles as f64);
    let plan = plan_of(&workload, best.clone()).unwrap();
    assert_eq!(
        step_of((&workload, &masks), &machine, &plan, &Known::default()).unwrap().timeline.cycles,
        cycles
    );
    let text = all.text("tiny", "cs3");
    assert!(text.contains("fewest") && text.contains("the working set is fullest in"), "{text}");
    // With none simulated, the lowest bound is shown as such.
    let none = search(&workload, &machine, &masks, 0, &|_, _| ()).unwrap();
    assert!(none.best().is_none() && none.text("tiny", "cs3").contains("not simulated"));
}

#[test]
fn replicas_are_as_fast_as_one_with_as_many_rows() {
    // Two replicas side by side do what one of them does, with twice the sequences.
    let workload = workload(&["training.batch_sequences=4", "training.micro_batch_sequences=4"]);
    let machine = machine();
    let masks = Masks::new(&workload).unwrap();
    let found = candidates(&workload, &machine, &masks).unwrap();
    let two = found.fit.iter().find(|c| c.mapping.replicas == 2 && c.recompute == Recompute::None).unwrap();
    let mut half = machine.clone();
    half.fabric.width_pes = two.mapping.width;
    let mut fewer = workload.clone();
    fewer.training.batch_sequences = 2;
    fewer.training.micro_batch_sequences = Some(2);
    let one = candidates(&fewer, &half, &masks).unwrap();
    let same = |c: &&wafersim::lower::plan::Candidate| {
        c.mapping.replicas == 1
            && (c.mapping.tokens, c.mapping.bands) == (two.mapping.tokens, two.mapping.bands)
            && c.recompute == two.recompute
    };
    let one = one.fit.iter().find(same).unwrap();
    let cycles = |workload: &WorkloadSpec, machine: &WaferSpec, c: &wafersim::lower::plan::Candidate| {
        let plan = plan_of(workload, c.clone()).unwrap();
        let step = step_of((workload, &masks), machine, &plan, &Known::default()).unwrap();
        step.jobs.iter().map(|job| step.times.of(&job.kernel).cycles).sum::<u64>()
    };
    assert_eq!(cycles(&workload, &machine, two), cycles(&fewer, &half, one));
}

#[test]
fn a_change_is_worth_what_the_step_with_it_takes() {
    let (workload, machine) = (workload(&["sparsity.level=0.5"]), machine());
    let found = bottleneck(&workload, &machine, &|_, _| ()).unwrap();
    assert!(found.gains.is_sorted_by(|a, b| a.speedup >= b.speedup));
    let of = |key: &str| found.gains.iter().find(|gain| gain.change.key == key).unwrap();
    let mut faster = machine.clone();
    faster.io.bandwidth_gbit_per_s *= 2.0;
    let cycles = step(&workload, &faster, &Known::default()).unwrap().timeline.cycles;
    assert_eq!(of("io.bandwidth_gbit_per_s").cycles.0, cycles);
    // Better is never worse by more than another mapping makes of it.
    assert!(found.gains.iter().all(|gain| gain.speedup > 0.9), "{}", found.text("tiny", "cs3"));
    assert!(of("pe.overhead.weight_trigger_cycles").speedup > 1.0);
}

#[test]
fn zeros_speed_up_by_no_more_than_theory_and_never_less_with_more_of_them() {
    let (workload, machine) = (workload(&[]), machine());
    let points = scaling(&workload, &machine, &[0.0, 0.5, 0.9], &|_, _| ()).unwrap();
    let first = &points[0];
    assert!(first.linears.iter().all(|(_, speedup)| (speedup.achieved, speedup.theory) == (1.0, 1.0)));
    assert_eq!((first.step.achieved, first.step.theory), (1.0, 1.0));
    for pair in points.windows(2) {
        assert!(pair[1].step.theory > pair[0].step.theory);
        for ((name, less), (_, more)) in pair[0].linears.iter().zip(&pair[1].linears) {
            assert!(more.achieved > less.achieved && more.achieved < more.theory, "{name}: {more:?}");
        }
    }
    let theory = points[1].linears[0].1.theory;
    assert!((theory - 2.0).abs() < 0.01, "{theory}");
    let (step, linears) = curves(&points);
    let names: Vec<&str> = linears.iter().flat_map(|curve| curve.name.split(", ")).collect();
    assert_eq!((step.points.len(), names.len()), (3, 7));
}

#[test]
fn what_is_made_in_place_takes_no_place() {
    // At the fullest moment of attention's backward pass there are two matrices of scores, not three.
    let (mut workload, machine) = (workload(&["training.sequence_tokens=512"]), machine());
    workload.training.recompute = Recompute::Block;
    let plan = plan(&workload, &machine).unwrap();
    let widest = u64::from(plan.mapping.keys.widest() * plan.mapping.tokens) * 2;
    let scores = plan.memory.fullest.tensors.iter().filter(|(_, bytes)| bytes.0 == widest).count();
    assert_eq!(scores, 2, "{:?}", plan.memory.fullest);
    let working = plan.memory.rows.iter().find(|row| row.0 == "working set of a block").unwrap().1;
    assert_eq!(working, plan.memory.fullest.tensors.iter().map(|tensor| tensor.1).sum());
}
