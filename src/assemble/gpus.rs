//! The step on GPUs: the fewest that hold it, the ways to do products with zeros, and how many match the wafer.

use crate::baseline::device::Device;
use crate::baseline::power::Load;
use crate::baseline::sparse::{Library, Way, run, wins_from};
use crate::baseline::step::{Again, Laid, Sharding, Wanted, lay_out};
use crate::graph::{GraphError, MatmulShape, TrainGraph};
use crate::record::{BaselineKind, BaselineRow, GpuBaseline, GpuKernels, GpuZeros};
use crate::spec::gpu::GpuSpec;
use crate::spec::workload::{Pattern, WorkloadSpec};
use crate::units::Bytes;
use crate::validate;

/// Every GPU as if there were no zeros; where there are, every GPU again for each way that uses them.
pub(super) fn rows(
    workload: &WorkloadSpec,
    gpus: &[(String, GpuSpec)],
    level: f64,
    seconds: f64,
) -> Vec<BaselineRow> {
    let devices: Vec<_> = gpus
        .iter()
        .map(|(_, gpu)| {
            let device = Device::new(gpu.clone());
            let error = validate::gpu_error(&device);
            (device, error)
        })
        .collect();
    let rows = ways(workload, level).into_iter().flat_map(|(suffix, way, what)| {
        devices.iter().filter_map(move |(device, error)| {
            let steps = Steps { workload, device, way };
            let laid = steps.fastest(1).ok()?;
            Some(BaselineRow {
                name: format!("{}{suffix}", device.spec.name),
                validation_error: error.as_ref().map(|error| error.mean),
                note: note(&laid, what),
                ..steps.row(
                    &laid,
                    level,
                    seconds,
                    error.as_ref().map_or("nothing", |error| error.on.as_str()),
                )
            })
        })
    });
    rows.collect()
}

/// Ways to do products, with what is written behind the GPU and what is said of it.
fn ways(workload: &WorkloadSpec, level: f64) -> Vec<(&'static str, Way, &'static str)> {
    let sparsity = &workload.sparsity;
    let mut ways = vec![("", Way::Dense, "zeros are multiplied")];
    if level > 0.0 {
        let way = Way::Unstructured(Library::Sputnik, 1.0 - level);
        ways.push((
            ", unstructured",
            way,
            "kept weights as lists, on the way of ordinary arithmetic (Sputnik)",
        ));
    }
    if sparsity.pattern == Pattern::NOfM && sparsity.n == Some(2) && sparsity.m == Some(4) {
        let what =
            "the forward pass on sparse tensor cores: what is two of four along rows is not along columns";
        ways.push((", 2:4", Way::TwoFour, what));
    }
    ways
}

fn note(laid: &Laid, what: &str) -> String {
    let gpus = if laid.layout.gpus == 1 { "one GPU" } else { "the fewest GPUs that hold it" };
    let sequences = match laid.sequences {
        1 => "a sequence".to_owned(),
        n => format!("{n} sequences"),
    };
    let again = match laid.layout.again {
        Again::Nothing => "all activations kept",
        Again::Selective => "every second product run again",
        Again::Block => "blocks run again",
    };
    let exposed = 100.0 * laid.step.exposed.0 / laid.step.time.0;
    format!(
        "{what}; {gpus}, {sequences} at a time on each, {again}; {exposed:.0} % of the step waits for links or moves words"
    )
}

/// Steps of a workload on GPUs of a kind.
struct Steps<'a> {
    workload: &'a WorkloadSpec,
    device: &'a Device,
    way: Way,
}

