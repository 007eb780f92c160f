//! JSON Schemas of files: they take what the loader takes, and refuse what it refuses value by value.

use std::path::Path;

use serde_json::{Value, json};
use wafersim::error::Faults;
use wafersim::spec::{
    Entry, FileKind, Override, json_schema, load_arch, load_recipe, load_sweep, load_workload,
};

use crate::support::schema::faults;

fn schema(of: FileKind) -> Value {
    serde_json::from_str(&json_schema(of)).unwrap()
}

/// A text of TOML as JSON; `None` where it is no TOML.
fn parsed(text: &str) -> Option<Value> {
    Some(serde_json::to_value(text.parse::<toml::Table>().ok()?).unwrap())
}

/// TOML files of a folder, by name.
fn files(folder: &str) -> Vec<(String, String)> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<(String, String)> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{folder}");
    found
}

const FOLDERS: [(FileKind, &str); 4] = [
    (FileKind::Arch, "arch"),
    (FileKind::Workload, "workloads"),
    (FileKind::Recipe, "workloads/recipes"),
    (FileKind::Sweep, "workloads/sweeps"),
];

#[test]
fn every_preset_fits() {
    for (of, folder) in FOLDERS {
        let schema = schema(of);
        for (path, text) in files(folder) {
            let found = faults(&schema, &parsed(&text).unwrap());
            assert!(found.is_empty(), "{path}:\n{}", found.join("\n"));
        }
    }
}

/// Faults that only reading tells: of files that are inherited from, and of values that do not go together.
const UNSEEN: [&str; 17] = [
    "arch-cycle-b",
    "arch-cycle",
    "arch-memory",
    "arch-other-kind",
    "sweep-names",
    "workload-multiples",
    "workload-odd-head",
    "workload-pattern-block",
    "workload-pattern-checkpoint",
    "workload-pattern-family",
    "workload-pattern-full",
    "workload-pattern-incomplete",
    "workload-pattern-n-of-m",
    "workload-pattern-unread",
    "workload-rotary-family",
    "workload-rotary",
    "workload-targets",
];

#[test]
fn bad_files_do_not_fit_but_for_what_only_reading_tells() {
    let [arch, workload, recipe, sweep] = FOLDERS.map(|(of, _)| schema(of));
    let mut unseen = Vec::new();
    for (path, text) in files("tests/bad") {
        let name = Path::new(&path).file_stem().unwrap().to_str().unwrap().to_owned();
        let schema = match name.split_once('-').unwrap().0 {
            "arch" => &arch,
            "workload" => &workload,
            "sweep" => &sweep,
            _ => &recipe,
        };
        let Some(value) = parsed(&text) else { continue };
        if faults(schema, &value).is_empty() {
            unseen.push(name);
        }
    }
    assert_eq!(unseen, UNSEEN);
}

/// Values of all sorts, at and beside the ends of ranges.
const TRIED: [&str; 40] = [
    "-1",
    "0",
    "1",
    "2",
    "3",
    "7",
    "64",
    "65",
    "128",
    "129",
    "1000",
    "1001",
    "65_535",
    "65_536",
    "1_048_577",
    "9_223_372_036_854_775_807",
    "-0.5",
    "1e-9",
    "0.125",
    "0.3",
    "0.5",
    "0.999",
    "1.125",
    "64.5",
    "10000000.5",
    "100000000000.5",
    "1000000000000.5",
    "\"auto\"",
    "\"bf16\"",
    "\"llama\"",
    "\" \"",
    "\"a b\"",
    "[]",
    "[0]",
    "[8, 4]",
    "[0.5, 1.5]",
    "[\"q\", \"up\"]",
    "[\"q\", \"q\"]",
    "true",
    "[[1]]",
];

/// Whether a value is not legal for its key, as the schema of its file says.
fn is_illegal_in(schema: &Value, proven: bool, key: &str, text: &str) -> bool {
    let mut value = parsed(&format!("v = {text}")).unwrap()["v"].take();
    if proven {
        value = json!({ "value": value, "mark": "vendor", "source": "a test" });
    }
    let place = key.split('.').map(|name| format!("/{name}")).collect::<String>();
    let file = key.rsplit('.').fold(value, |value, name| json!({ name: value }));
    faults(schema, &file).iter().any(|fault| fault.starts_with(&place) && !fault.ends_with(": required"))
}

/// Whether it is not, as the loader says.
fn is_illegal(faults: Result<(), Faults>, key: &str) -> bool {
    let Err(faults) = faults else { return false };
    let says = format!("`{key}` must be ");
    faults.0.iter().any(|fault| fault.key.as_deref() == Some(key) && fault.message.starts_with(&says))
}

#[test]
fn a_value_is_legal_in_the_schema_where_it_is_for_the_loader() {
    let agree = |of: FileKind, keys: &[String], load: &dyn Fn(&[Override]) -> Result<(), Faults>| {
        let schema = schema(of);
        for (key, text) in keys.iter().flat_map(|key| TRIED.map(|text| (key, text))) {
            let refused = is_illegal(load(&[Override(format!("{key}={text}"))]), key);
            assert_eq!(is_illegal_in(&schema, of == FileKind::Arch, key, text), refused, "{key} = {text}");
        }
    };
    let keys = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.key).collect::<Vec<String>>();
    let machine = keys(load_arch("cs3", &[]).unwrap().entries);
    agree(FileKind::Arch, &machine, &|given| load_arch("cs3", given).map(drop));
    let mut workload = keys(load_workload("llama2-tiny", &[]).unwrap().entries);
    workload.extend(
        ["sparsity.levels", "sparsity.m", "sparsity.checkpoint", "model.rotary_dim"].map(str::to_owned),
    );
    agree(FileKind::Workload, &workload, &|given| load_workload("llama2-tiny", given).map(drop));
    assert!(machine.len() + workload.len() > 80);
}

