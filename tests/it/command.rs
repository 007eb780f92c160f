//! The command line as a user meets it: exit status, what is printed where, and no panic for any input.

use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use serde_json::Value;

/// The program in an empty folder, with the given arguments; presets must do without the repository.
fn wafersim(folder: &Path, args: &[&str]) -> Assert {
    Command::cargo_bin("wafersim").unwrap().current_dir(folder).args(args).assert()
}

/// What the program printed, on standard output and on standard error.
fn printed(assert: &Assert) -> (String, String) {
    let output = assert.get_output();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Refused: exit status 2, nothing on standard output, and all of `says` in the message.
fn refused(args: &[&str], says: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let assert = wafersim(folder.path(), args).code(2);
    let (out, err) = printed(&assert);
    assert!(!err.contains("panicked"), "{err}");
    assert!(out.is_empty(), "{out}");
    for part in says {
        assert!(err.contains(part), "{args:?} does not say `{part}`:\n{err}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a refused run leaves nothing behind");
}

/// A wafer on which the tiny model runs in a second.
const SMALL: [&str; 6] =
    ["--set", "fabric.width_pes=32", "--set", "fabric.height_pes=8", "--set", "io.prefetch_mib=1"];

/// `run llama2-tiny` on the small wafer with more arguments.
fn run_tiny(folder: &Path, more: &[&str]) -> Assert {
    wafersim(folder, &[&["run", "llama2-tiny", "--arch", "cs3"], &SMALL[..], more].concat())
}

#[test]
fn help_says_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let (out, _) = printed(&wafersim(folder.path(), &["--help"]).success());
    for part in ["wafersim run llama2-7b --arch cs3 --set sparsity.level=0.7", "explain", "run"] {
        assert!(out.contains(part), "{out}");
    }
    let (out, _) = printed(&wafersim(folder.path(), &["run", "--help"]).success());
    for part in ["--arch", "--set", "--json", "--out", "--threads"] {
        assert!(out.contains(part), "{out}");
    }
}

#[test]
fn explain_knows_presets_without_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let (out, _) = printed(&wafersim(folder.path(), &["explain", "arch", "cs3"]).success());
    for part in ["fabric.hop_latency_cycles", "cycles", "measured", "arXiv 2608.25124"] {
        assert!(out.contains(part), "{out}");
    }
    let (out, _) = printed(&wafersim(folder.path(), &["explain", "workload", "llama2-7b"]).success());
    for part in ["model.hidden", "4096", "sparsity.level", "workloads/llama2-7b.toml"] {
        assert!(out.contains(part), "{out}");
    }
    let (out, _) = printed(&wafersim(folder.path(), &["explain", "presets"]).success());
    assert!(out.contains("cs3") && out.contains("llama2-tiny") && out.contains("sparse-llama-7b"), "{out}");
}

