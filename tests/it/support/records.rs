//! Synthetic records whose arithmetic holds, made from a few rates instead of a simulation.

use wafersim::dtype::Dtype;
use wafersim::record::{
    BaselineKind, BaselineRow, CategoryColumns, CategoryCycles, CategoryShare, Check, ColumnProfile, Engine,
    FlopsByPhase, FlopsTable, Heatmap, Lane, Memory, MemoryRow, OpRow, Phase, PhaseFlops, Provenance,
    RunRecord, SamplingRow, Simulated, Span, SpecEntry, Summary, ValidationRow, Verification, WaterfallStep,
};
use wafersim::spec::wafer::{
    ClusterSpec, FabricSpec, IoSpec, NumericsSpec, OverheadSpec, PeSpec, PowerSpec, SimdSpec, StoreSpec,
    WaferSpec,
};
use wafersim::spec::workload::{
    AdamW, AttentionFlops, Family, ModelSpec, Recompute, SparsitySpec, TrainingSpec, WorkloadSpec,
};
use wafersim::units::{Bytes, Cycles, EighthCycles, Flops, Hertz, Macs};

/// MACs of a PE in a cycle.
const SIMD: u64 = 8;
const CLOCK: Hertz = Hertz(850_000_000);

/// Llama-2 7B on a whole wafer, 70 % of the weights of its linears zero.
pub(crate) fn llama_7b() -> RunRecord {
    build(
        "llama2-7b-s70",
        "Llama-2 7B, 70 % sparse, one training step on cs3",
        model(32, 4096, 11008),
        0.7,
        746 * 1171,
    )
}

/// The same without zeros: every speedup is 1.
pub(crate) fn dense_7b() -> RunRecord {
    build(
        "llama2-7b-dense",
        "Llama-2 7B, dense, one training step on cs3",
        model(32, 4096, 11008),
        0.0,
        746 * 1171,
    )
}

/// A model of one block on a small rectangle.
pub(crate) fn tiny() -> RunRecord {
    let mut record =
        build("tiny-s50", "tiny, 50 % sparse, one training step on cs3", model(1, 64, 176), 0.5, 16 * 16);
    record.sampling.clear();
    record.summary.approximate = false;
    record.summary.exact_share = 1.0;
    for op in &mut record.ops {
        (op.simulated, op.engine) = (Simulated::Whole, Some(Engine::Fast));
    }
    record.summary.engine = "fast".to_owned();
    record.heatmap = Some(heatmap(&record.breakdown));
    record
}

/// Four cells by two of 16 x 16 PEs, which all do the same.
fn heatmap(breakdown: &[CategoryShare]) -> Heatmap {
    let (cells, columns) = (8, 16);
    let rounded = |share: f64| (share * 1e4).round() / 1e4;
    let category = |row: &CategoryShare| CategoryColumns {
        category: row.category.clone(),
        share: vec![rounded(row.share); columns],
    };
    Heatmap {
        width_pes: 16,
        height_pes: 16,
        used_rows: 12,
        cells_across: 4,
        cells_down: 2,
        useful: vec![rounded(breakdown[0].share); cells],
        link_load: (0..cells).map(|cell| 0.05 * cell as f64).collect(),
        sram: vec![0.88; cells],
        stall: vec![1, 1, 2, 2, 1, 1, 2, 2],
        columns: ColumnProfile {
            categories: breakdown.iter().map(category).collect(),
            link_load: vec![0.2; columns],
            sram_bytes: vec![43_408; columns],
        },
    }
}

fn model(layers: u32, hidden: u32, ffn: u32) -> ModelSpec {
    let heads = (hidden / 128).max(2);
    ModelSpec {
        family: Family::Llama,
        layers,
        hidden,
        ffn,
        heads,
        kv_heads: heads,
        vocab: 32000,
        norm_eps: 1e-5,
        rope_theta: 10000.0,
        rotary_dim: None,
    }
}

