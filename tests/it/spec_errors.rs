//! What the loader says about wrong input, word for word: `tests/bad/X.toml` gives `tests/bad/X.snap`.

use std::path::PathBuf;

use wafersim::error::Faults;
use wafersim::spec::{Override, load_arch, load_recipe, load_sweep, load_workload, split_overrides};

fn faults(path: &str) -> Faults {
    if path.contains("workload-") {
        load_workload(path, &[]).expect_err("the file is bad")
    } else if path.contains("recipe-") {
        load_recipe(path, &[]).expect_err("the file is bad")
    } else if path.contains("sweep-") {
        load_sweep(path).expect_err("the file is bad")
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
    insta::assert_snapshot!(load_workload("lama2-7b", &[]).unwrap_err(), @r"
    error: there is no workload preset `lama2-7b`
     --> command line:1:1
      |
    1 | lama2-7b
      | ^^^^^^^^
      |
    help: did you mean `llama2-7b`? presets are llama2-7b, llama2-13b, llama2-70b, llama1-7b, gpt3-256m, gpt3-6.7b, gpt3-20b, gpt3-12k, gptj-6b, llama-1t, llama2-tiny, gpt3-tiny, gptj-tiny; a path has a `/` or ends in `.toml`
    ");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    for path in ["no/such.toml", "tests/bad"] {
        let faults = load_arch(&format!("./{path}"), &[]).unwrap_err();
        assert!(faults.to_string().starts_with(&format!("error: `{path}` cannot be read: ")), "{faults}");
    }
}

#[test]
fn faults_of_overrides_point_into_the_override() {
    let overrides =
        set(&["sparsity.level=1.5", "sparsity.levle=0.5", "level", "model.heads=3", "model.heads=5"]);
    insta::assert_snapshot!(load_workload("llama2-tiny", &overrides).unwrap_err(), @r"
    error: `sparsity.level` must be a number from 0 to below 1, found 1.5
     --> --set:1:16
      |
    1 | sparsity.level=1.5
      |                ^^^
      |
    help: sparsity.level: Share of zeros in each sparsified tensor.

    error: there is no key `sparsity.levle`
     --> --set:1:1
      |
    1 | sparsity.levle=0.5
      | ^^^^^^^^^^^^^^
      |
    help: did you mean `sparsity.level`?

    error: there is no `=`
     --> --set:1:1
      |
    1 | level
      | ^^^^^
      |
    help: write `--set key=value`, for example `--set sparsity.level=0.7`

    error: `model.heads` is set twice
     --> --set:1:1
      |
    1 | model.heads=5
      | ^^^^^^^^^^^
      |
    help: keep one of the two

    error: `model.hidden` = 64 is not a multiple of `model.heads` = 5
     --> --set:1:13
      |
    1 | model.heads=5
      |             ^
      |
    help: the next multiple is `model.hidden` = 65

    error: `model.heads` = 5 is not a multiple of `model.kv_heads` = 4
     --> --set:1:13
      |
    1 | model.heads=5
      |             ^
      |
    help: the next multiple is `model.heads` = 8
    ");
}

#[test]
fn keys_of_no_spec_are_refused_before_any_is_read() {
    let overrides = set(&["fabric.hop_latency_cycle=3", "level=0.7", "sparsity.level=0.7"]);
    insta::assert_snapshot!(split_overrides(&overrides).unwrap_err(), @r"
    error: there is no key `fabric.hop_latency_cycle`
     --> --set:1:1
      |
    1 | fabric.hop_latency_cycle=3
      | ^^^^^^^^^^^^^^^^^^^^^^^^
      |
    help: did you mean `fabric.hop_latency_cycles`?

    error: there is no key `level`
     --> --set:1:1
      |
    1 | level=0.7
      | ^^^^^
      |
    help: did you mean `sparsity.level`?
    ");
}

#[test]
fn a_fault_knows_its_line_and_column() {
    let faults = faults("tests/bad/workload-level.toml");
    assert_eq!(faults.0.len(), 1);
    assert_eq!(faults.0[0].line_column(), (5, 9));
    assert_eq!(faults.0[0].key.as_deref(), Some("sparsity.level"));
}