impl Steps<'_> {
    fn graph(&self, sequences: u32) -> Result<TrainGraph, GraphError> {
        let training = &self.workload.training;
        let (model, tokens) = (&self.workload.model, training.sequence_tokens);
        match training.squarehead() {
            None => TrainGraph::build(model, sequences, tokens),
            Some(weight) => TrainGraph::with_teacher(model, sequences, tokens, weight),
        }
    }

    fn laid(&self, gpus: u32, again: Again) -> Result<Laid, GraphError> {
        let training = &self.workload.training;
        let wanted = Wanted {
            gpus,
            sharding: Sharding::All,
            sequences: None,
            batch: Some(training.batch_sequences),
            again,
            way: self.way,
        };
        lay_out(&wanted, training.precision.bytes(), self.device, |sequences| self.graph(sequences))
    }

    /// On so many GPUs, or on as many as it takes: the fastest of what can be run again.
    fn fastest(&self, gpus: u32) -> Result<Laid, GraphError> {
        let mut best = self.laid(gpus, Again::Block)?;
        for again in [Again::Selective, Again::Nothing] {
            let other = self.laid(best.layout.gpus, again)?;
            if other.layout.gpus == best.layout.gpus && other.step.time < best.step.time {
                best = other;
            }
        }
        Ok(best)
    }

    /// Fewest GPUs that take no longer than `seconds`, at least `from`: by doubling, then by halving what is between.
    fn to_match(&self, from: u32, seconds: f64) -> Option<u32> {
        let most = self.workload.training.batch_sequences.max(from);
        let holds = |gpus: u32| self.fastest(gpus).is_ok_and(|laid| laid.step.time.0 <= seconds);
        let (mut short, mut enough) = (from, from);
        while !holds(enough) {
            if enough == most {
                return None;
            }
            short = enough;
            enough = (2 * enough).min(most);
        }
        while enough - short > 1 {
            let middle = short.midpoint(enough);
            if holds(middle) {
                enough = middle;
            } else {
                short = middle;
            }
        }
        Some(enough)
    }

    /// What zeros are worth in the largest product of a block, with the tokens that a GPU takes at a time.
    fn zeros(&self, laid: &Laid, level: f64) -> Vec<GpuZeros> {
        let (model, training) = (&self.workload.model, &self.workload.training);
        let tokens = u64::from(laid.sequences) * u64::from(training.sequence_tokens);
        let shape = MatmulShape { batch: 1, m: tokens, k: model.hidden.into(), n: model.ffn.into() };
        let element = training.precision.bytes();
        let seconds = |way| run(shape, element, way, self.device, Load::Sustained).time.0;
        let dense = seconds(Way::Dense);
        let two_four = dense / seconds(Way::TwoFour);
        let half =
            GpuZeros { way: "2:4".to_owned(), speedup: two_four, wins_from: (two_four > 1.0).then_some(0.5) };
        let unstructured = Library::ALL.into_iter().map(|library| GpuZeros {
            way: library.name().to_owned(),
            speedup: dense / seconds(Way::Unstructured(library, 1.0 - level)),
            wins_from: wins_from(shape, element, library, self.device)
                .map(|percent| f64::from(percent) / 100.0),
        });
        std::iter::once(half).chain(unstructured).collect()
    }

    fn row(&self, laid: &Laid, level: f64, seconds: f64, validated_on: &str) -> BaselineRow {
        let training = &self.workload.training;
        let sequences = f64::from(training.batch_sequences);
        let step = &laid.step;
        let peak = self.device.spec.memory.dram.peak_bytes_per_s();
        let kernels = step.kernels.iter().map(|kernels| GpuKernels {
            kind: kernels.kind.name().to_owned(),
            seconds: kernels.time.0,
            hbm_bytes: kernels.traffic,
            bandwidth_share: kernels.traffic.as_f64() / kernels.time.0.max(f64::MIN_POSITIVE) / peak,
            achievable_share: kernels.kind.rate(&self.device.memory) / peak,
        });
        BaselineRow {
            name: String::new(),
            kind: BaselineKind::Gpu,
            devices: laid.layout.gpus,
            step_seconds: step.time.0,
            samples_per_s: sequences / step.time.0,
            tokens_per_s: sequences * f64::from(training.sequence_tokens) / step.time.0,
            wafer_speedup: step.time.0 / seconds,
            hbm_bytes: step.hbm,
            link_bytes: if laid.layout.gpus > 1 { step.links } else { Bytes::ZERO },
            flops: step.flops.as_f64(),
            // What gathering operands costs is not known.
            energy_j: (self.way == Way::Dense).then_some(step.energy_j),
            validation_error: None,
            gpus: Some(GpuBaseline {
                to_match: self.to_match(laid.layout.gpus, seconds),
                validated_on: validated_on.to_owned(),
                kernels: kernels.collect(),
                zeros: if self.way == Way::Dense { self.zeros(laid, level) } else { Vec::new() },
            }),
            note: String::new(),
        }
    }
}