/// Group, MACs a token and layer, whether its weights can be zero, share of peak when dense.
fn rates(model: &ModelSpec, tokens: u64) -> Vec<(&'static str, u64, bool, f64)> {
    let (h, f) = (u64::from(model.hidden), u64::from(model.ffn));
    vec![
        ("q", h * h, true, 0.24),
        ("k", h * h, true, 0.24),
        ("v", h * h, true, 0.24),
        ("o", h * h, true, 0.24),
        ("gate", h * f, true, 0.26),
        ("up", h * f, true, 0.26),
        ("down", h * f, true, 0.25),
        ("attention scores", h * tokens, false, 0.28),
        ("attention context", h * tokens, false, 0.28),
        ("softmax", tokens, false, 0.02),
        ("rmsnorm", 4 * h, false, 0.05),
        ("rope", 4 * h, false, 0.06),
        ("silu", f, false, 0.04),
        ("lm head", h * u64::from(model.vocab) / u64::from(model.layers), false, 0.27),
    ]
}

fn build(name: &str, title: &str, model: ModelSpec, level: f64, pe_count: u64) -> RunRecord {
    let tokens = 2048;
    let batch = 24;
    let theory = 1.0 / (1.0 - level);
    let mut ops = Vec::new();
    for (group, macs, sparse, peak_share) in rates(&model, tokens) {
        for phase in [Phase::Forward, Phase::Dx, Phase::Dw] {
            let theory = if sparse { theory } else { 1.0 };
            ops.push(op(
                group,
                phase,
                macs * tokens * batch,
                u64::from(model.layers),
                theory,
                peak_share,
                pe_count,
            ));
        }
    }
    let weights = u64::from(model.layers) * u64::from(model.hidden) * u64::from(model.ffn) * 4;
    ops.push(op("adamw", Phase::Optimizer, weights, 1, 1.0, 0.03, pe_count));

    let gap = ops.iter().map(|op| op.cycles.0).sum::<u64>() / 25 + 1;
    let step = ops.iter().map(|op| op.cycles.0).sum::<u64>() + gap;
    let dense = ops.iter().map(|op| op.dense_cycles.0).sum::<u64>() + gap;
    let ceiling: f64 =
        ops.iter().map(|op| op.dense_cycles.as_f64() / op.theory_speedup).sum::<f64>() + gap as f64;
    let by_phase = by_phase(&ops);
    let total = by_phase.total();
    let seconds = Cycles(step).at(CLOCK).0;
    let theoretical = total.dense.as_f64() / total.effective.as_f64();
    let (bound, achieved) = (dense as f64 / ceiling, dense as f64 / step as f64);
    let cycles = |how: Option<Simulated>| -> u64 {
        ops.iter().filter(|op| how.is_none_or(|how| op.simulated == how)).map(|op| op.cycles.0).sum()
    };
    let summary = Summary {
        step_cycles: Cycles(step),
        step_seconds: seconds,
        samples_per_s: batch as f64 / seconds,
        tokens_per_s: (batch * tokens) as f64 / seconds,
        flops_dense: total.dense,
        flops_effective: total.effective,
        theoretical_speedup: theoretical,
        bound_speedup: bound,
        achieved_speedup: achieved,
        utilization: total.effective.as_f64() / 2.0 / (step * pe_count * SIMD) as f64,
        limiter: "row-end reduction in gate, up and down (31 % of PE-cycles)".to_owned(),
        verified: true,
        approximate: true,
        exact_share: cycles(Some(Simulated::Shared)) as f64 / cycles(None) as f64,
        engine: "reference".to_owned(),
        pe_count,
        pe_cycles_simulated: step * 128,
        wall_seconds: 8.4,
        peak_memory_bytes: Bytes(612 << 20),
    };
    RunRecord {
        name: name.to_owned(),
        title: title.to_owned(),
        provenance: Provenance {
            version: "0.1.0".to_owned(),
            spec_hash: "5f2c9e7ab1d04c3388aa01c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f506".to_owned(),
            seed: 1,
            host_threads: 2,
            host: "x86_64 linux".to_owned(),
            command: format!("wafersim run {name} --arch cs3 --set sparsity.level={level}"),
        },
        flops: FlopsTable { full_attention: by_phase.clone(), causal_attention: by_phase },
        breakdown: breakdown(&ops, gap, pe_count),
        waterfall: waterfall(theoretical, bound, achieved),
        memory: memory(pe_count),
        heatmap: None,
        timeline: timeline(&ops, model.layers, step),
        baselines: baselines(&summary, dense),
        machine: wafer(),
        workload: workload(name, model, level),
        machine_entries: entries(),
        workload_entries: vec![entry("sparsity.level", &level.to_string(), "", "", "--set")],
        verification: verification(),
        validation: vec![ValidationRow {
            table: "gpu_gemm".to_owned(),
            rows: 2943,
            mean_error: 0.0401,
            median_error: 0.027,
            p95_error: 0.125,
            worst_error: 0.583,
        }],
        sampling: vec![SamplingRow {
            op: "gate.dw".to_owned(),
            simulated_rows: 512,
            total_rows: 4096,
            measured_error: 0.0031,
        }],
        notes: vec![
            "Clock 0.85 GHz; at 1.1 GHz the step takes the same cycles and 23 % less time.".to_owned(),
        ],
        ops,
        summary,
    }
}

