//! What the loader says about wrong input, word for word: `tests/bad/X.toml` gives `tests/bad/X.snap`.

use std::path::PathBuf;

use wafersim::error::Faults;
use wafersim::spec::{Override, load_arch, load_workload, split_overrides};

fn faults(path: &str) -> Faults {
    if path.contains("workload-") {
        load_workload(path, &[]).expect_err("the file is bad")
    } else {
        load_arch(path, &[]).expect_err("the file is bad")
    }
}

fn set(texts: &[&str]) -> Vec<Override> {
    texts.iter().map(|text| Override((*text).to_owned())).collect()
}

#[test]
fn each_bad_file_gets_its_message() {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir("tests/bad").unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
    files.sort();
    assert!(files.len() >= 18);
    insta::with_settings!({ snapshot_path => "../bad", prepend_module_to_snapshot => false, omit_expression => true }, {
        for file in files {
            let name = file.file_stem().unwrap().to_str().unwrap();
            insta::assert_snapshot!(name, faults(&format!("tests/bad/{name}.toml")));
        }
    });
}

#[test]
fn an_unknown_preset_lists_the_presets_and_the_nearest() {
    insta::assert_snapshot!(load_workload("lama2-7b", &[]).unwrap_err(), @"");
    insta::assert_snapshot!(load_arch("no/such.toml", &[]).unwrap_err(), @"");
}

#[test]
fn faults_of_overrides_point_into_the_override() {
    let overrides =
        set(&["sparsity.level=1.5", "sparsity.levle=0.5", "level", "model.heads=3", "model.heads=5"]);
    insta::assert_snapshot!(load_workload("llama2-tiny", &overrides).unwrap_err(), @"");
}

#[test]
fn keys_of_no_spec_are_refused_before_any_is_read() {
    let overrides = set(&["fabric.hop_latency_cycle=3", "level=0.7", "sparsity.level=0.7"]);
    insta::assert_snapshot!(split_overrides(&overrides).unwrap_err(), @"");
}

#[test]
fn a_fault_knows_its_line_and_column() {
    let faults = faults("tests/bad/workload-level.toml");
    assert_eq!(faults.0.len(), 1);
    assert_eq!(faults.0[0].line_column(), (5, 9));
    assert_eq!(faults.0[0].key.as_deref(), Some("sparsity.level"));
}
