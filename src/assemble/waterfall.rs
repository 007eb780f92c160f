//! From the speedup that theory promises to the one that was achieved.

use crate::assemble::step::Step;
use crate::fabric::Activity;
use crate::record::WaterfallStep;
use crate::timeline::Timeline;

/// From theory over the bound to what was achieved. Each part is the PE time of an activity beyond the dense
/// step's times density, in the ops that can skip, as a mean over all PEs; what is left is what the links add to
/// what they add to the bound. They sum to the difference of the two steps exactly.
pub(super) fn waterfall(
    theory: f64,
    sparse: Step<'_>,
    dense: Step<'_>,
    bound: &Timeline,
) -> Vec<WaterfallStep> {
    let dense_cycles = dense.timeline.cycles as f64;
    let bound = bound.cycles as f64;
    let mut excess = [0.0; Activity::ALL.len()];
    for ((job, _), n) in sparse.runs() {
        let (mine, theirs) = (sparse.activity(job), dense.activity(job));
        let density = sparse.jobs[job].density();
        for kind in Activity::ALL {
            let beyond = mine.of(kind) as f64 - theirs.of(kind) as f64 * density;
            excess[kind as usize] += beyond * n as f64 / sparse.pes as f64;
        }
    }
    let of = |kinds: &[Activity]| kinds.iter().map(|&k| excess[k as usize]).sum::<f64>();
    let links = sparse.timeline.cycles as f64 - bound - excess.iter().sum::<f64>();
    let parts = [
        ("rounding up", of(&[Activity::Mac, Activity::Vector])),
        ("instruction setup", of(&[Activity::Setup])),
        ("row-end control", of(&[Activity::Control, Activity::Latency])),
        ("row-end reduction", of(&[Activity::Reduce])),
        ("imbalance of columns", of(&[Activity::WaitBuffer, Activity::WaitInput])),
        ("fabric contention", of(&[Activity::WaitOutput])),
        ("fill, drain, idle PEs", of(&[Activity::Idle])),
        ("weight stream on links", links),
    ];
    let mut steps = vec![WaterfallStep {
        label: "work mix".to_owned(),
        speedup_before: theory,
        speedup_after: dense_cycles / bound,
    }];
    let mut cycles = bound;
    for (label, part) in parts {
        let before = dense_cycles / cycles;
        cycles += part;
        steps.push(WaterfallStep {
            label: label.to_owned(),
            speedup_before: before,
            speedup_after: dense_cycles / cycles,
        });
    }
    steps
}
