//! Rows of whole training steps: the model that a row names, its batch and sequence, as a step on the row's machine.

use crate::simulate::Known;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{Recompute, WorkloadSpec};
use crate::spec::{Override, load_workload};
use crate::study::{StudyStep, step};
use crate::units::Cycles;
use crate::validate::measure::NotRun;
use crate::validate::row::Row;

/// The simulated value of a row of a training step.
pub(super) fn measure(row: &Row, machine: &WaferSpec) -> Result<f64, NotRun> {
    let workload = workload(row)?;
    let StudyStep { seconds, timeline, .. } =
        step(&workload, machine, &Known::default()).map_err(|error| NotRun::Params(error.to_string()))?;
    let sequences = f64::from(workload.training.batch_sequences);
    let tokens = sequences * f64::from(workload.training.sequence_tokens);
    match row.metric.as_str() {
        "samples_per_s" => Ok(sequences / seconds.0),
        "tokens_per_s" => Ok(tokens / seconds.0),
        "step_seconds" | "time" => Ok(seconds.0),
        "cycles" => Ok(Cycles(timeline.cycles).as_f64()),
        other => Err(NotRun::Params(format!(
            "no metric `{other}`; legal: samples_per_s, tokens_per_s, step_seconds, cycles"
        ))),
    }
}

/// The shape of a GPT-3 that a row describes without a preset of its own.
const GPT3: &str = "gpt3-6.7b";

/// The preset that `model` names (or any GPT-3 where it says `gpt3`), with what the row says of it.
fn workload(row: &Row) -> Result<WorkloadSpec, NotRun> {
    let param = |key: &str| row.params.get(key).map(|text| text.trim_end_matches('?'));
    let Some(model) = param("model") else { return Err(NotRun::Params("`model` is missing".to_owned())) };
    let mut overrides = vec![Override("training.micro_batch_sequences=\"auto\"".to_owned())];
    let mut set = |key: &str, value: &str| overrides.push(Override(format!("{key}={value}")));
    for (name, key) in [
        ("layers", "model.layers"),
        ("hidden", "model.hidden"),
        ("heads", "model.heads"),
        ("vocab", "model.vocab"),
        ("batch", "training.batch_sequences"),
        ("seq", "training.sequence_tokens"),
        ("sparsity", "sparsity.level"),
    ] {
        if let Some(value) = param(name) {
            set(key, value);
        }
    }
    // What follows from the width of a model unless the row says otherwise.
    let hidden = param("hidden").and_then(|text| text.parse::<u64>().ok());
    let wide = hidden.map(|hidden| (4 * hidden).to_string());
    for (value, key) in [
        (param("ffn").or(wide.as_deref()), "model.ffn"),
        (param("kv_heads").or(param("heads")), "model.kv_heads"),
    ] {
        if let Some(value) = value {
            set(key, value);
        }
    }
    if let Some(precision) = param("precision") {
        let precision = match precision {
            "16bit" | "cb16" | "cbfloat16" | "bf16" => "bf16",
            other => other,
        };
        set("training.precision", &format!("\"{precision}\""));
    }
    let name = if model == "gpt3" { GPT3 } else { model };
    let resolved = load_workload(name, &overrides).map_err(|faults| NotRun::Params(faults.to_string()))?;
    let mut workload = resolved.spec;
    workload.training.recompute = Recompute::Auto;
    Ok(workload)
}
