//! The layout that the design promises: who may name whom, where the outside world is let in, how long a
//! file may be. Each rule is a table; the tests fail with the file and the line that break it.

mod paths;
mod rules;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use paths::{Name, names};
use rules::{EXCEPTIONS, IMPORTS, OUTSIDE, Rule, broken, broken_outside, rule_of};

/// All `.rs` files below `folder`, as paths from the root of the repository, sorted.
fn sources(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|end| end == "rs") {
                found.push(entry.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The text of a file of the repository.
fn text(path: &Path) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The module that a file below `src/` is: `src/spec/mod.rs` is `spec`, `src/spec/open.rs` is `spec::open`.
fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path
        .with_extension("")
        .components()
        .skip(1)
        .map(|part| part.as_os_str().to_str().unwrap().to_owned())
        .collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

/// Every module of `src/` with its file and the names in it.
fn modules() -> Vec<(PathBuf, Vec<String>, Vec<Name>)> {
    sources("src")
        .into_iter()
        .map(|path| {
            let module = module_of(&path);
            let names = names(&text(&path), &module).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (path, module, names)
        })
        .collect()
}

#[test]
fn imports_follow_the_flow() {
    let mut faults = Vec::new();
    let mut excused = BTreeSet::new();
    for (path, module, names) in modules() {
        if module.is_empty() {
            continue;
        }
        let Some(rule) = rule_of(&module) else {
            faults.push(format!("{}: no rule in the table for this module", path.display()));
            continue;
        };
        for name in names.iter().filter(|name| broken(rule, &module, name)) {
            let exception = EXCEPTIONS
                .iter()
                .position(|e| path.ends_with(e.file) && name.path.join("::").starts_with(e.path));
            match exception {
                Some(at) => drop(excused.insert(at)),
                None => faults.push(format!("{}:{}: {name}: {}", path.display(), name.line, rule.says())),
            }
        }
    }
    for (at, exception) in EXCEPTIONS.iter().enumerate().filter(|(at, _)| !excused.contains(at)) {
        faults.push(format!("exception {at} ({}) is not needed any more", exception.file));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_outside_world_is_let_in_at_few_doors() {
    let mut faults = Vec::new();
    for (path, _, names) in modules() {
        for name in &names {
            if let Some(door) = broken_outside(&path, name) {
                faults.push(format!("{}:{}: {name}: only in {door}", path.display(), name.line));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_rule_has_its_module() {
    let modules: BTreeSet<String> =
        sources("src").iter().map(|path| module_of(path)).map(|module| module.join("::")).collect();
    for rule in IMPORTS {
        assert!(modules.contains(rule.module), "the table speaks of `{}`, which is gone", rule.module);
    }
    for door in OUTSIDE.iter().flat_map(|outside| outside.doors) {
        let below = |path: &PathBuf| path.starts_with(door.trim_end_matches('/'));
        assert!(sources("src").iter().any(below), "the table speaks of `{door}`, which is gone");
    }
}

/// A file that does not fit on a few screens hides two things in one.
#[test]
fn no_file_is_longer_than_600_lines() {
    let long: Vec<String> = [sources("src"), sources("tests")]
        .concat()
        .iter()
        .map(|path| (path, text(path).lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn every_file_begins_with_what_it_is() {
    for path in [sources("src"), sources("tests"), sources("benches")].concat() {
        let text = text(&path);
        let first = text.lines().next().unwrap_or_default();
        let sentence = first.strip_prefix("//! ").unwrap_or_default();
        assert!(sentence.len() > 9, "{}: begins with `{first}`, not with a `//!` line", path.display());
    }
}

/// Rules that cannot fail prove nothing: each of these texts breaks one.
mod the_rules_can_fail {
    use super::*;

    /// Whether `source`, as the text of module `module`, breaks the import table.
    fn breaks(module: &str, source: &str) -> bool {
        let module: Vec<String> = module.split("::").map(str::to_owned).collect();
        let rule: &Rule = rule_of(&module).unwrap();
        names(source, &module).unwrap().iter().any(|name| broken(rule, &module, name))
    }

    #[test]
    fn imports_against_the_flow_are_seen() {
        for (module, source) in [
            ("fabric::mesh", "use crate::graph::Op;"),
            ("fabric::mesh", "use crate::{ids::Coord, graph::{Op, Phase}};"),
            ("fabric::mesh", "fn f() -> u32 { crate::lower::job::jobs() }"),
            ("fabric::mesh", "use super::super::sparsity;"),
            ("fabric", "use super::lower::plan;"),
            ("fabric", "mod inner { use super::super::lower::plan; }"),
            ("fabric", "use crate::*;"),
            ("fabric", "use crate as all;"),
            ("fabric", "use crate::spec::workload::ModelSpec;"),
            ("fabric", "use crate::spec::{wafer::PeSpec, workload::ModelSpec};"),
            ("fabric", "macro_rules! m { () => { $crate::graph::Op } }"),
            ("exec::reference::linear", "use crate::exec::run;"),
            ("exec::reference", "use crate::program::Program;"),
            ("exec", "use crate::exec::reference::evaluate;"),
            ("baseline::step", "use crate::program::Program;"),
            ("report::html", "use crate::spec::Entry;"),
            ("graph", "use crate::sparsity::Mask;"),
            ("units", "use crate::ids::Coord;"),
        ] {
            assert!(breaks(module, source), "`{source}` is fine in {module}?");
        }
    }

    #[test]
    fn imports_with_the_flow_are_fine() {
        for (module, source) in [
            ("fabric::mesh", "use crate::spec::wafer::{PeSpec, WaferSpec};"),
            ("fabric::mesh", "use super::wheel::Wheel; use crate::{fabric::pe, ids::Coord};"),
            ("fabric::mesh", "mod tests { use super::*; use super::super::wheel; }"),
            ("fabric", "//! See [`crate::graph::Op`].\n/* crate::lower */ const A: &str = \"crate::lower\";"),
            ("fabric", "pub(crate) fn f() {} pub(in crate::fabric) fn g() {}"),
            ("exec::reference::linear", "use super::tensors::Tensors; use crate::sparsity::Mask;"),
            ("report", "use crate::record::RunRecord;"),
        ] {
            assert!(!breaks(module, source), "`{source}` breaks the rules of {module}?");
        }
    }

    #[test]
    fn crates_and_files_behind_the_wrong_door_are_seen() {
        let at = |path: &str, source: &str| {
            names(source, &module_of(Path::new(path)))
                .unwrap()
                .iter()
                .any(|name| broken_outside(Path::new(path), name).is_some())
        };
        for (path, source) in [
            ("src/fabric/mod.rs", "use petgraph::graph::DiGraph;"),
            ("src/fabric/mod.rs", "use petgraph;"),
            ("src/run.rs", "fn f() { plotters::prelude::f() }"),
            ("src/run.rs", "#[derive(clap::Parser)] struct A;"),
            ("src/run.rs", "use std::{collections::BTreeMap, fs};"),
            ("src/run.rs", "fn f() { let _ = ::std::fs::read(\"x\"); }"),
            ("src/spec/mod.rs", "use std::net::TcpStream;"),
            ("src/run.rs", "use std::time::Instant;"),
            ("src/simulate.rs", "use rand::Rng;"),
        ] {
            assert!(at(path, source), "`{source}` is fine in {path}?");
        }
        assert!(!at("src/graph/mod.rs", "use petgraph::graph::DiGraph;"));
        assert!(!at("src/spec/open.rs", "use std::fs::File;"));
        assert!(!at("src/run.rs", "fn f(x: A) { x.petgraph(); x::petgraph::y() }"));
    }
}
