//! Presets, inheritance, overrides, and that no text makes the loader panic.

use proptest::prelude::*;
use wafersim::dtype::Dtype;
use wafersim::graph::TrainGraph;
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::{
    ArchSpec, Mark, Override, arch_presets, explain, load_arch, load_recipe, load_workload, recipe_presets,
    split_overrides, workload_presets,
};
use wafersim::units::{Bytes, EighthCycles, Hertz};

fn set(texts: &[&str]) -> Vec<Override> {
    texts.iter().map(|text| Override((*text).to_owned())).collect()
}

fn wafer(name: &str, overrides: &[&str]) -> WaferSpec {
    match load_arch(name, &set(overrides)).unwrap_or_else(|faults| panic!("{faults}")).spec {
        ArchSpec::Wafer(spec) => spec,
        ArchSpec::Gpu(_) => panic!("{name} is a GPU"),
    }
}

#[test]
fn every_preset_loads_and_every_number_of_a_machine_has_a_source() {
    for name in arch_presets() {
        let arch = load_arch(name, &[]).unwrap_or_else(|faults| panic!("{faults}"));
        for entry in arch.entries {
            let mark = entry.mark.expect("a machine's values are marked");
            assert!(entry.source.len() >= 5, "{name}: {}: {}", entry.key, entry.source);
            assert_eq!(mark == Mark::Calibrated, !entry.fitted_on.is_empty(), "{name}: {}", entry.key);
            assert_ne!(mark, Mark::Override);
        }
    }
    for name in workload_presets() {
        let workload = load_workload(name, &[]).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(workload.spec.name, name);
    }
}

#[test]
fn every_file_of_the_folders_is_a_preset() {
    for (folder, presets) in
        [("arch", arch_presets()), ("workloads", workload_presets()), ("workloads/recipes", recipe_presets())]
    {
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "toml"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let mut presets: Vec<String> = presets.into_iter().map(str::to_owned).collect();
        files.sort();
        presets.sort();
        assert_eq!(files, presets);
    }
}

#[test]
fn keys_reach_their_fields_in_the_right_unit() {
    let spec = wafer("cs3", &[]);
    assert_eq!((spec.fabric.width_pes, spec.fabric.height_pes), (755, 1170));
    assert_eq!(spec.fabric.clock, Hertz(850_000_000));
    assert_eq!(spec.fabric.link_interval, EighthCycles(9));
    assert_eq!(spec.pe.sram, Bytes(49_152));
    assert_eq!(spec.pe.input_queue_wavelets, [8, 8, 4, 4, 4, 4, 4, 4]);
    assert_eq!(spec.pe.simd.fma_32, 0.5);
    assert_eq!(spec.pe.overhead.weight_trigger_cycles, 2);
    assert_eq!((spec.numerics.accumulate, spec.numerics.reduce), (Some(Dtype::Fp32), None));
    assert_eq!(spec.io.prefetch, Bytes(64 << 20));
    assert_eq!(wafer("cs3", &["numerics.reduce=fp32"]).numerics.reduce, Some(Dtype::Fp32));

    let workload = load_workload("llama2-70b", &[]).unwrap().spec;
    assert_eq!(
        (workload.model.kv_heads, workload.model.head_dim(), workload.model.kv_width()),
        (8, 128, 1024)
    );
    assert_eq!(workload.training.micro_batch_sequences, None);
    assert_eq!(workload.training.optimizer.learning_rate, 1.5e-4);
    assert_eq!(workload.training.optimizer.beta2, 0.95);
}

/// Parameter counts of the published models (Llama-2 model card).
#[test]
fn the_workloads_have_the_published_sizes() {
    for (name, published) in
        [("llama2-7b", 6_738_415_616), ("llama2-13b", 13_015_864_320), ("llama2-70b", 68_976_648_192_u64)]
    {
        let m = load_workload(name, &[]).unwrap().spec.model;
        let (h, f, v, l) = (u64::from(m.hidden), u64::from(m.ffn), u64::from(m.vocab), u64::from(m.layers));
        let linears = 2 * h * h + 2 * h * u64::from(m.kv_width()) + 3 * h * f;
        assert_eq!(l * (linears + 2 * h) + 2 * v * h + h, published, "{name}");
    }
}

