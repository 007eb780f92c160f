//! What masks look like and what their spread costs: non-zeros over rows, columns and fabric columns, held
//! against uniform masks of the same density.
//!
//! ```text
//! workload or checkpoint -> open -> Masks -> stats (mapping of a machine) -> Stats -> text, JSON
//! ```

mod open;
mod table;

use rayon::prelude::*;
use serde::Serialize;

use crate::graph::Target;
use crate::lower::job::features_of;
use crate::lower::mapping::Mapping;
use crate::lower::plan::{PlanError, plan_with};
use crate::rng::Stream;
use crate::sparsity::{CountMatrix, Mask, Masks, Placed};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
pub use open::{InspectError, open};

/// The masks of a model, tensor by tensor and in sum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// Workload.
    pub workload: String,
    /// Machine.
    pub machine: String,
    /// Fabric columns in use.
    pub columns: u16,
    /// The pattern, and what was found in a checkpoint.
    pub masks: String,
    /// Every sparsified tensor, layer by layer.
    pub tensors: Vec<Row>,
    /// By target.
    pub targets: Vec<Row>,
    /// All of them.
    pub total: Row,
}

/// One tensor, or several in sum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// "layer 3, up", "up", "all".
    pub name: String,
    /// Decoder block, of a single tensor.
    pub layer: Option<u32>,
    /// Linear, of one or more tensors of a kind.
    pub target: Option<Target>,
    /// Output and input features, of one or more tensors of a kind.
    pub shape: Option<(u32, u32)>,
    /// Weights.
    pub weights: u64,
    /// Weights that are kept.
    pub nonzeros: u64,
    /// Share that is kept.
    pub density: f64,
    /// Non-zeros of an output.
    pub by_row: Spread,
    /// Non-zeros of an input.
    pub by_column: Spread,
    /// Of the forward product.
    pub forward: Imbalance,
    /// Of the product that makes the gradient of the inputs.
    pub input_gradient: Imbalance,
}

/// How evenly non-zeros lie over rows, or over columns, of tensors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Fewest.
    pub min: u32,
    /// Mean.
    pub mean: f64,
    /// Most.
    pub max: u32,
    /// Standard deviation.
    pub deviation: f64,
    /// The one that uniform masks of these densities are expected to have.
    pub uniform_deviation: f64,
    /// Rows (columns) counted.
    #[serde(skip)]
    lines: u64,
}

/// How evenly the non-zeros of a weight row lie over fabric columns: those of the busiest column over the mean of
/// all columns that hold features, rows weighted by their non-zeros.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Imbalance {
    /// Of the masks.
    pub mask: f64,
    /// Of uniform masks of the same densities.
    pub uniform: f64,
    /// How much more work the busiest columns have than with uniform masks, as a fraction.
    pub cost: f64,
    /// Sums over weight rows of the busiest column's non-zeros (masks, uniform masks), and of the mean.
    #[serde(skip)]
    sums: [f64; 3],
}

/// Looks at the masks of a workload as they lie on a machine.
///
/// # Errors
/// [`PlanError`] where the workload does not fit the machine.
pub fn stats(workload: &WorkloadSpec, masks: &Masks, machine: &WaferSpec) -> Result<Stats, PlanError> {
    let plan = plan_with(workload, machine, masks)?;
    let keys: Vec<(u32, Target)> = masks.tensors().collect();
    let seed = workload.sparsity.seed;
    let tensors: Vec<Row> =
        keys.par_iter().map(|&(layer, target)| row(masks, layer, target, &plan.mapping, seed)).collect();
    let of = |target: Target| {
        let rows: Vec<&Row> = tensors.iter().filter(|row| row.target == Some(target)).collect();
        let shape = rows.first().and_then(|row| row.shape);
        Row { target: Some(target), shape, ..sum(target.name(), &rows) }
    };
    Ok(Stats {
        workload: workload.name.clone(),
        machine: machine.name.clone(),
        columns: plan.mapping.width,
        masks: masks.says(),
        targets: masks.targets().map(of).collect(),
        total: sum("all", &tensors.iter().collect::<Vec<_>>()),
        tensors,
    })
}

/// A seed that no mask of a workload has: its seeds are below 2^63.
const OTHER_SEED: u64 = 1 << 63;

