//! Products with zeros in their weights over dense ones: two of every four, or any.

use super::{gemm, wants};
use crate::baseline::device::Device;
use crate::baseline::power::Load;
use crate::baseline::sparse::{Library, Way, run};
use crate::dtype::Dtype;
use crate::graph::MatmulShape;
use crate::validate::measure::NotRun;
use crate::validate::params;
use crate::validate::row::Row;

/// How much faster two of every four weights are.
pub(super) fn two_four(row: &Row, device: &Device) -> Result<f64, NotRun> {
    wants(row, "speedup_over_dense")?;
    speedup(row, gemm::shape(row)?, Way::TwoFour, device)
}

/// How much faster a library for unstructured weights is; over a range of shapes the middle of the speedups.
pub(super) fn unstructured(row: &Row, device: &Device) -> Result<f64, NotRun> {
    if row.metric != "speedup_over_dense_range" {
        wants(row, "speedup_over_dense")?;
    }
    let name = row.params.get("library").map_or("", String::as_str);
    let Some(library) = Library::ALL.into_iter().find(|library| library.name() == name) else {
        let legal: Vec<&str> = Library::ALL.iter().map(|library| library.name()).collect();
        return Err(NotRun::Params(format!("`library` = `{name}`; legal: {}", legal.join(", "))));
    };
    let way = Way::Unstructured(library, 1.0 - params::share(row, "sparsity")?);
    let speedups: Vec<f64> =
        shapes(row)?.into_iter().map(|shape| speedup(row, shape, way, device)).collect::<Result<_, _>>()?;
    let (low, high) = speedups.iter().fold((f64::MAX, f64::MIN), |(low, high), &s| (low.min(s), high.max(s)));
    Ok(f64::midpoint(low, high))
}

fn speedup(row: &Row, shape: MatmulShape, way: Way, device: &Device) -> Result<f64, NotRun> {
    let element = params::dtype(row, Dtype::Fp16)?.bytes();
    let [dense, sparse] = [Way::Dense, way].map(|way| run(shape, element, way, device, Load::Alone).time.0);
    Ok(dense / sparse)
}

/// Features in and out of BERT-large, whose layers were measured with thousands of tokens (VENOM).
const BERT_LARGE: [(u64, u64); 3] = [(1024, 1024), (1024, 4096), (4096, 1024)];
/// Features in and out of the layer of OPT-66B whose dense product takes the 0.40 ms of the chart (Flash-LLM).
const OPT_66B: (u64, u64) = (9216, 36_864);

/// The shapes of a row. Where it gives no `m` and `k`, weights are those that its authors measured; `n` is the number of
/// tokens there, of which a range stands for both of its ends.
fn shapes(row: &Row) -> Result<Vec<MatmulShape>, NotRun> {
    if row.params.contains_key("m") {
        return Ok(vec![gemm::shape(row)?]);
    }
    let text = row.params.get("n").map_or("", String::as_str);
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let tokens = |text: &str| match text.trim().parse::<u64>() {
        Ok(tokens) if (1..=1 << 24).contains(&tokens) => Ok(tokens),
        _ => Err(NotRun::Params(format!(
            "`n` = `{text}`; legal: whole numbers from 1, or two with .. between"
        ))),
    };
    let (first, last) = (tokens(first)?, tokens(last)?);
    let weights: &[(u64, u64)] = if last >= 512 { &BERT_LARGE } else { &[OPT_66B] };
    let shape = |m| weights.iter().map(move |&(k, n)| MatmulShape { batch: 1, m, k, n });
    Ok([first, last].into_iter().flat_map(shape).collect())
}
