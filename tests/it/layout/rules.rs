//! The tables: which module may name which, and which file may name what is outside of the crate.

use std::path::Path;

use super::paths::Name;

/// What a module may name besides itself.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Path of the module; the longest one that fits a file holds.
    pub(crate) module: &'static str,
    /// Modules that it may name, with all that is in them. `base` stands for all of [`BASE`], `glue` for
    /// anything.
    may: &'static [&'static str],
}

/// A rule of a module.
const fn rule(module: &'static str, may: &'static [&'static str]) -> Rule {
    Rule { module, may }
}

/// Quantities and the like, which everybody may name.
const BASE: [&str; 8] = ["units", "ids", "dtype", "vectors", "bits", "rng", "error", "expr"];

/// The flow: base, spec, graph, sparsity, lower towards the program; what runs programs sees them and the
/// machine, and nothing of the model.
pub(crate) const IMPORTS: &[Rule] = &[
    rule("units", &[]),
    rule("ids", &[]),
    rule("vectors", &[]),
    rule("bits", &["vectors"]),
    rule("rng", &[]),
    rule("error", &[]),
    rule("expr", &[]),
    rule("dtype", &["units"]),
    rule("host", &["units"]),
    rule("checkpoint", &[]),
    rule("spec", &["base"]),
    rule("graph", &["base", "spec"]),
    rule("sparsity", &["base", "spec", "graph", "checkpoint", "host"]),
    rule("program", &["base", "spec::wafer"]),
    rule("lower", &["base", "spec", "graph", "sparsity", "program"]),
    rule("fabric", &["base", "spec::wafer", "program"]),
    // The fabric drives the machine's arithmetic word by word: `exec` fills the door that it holds open.
    rule("exec", &["base", "spec::wafer", "program", "fabric"]),
    rule("exec::reference", &["base", "spec", "graph", "sparsity"]),
    rule("inspect", &["base", "spec", "graph", "sparsity", "checkpoint", "lower"]),
    rule("baseline", &["base", "spec", "graph"]),
    rule("record", &["base", "spec"]),
    rule("report", &["base", "record"]),
    rule("run", &["glue"]),
    rule("cli", &["glue"]),
    rule("simulate", &["glue"]),
    rule("assemble", &["glue"]),
    rule("study", &["glue"]),
    rule("sweep", &["glue"]),
    rule("sweep::query", &["base", "record"]),
    rule("timeline", &["glue"]),
    rule("campaign", &["glue"]),
    rule("campaign::work", &["base", "spec", "graph", "sparsity", "lower::plan", "record"]),
    rule("cluster", &["glue"]),
    // The law of a cluster knows streams and the machine; only a share knows where they come from.
    rule("cluster::tree", &["base", "spec::wafer"]),
    rule("cluster::step", &["base", "spec::wafer", "cluster::share", "cluster::tree"]),
    rule("trace", &["glue"]),
    rule("train", &["glue"]),
    rule("values", &["glue"]),
    rule("verify", &["glue"]),
    rule("validate::spmm::tests", &["glue"]),
    // A row of many systems is a whole step.
    rule("validate::scaling", &["glue"]),
    rule("validate::training", &["glue"]),
    rule("bench", &["base", "spec::wafer", "program", "fabric", "lower::kernel", "lower::shape", "sparsity"]),
    rule(
        "validate",
        &[
            "base",
            "spec",
            "program",
            "fabric",
            "lower::kernel",
            "baseline",
            // What reports show of the errors.
            "record",
            "validate::gpu",
            "validate::scaling",
            "validate::training",
        ],
    ),
    rule("validate::gpu", &["base", "spec", "graph", "baseline", "validate"]),
];

/// A place where the table does not hold.
#[derive(Debug)]
pub(crate) struct Exception {
    /// File.
    pub(crate) file: &'static str,
    /// What it names.
    pub(crate) path: &'static str,
    /// Why.
    #[expect(dead_code, reason = "for whoever reads the table")]
    why: &'static str,
}

/// The places where the table does not hold, and why.
pub(crate) const EXCEPTIONS: &[Exception] = &[Exception {
    file: "src/lower/plan/bound.rs",
    path: "fabric::vector_cost",
    why: "mappings are ranked by the work of their programs, which the cost table of the fabric knows",
}];

/// What is outside of the crate and the doors through which it comes in.
#[derive(Debug)]
pub(crate) struct Outside {
    /// First parts of a path.
    path: &'static str,
    /// Files, or folders with a `/` at the end.
    pub(crate) doors: &'static [&'static str],
}

