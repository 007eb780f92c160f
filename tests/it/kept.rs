//! The reports that are kept in `reports/reference`: what they say is what the program says today.
//!
//! `scripts/reference.sh` makes all of them again.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use wafersim::record::RunRecord;
use wafersim::report::{files, summary};

/// A folder of `reports/reference`.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/reference").join(name)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A kept record.
fn record(name: &str) -> RunRecord {
    RunRecord::from_json(&read(&kept(name).join("record.json"))).unwrap()
}

/// The paper's experiment on a small model and a small wafer, from the command line that the record names.
#[test]
fn the_small_report_is_what_its_command_makes() {
    let name = "llama2-tiny-cs3-70";
    let kept_record = record(name);
    let mut words = kept_record.provenance.command.split(' ');
    assert_eq!(words.next(), Some("wafersim"));
    let folder = tempfile::tempdir().unwrap();
    Command::cargo_bin("wafersim").unwrap().current_dir(folder.path()).args(words).assert().success();
    let made = read(&folder.path().join("reports/reference").join(name).join("record.json"));
    let mut made = RunRecord::from_json(&made).unwrap();
    // What is the host's, and not the run's.
    made.provenance.host.clone_from(&kept_record.provenance.host);
    made.provenance.host_threads = kept_record.provenance.host_threads;
    made.summary.wall_seconds = kept_record.summary.wall_seconds;
    made.summary.peak_memory_bytes = kept_record.summary.peak_memory_bytes;
    let differ = wafersim::report::diff(&kept_record, &made).text();
    assert!(made.to_json() == kept_record.to_json(), "run scripts/reference.sh:\n{differ}");
    for (file, bytes) in files(&made).unwrap() {
        let same = std::fs::read(kept(name).join(&file)).is_ok_and(|kept| kept == bytes);
        assert!(same, "{file} is not what its record says; run scripts/reference.sh");
    }
}

/// Every kept file of the large run follows from its record.
#[test]
fn the_large_report_follows_from_its_record() {
    let name = "llama2-7b-cs3-70";
    let record = record(name);
    assert_eq!(record.validate_sums(), Vec::<String>::new());
    let mut seen = 0;
    for (file, bytes) in files(&record).unwrap() {
        let Ok(kept) = std::fs::read(kept(name).join(&file)) else { continue };
        assert!(kept == bytes, "{file} is not what its record says; run scripts/reference.sh");
        seen += 1;
    }
    assert!(seen > 10, "only {seen} files are kept");
    let text = summary(&record, Path::new("reports").join(name).as_path());
    let readme = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    assert!(readme.contains(&text), "the README does not show the summary of the kept run:\n{text}");
}
