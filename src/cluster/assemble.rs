//! Steps of clusters as a record.

use crate::assemble::{entries, spec_hash};
use crate::cluster::tree::levels;
use crate::cluster::{ClusterRequest, Steps};
use crate::record::{ClusterPoint, ClusterRecord, Provenance, RunRecord, Scaling};
use crate::run::Request;

/// A step of `systems` systems with `share` sequences each, held against `one` system alone.
pub(super) fn point(
    scaling: Scaling,
    systems: u32,
    share: u32,
    one: Steps,
    steps: Steps,
    whole: &Request,
) -> ClusterPoint {
    let (workload, machine) = (&whole.workload.spec, &whole.machine.spec);
    let clock = machine.fabric.clock;
    let batch = u64::from(share) * u64::from(systems);
    let seconds = steps.sparse.cycles.at(clock).0;
    let samples_per_s = batch as f64 / seconds;
    // Samples per second and system over those of one system: the ratio of the steps where shares are the same.
    let share_of_whole = f64::from(share) / f64::from(workload.training.batch_sequences);
    let efficiency = one.sparse.cycles.as_f64() / steps.sparse.cycles.as_f64() * share_of_whole;
    ClusterPoint {
        scaling,
        systems,
        tree_levels: levels(systems, machine.cluster.tree_fanout),
        batch_sequences: batch,
        share_sequences: share,
        step_cycles: steps.sparse.cycles,
        alone_cycles: steps.sparse.alone,
        tree_cycles: steps.sparse.tree,
        step_seconds: seconds,
        dense_step_seconds: steps.dense.cycles.at(clock).0,
        achieved_speedup: steps.dense.cycles.as_f64() / steps.sparse.cycles.as_f64(),
        samples_per_s,
        tokens_per_s: samples_per_s * f64::from(workload.training.sequence_tokens),
        scaling_speedup: efficiency * f64::from(systems),
        efficiency,
        systems_energy_j: seconds * f64::from(systems) * machine.power.system_kw * 1e3,
    }
}

/// The record of all of them.
pub(super) fn record(request: &ClusterRequest, alone: RunRecord, points: Vec<ClusterPoint>) -> ClusterRecord {
    let step = &request.step;
    let (workload, machine) = (&step.workload.spec, &step.machine.spec);
    let most = request.systems.iter().max().copied().unwrap_or(1);
    ClusterRecord {
        name: format!("{}-cluster", alone.name),
        title: format!("{}, up to {most} systems", alone.title),
        provenance: Provenance { spec_hash: spec_hash(&(workload, machine)), ..alone.provenance },
        points,
        machine: machine.clone(),
        workload: workload.clone(),
        machine_entries: entries(&step.machine.entries),
        workload_entries: entries(&step.workload.entries),
        notes: notes(request),
        alone: alone.summary,
    }
}

fn notes(request: &ClusterRequest) -> Vec<String> {
    let (step, cluster) = (&request.step, &request.step.machine.spec.cluster);
    let mut notes = vec![
        "Simulated: the step of one system. Composed: weights from the store through a tree of broadcast nodes to all \
         systems, and gradients added up on the way back. The store updates the one copy of the weights when all sums are \
         in, in the order in which the next step needs them, as for one system."
            .to_owned(),
        format!(
            "A node serves {} below it, passes {} Gb/s each way and adds {} us.",
            cluster.tree_fanout, cluster.tree_bandwidth_gbit_per_s, cluster.tree_latency_us
        ),
        "Systems run the same programs on the same masks: none waits for a slower one, and hosts that look up embeddings \
         and bring tokens keep up with their system."
            .to_owned(),
        format!(
            "Energy is {} kW for each system; no figure is published for store and tree, and theirs is missing.",
            step.machine.spec.power.system_kw
        ),
    ];
    let batch = step.workload.spec.training.batch_sequences;
    let left: Vec<String> = request
        .systems
        .iter()
        .filter(|systems| request.scalings.contains(&Scaling::Strong) && !batch.is_multiple_of(**systems))
        .map(u32::to_string)
        .collect();
    if !left.is_empty() {
        notes.push(format!(
            "{batch} sequences do not divide over {} systems: no strong scaling there.",
            left.join(", ")
        ));
    }
    notes
}