/// GPTs by their names, and the least feed-forward layer that they all have: four times the residual stream.
#[test]
fn gpts_have_the_sizes_of_their_names() {
    for (name, millions) in [("gpt3-256m", 256), ("gpt3-6.7b", 6700), ("gpt3-20b", 20_000), ("gptj-6b", 6051)]
    {
        let spec = load_workload(name, &[]).unwrap().spec;
        let graph = TrainGraph::build(&spec.model, 1, spec.training.sequence_tokens).unwrap();
        let size: u64 = graph.parameters().map(|tensor| tensor.elements()).sum();
        assert!((size as f64 / 1e6 / f64::from(millions) - 1.0).abs() < 0.02, "{name} has {size} parameters");
        assert_eq!(spec.model.ffn, 4 * spec.model.hidden);
    }
}

/// Each rate was measured on one PE (arXiv 2608.25124); the memory ports are fitted to two of the three.
#[test]
fn the_memory_ports_give_the_measured_rates() {
    let rate = |spec: &WaferSpec, read: f64, written: f64| {
        1.0 / (read / spec.pe.sram_read_bytes_per_cycle + written / spec.pe.sram_write_bytes_per_cycle)
    };
    let silicon = wafer("cs3", &[]);
    for (read, written, measured, tolerance) in
        [(2.0, 2.0, 4.82, 0.01), (4.0, 2.0, 2.92, 0.01), (4.0, 4.0, 2.44, 0.02)]
    {
        let model = rate(&silicon, read, written);
        assert!((model / measured - 1.0).abs() < tolerance, "{model} for {measured}");
    }
    let simulator = wafer("cs3-simfabric", &[]);
    for (read, written, simulated) in [(2.0, 2.0, 8.0), (4.0, 2.0, 4.0), (4.0, 4.0, 4.0)] {
        assert!((rate(&simulator, read, written) / simulated - 1.0).abs() < 1e-3);
    }
}

#[test]
fn gpu_peaks_are_the_published_ones() {
    for (name, tflops) in [("a100-80g", 312.0), ("h100-sxm", 989.4), ("h200", 989.4)] {
        let ArchSpec::Gpu(gpu) = load_arch(name, &[]).unwrap().spec else { panic!("{name} is a wafer") };
        assert!((gpu.peak_flop_per_s() / 1e12 / tflops - 1.0).abs() < 1e-3, "{name}");
    }
}

#[test]
fn a_variant_differs_from_its_parent_only_where_it_says_so() {
    let parent = load_arch("cs3", &[]).unwrap();
    let variant = load_arch("cs3-software-trigger", &[]).unwrap();
    let changed: Vec<_> = parent.entries.iter().zip(&variant.entries).filter(|(a, b)| a != b).collect();
    let [(old, new)] = changed[..] else { panic!("{} values differ", changed.len()) };
    assert_eq!((old.value.as_str(), new.value.as_str()), ("2", "13"));
    assert_eq!(new.key, "pe.overhead.weight_trigger_cycles");
    assert_eq!(new.file, "arch/cs3-software-trigger.toml");
    let ArchSpec::Wafer(spec) = variant.spec else { panic!("not a wafer") };
    assert_eq!(spec.name, "cs3-software-trigger");
}

#[test]
fn a_file_inherits_from_a_path_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("schema = \"wafersim-workload-1\"\n{text}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    write("base.toml", "inherits = \"llama2-tiny\"\n[model]\nlayers = 5\nvocab = 7\n");
    let heir = write("heir.toml", "inherits = \"base.toml\"\n[model]\nlayers = 6\n");
    let spec = load_workload(&heir, &[]).unwrap().spec;
    assert_eq!(
        (spec.name.as_str(), spec.model.layers, spec.model.vocab, spec.model.hidden),
        ("heir", 6, 7, 64)
    );
}

#[test]
fn overrides_win_and_say_so() {
    let overrides =
        set(&["sparsity.level = 0.7", "training.precision=fp16", "sparsity.targets=[\"up\", \"down\"]"]);
    let workload = load_workload("llama2-7b", &overrides).unwrap();
    assert_eq!(workload.spec.sparsity.level, 0.7);
    assert_eq!(workload.spec.training.precision, Dtype::Fp16);
    assert_eq!(workload.spec.sparsity.targets, ["up", "down"]);
    let entry = workload.entries.iter().find(|entry| entry.key == "sparsity.level").unwrap();
    assert_eq!((entry.mark, entry.source.as_str()), (Some(Mark::Override), "--set sparsity.level = 0.7"));
}

