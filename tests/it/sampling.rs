//! Samples against the unsampled run of the same kernel: what the record calls the error is about what it is.

use wafersim::lower::job::{Direction, Kernel, jobs};
use wafersim::lower::plan::plan;
use wafersim::lower::timing::Timing;
use wafersim::record::{Engine, Simulated};
use wafersim::simulate::{Engines, agree, simulate, unfold};
use wafersim::sparsity::Masks;
use wafersim::spec::{Override, load_workload};

use crate::support::kernels::{go, wafer};

#[test]
fn a_sample_is_close_to_the_unsampled_run() {
    let machine = wafer("cs3", &["fabric.width_pes=48", "fabric.height_pes=8", "io.prefetch_mib=1"]);
    for level in ["0", "0.7"] {
        let set = [
            format!("sparsity.level={level}"),
            "model.layers=1".to_owned(),
            "model.hidden=768".to_owned(),
            "model.heads=12".to_owned(),
            "model.kv_heads=12".to_owned(),
        ];
        let workload = load_workload("llama2-tiny", &set.map(Override)).unwrap().spec;
        let plan = plan(&workload, &machine).unwrap();
        let masks = Masks::new(&workload).unwrap();
        let mut all = jobs(&plan.graph, &plan.mapping, &masks, &workload, &machine);
        all.retain(|job| matches!(job.kernel, Kernel::Weights(_)));
        let precision = workload.training.precision;
        let timing = Timing { mapping: &plan.mapping, precision, machine: &machine };
        let times = simulate(&all, timing, &masks, Engines::Reference, &|_| ()).unwrap();
        let mut compared = 0;
        for job in &all {
            let (Kernel::Weights(kernel), time) = (&job.kernel, times.of(&job.kernel)) else { continue };
            if time.how != Simulated::Sampled {
                continue;
            }
            let program = timing.weights(*kernel, timing.counts(*kernel, &masks).as_ref(), None, 1);
            let whole = unfold(&program, &go(&program, &machine), &machine, plan.mapping.rows());
            let error = (time.cycles as f64 / whole.cycles as f64 - 1.0).abs();
            let stated = time.sample.unwrap().error;
            assert!(error <= 0.02 + 2.0 * stated, "{} at {level}: {error}, stated {stated}", job.name);
            compared += 1;
        }
        assert!(compared > 5, "at {level} only {compared} kernels were sampled");
    }
}

/// A part is never more than the whole: a model with fewer rows than are looked at to compare masks, and than the fast
/// engine takes.
#[test]
fn kernels_smaller_than_a_part_run_whole() {
    let machine = wafer("cs3", &["fabric.width_pes=16", "fabric.height_pes=8", "io.prefetch_mib=1"]);
    let shape =
        ["model.hidden=16", "model.ffn=24", "model.heads=2", "model.kv_heads=1", "sparsity.level=0.5"];
    let set = shape.map(|text| Override(text.to_owned()));
    let workload = load_workload("llama2-tiny", &set).unwrap().spec;
    let plan = plan(&workload, &machine).unwrap();
    let masks = Masks::new(&workload).unwrap();
    let timing = Timing { mapping: &plan.mapping, precision: workload.training.precision, machine: &machine };
    let jobs = jobs(&plan.graph, &plan.mapping, &masks, &workload, &machine);
    let times = [Engines::Reference, Engines::Fast].map(|engines| {
        simulate(&jobs, timing, &masks, engines, &|_| ()).unwrap_or_else(|error| panic!("{error}"))
    });
    // The fast engine refuses some streams so short; what the reference engine then says is what it says alone.
    let mut refused = 0;
    for job in &jobs {
        let [reference, fast] = times.each_ref().map(|times| times.of(&job.kernel));
        let Kernel::Weights(kernel) = job.kernel else { continue };
        if fast.engine == Some(Engine::Reference) {
            assert_eq!(reference, fast, "{}", job.name);
            refused += usize::from(kernel.direction != Direction::Weight);
        }
    }
    let agreement = agree(&jobs, timing, &masks).unwrap_or_else(|error| panic!("{error}"));
    assert!(refused > 0 && agreement.checks.len() < agreement.kinds, "{refused} refused, {agreement:?}");
}