#[test]
fn refused_inputs_say_what_and_where() {
    refused(
        &["bench", "fabric", "--only", "wieghts"],
        &["--only", "wieghts", "`weights, 5.4 features a PE, 70 % zeros`"],
    );
    refused(&["bench", "step", "--only", "layer"], &["--only", "layer", "`layers`", "`sweep`"]);
    refused(&["run", "llama2-8b"], &["llama2-8b", "llama2-7b"]);
    refused(&["run", "llama2-tiny", "--arch", "cs4"], &["cs4", "cs3"]);
    refused(&["run", "no/such.toml"], &["no/such.toml"]);
    refused(
        &["run", "llama2-tiny", "--set", "sparsity.levle=0.5"],
        &["--set", "sparsity.levle", "sparsity.level"],
    );
    refused(&["run", "llama2-tiny", "--set", "sparsity.level=1.5"], &["--set", "sparsity.level", "1.5"]);
    refused(&["run", "llama2-tiny", "--set", "sparsity.level"], &["--set"]);
    refused(&["run", "llama2-tiny", "--set", "sparsity.targets=[\"up\", \"upp\"]"], &["upp"]);
    refused(&["run", "llama2-tiny", "--arch", "h100-sxm"], &["h100-sxm", "GPU"]);
    refused(
        &["train", "llama2-tiny", "--set", "training.distillation=\"squarehead\""],
        &["training.distillation = \"squarehead\" needs a teacher", "\"none\""],
    );
    refused(&["run", "llama2-tiny", "--engine", "slow"], &["slow", "reference", "fast", "both"]);
    refused(&["run", "llama2-tiny", "--gpu", "cs3"], &["--gpu cs3", "wafer"]);
    refused(
        &["cluster", "llama2-tiny", "--systems", "1,0"],
        &["--systems 0", "1 to 2048", "cluster.most_systems"],
    );
    refused(&["cluster", "llama2-tiny", "--systems", "4096"], &["--systems 4096"]);
    refused(&["cluster", "llama2-tiny", "--scaling", "sideways"], &["sideways", "weak", "strong"]);
    refused(&["campaign", "sparse-lama-7b"], &["no recipe preset", "did you mean `sparse-llama-7b`?"]);
    refused(
        &["campaign", "sparse-llama-7b", "--systems", "3"],
        &["50 % zeros", "do not divide over 3 systems"],
    );
    refused(&["campaign", "sparse-llama-7b", "--systems", "0"], &["--systems 0"]);
    refused(
        &["campaign", "dense-llama-7b", "--set", "cluster.tree_fanot=2"],
        &["did you mean `cluster.tree_fanout`?"],
    );
    refused(&["explain", "recipe", "nonesuch"], &["nonesuch"]);
    refused(&["explain", "arch", "nonesuch"], &["nonesuch"]);
    refused(&["frobnicate"], &["frobnicate"]);
    refused(&[], &["Usage"]);
}

/// A file's fault is shown with file, line and key.
#[test]
fn a_bad_file_is_shown_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let text =
        "schema = \"wafersim-workload-1\"\ninherits = \"llama2-tiny\"\n\n[model]\nlayers = -3\nlayres = 2\n";
    std::fs::write(&path, text).unwrap();
    let (_, err) = printed(&wafersim(folder.path(), &["run", "./mine.toml"]).code(2));
    // Both faults at once, each where it is.
    for part in ["mine.toml:5", "layers = -3", "mine.toml:6", "layres"] {
        assert!(err.contains(part), "no `{part}`:\n{err}");
    }
}

#[test]
fn a_workload_that_does_not_fit_says_by_how_much_and_what_to_change() {
    let tiny = |more: &[&'static str]| [&["run", "llama2-tiny", "--arch", "cs3"], &SMALL[..], more].concat();
    let deep = ["--set", "model.layers=100", "--set", "model.hidden=4096"];
    let memory = ["llama2-tiny does not fit cs3", "B over", "training.sequence_tokens", "pe.sram_kib"];
    refused(&tiny(&deep), &memory);
    let long = ["--set", "training.sequence_tokens=8192"];
    let rows =
        ["llama2-tiny does not fit cs3", "rows", "has 8", "training.sequence_tokens", "fabric.height_pes"];
    refused(&tiny(&long), &rows);
}

/// A checkpoint of one mask tensor too few, named by a file in its own folder.
#[test]
fn a_checkpoint_is_looked_for_beside_the_file_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    let file = "schema = \"wafersim-workload-1\"\ninherits = \"llama2-tiny\"\n\n[sparsity]\n\
                pattern = \"checkpoint\"\ncheckpoint = \"weights.safetensors\"\n";
    std::fs::write(folder.path().join("mine/tiny.toml"), file).unwrap();
    let header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    let content = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[1]].concat();
    std::fs::write(folder.path().join("mine/weights.safetensors"), content).unwrap();
    for command in [&["run", "mine/tiny.toml"][..], &["masks", "stats", "mine/tiny.toml"]] {
        let (out, err) = printed(&wafersim(folder.path(), command).code(2));
        assert!(out.is_empty(), "{out}");
        let missing = "mine/weights.safetensors: tensor `model.layers.0.mlp.down_proj.weight` is missing";
        assert_eq!(err.trim_end(), format!("error: {missing}"));
    }
    let (_, err) = printed(&wafersim(folder.path(), &["masks", "stats", "mine/weights.safetensors"]).code(2));
    for part in ["mine/weights.safetensors: no preset", "--workload", "\n  llama2-7b: tensor `model.layers"] {
        assert!(err.contains(part), "no `{part}`:\n{err}");
    }
    let (_, err) = printed(&wafersim(folder.path(), &["masks", "stats", "mine/no.safetensors"]).code(2));
    assert!(err.starts_with("error: cannot read mine/no.safetensors: "), "{err}");
}

