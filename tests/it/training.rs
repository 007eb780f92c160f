//! Training on the machine's arithmetic: it learns, pruned weights stay zero, and a killed run goes on to the same
//! bits.

use std::path::Path;
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;
use wafersim::checkpoint::Checkpoint;

/// A model that a step takes milliseconds of.
const SMALL: [&str; 14] = [
    "--set",
    "model.layers=1",
    "--set",
    "model.hidden=16",
    "--set",
    "model.ffn=24",
    "--set",
    "model.heads=2",
    "--set",
    "model.kv_heads=1",
    "--set",
    "training.sequence_tokens=8",
    "--set",
    "training.optimizer.learning_rate=0.02",
];

fn command(folder: &Path, more: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(cargo_bin("wafersim"));
    command.args(["train", "llama2-tiny", "--steps", "40"]).args(SMALL).args(more).arg("--out").arg(folder);
    command
}

fn run(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output = command(folder, more).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn losses(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("train-llama2-tiny/losses.csv")).unwrap()
}

#[test]
fn a_killed_training_goes_on_to_the_same_bits() {
    let (whole, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(run(whole.path(), &[]), (Some(0), String::new()));
    let state = killed.path().join("train-llama2-tiny/70-iterative.safetensors");
    let mut child = command(killed.path(), &[]).stdout(std::process::Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !state.exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let at = Checkpoint::open(&state).unwrap().get("losses").unwrap().shape[0];
    assert!((1..40).contains(&at), "killed on the way, at step {at}");
    assert_eq!(run(killed.path(), &[]), (Some(0), String::new()));
    assert_eq!(losses(whole.path()), losses(killed.path()));
    learnt(&losses(whole.path()));
    pruned(&whole.path().join("train-llama2-tiny"));

    // A state of another training is not taken for one's own.
    let (code, told) = run(whole.path(), &["--set", "sparsity.seed=2"]);
    assert_eq!(code, Some(2));
    assert!(
        told.contains("the state of another training") && told.contains("remove it to start over"),
        "{told}"
    );
}

/// Every recipe ends below where it began.
fn learnt(csv: &str) {
    for recipe in ["dense", "50", "70-iterative"] {
        let rows = csv.lines().filter_map(|line| line.strip_prefix(&format!("{recipe},")));
        let losses: Vec<f64> = rows.map(|row| row.rsplit(',').next().unwrap().parse().unwrap()).collect();
        assert_eq!(losses.len(), 40, "{recipe}");
        let last = losses[35..].iter().sum::<f64>() / 5.0;
        assert!(last < losses[0] - 0.5, "{recipe}: {} to {last}", losses[0]);
    }
}

/// Weights without a mask bit are zero, and so are their moments: nothing of a gradient came to them.
fn pruned(folder: &Path) {
    for (file, level) in [("50", 0.5), ("70-iterative", 0.7)] {
        let state = Checkpoint::open(&folder.join(format!("{file}.safetensors"))).unwrap();
        let masks: Vec<&str> = state.names().filter(|name| name.starts_with("mask.")).collect();
        assert_eq!(masks.len(), 7, "{file}");
        for mask in masks {
            let name = mask.strip_prefix("mask.").unwrap();
            let of = |name: &str| state.get(name).unwrap().finite().unwrap();
            let bits = of(mask);
            let zeros = bits.iter().filter(|&&bit| bit == 0.0).count() as f64;
            assert_eq!(zeros, (level * bits.len() as f64).round(), "{file} {name}");
            for values in [of(name), of(&format!("{name}.first_moment"))] {
                assert!(values.iter().zip(&bits).all(|(value, &bit)| bit == 1.0 || *value == 0.0), "{name}");
            }
        }
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let told = |more: &[&str]| {
        let (code, told) = run(folder.path(), more);
        assert_eq!(code, Some(2), "{told}");
        told
    };
    let vocab = told(&["--set", "model.vocab=50"]);
    assert_eq!(vocab, "error: the text has 96 characters, so model.vocab must be 96; it is 50\n");
    let family = told(&["--set", "model.family=gpt3", "--set", "sparsity.targets=[\"q\"]"]);
    assert_eq!(family, "error: only models of the family \"llama\" are trained\n");
    assert!(!folder.path().join("train-llama2-tiny").exists(), "nothing is written");

    let file = folder.path().join("train-llama2-tiny/dense.safetensors");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, [255; 64]).unwrap();
    let broken = told(&[]);
    assert!(broken.contains("dense.safetensors: not a safetensors file"), "{broken}");
    assert!(broken.contains("remove the file to start over"), "{broken}");
}
