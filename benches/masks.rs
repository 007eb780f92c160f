//! Cost of masks and counts. Items are weights, so `items/s` compares tensors of any size.
//!
//! `cargo bench --bench masks`; `RAYON_NUM_THREADS` sets the threads of the whole step.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use rayon::prelude::*;

use wafersim::dtype::Dtype;
use wafersim::rng::Stream;
use wafersim::sparsity::{Mask, Masks, Slices, Target};
use wafersim::spec::workload::{
    AdamW, AttentionFlops, Family, ModelSpec, Recompute, SparsitySpec, TrainingSpec, WorkloadSpec,
};

/// Fabric columns of a CS-3 that hold activations.
const COLUMNS: u16 = 755;
/// FFN-down of Llama-2 7B, (out, in): 5.4 output or 14.6 input features a column.
const SHAPE: (u32, u32) = (4096, 11008);

fn main() {
    divan::main();
}

fn weights() -> ItemsCount {
    ItemsCount::new(u64::from(SHAPE.0) * u64::from(SHAPE.1))
}

fn mask() -> Mask {
    Mask::uniform(SHAPE.0, SHAPE.1, 0.7, Stream::new(1, 1))
}

#[divan::bench(args = [0.5, 0.7, 0.9, 0.999])]
fn uniform(bencher: Bencher, level: f64) {
    bencher.counter(weights()).bench(|| Mask::uniform(SHAPE.0, SHAPE.1, black_box(level), Stream::new(1, 1)));
}

#[divan::bench]
fn transposed(bencher: Bencher) {
    let mask = mask();
    bencher.counter(weights()).bench(|| mask.transposed());
}

#[divan::bench]
fn counts_by_row(bencher: Bencher) {
    let mask = mask();
    let slices = Slices::even(SHAPE.1, COLUMNS).expect("columns hold the features");
    bencher.counter(weights()).bench(|| mask.counts_by_row(&slices));
}

#[divan::bench]
fn counts_by_column(bencher: Bencher) {
    let mask = mask();
    let slices = Slices::even(SHAPE.0, COLUMNS).expect("columns hold the features");
    bencher.counter(weights()).bench(|| mask.counts_by_column(&slices));
}

/// Every tensor of Llama-2 7B at 70 %, made and counted in both directions.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn llama2_7b_step(bencher: Bencher) {
    let workload = llama2_7b();
    let masks = Masks::new(&workload).expect("known targets");
    let tensors: Vec<(u32, Target)> = (0..workload.model.layers)
        .flat_map(|layer| Target::ALL.into_iter().map(move |target| (layer, target)))
        .collect();
    let shapes = tensors.iter().map(|(_, target)| target.shape(&workload.model));
    let size: u64 = shapes.map(|(outs, ins)| u64::from(outs) * u64::from(ins)).sum();
    bencher.counter(ItemsCount::new(size)).bench(|| {
        let count = |(layer, target): &(u32, Target)| {
            let counts = {
                let (outs, ins) = target.shape(&workload.model);
                let cut = |features| Slices::even(features, COLUMNS).expect("columns hold the features");
                masks.counts(*layer, *target, &cut(ins), &cut(outs)).expect("cuts of the target's shape")
            };
            counts.forward.row(0).len() + counts.input_gradient.row(0).len()
        };
        tensors.par_iter().map(count).sum::<usize>()
    });
}

fn llama2_7b() -> WorkloadSpec {
    WorkloadSpec {
        name: "llama2-7b".into(),
        model: ModelSpec {
            family: Family::Llama,
            layers: 32,
            hidden: 4096,
            ffn: 11008,
            heads: 32,
            kv_heads: 32,
            vocab: 32000,
            norm_eps: 1e-5,
            rope_theta: 1e4,
            rotary_dim: None,
        },
        training: TrainingSpec {
            batch_sequences: 1,
            sequence_tokens: 2048,
            precision: Dtype::Fp16,
            micro_batch_sequences: None,
            recompute: Recompute::Auto,
            attention_flops: AttentionFlops::Full,
            distillation: None,
            squarehead_weight: None,
            optimizer: AdamW { learning_rate: 1e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1 },
        },
        sparsity: SparsitySpec::uniform(
            0.7,
            1,
            Target::ALL.iter().map(|target| target.name().into()).collect(),
        ),
    }
}
