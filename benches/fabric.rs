//! Speed of the reference engine on the kernels of `wafersim bench fabric`. Items are PE cycles that are not idle.
//!
//! `cargo bench --bench fabric`; the kernels take from seconds to a minute each and run on one thread.

use divan::Bencher;
use divan::counter::ItemsCount;

use wafersim::bench::Kernel;
use wafersim::fabric::{Activity, CYCLE_LIMIT, Prepared, TimingOnly};
use wafersim::spec::{ArchSpec, load_arch};

fn main() {
    divan::main();
}

/// The places of the kernels, which have names that are too long for arguments.
#[divan::bench(args = 0..Kernel::ALL.len(), sample_count = 1, sample_size = 1)]
fn kernel(bencher: Bencher, place: usize) {
    let Ok(ArchSpec::Wafer(machine)) = load_arch("cs3", &[]).map(|resolved| resolved.spec) else {
        panic!("cs3 is a wafer");
    };
    let program = Kernel::ALL[place].program(&machine);
    let run = |mut values| {
        let prepared = Prepared::new(&program, &machine, &mut values, false);
        prepared.run(CYCLE_LIMIT).expect("the kernel runs").counters
    };
    let activity = run(TimingOnly).activity;
    let active = activity.total() - activity.of(Activity::Idle);
    bencher.counter(ItemsCount::new(active)).with_inputs(|| TimingOnly).bench_values(run);
}
