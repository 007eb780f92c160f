//! Steps of phases as a record.

use crate::assemble::{entries, spec_hash};
use crate::campaign::{CampaignError, CampaignRequest, Step, Work};
use crate::host;
use crate::lower::plan::PlanError;
use crate::record::{Amounts, CampaignPhase, CampaignRecord, Provenance};
use crate::run::Request;
use crate::spec::recipe::RecipePhase;
use crate::units::Cycles;

const SECONDS_OF_A_DAY: f64 = 86_400.0;

/// A phase: a step of it times its steps.
pub(super) fn phase(
    request: &CampaignRequest,
    recipe: &RecipePhase,
    part: &Request,
    step: &Step,
) -> Result<CampaignPhase, CampaignError> {
    let (workload, machine) = (&recipe.workload.spec, &request.machine.spec);
    let training = &workload.training;
    let work = Work::of_sequence(workload, &part.masks)
        .map_err(|error| CampaignError::of(recipe, PlanError::from(error)))?;
    let steps = recipe.phase.steps(training);
    let sequences = steps as f64 * f64::from(training.batch_sequences);
    let seconds = |cycles: Cycles| cycles.at(machine.fabric.clock).0;
    let days = |cycles| steps as f64 * seconds(cycles) / SECONDS_OF_A_DAY;
    let energy = |days: f64| days * 24.0 * machine.power.system_kw * f64::from(request.systems) / 1e3;
    let all = &step.all;
    let amounts = Amounts {
        steps,
        tokens: sequences * f64::from(training.sequence_tokens),
        flop: work.counted(training.attention_flops).times(sequences),
        flop_full_attention: work.full_attention.times(sequences),
        flop_causal_attention: work.causal_attention.times(sequences),
        days: days(all.sparse.cycles),
        dense_days: days(all.dense.cycles),
        bound_days: days(all.bound.cycles),
        energy_mwh: energy(days(all.sparse.cycles)),
        dense_energy_mwh: energy(days(all.dense.cycles)),
        ..Amounts::default()
    };
    Ok(CampaignPhase {
        name: recipe.phase.name.clone(),
        source: recipe.phase.source.clone(),
        level: part.masks.level(),
        step_seconds: seconds(all.sparse.cycles),
        dense_step_seconds: seconds(all.dense.cycles),
        bound_step_seconds: seconds(all.bound.cycles),
        amounts: amounts.with_speedups(),
        alone: step.alone.summary.clone(),
        workload: workload.clone(),
        workload_entries: entries(&recipe.workload.entries),
    })
}

/// The record of all phases; `steps` are those that were simulated.
pub(super) fn record(
    request: &CampaignRequest,
    phases: Vec<CampaignPhase>,
    steps: Vec<Step>,
) -> CampaignRecord {
    let (recipe, machine, systems) = (&request.recipe, &request.machine.spec, request.systems);
    let many = if systems == 1 { String::new() } else { format!("{systems} x ") };
    let suffix = if systems == 1 { String::new() } else { format!("-x{systems}") };
    CampaignRecord {
        name: format!("{}-{}{suffix}", recipe.name, machine.name),
        title: format!("{} on {many}{}", recipe.name, machine.name),
        provenance: Provenance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spec_hash: spec_hash(&(recipe, machine, systems)),
            seed: recipe.phases.first().map_or(0, |phase| phase.workload.spec.sparsity.seed),
            host_threads: rayon::current_num_threads() as u32,
            host: host::name(),
            command: request.command.clone(),
        },
        systems,
        total: Amounts::total(phases.iter().map(|phase| &phase.amounts)),
        machine: machine.clone(),
        machine_entries: entries(&request.machine.entries),
        notes: notes(request, &phases, &steps),
        phases,
    }
}

fn notes(request: &CampaignRequest, phases: &[CampaignPhase], steps: &[Step]) -> Vec<String> {
    let exact = steps.iter().map(|step| step.alone.summary.exact_share).fold(1.0, f64::min);
    let mut notes = vec![
        format!(
            "Simulated: a step of each of {} phases, and its dense twin; {} of them differ, and kernels that steps have in \
             common were simulated once. A phase is its steps one after the other: no pauses for checkpoints, evaluation or \
             pruning. Whole steps are counted, so that tokens may be a little above the budget.",
            phases.len(),
            steps.len()
        ),
        "The dense twin trains on the same tokens, step by step with the same mapping, without zeros. Theory is the ratio \
         of FLOPs, the bound every op at the dense one's cycles times its density."
            .to_owned(),
        format!("At least {:.1} % of the cycles of a step's kernels are exact; the others are sampled.", 100.0 * exact),
        format!(
            "Energy is {} kW for each of {} systems; no figure is published for store and tree, and theirs is missing.",
            request.machine.spec.power.system_kw, request.systems
        ),
    ];
    if request.systems > 1 {
        notes.push(
            "Systems share each step in data parallel, through a tree to one store: see `wafersim cluster`."
                .to_owned(),
        );
    }
    if phases.iter().any(|phase| phase.workload.training.squarehead().is_some()) {
        notes.push(
            "FLOPs and time of a phase beside a teacher include its forward pass; so does its dense twin."
                .to_owned(),
        );
    }
    notes
}
