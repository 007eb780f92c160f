//! Reports made again from records, and two records beside each other.

use std::path::Path;

use assert_cmd::Command;
use wafersim::record::{RunRecord, SpecEntry};
use wafersim::report::{diff, files, write_dir};

use crate::support::records::{llama_7b, tiny};

/// The program with these arguments: exit status, standard output, standard error.
fn wafersim(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("wafersim").unwrap().current_dir(folder).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A folder with the reports of `records`, named `a`, `b` and so on.
fn reports(records: &[RunRecord]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, record) in ["a", "b"].iter().zip(records) {
        write_dir(&folder.path().join(name), &files(record).unwrap()).unwrap();
    }
    folder
}

#[test]
fn a_report_follows_from_its_record_alone() {
    let folder = reports(&[tiny()]);
    let dir = folder.path().join("a");
    let before: Vec<(String, Vec<u8>)> = files(&tiny()).unwrap();
    for (name, _) in before.iter().filter(|(name, _)| name != "record.json") {
        std::fs::write(dir.join(name), "old").unwrap();
    }
    // The record stays as it is, whatever its layout.
    let compact = serde_json::to_string(&tiny()).unwrap();
    std::fs::write(dir.join("record.json"), &compact).unwrap();
    let (code, out, err) = wafersim(folder.path(), &["report", "a"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("a/report.html"), "{out}");
    for (name, bytes) in &before {
        let now = std::fs::read(dir.join(name)).unwrap();
        if name == "record.json" {
            assert_eq!(now, compact.as_bytes());
        } else {
            assert_eq!(&now, bytes, "{name}");
        }
    }
    let (code, ..) = wafersim(folder.path(), &["report", "a/record.json", "--out", "copy"]);
    assert_eq!(code, 0);
    for (name, bytes) in &before {
        assert_eq!(&std::fs::read(folder.path().join("copy").join(name)).unwrap(), bytes, "{name}");
    }
}

#[test]
fn what_is_no_record_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("record.json"), "{\"name\": \"x\"}").unwrap();
    std::fs::write(folder.path().join("cluster.json"), "{\"points\": 3}").unwrap();
    let cases = [
        ("nowhere", "cannot read nowhere: "),
        (".", "./record.json is no record of wafersim"),
        (".", "line 1 column 13"),
        ("cluster.json", "cluster.json is no record of wafersim"),
    ];
    for (path, says) in cases {
        for args in [vec!["report", path], vec!["diff", path, path]] {
            let (code, out, err) = wafersim(folder.path(), &args);
            assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
            assert!(err.contains(says) && !err.contains("panicked"), "{args:?} does not say `{says}`: {err}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "it writes nothing");
}

#[test]
fn a_record_whose_sums_do_not_hold_is_drawn_and_named() {
    let mut record = tiny();
    record.summary.bound_speedup = 1.0;
    let folder = reports(&[record]);
    let (code, _, err) = wafersim(folder.path(), &["report", "a"]);
    assert_eq!(code, 1);
    assert!(err.contains("passes the bound 1"), "{err}");
}

/// The same with twice the links, on which the step takes half as long.
fn changed() -> RunRecord {
    let mut record = llama_7b();
    record.title = "changed".to_owned();
    record.summary.step_seconds /= 2.0;
    record.summary.tokens_per_s *= 1.1;
    record.breakdown[0].share *= 0.9;
    record.machine_entries[0].value = "other".to_owned();
    record.workload_entries.push(SpecEntry {
        key: "sparsity.seed".to_owned(),
        value: "7".to_owned(),
        unit: String::new(),
        mark: String::new(),
        source: String::new(),
    });
    // Of the host, and so no part of a comparison.
    record.summary.wall_seconds *= 9.0;
    record
}

#[test]
fn a_comparison_names_what_was_changed_and_orders_what_that_did() {
    let (a, b) = (llama_7b(), changed());
    let found = diff(&a, &b);
    let keys: Vec<&str> = found.specs.iter().map(|change| change.key.as_str()).collect();
    assert_eq!(keys, [a.machine_entries[0].key.as_str(), "sparsity.seed"]);
    assert_eq!((found.specs[1].a.as_deref(), found.specs[1].b.as_deref()), (None, Some("7")));
    let metrics: Vec<&str> = found.metrics.iter().map(|change| change.metric.as_str()).collect();
    assert_eq!(metrics, ["step_seconds", "tokens_per_s", "pe_cycles_useful_ratio"]);
    assert_eq!((found.metrics[0].change, found.metrics[0].better), (Some(-0.5), Some(true)));
    // Either way round the order is the same, and so is each pair of values.
    let back = diff(&b, &a);
    let values = |diff: &wafersim::report::Diff| -> Vec<_> {
        diff.metrics.iter().map(|change| (change.metric.clone(), change.a, change.b)).collect()
    };
    assert_eq!(back.metrics[0].better, Some(false));
    let turned: Vec<_> = values(&back).into_iter().map(|(metric, a, b)| (metric, b, a)).collect();
    assert_eq!(values(&found), turned);
}

#[test]
fn a_run_is_the_same_as_itself() {
    let found = diff(&llama_7b(), &llama_7b());
    assert!(found.specs.is_empty() && found.metrics.is_empty());
    assert!(found.same > 20, "{}", found.same);
    assert!(found.text().contains("specs: the same") && found.text().contains("change first: the same"));
}

#[test]
fn a_comparison_is_printed_as_tables_or_json() {
    let folder = reports(&[llama_7b(), changed()]);
    let (code, out, _) = wafersim(folder.path(), &["diff", "a", "b"]);
    assert_eq!(code, 0);
    for part in ["B  changed", "sparsity.seed", "-50.0 %  better", "+10.0 %", "metrics are the same"] {
        assert!(out.contains(part), "no `{part}`:\n{out}");
    }
    let (_, out, _) = wafersim(folder.path(), &["diff", "a", "b/record.json", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["metrics"][0]["metric"], "step_seconds");
    assert_eq!(json["specs"][1]["b"], "7");
}

/// A folder that cannot be written to is found out before anything is simulated.
#[test]
fn a_run_that_cannot_be_written_does_not_begin() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("taken"), "a file").unwrap();
    // A model that takes minutes.
    for out in ["taken", "taken/deeper"] {
        let (code, printed, err) = wafersim(folder.path(), &["run", "llama2-7b", "--out", out]);
        assert_eq!((code, printed.as_str()), (2, ""), "{err}");
        assert!(err.contains(&format!("--out: cannot write to {out}: ")), "{err}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
}

/// A refused run takes back the folders that it made, and no others.
#[test]
fn a_refused_run_leaves_folders_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    let long = ["run", "llama2-tiny", "--set", "training.sequence_tokens=1000000000", "--out"];
    for out in ["mine", "mine/new/deeper", "other/new"] {
        let (code, ..) = wafersim(folder.path(), &[&long[..], &[out]].concat());
        assert_eq!(code, 2);
    }
    assert!(folder.path().join("mine").is_dir());
    assert_eq!(std::fs::read_dir(folder.path().join("mine")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A sweep is made again from its points, and a point is a run like any other.
#[test]
fn a_sweep_and_its_points_are_reports_too() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = "schema = \"wafersim-sweep-1\"\n[sweep]\nasks = \"What do zeros buy?\"\nworkload = \"llama2-tiny\"\n\
                 arch = \"cs3\"\ngpus = []\n[set]\nfabric.width_pes = 16\nfabric.height_pes = 8\nio.prefetch_mib = 1\n\
                 model.layers = 1\n[[axes]]\nkey = \"sparsity.level\"\nvalues = [0.0, 0.5]\n";
    std::fs::write(folder.path().join("tiny.toml"), sweep).unwrap();
    assert_eq!(wafersim(folder.path(), &["sweep", "run", "./tiny.toml"]).0, 0);
    let dir = folder.path().join("reports/tiny");
    let page = std::fs::read(dir.join("report.html")).unwrap();
    std::fs::remove_file(dir.join("report.html")).unwrap();
    let (code, out, err) = wafersim(folder.path(), &["report", "reports/tiny"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert_eq!(std::fs::read(dir.join("report.html")).unwrap(), page);
    let points: Vec<String> = std::fs::read_dir(dir.join("points"))
        .unwrap()
        .map(|point| point.unwrap().path())
        .filter(|point| point.is_dir())
        .map(|point| point.display().to_string())
        .collect();
    let (code, out, _) = wafersim(folder.path(), &["diff", &points[0], &points[1]]);
    assert_eq!(code, 0);
    assert!(out.contains("sparsity.level") && out.contains("achieved_speedup_ratio"), "{out}");
}
