//! The commands around the simulator as a user meets them: schemas, completions, traces, and odd arguments.

use std::path::Path;

use assert_cmd::Command;
use proptest::prelude::*;
use serde_json::Value;

/// Exit status, standard output and standard error of the program in an empty folder.
fn wafersim(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("wafersim").unwrap().current_dir(folder).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().expect("no signal ends it"), text(output.stdout), text(output.stderr))
}

/// A wafer on which the tiny model runs in a second.
const SMALL: [&str; 6] =
    ["--set", "fabric.width_pes=32", "--set", "fabric.height_pes=8", "--set", "io.prefetch_mib=1"];

#[test]
fn schemas_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    for (of, key) in [
        ("arch", "/definitions/wafer/properties/pe"),
        ("workload", "/properties/model"),
        ("recipe", "/properties/phases"),
        ("sweep", "/properties/axes/items/properties/range"),
    ] {
        let (code, out, err) = wafersim(folder.path(), &["schema", of]);
        assert_eq!((code, err.as_str()), (0, ""), "{of}");
        let schema: Value = serde_json::from_str(&out).unwrap();
        assert!(schema.pointer(key).is_some(), "{of}");
        assert!(schema["$schema"].as_str().unwrap().contains("draft-07"));
    }
    let (code, out, err) = wafersim(folder.path(), &["schema", "machine"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("arch, workload, recipe, sweep"), "{err}");
}

#[test]
fn shells_learn_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, out, _) = wafersim(folder.path(), &["completions", shell]);
        assert_eq!(code, 0);
        for word in ["campaign", "completions", "trace", "bottleneck", "fail-above"] {
            assert!(out.contains(word), "{shell}: no {word}");
        }
    }
    assert_eq!(wafersim(folder.path(), &["completions", "tcsh"]).0, 2);
}

#[test]
fn a_trace_is_written_and_says_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let args = [&["trace", "llama2-tiny"], &SMALL[..]].concat();
    let (code, out, _) = wafersim(folder.path(), &args);
    assert!(code == 0 && out.contains("layers.1.mlp.gate.dw") && out.contains("columns"), "{out}");
    assert!(!out.contains("adamw"), "ops of the weight store have no PEs");
    let more = [
        "--op",
        "layers.0.gate",
        "--columns",
        "2..5",
        "--rows",
        "1",
        "--cycles",
        "100..300",
        "--out",
        "a/t.json",
    ];
    let (code, out, err) = wafersim(folder.path(), &[&args[..], &more].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    for part in
        ["layers.0.mlp.gate", "columns 2..5, rows 1..2, cycles 100..300", "a/t.json", "ui.perfetto.dev"]
    {
        assert!(out.contains(part), "no `{part}`:\n{out}");
    }
    let trace: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("a/t.json")).unwrap()).unwrap();
    assert_eq!(trace["otherData"]["op"], "layers.0.mlp.gate");
    assert_eq!(trace["otherData"]["PEs simulated"], "32 columns, 2 rows");
    for (wrong, says) in [
        (["--op", "gate"], "the nearest are `layers.0.mlp.gate`, `layers.1.mlp.gate`\nhelp: without `--op`"),
        (["--columns", "5..5"], "FROM below TO"),
        (["--rows", "-1..3"], "FROM below TO"),
        (["--cycles", "1..x"], "FROM below TO"),
        (["--bytes", "8MB"], "KiB, MiB, GiB"),
        (["--bytes", "99999999999GiB"], "KiB, MiB, GiB"),
        (["--out", "/"], "is no file"),
    ] {
        let [option, value] = wrong;
        let option = format!("{option}={value}");
        let rest: &[&str] =
            if option.starts_with("--op") { &[&option] } else { &["--op=layers.0.gate", &option] };
        let (code, out, err) = wafersim(folder.path(), &[&args[..], rest].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{wrong:?}: {err}");
        assert!(err.contains(says), "{wrong:?} does not say `{says}`:\n{err}");
    }
}

