//! The weight store in a step: updates in the order of use, and what they hold up.

use wafersim::lower::job::jobs;
use wafersim::lower::plan::plan_with;
use wafersim::record::{Lane, RunRecord};
use wafersim::report::{TRACE_BYTES, trace};
use wafersim::run::run;
use wafersim::sparsity::Masks;
use wafersim::timeline::{Timeline, compose, order};
use wafersim::units::Cycles;

use crate::support::tiny::{Quiet, request};

/// The tiny step with every kernel at so many cycles.
fn composed(overrides: &[&str], cycles: u64) -> (Timeline, u64) {
    let request = request(overrides);
    let (workload, machine) = (&request.workload.spec, &request.machine.spec);
    let masks = Masks::new(workload).unwrap();
    let plan = plan_with(workload, machine, &masks).unwrap();
    let jobs = jobs(&plan.graph, &plan.mapping, &masks, workload, machine);
    let order = order(&plan.graph, &jobs, plan.recompute);
    let updated = jobs.iter().map(|job| job.updated.0).sum();
    (compose(&jobs, &order, &vec![cycles; jobs.len()], plan.micro_batches, machine), updated)
}

#[test]
fn every_parameter_that_is_kept_is_updated_once_a_step() {
    // 28 bytes of fp32 state and sums, and the weight in 16 bits.
    let parameters = |overrides: &[&str]| {
        let request = request(overrides);
        let graph = wafersim::graph::TrainGraph::build(&request.workload.spec.model, 1, 8).unwrap();
        let masks = Masks::new(&request.workload.spec).unwrap();
        let parameters = graph.tensors().iter().filter(|t| t.role == wafersim::graph::TensorRole::Parameter);
        parameters.map(|tensor| masks.kept(&graph, tensor.id)).sum::<u64>()
    };
    for level in [&["sparsity.level=0.0"][..], &["sparsity.level=0.8"]] {
        let (timeline, updated) = composed(level, 1000);
        assert_eq!(updated, 30 * parameters(level));
        let spans = &timeline.updates;
        assert!(spans.windows(2).all(|pair| pair[0].1.1 == pair[1].1.0), "one after the other");
        assert_eq!(spans[0].1.0, 0);
    }
}

#[test]
fn a_weight_of_the_first_micro_batch_waits_for_its_update() {
    let slow =
        ["store.update_gbyte_per_s=0.5", "training.batch_sequences=4", "training.micro_batch_sequences=2"];
    let (timeline, _) = composed(&slow, 1000);
    for &(job, (_, end)) in &timeline.updates {
        let first = timeline.runs.iter().find(|run| run.job == job).unwrap();
        assert_eq!((first.micro_batch, first.again), (0, false));
        assert!(first.weights.0 >= end, "{first:?} before {end}");
    }
    // The rate of the store is the pace of the forward pass, and of nothing after it.
    let (fast, _) = composed(&["training.batch_sequences=4", "training.micro_batch_sequences=2"], 1000);
    let length = |timeline: &Timeline, micro_batch| {
        let of = || timeline.runs.iter().filter(move |run| run.micro_batch == micro_batch);
        of().map(|run| run.end).max().unwrap() - of().map(|run| run.start).min().unwrap()
    };
    assert!(length(&timeline, 0) > length(&fast, 0));
    assert_eq!(length(&timeline, 1), length(&fast, 1));
}

fn tiny() -> RunRecord {
    run(&request(&[]), &Quiet).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_trace_has_every_span_or_stays_within_its_size() {
    let record = tiny();
    let events = |bytes: usize| {
        let text = trace(&record, bytes);
        assert!(text.len() <= bytes.max(600), "{} bytes of {bytes}", text.len());
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let events = json["traceEvents"].as_array().unwrap().clone();
        let of = |kind: &'static str| events.clone().into_iter().filter(move |event| event["ph"] == kind);
        let lanes: Vec<String> =
            of("M").map(|event| event["args"]["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(lanes, Lane::ALL.map(|lane| lane.name().to_owned()));
        of("X").collect::<Vec<_>>()
    };
    let all = events(TRACE_BYTES);
    assert_eq!(all.len(), record.timeline.len());
    let end = |event: &serde_json::Value| {
        event["args"]["start_cycle"].as_u64().unwrap() + event["args"]["cycles"].as_u64().unwrap()
    };
    let last = record.timeline.iter().map(|span| span.end_cycle).max().unwrap();
    assert_eq!(all.iter().map(end).max(), Some(last.0));
    assert!(last <= Cycles(record.summary.step_cycles.0));
    assert!(record.timeline.iter().any(|span| span.lane == Lane::Store));
    // Half of the room: fewer events, which end where all of them do.
    let half = events(trace(&record, TRACE_BYTES).len() / 2);
    assert!(half.len() < all.len() && !half.is_empty());
    assert_eq!(half.iter().map(end).max(), Some(last.0));
}