/// Outer crates and the parts of `std` that are not pure.
pub(crate) const OUTSIDE: &[Outside] = &[
    Outside { path: "petgraph", doors: &["src/graph/", "src/lower/"] },
    Outside { path: "plotters", doors: &["src/report/"] },
    Outside { path: "maud", doors: &["src/report/"] },
    Outside { path: "png", doors: &["src/report/"] },
    Outside { path: "base64", doors: &["src/report/"] },
    Outside { path: "csv", doors: &["src/report/", "src/validate/row.rs", "src/validate/errors.rs"] },
    Outside { path: "clap", doors: &["src/main.rs", "src/cli/"] },
    Outside { path: "clap_complete", doors: &["src/cli/completions.rs"] },
    Outside { path: "indicatif", doors: &["src/cli/"] },
    Outside { path: "toml", doors: &["src/spec/"] },
    Outside { path: "rand", doors: &[] },
    Outside { path: "rand_chacha", doors: &["src/rng.rs"] },
    Outside {
        path: "std::fs",
        doors: &[
            "src/spec/open.rs",
            "src/report/write.rs",
            "src/validate/open.rs",
            "src/host.rs",
            "src/record/open.rs",
            "src/checkpoint/open.rs",
            "src/sweep/store.rs",
        ],
    },
    Outside { path: "parquet", doors: &["src/report/sweep/parquet_file.rs"] },
    Outside { path: "std::net", doors: &[] },
    Outside { path: "std::process", doors: &["src/main.rs", "src/report/write.rs", "src/cli/bench.rs"] },
    Outside {
        path: "std::time",
        doors: &["src/cli/", "src/bench/", "src/sweep/run.rs", "src/checkpoint/open.rs"],
    },
    Outside { path: "std::env", doors: &["src/cli/run.rs", "src/cli/bench.rs", "src/host.rs"] },
];

impl Rule {
    /// The rule as a sentence.
    pub(crate) fn says(&self) -> String {
        format!("`{}` may name {:?}", self.module, self.may)
    }
}

/// The rule of a module.
pub(crate) fn rule_of(module: &[String]) -> Option<&'static Rule> {
    IMPORTS
        .iter()
        .filter(|rule| within(module, rule.module))
        .max_by_key(|rule| rule.module.split("::").count())
}

/// Whether a name of `module` breaks its rule.
pub(crate) fn broken(rule: &Rule, module: &[String], name: &Name) -> bool {
    if !name.inside || rule.may.contains(&"glue") {
        return false;
    }
    // What is in a module with a rule of its own is that module's, not its parent's.
    let theirs = rule_of(&name.path);
    if within(&name.path, rule.module) && theirs.is_some_and(|theirs| theirs.module == rule.module) {
        return false;
    }
    debug_assert!(within(module, rule.module));
    let base = rule.may.contains(&"base").then_some(BASE).into_iter().flatten();
    !base.chain(rule.may.iter().copied()).any(|may| within(&name.path, may))
}

/// The doors of what `name` names, if the file at `path` is none of them.
pub(crate) fn broken_outside(path: &Path, name: &Name) -> Option<String> {
    if name.inside {
        return None;
    }
    let outside = OUTSIDE.iter().find(|outside| within(&name.path, outside.path))?;
    let path = path.to_str()?;
    let open = outside
        .doors
        .iter()
        .any(|door| if door.ends_with('/') { path.starts_with(door) } else { path == *door });
    (!open).then(|| format!("{:?}", outside.doors))
}

/// Whether `path` is `module` or something in it.
fn within(path: &[String], module: &str) -> bool {
    let mut path = path.iter();
    module.split("::").all(|part| path.next().is_some_and(|mine| mine == part))
}