#[test]
fn overrides_are_sorted_by_spec() {
    let all =
        set(&["sparsity.level=0.7", "fabric.hop_latency_cycles=3", "memory.l2_mib=1", "model.layers=1"]);
    let (arch, workload) = split_overrides(&all).unwrap();
    assert_eq!(arch, all[1..3]);
    assert_eq!(workload, [all[0].clone(), all[3].clone()]);
}

#[test]
fn a_resolved_spec_survives_json() {
    let arch = load_arch("cs3", &[]).unwrap();
    let text = serde_json::to_string(&arch).unwrap();
    assert_eq!(serde_json::from_str::<wafersim::spec::Resolved<ArchSpec>>(&text).unwrap(), arch);
}

#[test]
fn explain_has_a_line_for_each_value() {
    let arch = load_arch("cs3", &set(&["fabric.hop_latency_cycles=3"])).unwrap();
    let table = explain(&arch);
    assert_eq!(table.lines().count(), arch.entries.len() + 1);
    let line = table.lines().find(|line| line.starts_with("fabric.hop_latency_cycles ")).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells[1..5], ["3", "cycles", "override", "--set"]);
    assert!(table.contains("; fitted on: copy fp16 at 4.82"));
    let workload = explain(&load_workload("llama2-tiny", &[]).unwrap());
    let line = workload.lines().find(|line| line.starts_with("model.hidden ")).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells, ["model.hidden", "64", "features", "workloads/llama2-tiny.toml"]);
}

/// Loads a text as a file of each kind; what comes back is a spec or a message that names the file.
fn load_text(text: &str) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("x.toml");
    std::fs::write(&path, text).expect("the folder is ours");
    let path = path.to_str().expect("the name is UTF-8");
    let outcomes = [
        load_workload(path, &[]).map(drop),
        load_arch(path, &[]).map(drop),
        load_recipe(path, &[]).map(drop),
    ];
    for outcome in outcomes {
        if let Err(faults) = outcome {
            assert!(!faults.0.is_empty());
            assert!(faults.to_string().contains("error"));
        }
    }
}

#[test]
fn deep_and_long_texts_are_answered() {
    load_text(&"[".repeat(100_000));
    load_text(&format!("{} = 1", vec!["a"; 50_000].join(".")));
    load_text(&format!("schema = \"wafersim-workload-1\"\n{}", "[x]\n".repeat(2_000)));
    load_text(&" ".repeat(2 << 20));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_makes_the_loader_panic(text in "(?s).{0,200}") {
        load_text(&text);
    }

    #[test]
    fn no_toml_like_text_makes_the_loader_panic(text in "(schema|kind|phases|workload|\\[|\\]|=|\n|\\{|\\}|\"|fabric|pe|simd|value|mark|model|level|é|\\.|,|1|nan){0,60}") {
        load_text(&text);
    }

    #[test]
    fn no_damaged_preset_makes_the_loader_panic(
        at in 0.0..1.0, cut in 0_usize..40, junk in "(?s).{0,12}", kind in 0_usize..3,
    ) {
        let text = [
            include_str!("../../arch/cs3.toml"),
            include_str!("../../workloads/llama2-7b.toml"),
            include_str!("../../workloads/recipes/sparse-llama-7b.toml"),
        ][kind];
        let mut chars: Vec<char> = text.chars().collect();
        let start = (at * chars.len() as f64) as usize;
        let end = (start + cut).min(chars.len());
        chars.splice(start..end, junk.chars());
        load_text(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn no_override_makes_the_loader_panic(text in "(?s)(fabric\\.colors|sparsity\\.targets|model|\\.|=| |\\[|\"|.){0,12}") {
        let overrides = set(&[&text]);
        for outcome in [
            load_workload("llama2-tiny", &overrides).map(drop),
            load_arch("cs3", &overrides).map(drop),
            split_overrides(&overrides).map(drop),
        ] {
            if let Err(faults) = outcome {
                prop_assert!(faults.to_string().contains("--set"));
            }
        }
    }
}