fn op(
    group: &str,
    phase: Phase,
    macs: u64,
    count: u64,
    theory: f64,
    peak_share: f64,
    pe_count: u64,
) -> OpRow {
    let macs_dense = macs * count;
    let macs_effective = (macs_dense as f64 / theory).round() as u64;
    let dense_cycles = (macs_dense as f64 / (pe_count * SIMD) as f64 / peak_share).ceil() as u64 + 1;
    let loss = if theory > 1.0 { 1.0 + 0.11 * theory } else { 1.0 };
    let cycles = (dense_cycles as f64 / theory * loss).ceil() as u64;
    let total = cycles * pe_count;
    let useful = macs_effective / SIMD;
    let rest = total - useful;
    let mut stalls = vec![CategoryCycles { category: "useful".to_owned(), pe_cycles: useful }];
    let shares = [
        ("memory port", 34),
        ("setup", 18),
        ("reduction", 17),
        ("wait input", 11),
        ("load imbalance", 7),
        ("wait output", 3),
        ("task start", 2),
        ("fill and drain", 1),
    ];
    for (category, percent) in shares {
        stalls.push(CategoryCycles { category: category.to_owned(), pe_cycles: rest / 100 * percent });
    }
    let named: u64 = stalls.iter().map(|row| row.pe_cycles).sum();
    stalls.push(CategoryCycles { category: "idle".to_owned(), pe_cycles: total - named });
    OpRow {
        name: format!("{group}.{}", phase.name()),
        group: group.to_owned(),
        phase,
        layer: None,
        count,
        kernel: if theory > 1.0 { "sparse linear" } else { "dense" }.to_owned(),
        macs_dense: Macs(macs_dense),
        macs_effective: Macs(macs_effective),
        bytes_in: Bytes(macs_effective >> 14),
        bytes_out: Bytes(if phase == Phase::Dw { macs_effective >> 15 } else { 0 }),
        cycles: Cycles(cycles),
        dense_cycles: Cycles(dense_cycles),
        speedup: dense_cycles as f64 / cycles as f64,
        theory_speedup: theory,
        utilization: useful as f64 / total as f64,
        simulated: if theory > 1.0 { Simulated::Sampled } else { Simulated::Shared },
        engine: Some(Engine::Reference),
        stalls,
    }
}

fn by_phase(ops: &[OpRow]) -> FlopsByPhase {
    let of = |phase: Phase| PhaseFlops {
        dense: ops.iter().filter(|op| op.phase == phase).map(|op| op.macs_dense.flops()).sum::<Flops>(),
        effective: ops
            .iter()
            .filter(|op| op.phase == phase)
            .map(|op| op.macs_effective.flops())
            .sum::<Flops>(),
    };
    FlopsByPhase {
        forward: of(Phase::Forward),
        teacher: of(Phase::Teacher),
        dx: of(Phase::Dx),
        dw: of(Phase::Dw),
        optimizer: of(Phase::Optimizer),
    }
}

fn breakdown(ops: &[OpRow], gap: u64, pe_count: u64) -> Vec<CategoryShare> {
    let total = (ops.iter().map(|op| op.cycles.0).sum::<u64>() + gap) * pe_count;
    ops[0]
        .stalls
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let waiting = if row.category == "idle" { gap * pe_count } else { 0 };
            let pe_cycles = ops.iter().map(|op| op.stalls[index].pe_cycles).sum::<u64>() + waiting;
            let share = pe_cycles as f64 / total as f64;
            CategoryShare { category: row.category.clone(), pe_cycles, teacher_pe_cycles: 0, share }
        })
        .collect()
}