/// What a value of a machine says of itself.
#[test]
fn marks_and_sources_are_asked_for() {
    let schema = schema(FileKind::Arch);
    let file = |value: &str| {
        let text = format!(
            "schema = \"wafersim-arch-1\"\nkind = \"wafer\"\ninherits = \"cs3\"\nfabric.colors = {value}\n"
        );
        faults(&schema, &parsed(&text).unwrap())
    };
    assert!(file("{ value = 8, mark = \"measured\", source = \"here\" }").is_empty());
    assert!(file("{ value = 8, mark = \"calibrated\", source = \"here\", fitted_on = \"that\" }").is_empty());
    for wrong in [
        "8",
        "{ value = 8 }",
        "{ value = 8, mark = \"override\", source = \"here\" }",
        "{ value = 8, mark = \"measured\", source = \" \" }",
        "{ value = 8, mark = \"measured\", source = \"here\", fitted_on = \"that\" }",
        "{ value = 8, mark = \"calibrated\", source = \"here\" }",
        "{ value = 8, mark = \"measured\", source = \"here\", page = 3 }",
    ] {
        assert!(!file(wrong).is_empty(), "{wrong}");
    }
}

/// A file is whole, or inherits.
#[test]
fn what_is_missing_is_seen() {
    let schema = schema(FileKind::Workload);
    let file = |text: &str| faults(&schema, &parsed(text).unwrap());
    let whole = std::fs::read_to_string("workloads/llama2-tiny.toml").unwrap();
    assert!(file(&whole).is_empty());
    assert_eq!(file(&whole.replace("heads = 4\nkv", "kv")), ["/model: required"]);
    assert!(!file(&whole.replace("schema", "# schema")).is_empty());
    assert!(file("schema = \"wafersim-workload-1\"\ninherits = \"llama2-7b\"\n").is_empty());
    assert_eq!(
        file("schema = \"wafersim-workload-1\"\ninherits = \"llama2-7\"\n"),
        ["/inherits: anyOf"],
        "neither a preset nor a path"
    );
}

/// An axis has keys and values of one kind.
#[test]
fn an_axis_has_one_form() {
    let schema = schema(FileKind::Sweep);
    let file = |axis: &str| {
        let base = "[sweep]\nasks = \"why\"\nworkload = \"llama2-tiny\"\narch = \"cs3\"";
        let text =
            format!("schema = \"wafersim-sweep-1\"\n{base}\n[set]\nmodel.layers = 2\n[[axes]]\n{axis}\n");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.toml");
        std::fs::write(&path, &text).unwrap();
        let loads = load_sweep(path.to_str().unwrap()).is_ok();
        assert_eq!(faults(&schema, &parsed(&text).unwrap()).is_empty(), loads, "{axis}");
        loads
    };
    let (key, keys) = ("key = \"model.ffn\"", "keys = [\"model.ffn\", \"model.hidden\"]");
    let (range, log) =
        ("range = { from = 64, to = 128, step = 64 }", "log = { from = 64, to = 256, places = 3 }");
    for good in [
        format!("{key}\nvalues = [64, 128]"),
        format!("{key}\n{range}"),
        format!("{key}\n{log}"),
        format!("{keys}\nvalues = [[64, 64], [128, 64]]"),
        "key = \"workload\"\nvalues = [\"llama2-tiny\"]".to_owned(),
    ] {
        assert!(file(&good), "{good}");
    }
    for wrong in [
        key.to_owned(),
        range.to_owned(),
        format!("{key}\n{range}\n{log}"),
        format!("{key}\n{range}\nvalues = [64]"),
        format!("{keys}\n{range}"),
        format!("{keys}\n{range}\nvalues = [[64, 64]]"),
        format!("{key}\n{keys}\nvalues = [64]"),
        format!("{key}\nvalues = []"),
        format!("{key}\nvalues = 64"),
        format!("{key}\nlist = [64]"),
        "key = \"model.fnn\"\nvalues = [64]".to_owned(),
        format!("{key}\nrange = {{ from = 64, to = 128 }}"),
        format!("{key}\nrange = {{ from = 64, to = 128, places = 64 }}"),
    ] {
        assert!(!file(&wrong), "{wrong}");
    }
}

/// Every recipe that the schema takes for its lengths, the loader takes too, and the other way round.
#[test]
fn a_phase_has_one_length() {
    let schema = schema(FileKind::Recipe);
    let folder = tempfile::tempdir().unwrap();
    let keys = ["tokens_billion = 1.0", "samples = 5", "epochs = 2"];
    for given in 0..8u32 {
        let lengths: Vec<&str> = (0..3).filter(|bit| given >> bit & 1 == 1).map(|bit| keys[bit]).collect();
        let text = format!(
            "schema = \"wafersim-recipe-1\"\n[[phases]]\nname = \"a\"\nworkload.inherits = \"llama2-tiny\"\n{}\n",
            lengths.join("\n")
        );
        let path = folder.path().join("recipe.toml");
        std::fs::write(&path, &text).unwrap();
        let loads = load_recipe(path.to_str().unwrap(), &[]).is_ok();
        assert_eq!(faults(&schema, &parsed(&text).unwrap()).is_empty(), loads, "{text}");
    }
}
