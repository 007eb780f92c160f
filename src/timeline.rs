//! One training step out of kernel times: order of work, weights in, gradients out, micro-batches.
//!
//! Composed here, not simulated: kernels run one after another; the wafer's links carry one tensor after
//! another in the order of use, ahead of it as far as the prefetch buffer allows; a kernel cannot end before
//! its last weight has arrived or its last gradient has left. All micro-batches take the same time on the
//! fabric, since they run the same programs with the same masks. The store updates a weight when all gradients of the
//! step before are in, since their norm clips them, and in the order in which the step needs weights: a weight of the
//! first micro-batch waits for its update.

use crate::graph::{Phase, TrainGraph};
use crate::ids::OpId;
use crate::lower::job::{Job, Kernel};
use crate::lower::memory::recomputed;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::Recompute;
use crate::units::{Bytes, Seconds};

/// Where the time of one run of a job went, in cycles from the start of the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The job, as an index.
    pub job: usize,
    /// Micro-batch.
    pub micro_batch: u32,
    /// Whether the backward pass runs it again.
    pub again: bool,
    /// Compute.
    pub start: u64,
    /// End of compute, waiting for links included.
    pub end: u64,
    /// Weights on the links.
    pub weights: (u64, u64),
    /// Gradients on the links.
    pub gradients: (u64, u64),
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Runs in order.
    pub runs: Vec<Run>,
    /// Updates of weights at the store, each before the first use by this job: cycles from the start of the step.
    pub updates: Vec<(usize, (u64, u64))>,
    /// All of it.
    pub cycles: u64,
}

/// Indices of the jobs of one micro-batch in the order in which they run; `true` for those that run again
/// before the backward pass of their block.
pub fn order(graph: &TrainGraph, jobs: &[Job], recompute: Recompute) -> Vec<(usize, bool)> {
    let index = |op: OpId| op.index();
    let mut order = Vec::new();
    let mut ready: Vec<u32> = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        let backward = matches!(job.phase, Phase::BackwardData | Phase::BackwardWeight);
        if let (true, Recompute::Block, Some(layer)) = (backward, recompute, job.layer)
            && !ready.contains(&layer)
        {
            ready.push(layer);
            order.extend(recomputed(graph, layer).into_iter().map(|op| (index(op.id), true)));
        }
        if job.kernel != Kernel::OffWafer {
            order.push((at, false));
        }
    }
    order
}

/// Compose a step: `cycles[j]` is the time of job `j` on the fabric.
pub fn compose(
    jobs: &[Job],
    order: &[(usize, bool)],
    cycles: &[u64],
    micro_batches: u32,
    machine: &WaferSpec,
) -> Timeline {
    let clock = machine.fabric.clock;
    let bytes_per_cycle = machine.io.bandwidth_gbit_per_s * 1e9 / 8.0 / clock.0 as f64;
    let latency = Seconds(machine.io.latency_us * 1e-6).cycles_at(clock).0;
    let on_link = |bytes: u64| (bytes as f64 / bytes_per_cycle).ceil() as u64;
    let prefetch = machine.io.prefetch.0;
    let updates = updates(jobs, order, machine);
    let mut updated = updates.iter().peekable();
    let mut runs: Vec<Run> = Vec::with_capacity(order.len() * micro_batches as usize);
    let (mut compute, mut links_in, mut links_out) = (0, 0, 0);
    // Runs whose weights are on the wafer but not yet used up: the oldest, and bytes of all of them.
    let (mut oldest, mut ahead) = (0, 0u64);
    for micro_batch in 0..micro_batches {
        for &(at, again) in order {
            let job = &jobs[at];
            let (bytes, gone) = (job.bytes_in.0, job.bytes_out.0);
            // The stream of a tensor starts when the one before it is through and there is room for it.
            let mut room = 0;
            while ahead > 0 && ahead + bytes > prefetch && oldest < runs.len() {
                ahead = ahead.saturating_sub(jobs[runs[oldest].job].bytes_in.0);
                room = runs[oldest].end;
                oldest += 1;
            }
            ahead += bytes;
            let mut from = links_in.max(room);
            if let Some((_, (_, end))) = updated.next_if(|(job, _)| *job == at && !again) {
                from = from.max(*end);
            }
            links_in = from + on_link(bytes);
            let start = if bytes > 0 { compute.max(from + latency) } else { compute };
            let mut end = start + cycles[at];
            if bytes > 0 {
                end = end.max(links_in + latency);
            }
            let out_from = links_out.max(start);
            if gone > 0 {
                links_out = out_from + on_link(gone);
                end = end.max(links_out);
            }
            runs.push(Run {
                job: at,
                micro_batch,
                again,
                start,
                end,
                weights: (from, if bytes > 0 { links_in } else { from }),
                gradients: (out_from, if gone > 0 { links_out } else { out_from }),
            });
            compute = end;
        }
    }
    let cycles = if links_out > 0 { compute.max(links_out + latency) } else { compute };
    Timeline { runs, updates, cycles }
}

/// When the store updates weights, one after the other in the order in which a micro-batch uses them first.
fn updates(jobs: &[Job], order: &[(usize, bool)], machine: &WaferSpec) -> Vec<(usize, (u64, u64))> {
    let bytes_per_cycle = machine.store.update_gbyte_per_s * 1e9 / machine.fabric.clock.0 as f64;
    let first_uses = order.iter().filter(|(job, again)| !again && jobs[*job].updated > Bytes::ZERO);
    let mut bytes = 0;
    let of_job = |&(job, _): &(usize, bool)| {
        let from = bytes;
        bytes += jobs[job].updated.0;
        let cycle = |bytes: u64| (bytes as f64 / bytes_per_cycle).ceil() as u64;
        (job, (cycle(from), cycle(bytes)))
    };
    first_uses.map(of_job).collect()
}
