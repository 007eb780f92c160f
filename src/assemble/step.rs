//! One simulated step: jobs, their times and how they follow each other, and where its PE cycles went.

use std::collections::BTreeMap;

use crate::fabric::{Activity, Breakdown};
use crate::graph::Phase;
use crate::lower::job::Job;
use crate::record::{CategoryShare, WaterfallStep};
use crate::simulate::{KernelTime, Times};
use crate::timeline::Timeline;

/// Label of the time in which PEs wait for weights or gradients on the wafer's links.
pub(super) const LINKS: &str = "wait for links";

/// One step: jobs, their times, how they follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Jobs of a micro-batch.
    pub jobs: &'a [Job],
    /// Kernel times.
    pub times: &'a Times,
    /// The composed step.
    pub timeline: &'a Timeline,
    /// PEs of the machine.
    pub pes: u64,
}

impl Step<'_> {
    pub(super) fn time(&self, job: usize) -> &KernelTime {
        self.times.of(&self.jobs[job].kernel)
    }

    /// Runs of each job, not counting those that run again, and those that do.
    pub(super) fn runs(&self) -> BTreeMap<(usize, bool), u64> {
        let mut runs = BTreeMap::new();
        for run in &self.timeline.runs {
            *runs.entry((run.job, run.again)).or_insert(0) += 1;
        }
        runs
    }

    /// Cycles in which no kernel runs.
    pub fn waiting(&self) -> u64 {
        let busy: u64 = self.runs().iter().map(|(&(job, _), &n)| self.time(job).cycles * n).sum();
        self.timeline.cycles - busy
    }

    /// PE cycles by activity of one run of a job on the whole machine.
    pub(super) fn activity(&self, job: usize) -> Breakdown {
        let time = self.time(job);
        let copies = u64::from(self.jobs[job].copies);
        let mut all = Breakdown::default();
        all.merge(&time.activity, copies);
        let total = time.cycles * self.pes;
        all.add(Activity::Idle, total.saturating_sub(all.total()));
        all
    }

    /// PE cycles by activity of the whole step, without the waiting for links.
    pub fn total_activity(&self) -> Breakdown {
        self.activity_of(|_| true)
    }

    /// The same of those jobs that `of` picks.
    fn activity_of(&self, of: impl Fn(&Job) -> bool) -> Breakdown {
        let mut all = Breakdown::default();
        for (&(job, _), &n) in self.runs().iter().filter(|((job, _), _)| of(&self.jobs[*job])) {
            all.merge(&self.activity(job), n);
        }
        all
    }
}

/// Where the PE cycles of a step went; shares sum to 1.
pub(super) fn breakdown(step: Step<'_>) -> Vec<CategoryShare> {
    let (all, teacher) = (step.total_activity(), step.activity_of(|job| job.phase == Phase::Teacher));
    let total = (step.timeline.cycles * step.pes) as f64;
    let row = |category: &str, pe_cycles: u64, teacher_pe_cycles: u64| CategoryShare {
        category: category.to_owned(),
        pe_cycles,
        teacher_pe_cycles,
        share: pe_cycles as f64 / total,
    };
    let of = |kind| row(category(kind), all.of(kind), teacher.of(kind));
    let mut rows: Vec<CategoryShare> = Activity::ALL.into_iter().map(of).collect();
    // Whose weights or gradients a PE waits for is not told apart.
    rows.insert(rows.len() - 1, row(LINKS, step.waiting() * step.pes, 0));
    rows.retain(|row| row.pe_cycles > 0);
    rows
}

/// The names that records use: multiply-adds are what a PE is there for.
pub(super) fn category(kind: Activity) -> &'static str {
    if kind == Activity::Mac { "useful" } else { kind.label() }
}

/// What limits the step, in words: the largest loss between theory and what was achieved; for a step that loses
/// nothing, what takes most PE cycles beyond useful arithmetic.
pub(super) fn limiter(losses: &[WaterfallStep], rows: &[CategoryShare]) -> String {
    let lost = |step: &WaterfallStep| step.speedup_before - step.speedup_after;
    let largest = losses.iter().max_by(|a, b| lost(a).total_cmp(&lost(b)));
    if let Some(step) = largest.filter(|step| lost(step) > 0.01) {
        return format!("{} ({:.2}x to {:.2}x)", step.label, step.speedup_before, step.speedup_after);
    }
    rows.iter().filter(|row| row.category != "useful").max_by(|a, b| a.share.total_cmp(&b.share)).map_or_else(
        || "multiply-adds".to_owned(),
        |row| format!("{} ({:.0} % of all PE cycles)", row.category, 100.0 * row.share),
    )
}