#[test]
fn masks_stats_prints_a_table_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let groups = ["sparsity.pattern=n_of_m", "sparsity.n=2", "sparsity.m=4"];
    let groups: Vec<&str> = groups.iter().flat_map(|text| ["--set", text]).collect();
    let args = [&["masks", "stats", "llama2-tiny"], &SMALL[..], &groups].concat();
    let (table, _) = printed(&wafersim(folder.path(), &args).success());
    for part in ["llama2-tiny over 32 columns of cs3", "2 of every 4", "  1  down ", "all  down ", "spread"] {
        assert!(table.contains(part), "no `{part}`:\n{table}");
    }
    let (json, _) = printed(&wafersim(folder.path(), &[&args[..], &["--json"]].concat()).success());
    let stats: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(stats["total"]["density"], 0.5);
    assert_eq!(stats["targets"].as_array().unwrap().len(), 7);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it writes nothing");
}

/// A pattern other than the uniform one is a run like any other, and says so in name and notes.
#[test]
fn a_pattern_runs_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let more =
        ["sparsity.pattern=n_of_m", "sparsity.n=2", "sparsity.m=4", "sparsity.targets=[\"up\", \"q\"]"];
    let more: Vec<&str> = more.iter().flat_map(|text| ["--set", text]).chain(["--json"]).collect();
    let (json, _) = printed(&run_tiny(folder.path(), &more).success());
    let record: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(record["name"], "llama2-tiny-cs3-50-2of4");
    let notes = record["notes"].to_string();
    assert!(
        notes.contains("2 of every 4 consecutive inputs are kept; 50.00 % zeros in 4 tensors."),
        "{notes}"
    );
    assert!(record["summary"]["verified"].as_bool().unwrap());
}

#[test]
fn levels_of_layers_reach_every_op() {
    let folder = tempfile::tempdir().unwrap();
    let levels =
        ["--set", "sparsity.levels=[0.25, 0.75]", "--set", "sparsity.by_target.q=[0.0, 0.5]", "--json"];
    let (json, _) = printed(&run_tiny(folder.path(), &levels).success());
    let record: Value = serde_json::from_str(&json).unwrap();
    let mut seen = 0;
    for op in record["ops"].as_array().unwrap() {
        let Some(layer) = op["layer"].as_u64() else { continue };
        let kept = match op["group"].as_str().unwrap() {
            "q" => [1.0, 0.5],
            "k" | "v" | "o" | "gate" | "up" | "down" => [0.75, 0.25],
            _ => continue,
        };
        let theory = op["theory_speedup"].as_f64().unwrap();
        assert!((theory - 1.0 / kept[layer as usize]).abs() < 1e-3, "{op}");
        seen += 1;
    }
    assert_eq!(seen, 2 * 7 * 3);
    let cycles = |name: &str| {
        let op = record["ops"].as_array().unwrap().iter().find(|op| op["name"] == name);
        op.unwrap_or_else(|| panic!("no op {name}"))["cycles"].as_u64().unwrap()
    };
    assert!(cycles("layers.1.mlp.up") < cycles("layers.0.mlp.up"), "fewer non-zeros take less time");
    // Four matrices of 64 x 64 and three of 160 x 64 in each layer.
    let kept = 4096.0 * (1.0 + 3.0 * 0.75 + 0.5 + 3.0 * 0.25) + 3.0 * 10_240.0 * (0.75 + 0.25);
    let level = 1.0 - kept / (2.0 * (4.0 * 4096.0 + 3.0 * 10_240.0));
    let name = format!("llama2-tiny-cs3-{:.0}-by-layer", 100.0 * level);
    assert_eq!(record["name"], name.as_str());
}

