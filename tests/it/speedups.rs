//! A step at several sparsities against its dense twin: nothing passes its own theory.

use wafersim::record::RunRecord;
use wafersim::run::{Progress, Request, run};
use wafersim::simulate::Engines;
use wafersim::sparsity::Masks;
use wafersim::spec::{ArchSpec, Override, Resolved, load_arch, load_workload};

struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _: &str) {}
    fn kernel(&self, _: usize, _: usize) {}
}

fn set(overrides: &[&str]) -> Vec<Override> {
    overrides.iter().map(|text| Override((*text).to_owned())).collect()
}

/// The tiny workload on a small CS-3.
pub(crate) fn record(level: &str, workload: &[&str], machine: &[&str]) -> RunRecord {
    let level = format!("sparsity.level={level}");
    let workload = load_workload("llama2-tiny", &set(&[&[level.as_str()], workload].concat()))
        .unwrap_or_else(|faults| panic!("{faults}"));
    let small = ["fabric.width_pes=24", "fabric.height_pes=16", "io.prefetch_mib=1"];
    let arch =
        load_arch("cs3", &set(&[&small[..], machine].concat())).unwrap_or_else(|faults| panic!("{faults}"));
    let ArchSpec::Wafer(machine) = arch.spec else { panic!("cs3 is a wafer") };
    let machine = Resolved { spec: machine, entries: arch.entries };
    let request = Request {
        masks: Masks::new(&workload.spec).unwrap(),
        workload,
        machine,
        gpus: Vec::new(),
        engines: Engines::default(),
        command: String::new(),
    };
    run(&request, &Quiet).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn no_op_passes_its_theory_and_no_step_its_bound() {
    let mut last = f64::INFINITY;
    for level in ["0.9", "0.7", "0.5", "0.0"] {
        let record = record(level, &[], &[]);
        for op in &record.ops {
            assert!(
                op.speedup <= op.theory_speedup + 1e-12,
                "{} at {level}: {} of {}",
                op.name,
                op.speedup,
                op.theory_speedup
            );
            let masked = ["q", "k", "v", "o", "gate", "up", "down"].contains(&op.group.as_str());
            let theory =
                if masked && level != "0.0" { 1.0 / (1.0 - level.parse::<f64>().unwrap()) } else { 1.0 };
            // Masks have whole numbers of zeros.
            assert!((op.theory_speedup / theory - 1.0).abs() < 1e-3, "{}: {}", op.name, op.theory_speedup);
        }
        let summary = &record.summary;
        assert!(summary.achieved_speedup <= summary.bound_speedup, "{level}: {summary:?}");
        assert!(summary.achieved_speedup < last, "more zeros, more speed");
        assert!(summary.verified && record.validate_sums().is_empty(), "{:?}", record.validate_sums());
        last = summary.achieved_speedup;
        if level == "0.0" {
            assert_eq!(summary.achieved_speedup, 1.0);
            assert_eq!(summary.theoretical_speedup, 1.0);
        }
    }
}

#[test]
fn a_slower_link_makes_the_step_longer() {
    let (fast, slow) = (record("0.5", &[], &[]), record("0.5", &[], &["io.bandwidth_gbit_per_s=1"]));
    assert!(slow.summary.step_cycles > fast.summary.step_cycles);
}

#[test]
fn equal_requests_give_equal_records() {
    let mut records = [record("0.7", &[], &[]), record("0.7", &[], &[])];
    for record in &mut records {
        record.summary.wall_seconds = 0.0;
    }
    assert_eq!(records[0], records[1]);
}

/// Same seed, same bits: kernels that run side by side do not see each other.
#[test]
fn a_record_is_the_same_at_any_thread_count() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut record = pool.install(|| record("0.7", &[], &[]));
        assert_eq!(record.summary.engine, "fast and reference");
        record.provenance.host_threads = 0;
        serde_json::to_string(&record).unwrap()
    };
    let one = with(1);
    assert!(one == with(2) && one == with(4));
}
