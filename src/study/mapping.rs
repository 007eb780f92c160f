//! Which mapping a step should run on: all of them by their bounds, the best by simulation.

use crate::lower::memory::MemoryPlan;
use crate::lower::plan::{Candidate, Candidates, candidates, plan_of};
use crate::run::RunError;
use crate::simulate::Known;
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
use crate::study::step_of;

/// Mappings, and what some of them take.
#[derive(Clone, Debug)]
pub struct Search {
    /// Those that fit, the lowest bound first, and how many do not.
    pub candidates: Candidates,
    /// Cycles of a step on the first of them, in their order.
    pub simulated: Vec<u64>,
}

/// Simulate a step on the mappings with the lowest bounds: `most` of them, and none whose bound is above what one has
/// taken. `progress` is told how many of how many are done.
///
/// # Errors
/// [`RunError`]
pub fn search(
    workload: &WorkloadSpec,
    machine: &WaferSpec,
    masks: &Masks,
    most: usize,
    progress: &dyn Fn(usize, usize),
) -> Result<Search, RunError> {
    let candidates = candidates(workload, machine, masks)?;
    let known = Known::default();
    let mut simulated: Vec<u64> = Vec::new();
    let most = most.min(candidates.fit.len());
    for candidate in &candidates.fit[..most] {
        if simulated.iter().any(|&cycles| candidate.bound >= cycles as f64) {
            break;
        }
        let plan = plan_of(workload, candidate.clone())?;
        simulated.push(step_of((workload, masks), machine, &plan, &known)?.timeline.cycles);
        progress(simulated.len(), most);
    }
    Ok(Search { candidates, simulated })
}

impl Search {
    /// The mapping that took the fewest cycles, and how many.
    pub fn best(&self) -> Option<(&Candidate, u64)> {
        let simulated = self.candidates.fit.iter().zip(self.simulated.iter().copied());
        simulated.min_by_key(|(_, cycles)| *cycles)
    }

    /// As a table: what was simulated, what comes behind it, and why the others fell out.
    pub fn text(&self, workload: &str, machine: &str) -> String {
        let Candidates { fit, too_large, unplaced } = &self.candidates;
        let best = self.best().map(|(_, cycles)| cycles);
        let all = fit.len() + too_large.len() + unplaced.0;
        let mut text = format!(
            "{workload} on {machine}: {all} mappings, {} fit, {} do not fit into SRAM, {} cannot be placed\n\n{HEAD}",
            fit.len(),
            too_large.len(),
            unplaced.0
        );
        for (at, candidate) in fit.iter().enumerate().take(self.simulated.len() + BEHIND) {
            let verdict = match self.simulated.get(at) {
                Some(&cycles) if Some(cycles) == best => format!("{cycles:>14}  fewest"),
                Some(cycles) => format!("{cycles:>14}"),
                None if best.is_some_and(|best| candidate.bound >= best as f64) => {
                    format!("{:>14}  bound above the fewest", "-")
                }
                None => format!("{:>14}  not simulated", "-"),
            };
            text += &line(candidate, &verdict);
        }
        if let Some(candidate) = self.best().map(|(candidate, _)| candidate).or(fit.first()) {
            text += &memory(&candidate.memory);
        }
        if let Some(candidate) = too_large.iter().min_by(|a, b| a.bound.total_cmp(&b.bound)) {
            text += "\nof those that do not fit, the lowest bound and the smallest:\n";
            let over = |candidate: &Candidate| {
                let (used, capacity) = (candidate.memory.used(), candidate.memory.capacity);
                let largest = candidate.memory.rows.iter().max_by_key(|row| row.1);
                let what = largest.map_or_else(String::new, |(what, bytes)| format!("; {what} {bytes}"));
                format!("{:>14}  {} over{what}", "-", used.saturating_sub(capacity))
            };
            text += &line(candidate, &over(candidate));
            if let Some(smallest) = too_large.first() {
                text += &line(smallest, &over(smallest));
            }
        }
        if let Some(reason) = &unplaced.1 {
            text += &format!("\nof those that cannot be placed, the last: {reason}\n");
        }
        text + FOOT
    }
}

/// What lies in SRAM at the fullest moment, and the tensors of the block that runs then.
fn memory(plan: &MemoryPlan) -> String {
    let mut text =
        format!("\nSRAM of the fullest PE on the best of them: {} of {}\n", plan.used(), plan.capacity);
    for (what, bytes) in &plan.rows {
        text += &format!("{:>12}  {what}\n", bytes.to_string());
    }
    text += &format!("the working set is fullest in {}, where there are\n", plan.fullest.op);
    for (name, bytes) in &plan.fullest.tensors {
        text += &format!("{:>12}  {name}\n", bytes.to_string());
    }
    text
}

/// Mappings shown that were not simulated.
const BEHIND: usize = 4;

const HEAD: &str = "tokens/PE  replicas  columns  sequences  micro-batches  recompute  SRAM of a PE   bound cycles   \
     simulated\n";

const FOOT: &str = "
bound      what the busiest PE computes and what streams over the links: a step takes no fewer cycles
simulated  one block for all that are like it; links, store and micro-batches as in `run`
";

fn line(candidate: &Candidate, verdict: &str) -> String {
    let m = candidate.mapping.summary();
    let text = format!(
        "{:>9}  {:>8}  {:>7}  {:>9}  {:>13}  {:>9}  {:>12}  {:>13.0}  {verdict}",
        m.tokens_per_pe,
        m.replicas,
        m.width,
        m.micro_batch_sequences,
        candidate.micro_batches,
        format!("{:?}", candidate.recompute).to_lowercase(),
        candidate.memory.used().to_string(),
        candidate.bound,
    );
    format!("{}\n", text.trim_end())
}