/// The keys that scripts may rely on.
const SUMMARY: [&str; 18] = [
    "step_cycles",
    "step_seconds",
    "samples_per_s",
    "flops_dense",
    "flops_effective",
    "theoretical_speedup",
    "bound_speedup",
    "achieved_speedup",
    "utilization",
    "limiter",
    "verified",
    "approximate",
    "exact_share",
    "engine",
    "pe_count",
    "pe_cycles_simulated",
    "wall_seconds",
    "peak_memory_bytes",
];

#[test]
fn a_run_prints_its_record_and_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let assert =
        run_tiny(folder.path(), &["--set", "sparsity.level=0.5", "--json", "--name", "mine"]).success();
    let (out, _) = printed(&assert);
    let record: Value = serde_json::from_str(&out).expect("standard output is one JSON value");
    let summary = record["summary"].as_object().expect("the record has a summary");
    for key in SUMMARY {
        assert!(summary.get(key).is_some_and(|value| !value.is_null()), "summary.{key}: {summary:?}");
    }
    let number = |key: &str| summary[key].as_f64().unwrap();
    assert_eq!(summary["verified"], Value::Bool(true));
    assert_eq!(number("pe_count"), 256.0);
    assert!(number("step_cycles") > 0.0 && number("pe_cycles_simulated") > 0.0);
    assert!(number("achieved_speedup") <= number("bound_speedup"));
    assert!(number("flops_effective") < number("flops_dense"));
    assert!((0.0..=1.0).contains(&number("utilization")));
    let report = folder.path().join("reports/mine");
    let written: Value =
        serde_json::from_str(&std::fs::read_to_string(report.join("record.json")).unwrap()).unwrap();
    assert_eq!(written, record);
    for file in ["report.html", "ops.csv", "figures/waterfall.svg"] {
        assert!(report.join(file).is_file(), "{file}");
    }
}

#[test]
fn a_dense_run_has_no_speedup_and_a_screen_of_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (out, _) = printed(&run_tiny(folder.path(), &[]).success());
    assert!(out.lines().count() <= 40, "more than a screen:\n{out}");
    let record = std::fs::read_dir(folder.path().join("reports")).unwrap().next().unwrap().unwrap().path();
    let record: Value =
        serde_json::from_str(&std::fs::read_to_string(record.join("record.json")).unwrap()).unwrap();
    for key in ["achieved_speedup", "bound_speedup", "theoretical_speedup"] {
        assert_eq!(record["summary"][key].as_f64(), Some(1.0), "{key}");
    }
}

