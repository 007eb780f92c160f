//! `wafersim sweep` as a user meets it: killed and gone on with, by several processes, point by point.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SWEEP: &str = r#"
schema = "wafersim-sweep-1"
[sweep]
asks = "What do zeros buy?"
workload = "llama2-tiny"
arch = "cs3"
gpus = []
[set]
fabric.width_pes = 16
fabric.height_pes = 8
io.prefetch_mib = 1
model.layers = 1
[[axes]]
key = "sparsity.level"
range = { from = 0.1, to = 0.6, step = 0.1 }
"#;

fn wafersim(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("wafersim"));
    command.current_dir(folder).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(folder: &Path, args: &[&str]) -> String {
    let output = wafersim(folder, args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.toml"), SWEEP).unwrap();
    folder
}

/// Rows of points that are there.
fn rows(folder: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(folder.join("reports/tiny/points")) else { return Vec::new() };
    let files = files.map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|end| end == "json")).collect()
}

/// `points.csv` without what differs from host to host.
fn table(folder: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(folder.join("reports/tiny/points.csv")).unwrap();
    let head = reader.headers().unwrap().clone();
    let kept: Vec<usize> =
        (0..head.len()).filter(|&at| !["wall_seconds", "peak_memory_bytes"].contains(&&head[at])).collect();
    reader
        .records()
        .map(|row| row.unwrap())
        .map(|row| kept.iter().map(|&at| row[at].to_owned()).collect())
        .collect()
}

#[test]
fn killed_at_any_moment_it_goes_on_and_ends_the_same() {
    let whole = folder();
    said(whole.path(), &["sweep", "run", "./tiny.toml"]);
    let wanted = table(whole.path());
    assert_eq!(wanted.len(), 6);

    let killed = folder();
    for points in 1..4 {
        let mut child: Child =
            wafersim(killed.path(), &["sweep", "run", "./tiny.toml", "--workers", "2"]).spawn().unwrap();
        while rows(killed.path()).len() < points && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        // SIGKILL
        child.kill().unwrap();
        child.wait().unwrap();
        for row in rows(killed.path()) {
            let text = std::fs::read_to_string(&row).unwrap();
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{} is whole", row.display());
        }
    }
    let before = rows(killed.path()).len();
    let text = said(killed.path(), &["sweep", "run", "./tiny.toml"]);
    assert!(text.contains(&format!("points: {} run, {before} done before", 6 - before)), "{text}");
    assert_eq!(table(killed.path()), wanted);
}

#[test]
fn two_processes_share_a_sweep() {
    let shared = folder();
    let start =
        || wafersim(shared.path(), &["sweep", "run", "./tiny.toml", "--workers", "1"]).spawn().unwrap();
    let outputs = [start(), start()].map(|child| child.wait_with_output().unwrap());
    assert!(outputs.iter().all(|output| output.status.success()));
    let run: usize = outputs
        .iter()
        .map(|output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let line = text.lines().find_map(|line| line.strip_prefix("points: ")).unwrap().to_owned();
            line.split(' ').next().unwrap().parse::<usize>().unwrap()
        })
        .sum();
    assert_eq!(run, 6, "no point twice");
    said(shared.path(), &["sweep", "merge", "reports/tiny"]);
    assert_eq!(table(shared.path()).len(), 6);
}

#[test]
fn points_by_number_and_merged_are_the_whole_sweep() {
    let whole = folder();
    said(whole.path(), &["sweep", "run", "./tiny.toml"]);
    let parts = folder();
    let text = said(parts.path(), &["sweep", "plan", "./tiny.toml"]);
    assert!(text.contains("6 points") && text.contains("of memory") && text.contains("of disk"), "{text}");
    for index in ["4..6", "0", "1..4"] {
        said(parts.path(), &["sweep", "run", "reports/tiny", "--index", index]);
    }
    let text = said(parts.path(), &["sweep", "status", "reports/tiny"]);
    assert!(text.contains("6 done") && text.contains("0 left"), "{text}");
    said(parts.path(), &["sweep", "merge", "reports/tiny"]);
    assert_eq!(table(parts.path()), table(whole.path()));
    let csv = said(
        parts.path(),
        &[
            "sweep",
            "query",
            "reports/tiny",
            "--where",
            "sparsity.level >= 0.5",
            "--columns",
            "index",
            "--csv",
        ],
    );
    assert_eq!(csv, "index\n4\n5\n");
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = folder();
    said(folder.path(), &["sweep", "plan", "./tiny.toml"]);
    for (args, says) in [
        (&["sweep", "run", "reports/tiny", "--index", "6"][..], "0 to 5"),
        (&["sweep", "run", "reports/tiny", "--index", "3..3"], "a range is"),
        (&["sweep", "run", "reports/tiny", "--index", "x"], "a range is"),
        (&["sweep", "run", "no-such-sweep"], "no sweep preset"),
        (&["sweep", "status", "nowhere"], "plan.json"),
        (&["sweep", "query", "reports/tiny", "--where", "level >"], "should stand here"),
        (&["sweep", "query", "reports/tiny", "--pivot", "index,status"], "ROWS,COLUMNS,VALUES"),
    ] {
        let output = wafersim(folder.path(), args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(says) && !text.contains("panicked"), "{args:?}: {text}");
    }
    let plan = folder.path().join("reports/tiny/plan.json");
    let text =
        std::fs::read_to_string(&plan).unwrap().replacen("\"program\": \"wafersim", "\"program\": \"x", 1);
    std::fs::write(&plan, text).unwrap();
    let output = wafersim(folder.path(), &["sweep", "run", "reports/tiny"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("plan it again"));
}
