//! Whole training steps: tokens a second of each GPU.

use super::wants;
use crate::baseline::device::Device;
use crate::baseline::sparse::Way;
use crate::baseline::step::{Again, Laid, Sharding, Wanted, lay_out};
use crate::dtype::Dtype;
use crate::graph::TrainGraph;
use crate::spec::load_workload;
use crate::spec::workload::{Family, ModelSpec};
use crate::validate::measure::NotRun;
use crate::validate::params;
use crate::validate::row::Row;

/// Tokens a second of one GPU. A row that does not say what is run again in the backward pass is of a recipe that runs
/// blocks again; one whose states do not fit on its GPUs is a figure by GPU of a larger run.
pub(super) fn measure(row: &Row, device: &Device) -> Result<f64, NotRun> {
    wants(row, "tokens_per_s_per_gpu")?;
    let tokens = params::number_or(row, &["seq"], 4096, 1 << 20, "tokens of a sequence")?;
    let laid = laid_out(row, tokens, device)?;
    Ok(f64::from(laid.sequences * tokens) / laid.step.time.0)
}

fn laid_out(row: &Row, tokens: u32, device: &Device) -> Result<Laid, NotRun> {
    let model = model(row.params.get("model").map_or("", String::as_str))?;
    let again = match row.params.get("recompute").map(String::as_str) {
        Some("none") => Again::Nothing,
        Some("selective") => Again::Selective,
        None | Some("full" | "block") => Again::Block,
        Some(other) => {
            return Err(NotRun::Params(format!("`recompute` = `{other}`; legal: none, selective, full")));
        }
    };
    let sequences = match row.params.contains_key("batch_per_gpu") {
        true => Some(params::number(row, &["batch_per_gpu"], 4096, "sequences of a GPU")?),
        false => None,
    };
    let precision = match row.params.get("precision").map(String::as_str) {
        None | Some("bf16" | "fp16") => Dtype::Bf16,
        Some(other) => return Err(NotRun::Params(format!("`precision` = `{other}`; legal: bf16, fp16"))),
    };
    let copies = row.words.iter().any(|words| words.split(' ').any(|word| word == "hsdp"));
    let wanted = Wanted {
        gpus: params::number(row, &["gpus"], 65_536, "GPUs")?,
        sharding: if copies { Sharding::Node } else { Sharding::All },
        sequences,
        batch: None,
        again,
        way: Way::Dense,
    };
    lay_out(&wanted, precision.bytes(), device, |sequences| TrainGraph::build(&model, sequences, tokens))
        .map_err(|error| NotRun::Params(error.to_string()))
}

/// Published shapes beside the workloads: name, layers, hidden features, those of the feed-forward, heads, key/value heads,
/// vocabulary (llm-foundry, `scripts/train/yamls`; model cards of Meta). MPT has blocks like GPT-3.
const SHAPES: [(&str, [u32; 6]); 11] = [
    ("mpt-1b", [24, 2048, 8192, 16, 16, 50_368]),
    ("mpt-3b", [32, 2560, 10_240, 20, 20, 50_368]),
    ("mpt-7b", [32, 4096, 16_384, 32, 32, 50_368]),
    ("mpt-13b", [40, 5120, 20_480, 40, 40, 50_368]),
    ("mpt-30b", [48, 7168, 28_672, 56, 56, 50_368]),
    ("mpt-70b", [80, 8192, 32_768, 64, 64, 50_368]),
    ("llama-33b", [60, 6656, 17_920, 52, 52, 32_000]),
    ("llama-65b", [80, 8192, 22_016, 64, 64, 32_000]),
    ("llama2-34b", [48, 8192, 22_016, 64, 8, 32_000]),
    ("llama3-8b", [32, 4096, 14_336, 32, 8, 128_256]),
    ("llama3-70b", [80, 8192, 28_672, 64, 8, 128_256]),
];

/// A workload's model, or one of the published shapes.
fn model(name: &str) -> Result<ModelSpec, NotRun> {
    if let Some((_, [layers, hidden, ffn, heads, kv_heads, vocab])) =
        SHAPES.into_iter().find(|shape| shape.0 == name)
    {
        let family = if name.starts_with("mpt") { Family::Gpt3 } else { Family::Llama };
        let (norm_eps, rope_theta) = (1e-5, 10_000.0);
        return Ok(ModelSpec {
            family,
            layers,
            hidden,
            ffn,
            heads,
            kv_heads,
            vocab,
            norm_eps,
            rope_theta,
            rotary_dim: None,
        });
    }
    let legal = SHAPES.map(|shape| shape.0).join(", ");
    let unknown = || NotRun::Params(format!("`model` = `{name}`; legal: a workload, or {legal}"));
    load_workload(name, &[]).map(|workload| workload.spec.model).map_err(|_| unknown())
}