fn waterfall(theoretical: f64, bound: f64, achieved: f64) -> Vec<WaterfallStep> {
    let parts = [
        ("instruction setup", 0.30),
        ("row-end reduction", 0.42),
        ("index and metadata", 0.12),
        ("load imbalance", 0.14),
        ("weight stream", 0.07),
        ("memory port", -0.09),
        ("fill and drain", 0.04),
    ];
    let mut steps = vec![WaterfallStep {
        label: "work mix".to_owned(),
        speedup_before: theoretical,
        speedup_after: bound,
    }];
    let mut at = bound;
    for (index, (label, part)) in parts.into_iter().enumerate() {
        let after = if index + 1 == parts.len() { achieved } else { at - part * (bound - achieved) };
        steps.push(WaterfallStep { label: label.to_owned(), speedup_before: at, speedup_after: after });
        at = after;
    }
    steps
}

fn memory(pe_count: u64) -> Memory {
    let capacity = Bytes(48 << 10);
    let uses = [
        ("activations", 24_800),
        ("gradients of activations", 9_900),
        ("partial sums", 4_100),
        ("weight buffer", 2_048),
        ("program and stack", 2_560),
    ];
    let rows = uses
        .into_iter()
        .map(|(what, bytes)| MemoryRow {
            what: what.to_owned(),
            bytes_per_pe: Bytes(bytes),
            bytes_total: Bytes(bytes * pe_count),
            share: bytes as f64 / capacity.as_f64(),
        })
        .collect();
    Memory { capacity_bytes_per_pe: capacity, rows }
}

fn timeline(ops: &[OpRow], layers: u32, step: u64) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = 0;
    let layers = u64::from(layers);
    let mut layer = |spans: &mut Vec<Span>, index: u64, phase: Phase| {
        for op in ops.iter().filter(|op| op.phase == phase) {
            let cycles = op.cycles.0 / if phase == Phase::Optimizer { 1 } else { layers };
            let mut push = |lane, start: u64, end: u64| {
                spans.push(Span {
                    label: format!("layers.{index}.{}", op.name),
                    lane,
                    start_cycle: Cycles(start),
                    end_cycle: Cycles(end.min(step)),
                    group: op.group.clone(),
                });
            };
            push(Lane::Compute, at, at + cycles);
            match phase {
                Phase::Forward | Phase::Dx if op.theory_speedup > 1.0 => {
                    push(
                        Lane::WeightsIn,
                        at.saturating_sub(cycles),
                        (at + cycles / 3).saturating_sub(cycles),
                    );
                }
                Phase::Dw => push(Lane::GradientsOut, at + cycles, at + cycles + cycles / 2),
                _ => {}
            }
            at += cycles;
        }
    };
    (0..layers).for_each(|index| layer(&mut spans, index, Phase::Forward));
    for index in (0..layers).rev() {
        layer(&mut spans, index, Phase::Dx);
        layer(&mut spans, index, Phase::Dw);
    }
    layer(&mut spans, 0, Phase::Optimizer);
    spans
}

fn baselines(summary: &Summary, dense_cycles: u64) -> Vec<BaselineRow> {
    let row = |name: &str, kind, slower: f64, hbm: u64, error: Option<f64>, note: &str| BaselineRow {
        name: name.to_owned(),
        kind,
        devices: 1,
        step_seconds: summary.step_seconds * slower,
        samples_per_s: summary.samples_per_s / slower,
        tokens_per_s: summary.tokens_per_s / slower,
        wafer_speedup: slower,
        hbm_bytes: Bytes(hbm),
        link_bytes: Bytes::ZERO,
        flops: summary.flops_dense.as_f64(),
        energy_j: (kind == BaselineKind::Gpu).then_some(700.0 * summary.step_seconds * slower),
        validation_error: error,
        gpus: None,
        note: note.to_owned(),
    };
    let dense = dense_cycles as f64 / summary.step_cycles.as_f64();
    vec![
        row("cs3, dense", BaselineKind::DenseWafer, dense, 0, None, "same machine, no skipping"),
        row("H100 SXM5, dense bf16", BaselineKind::Gpu, 7.31, 9 << 40, Some(0.063), "8 of 8 GEMM shapes"),
        row("A100-80GB SXM4, 2:4 sparse", BaselineKind::Gpu, 17.2, 8 << 40, None, "forward only"),
    ]
}

fn entry(key: &str, value: &str, unit: &str, mark: &str, source: &str) -> SpecEntry {
    SpecEntry {
        key: key.to_owned(),
        value: value.to_owned(),
        unit: unit.to_owned(),
        mark: mark.to_owned(),
        source: source.to_owned(),
    }
}