fn row(masks: &Masks, layer: u32, target: Target, mapping: &Mapping, seed: u64) -> Row {
    let mask = masks.mask(layer, target);
    let (rows, cols) = (mask.rows(), mask.cols());
    let zeros = (mask.size() - mask.nnz()) as f64 / mask.size().max(1) as f64;
    let stream = Stream::new(seed | OTHER_SEED, u64::from(layer) << 8 | target as u64);
    let even = Mask::uniform(rows, cols, zeros, stream);
    let (input, output) = features_of(target);
    let (inputs, outputs) = (mapping.order(input), mapping.order(output));
    let inputs = Placed { slices: mapping.slices(input), order: inputs.as_deref() };
    let outputs = Placed { slices: mapping.slices(output), order: outputs.as_deref() };
    let spread = |mask: &Mask| Spread::of(mask, mask.size() - mask.nnz());
    let (by_row, by_column) = (spread(&mask), spread(&mask.transposed()));
    let (weights, nonzeros, density) = (mask.size(), mask.nnz(), mask.density());
    let pair = mask.counts_placed(inputs, outputs).zip(even.counts_placed(inputs, outputs));
    let [forward, input_gradient] = pair.map_or([Imbalance::new([0.0; 3]); 2], |(mask, even)| {
        [
            Imbalance::of(&mask.forward, &even.forward, &inputs.slices.widths()),
            Imbalance::of(&mask.input_gradient, &even.input_gradient, &outputs.slices.widths()),
        ]
    });
    let name = format!("layer {layer}, {target}");
    let (layer, target, shape) = (Some(layer), Some(target), Some((rows, cols)));
    Row { name, layer, target, shape, weights, nonzeros, density, by_row, by_column, forward, input_gradient }
}

fn sum(name: &str, rows: &[&Row]) -> Row {
    let weights: u64 = rows.iter().map(|row| row.weights).sum();
    let nonzeros: u64 = rows.iter().map(|row| row.nonzeros).sum();
    let imbalance = |of: fn(&Row) -> Imbalance| {
        let add = |all: [f64; 3], row: &&Row| [0, 1, 2].map(|n| all[n] + of(row).sums[n]);
        Imbalance::new(rows.iter().fold([0.0; 3], add))
    };
    Row {
        name: name.to_owned(),
        layer: None,
        target: None,
        shape: None,
        weights,
        nonzeros,
        density: if weights == 0 { 1.0 } else { nonzeros as f64 / weights as f64 },
        by_row: Spread::join(rows.iter().map(|row| row.by_row)),
        by_column: Spread::join(rows.iter().map(|row| row.by_column)),
        forward: imbalance(|row| row.forward),
        input_gradient: imbalance(|row| row.input_gradient),
    }
}

impl Spread {
    /// Over the rows of a mask with so many zeros.
    fn of(mask: &Mask, zeros: u64) -> Self {
        let counts = mask.row_nnz();
        let lines = counts.len().max(1) as f64;
        let mean = mask.nnz() as f64 / lines;
        let squares: f64 = counts.iter().map(|&count| (f64::from(count) - mean).powi(2)).sum();
        // Non-zeros of a row of a mask with a fixed number of them are hypergeometric.
        let (size, width) = (mask.size().max(1) as f64, f64::from(mask.cols()));
        let share = mask.nnz() as f64 / size;
        let variance =
            width * share * (zeros as f64 / size) * (size - width).max(0.0) / (size - 1.0).max(1.0);
        Self {
            min: counts.iter().copied().min().unwrap_or(0),
            mean,
            max: counts.iter().copied().max().unwrap_or(0),
            deviation: (squares / lines).sqrt(),
            uniform_deviation: variance.sqrt(),
            lines: counts.len() as u64,
        }
    }

    /// Over the lines of several tensors; deviations are those within the tensors.
    fn join(spreads: impl Iterator<Item = Self> + Clone) -> Self {
        let lines: u64 = spreads.clone().map(|spread| spread.lines).sum();
        let mean = |of: fn(&Self) -> f64| {
            let sum: f64 = spreads.clone().map(|spread| of(&spread) * spread.lines as f64).sum();
            sum / lines.max(1) as f64
        };
        Self {
            min: spreads.clone().map(|spread| spread.min).min().unwrap_or(0),
            mean: mean(|spread| spread.mean),
            max: spreads.clone().map(|spread| spread.max).max().unwrap_or(0),
            deviation: mean(|spread| spread.deviation.powi(2)).sqrt(),
            uniform_deviation: mean(|spread| spread.uniform_deviation.powi(2)).sqrt(),
            lines,
        }
    }

    /// Deviation over that of uniform masks; 1 where those have none.
    pub fn ratio(&self) -> f64 {
        if self.uniform_deviation == 0.0 { 1.0 } else { self.deviation / self.uniform_deviation }
    }
}

impl Imbalance {
    fn of(mask: &CountMatrix, even: &CountMatrix, widths: &[u32]) -> Self {
        let used = widths.iter().filter(|&&width| width > 0).count().max(1) as f64;
        Self::new([mask.busiest() as f64, even.busiest() as f64, mask.nnz() as f64 / used])
    }

    fn new(sums: [f64; 3]) -> Self {
        let [mask, uniform, mean] = sums;
        let over = |part: f64, whole: f64| if whole == 0.0 { 1.0 } else { part / whole };
        Self { mask: over(mask, mean), uniform: over(uniform, mean), cost: over(mask, uniform) - 1.0, sums }
    }
}