#[test]
fn a_cluster_prints_its_table_and_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let args =
        [&["cluster", "llama2-tiny", "--systems", "16,1,4"], &SMALL[..], &["--set", "sparsity.level=0.5"]];
    let (out, _) = printed(&wafersim(folder.path(), &args.concat()).success());
    for part in
        ["weak scaling, 2 sequences a system", "strong scaling, 2 sequences in all", "efficiency", "100.00 %"]
    {
        assert!(out.contains(part), "no `{part}`:\n{out}");
    }
    let report = folder.path().join("reports/llama2-tiny-cs3-50-cluster");
    let record: Value =
        serde_json::from_str(&std::fs::read_to_string(report.join("record.json")).unwrap()).unwrap();
    let systems: Vec<u64> =
        record["points"].as_array().unwrap().iter().map(|point| point["systems"].as_u64().unwrap()).collect();
    assert_eq!(systems, [1, 4, 16, 1], "weak, and strong as far as two sequences go");
    let table = std::fs::read_to_string(report.join("cluster.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + systems.len());
    for file in ["report.html", "figures/efficiency.svg"] {
        assert!(report.join(file).is_file(), "{file}");
    }
}

#[test]
fn a_campaign_prints_its_table_and_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let phase = "[[phases]]\ntokens_billion = 1e-6\nworkload.inherits = \"llama2-tiny\"\n";
    let text = format!(
        "schema = \"wafersim-recipe-1\"\n{phase}name = \"dense\"\n{phase}name = \"half\"\nworkload.sparsity.level = 0.5\n"
    );
    std::fs::write(folder.path().join("mine.toml"), text).unwrap();
    let args = [&["campaign", "mine.toml", "--systems", "2"], &SMALL[..]].concat();
    let (out, _) = printed(&wafersim(folder.path(), &args).success());
    for part in ["mine on 2 x cs3", "2 phases, 2.05 k tokens", "dense ", "half ", "all ", "verified"] {
        assert!(out.contains(part), "no `{part}`:\n{out}");
    }
    let report = folder.path().join("reports/mine-cs3-x2");
    let record: Value =
        serde_json::from_str(&std::fs::read_to_string(report.join("record.json")).unwrap()).unwrap();
    assert_eq!(record["total"]["steps"], 64);
    let table = std::fs::read_to_string(report.join("campaign.csv")).unwrap();
    assert_eq!(table.lines().count(), 4, "a head, two phases and all");
    for file in ["report.html", "figures/duration.svg"] {
        assert!(report.join(file).is_file(), "{file}");
    }
    let (out, _) = printed(&wafersim(folder.path(), &["explain", "recipe", "mine.toml"]).success());
    assert!(out.contains("phase `half`: 32 steps") && out.contains("sparsity.level"), "{out}");
}

/// One engine says what the other says: kernels that are short run whole on either.
#[test]
fn engines_are_chosen_and_compared() {
    let record = |engine: &str| {
        let folder = tempfile::tempdir().unwrap();
        let more = ["--set", "sparsity.level=0.7", "--json", "--engine", engine];
        let (out, _) = printed(&run_tiny(folder.path(), &more).success());
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let [reference, fast, both] = ["reference", "fast", "both"].map(record);
    assert_eq!(reference["summary"]["engine"], "reference");
    for record in [&fast, &both] {
        assert_eq!(record["summary"]["engine"], "fast and reference");
    }
    assert_eq!(fast["ops"], both["ops"]);
    let share = |record: &Value| record["summary"]["exact_share"].as_f64().unwrap();
    assert!(share(&fast) > share(&reference), "{} {}", share(&fast), share(&reference));
    let compared = |record: &Value| {
        let checks = record["verification"]["checks"].as_array().unwrap();
        checks.iter().filter(|check| check["what"].as_str().unwrap().starts_with("both engines, ")).count()
    };
    assert!(compared(&both) > 4 && compared(&fast) == 0);
    assert!(both["verification"]["note"].as_str().unwrap().contains("engine agree on"));
}

/// Equal inputs give equal records but for the time and memory of the host, whatever the number of threads.
#[test]
fn threads_change_nothing_but_the_wall_clock() {
    let record = |threads: &str| {
        let folder = tempfile::tempdir().unwrap();
        let more = ["--set", "sparsity.level=0.7", "--json", "--threads", threads];
        let (out, _) = printed(&run_tiny(folder.path(), &more).success());
        let mut record: Value = serde_json::from_str(&out).unwrap();
        for key in ["wall_seconds", "peak_memory_bytes"] {
            record["summary"][key].take();
        }
        for key in ["host_threads", "command"] {
            record["provenance"][key].take();
        }
        record
    };
    assert_eq!(record("1"), record("2"));
}