fn entries() -> Vec<SpecEntry> {
    vec![
        entry("fabric.clock_mhz", "850", "MHz", "measured", "published kernels; 1.1 GHz by the maker"),
        entry("fabric.hop_latency_cycles", "1", "cycles", "vendor", "programming guide"),
        entry(
            "pe.weight_trigger_cycles",
            "2",
            "cycles",
            "inferred",
            "vendor's description of dataflow triggers",
        ),
        entry("io.bandwidth_gbit_per_s", "1200", "Gbit/s", "vendor", "CS-3 data sheet"),
    ]
}

fn verification() -> Verification {
    let check = |what: &str, largest_error| Check {
        what: what.to_owned(),
        elements: 4096,
        largest_error,
        tolerance: 3.9e-3,
        ok: true,
    };
    Verification {
        verdict: "values equal the reference within rounding".to_owned(),
        checks: vec![check("gate, forward", 4.1e-4), check("gate, dw", 1.2e-3), check("loss", 0.0)],
        rectangle: "24 x 16 PEs".to_owned(),
        note: "a model of 2 layers; timing runs carry no values".to_owned(),
    }
}

fn wafer() -> WaferSpec {
    WaferSpec {
        name: "cs3".to_owned(),
        fabric: FabricSpec {
            width_pes: 746,
            height_pes: 1171,
            clock: CLOCK,
            colors: 24,
            hop_latency_cycles: 1,
            link_interval: EighthCycles(9),
            router_buffer_wavelets: 4,
            ramp_latency_cycles: 2,
            switch_positions: 4,
        },
        pe: PeSpec {
            sram: Bytes(48 << 10),
            reserved: Bytes(2560),
            sram_banks: 8,
            bank_conflict_factor: 2.0,
            bank_overlap_factor: 1.0,
            cache: Bytes(256),
            input_queue_wavelets: vec![6, 4, 2, 2],
            output_queue_wavelets: vec![2, 6],
            microthreads: 8,
            simd: SimdSpec {
                fma_16: 8.0,
                fma_16_32: 4.0,
                fma_32: 1.0,
                add_16: 4.0,
                add_16_32: 2.0,
                add_32: 1.0,
                move_16: 4.0,
                move_32: 2.0,
                special: 0.1,
            },
            sram_read_bytes_per_cycle: 16.0,
            sram_write_bytes_per_cycle: 8.0,
            fabric_wavelets_per_cycle: 1,
            overhead: OverheadSpec {
                microthread_start_cycles: 1,
                move_setup_cycles: 6,
                fill_setup_cycles: 5,
                add_setup_cycles: 9,
                fma_setup_cycles: 13,
                fma_32_setup_cycles: 16,
                dispatch_cycles: 6,
                weight_trigger_cycles: 2,
                control_task_cycles: 11,
                data_task_cycles: 7,
                local_task_cycles: 9,
                microthread_launch_cycles: 3,
                completion_cycles: 4,
                scalar_cycles: 1,
                loop_cycles: 10,
                time_stamp_cycles: 17,
            },
        },
        numerics: NumericsSpec { accumulate: Some(Dtype::Fp32), reduce: None },
        cluster: ClusterSpec {
            most_systems: 64,
            tree_fanout: 4,
            tree_bandwidth_gbit_per_s: 1200.0,
            tree_latency_us: 2.0,
        },
        io: IoSpec { bandwidth_gbit_per_s: 1200.0, latency_us: 2.0, prefetch: Bytes(1 << 30) },
        store: StoreSpec { update_gbyte_per_s: 1000.0 },
        power: PowerSpec { system_kw: 23.0 },
    }
}

fn workload(name: &str, model: ModelSpec, level: f64) -> WorkloadSpec {
    WorkloadSpec {
        name: name.to_owned(),
        model,
        training: TrainingSpec {
            batch_sequences: 24,
            sequence_tokens: 2048,
            precision: Dtype::Fp16,
            micro_batch_sequences: None,
            recompute: Recompute::Auto,
            attention_flops: AttentionFlops::Full,
            distillation: None,
            squarehead_weight: None,
            optimizer: AdamW { learning_rate: 3e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1 },
        },
        sparsity: SparsitySpec::uniform(
            level,
            1,
            ["q", "k", "v", "o", "gate", "up", "down"].map(str::to_owned).to_vec(),
        ),
    }
}
