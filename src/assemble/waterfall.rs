//! From the speedup that theory promises to the one that was achieved.

use crate::assemble::step::Step;
use crate::fabric::Activity;
use crate::record::WaterfallStep;
use crate::timeline::Timeline;

/// From theory over the bound to what was achieved. To the bound: ops run at different efficiency, and weights
/// take their time on the links even if every op were at its theory. From there: each part is the PE time of an
/// activity beyond the dense step's times density, as a mean over all PEs; what of them passes while the links
/// are waited for anyhow is given back at the end. The parts sum to the difference exactly.
pub(super) fn waterfall(
    theory: f64,
    sparse: Step<'_>,
    dense: Step<'_>,
    bound: &Timeline,
) -> Vec<WaterfallStep> {
    let dense_cycles = dense.timeline.cycles as f64;
    let mut at_theory = 0.0;
    let mut excess = [0.0; Activity::ALL.len()];
    for ((job, _), n) in sparse.runs() {
        let (mine, theirs) = (sparse.activity(job), dense.activity(job));
        let density = sparse.jobs[job].density();
        at_theory += dense.time(job).cycles as f64 * density * n as f64;
        for kind in Activity::ALL {
            let beyond = mine.of(kind) as f64 - theirs.of(kind) as f64 * density;
            excess[kind as usize] += beyond * n as f64 / sparse.pes as f64;
        }
    }
    let of = |kinds: &[Activity]| kinds.iter().map(|&k| excess[k as usize]).sum::<f64>();
    let (bound, achieved) = (bound.cycles as f64, sparse.timeline.cycles as f64);
    let parts = [
        ("weight stream on links", bound - at_theory),
        ("rounding up", of(&[Activity::Mac, Activity::Vector])),
        ("instruction setup", of(&[Activity::Setup])),
        ("row-end control", of(&[Activity::Control, Activity::Latency])),
        ("row-end reduction", of(&[Activity::Reduce])),
        ("imbalance of columns", of(&[Activity::WaitBuffer, Activity::WaitInput])),
        ("fabric contention", of(&[Activity::WaitOutput])),
        ("fill, drain, idle PEs", of(&[Activity::Idle])),
        ("hidden by the stream", achieved - bound - excess.iter().sum::<f64>()),
    ];
    let step = |label: &str, before: f64, after: f64| WaterfallStep {
        label: label.to_owned(),
        speedup_before: before,
        speedup_after: after,
    };
    let mut steps = vec![step("work mix", theory, dense_cycles / at_theory)];
    let mut cycles = at_theory;
    for (label, part) in parts {
        let before = dense_cycles / cycles;
        cycles += part;
        steps.push(step(label, before, dense_cycles / cycles));
    }
    steps
}