/// Words that a command line may be made of, sound ones and odd ones; none of them runs long.
const WORDS: [&str; 49] = [
    "run",
    "sweep",
    "plan",
    "query",
    "--where",
    "--index",
    "campaign",
    "cluster",
    "verify",
    "validate",
    "train",
    "trace",
    "masks",
    "stats",
    "bench",
    "explain",
    "arch",
    "workload",
    "recipe",
    "presets",
    "mapping",
    "schema",
    "completions",
    "help",
    "--help",
    "--arch",
    "--set",
    "--op",
    "--systems",
    "--columns",
    "--bytes",
    "--golden",
    "--data",
    "--levels",
    "--only",
    "--json",
    "cs3",
    "no-such",
    "no/such.toml",
    "sparsity.level=2",
    "fabric.width_pes=0",
    "=",
    "",
    "-",
    "--",
    "0",
    "-1",
    "99999999999999999999",
    "\u{fc}\u{1f980}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// No order of words makes the program panic, and what is refused says so.
    #[test]
    fn odd_command_lines_are_answered(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..6)) {
        // A sound workload is not among the words, but some commands have one of their own and take their time.
        let long = |word: &&str| matches!(*word, "verify" | "validate" | "train" | "bench");
        let refused = words.iter().any(long).then_some("--no-such");
        let words: Vec<&str> = words.iter().copied().chain(refused).collect();
        let folder = tempfile::tempdir().unwrap();
        let (code, out, err) = wafersim(folder.path(), &words);
        prop_assert!(!err.contains("panicked") && (0..=2).contains(&code), "{words:?}: {code}\n{err}");
        prop_assert_eq!(code == 0, err.is_empty(), "{:?}: {}\n{}", words, code, err);
        prop_assert_eq!(code == 0, !out.is_empty(), "{:?}: {}\n{}", words, code, out);
    }
}

/// What a first-time user gets wrong, and what the answer must have.
#[test]
fn slips_are_answered_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    for (args, says) in [
        (&["run", "cs3"][..], "help: `cs3` is a machine; presets are llama2-7b"),
        (&["explain", "arch", "llama2-7b"], "help: `llama2-7b` is a workload; presets are cs3"),
        (&["campaign", "llama2-7b"], "help: `llama2-7b` is a workload; "),
        (&["run", "llama2-7b.toml"], "did you mean the preset `llama2-7b`? "),
        (&["run", "./"], "`./` cannot be read"),
        (&["run", "llama2-tiny", "--threads", "0"], "0 is not in 1..=1024"),
        (&["run", "llama2-tiny", "--name", "../mine"], "a name is that of one folder"),
        (&["run", "llama2-tiny", "--name", ""], "a name is that of one folder"),
        (&["run", "llama2-tiny", "--set", "model.layers="], "to 100000, found nothing"),
        (&["validate", "--fail-above", "nan"], "a number of percent is 0 or above"),
        (&["validate", "--fail-above", "-1"], "a number of percent is 0 or above"),
        (&["train", "--steps", "0"], "0 is not in 1.."),
    ] {
        let (code, out, err) = wafersim(folder.path(), args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains(says), "{args:?} does not say `{says}`:\n{err}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn presets_are_told_with_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (_, out, _) = wafersim(folder.path(), &["explain", "presets"]);
    for (head, name, about) in [
        ("machines", "h200", "NVIDIA H200"),
        ("workloads", "llama2-tiny", "The structure of Llama-2"),
        ("recipes", "sparse-llama-7b", "The sparse pretraining"),
        ("sweeps", "yield", "Rows of PEs that are dead"),
    ] {
        let section =
            out.split("\n\n").find(|section| section.starts_with(head)).unwrap_or_else(|| panic!("{out}"));
        let line = section.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        assert!(line.contains(about), "{line}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 110 && !line.ends_with(' ')), "{out}");
}
