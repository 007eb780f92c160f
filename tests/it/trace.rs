//! Traces of single ops: nothing is lost, nothing overlaps, the size holds, and Perfetto can read them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;
use wafersim::fabric::{Activity, CYCLE_LIMIT, run};
use wafersim::program::Program;
use wafersim::sparsity::Masks;
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::workload::WorkloadSpec;
use wafersim::spec::{ArchSpec, Override, load_arch, load_workload};
use wafersim::trace::{Step, Trace, TraceError, TraceRequest, Window, watched};
use wafersim::units::Bytes;

use crate::support::kernels::{Dense, Head, Masked, Product};
use crate::support::{HALF, machine};

const SIZE: Bytes = Bytes(8 << 20);

fn window(program: &Program, cycles: Range<u64>) -> Window {
    Window { columns: 0..program.width, rows: 0..program.height, cycles }
}

/// Complete events of a file, after all rules that Perfetto's reader has: each has a name, whole numbers for time,
/// process and thread; names of threads are told once; slices of a thread do not overlap.
fn slices(trace: &Trace) -> Vec<Slice> {
    let file: Value = serde_json::from_str(&trace.json).expect("a trace is JSON");
    let (mut named, mut processes, mut found) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for event in file["traceEvents"].as_array().unwrap() {
        let text = |key: &str| event[key].as_str().unwrap_or_else(|| panic!("{key} of {event}")).to_owned();
        let number = |key: &str| event[key].as_u64().unwrap_or_else(|| panic!("{key} of {event}"));
        let (pid, tid) = (number("pid"), number("tid"));
        match (text("ph").as_str(), text("name").as_str()) {
            ("M", "thread_name") => {
                let name = event["args"]["name"].as_str().unwrap().to_owned();
                assert!(named.insert(tid, (pid, name)).is_none(), "thread {tid} has two names");
            }
            ("M", "process_name") => {
                let name = event["args"]["name"].as_str().unwrap().to_owned();
                assert!(processes.insert(pid, name).is_none(), "process {pid} has two names");
            }
            ("M", "thread_sort_index" | "process_sort_index") => {
                assert!(event["args"]["sort_index"].is_u64());
            }
            ("X", name) => {
                assert!(!name.is_empty() && number("dur") > 0, "{event}");
                assert_eq!(named[&tid].0, pid, "named before it is used, and of one process");
                let (from, cycles) = (number("ts"), number("dur"));
                let args = event["args"].as_object().cloned().unwrap_or_default();
                let parts = args.into_iter().map(|(key, value)| (key, value.as_u64().unwrap())).collect();
                let (pe, line) = (processes[&pid].clone(), named[&tid].1.clone());
                let cat = event["cat"].as_str().unwrap_or_default().to_owned();
                found.push(Slice { pe, line, name: name.to_owned(), cat, from, to: from + cycles, parts });
            }
            other => panic!("an event that we do not write: {other:?}"),
        }
    }
    let threads: BTreeSet<u64> = named.keys().copied().collect();
    assert!(
        threads.is_disjoint(&processes.keys().copied().collect()),
        "a thread has the number of a process"
    );
    for pair in found.windows(2).filter(|pair| (&pair[0].pe, &pair[0].line) == (&pair[1].pe, &pair[1].line)) {
        assert!(pair[0].to <= pair[1].from, "{pair:?}");
    }
    found
}

#[derive(Debug)]
struct Slice {
    pe: String,
    line: String,
    name: String,
    cat: String,
    from: u64,
    to: u64,
    parts: BTreeMap<String, u64>,
}

/// Cycles of each PE by activity, in order; they tile `window` exactly.
fn cycles_of_pes(slices: &[Slice], window: &Range<u64>) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut totals: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    for slice in slices.iter().filter(|slice| slice.line == "cycles of the PE") {
        let end = ends.entry(&slice.pe).or_insert(window.start);
        assert_eq!(*end, slice.from, "a gap before {slice:?}");
        *end = slice.to;
        let alone = BTreeMap::from([(slice.name.clone(), slice.to - slice.from)]);
        let parts = if slice.cat == "mixed" { &slice.parts } else { &alone };
        assert_eq!(parts.values().sum::<u64>(), slice.to - slice.from, "{slice:?}");
        for (name, cycles) in parts {
            *totals.entry(slice.pe.clone()).or_default().entry(name.clone()).or_default() += cycles;
        }
    }
    assert!(ends.values().all(|end| *end == window.end));
    totals
}

/// What the engine counts of a PE, by name.
fn counted(of_pe: &wafersim::fabric::Breakdown) -> BTreeMap<String, u64> {
    let all = Activity::ALL.into_iter().map(|activity| (activity.label().to_owned(), of_pe.of(activity)));
    all.filter(|(_, cycles)| *cycles > 0).collect()
}

/// A product of every form on two rows of PEs.
fn programs() -> Vec<Program> {
    let product = Product::dense(4, 2, 6, 3, 3);
    let head = Head { height: 2, tokens: 3, heads: 1, inner: vec![4; 3], formats: HALF };
    let masked = Masked::ALL.map(|form| product.program(form));
    masked.into_iter().chain(Dense::ALL.map(|form| head.program(form))).collect()
}

#[test]
fn a_whole_run_is_what_the_engine_counts() {
    let machine = machine();
    for program in programs() {
        let outcome = run(&program, &machine, CYCLE_LIMIT).unwrap();
        let end = outcome.counters.cycles.0;
        let asked = window(&program, 0..end + 500);
        let (trace, per_pe) = watched(&program, &machine, asked, SIZE, BTreeMap::new()).unwrap();
        assert_eq!(trace.window.cycles, 0..end, "{}: no longer than the run", program.name);
        assert_eq!(per_pe, outcome.per_pe, "watching changes nothing");
        assert_eq!(trace.grain, 1);
        let slices = slices(&trace);
        let totals = cycles_of_pes(&slices, &trace.window.cycles);
        assert_eq!(totals.len(), program.pe_count());
        for (pe, of_pe) in per_pe.iter().enumerate() {
            let name = format!("PE {} {}", program.coord(pe), program.role(pe).name);
            assert_eq!(totals[&name], counted(of_pe), "{name}");
            for (port, line) in ["link north", "link east", "link south", "link west"].iter().enumerate() {
                let on_link = slices.iter().filter(|slice| slice.pe == name && slice.line == *line);
                let carried: u64 = on_link.map(|slice| slice.parts["wavelets"]).sum();
                assert_eq!(carried, u64::from(outcome.links[pe][port]), "{name}, {line}");
            }
        }
        let has = |line: &str| slices.iter().any(|slice| slice.line == line);
        assert!(has("main thread, tasks") && has("link south"), "{}", program.name);
        assert!(
            slices.iter().any(|slice| slice.line.starts_with("microthread ")
                && ["add", "move"].contains(&slice.name.as_str()))
        );
    }
}

/// A window in the middle is the same part of the whole, however the run ends.
#[test]
fn a_window_is_a_part_of_the_whole() {
    let machine = machine();
    for program in programs() {
        let end = run(&program, &machine, CYCLE_LIMIT).unwrap().counters.cycles.0;
        let of = |cycles: Range<u64>| {
            let (trace, per_pe) =
                watched(&program, &machine, window(&program, cycles), SIZE, BTreeMap::new()).unwrap();
            (cycles_of_pes(&slices(&trace), &trace.window.cycles), per_pe)
        };
        for cut in [1, end / 3, end / 2, end - 1] {
            let ((before, until), (after, whole)) = (of(0..cut), of(cut..end));
            for (pe, of_pe) in whole.iter().enumerate() {
                let name = format!("PE {} {}", program.coord(pe), program.role(pe).name);
                assert_eq!(before[&name], counted(&until[pe]), "{name} until {cut}");
                let mut sum = before[&name].clone();
                after[&name]
                    .iter()
                    .for_each(|(what, cycles)| *sum.entry(what.clone()).or_default() += cycles);
                assert_eq!(sum, counted(of_pe), "{name}, cut at {cut}");
            }
        }
    }
}

#[test]
fn a_small_size_draws_together_and_loses_nothing() {
    let machine = machine();
    for program in programs() {
        let all = |bytes: u64| {
            let asked = window(&program, 0..CYCLE_LIMIT);
            watched(&program, &machine, asked, Bytes(bytes), BTreeMap::new())
        };
        let (whole, per_pe) = all(SIZE.0).unwrap();
        let size = whole.json.len() as u64;
        let mut grains = vec![whole.grain];
        let Err(TraceError::Size { pes, least, .. }) = all(1000) else { panic!("1000 bytes are too few") };
        assert_eq!(pes, program.pe_count() as u64);
        assert!(all(least.0 - 1).is_err(), "{least}");
        for bytes in [size - 1, size.midpoint(least.0), least.0] {
            let (trace, _) = all(bytes).unwrap();
            assert!(trace.json.len() as u64 <= bytes, "{} of {bytes}", trace.json.len());
            assert!(
                trace.grain.is_power_of_two()
                    && trace.about["drawn together"].contains(&trace.grain.to_string())
            );
            grains.push(trace.grain);
            let slices = slices(&trace);
            let totals = cycles_of_pes(&slices, &trace.window.cycles);
            for (pe, of_pe) in per_pe.iter().enumerate() {
                let name = format!("PE {} {}", program.coord(pe), program.role(pe).name);
                assert_eq!(totals[&name], counted(of_pe), "{name} in {bytes} bytes");
            }
        }
        assert!(grains.is_sorted() && grains[1] > 1, "{grains:?}");
    }
}

/// A rectangle within the program shows those PEs and no others.
#[test]
fn a_rectangle_shows_its_pes() {
    let (machine, program) = (machine(), programs().remove(0));
    let asked = Window { columns: 1..3, rows: 1..2, cycles: 0..300 };
    let (trace, _) = watched(&program, &machine, asked, SIZE, BTreeMap::new()).unwrap();
    let slices = slices(&trace);
    let pes: BTreeSet<&str> = slices.iter().map(|slice| &slice.pe[..8]).collect();
    assert_eq!(pes, BTreeSet::from(["PE (1,1)", "PE (2,1)"]));
}

fn tiny() -> (WorkloadSpec, WaferSpec) {
    let set = |texts: &[&str]| texts.iter().map(|text| Override((*text).to_owned())).collect::<Vec<_>>();
    let workload = load_workload("llama2-tiny", &set(&["sparsity.level=0.5"])).unwrap().spec;
    let small = set(&["fabric.width_pes=32", "fabric.height_pes=8", "io.prefetch_mib=1"]);
    match load_arch("cs3", &small).unwrap().spec {
        ArchSpec::Wafer(machine) => (workload, machine),
        ArchSpec::Gpu(_) => unreachable!("cs3 is a wafer"),
    }
}

#[test]
fn every_op_of_a_step_can_be_looked_at() {
    let (workload, machine) = tiny();
    let masks = Masks::new(&workload).unwrap();
    let step = Step::new(&workload, &machine, &masks).unwrap();
    let table = step.ops();
    let names: Vec<&str> =
        table.lines().skip(1).filter_map(|line| line.split("  ").next()).map(str::trim).collect();
    assert!(names.len() > 50, "{table}");
    for name in names {
        let request =
            TraceRequest { op: name.to_owned(), columns: None, rows: None, cycles: 0..400, bytes: SIZE };
        let trace = step.trace(&request).unwrap_or_else(|error| panic!("{name}: {error}"));
        let slices = slices(&trace);
        let totals = cycles_of_pes(&slices, &trace.window.cycles);
        let pes = trace.window.columns.len() * trace.window.rows.len();
        assert_eq!(totals.len(), pes, "{name}");
        assert_eq!(trace.about["op"], name);
    }
}

/// More spans than fit the memory are drawn together while the op runs, and end as they would have afterwards.
#[test]
fn a_long_run_is_drawn_together_as_it_goes() {
    let (workload, machine) = tiny();
    let masks = Masks::new(&workload).unwrap();
    let step = Step::new(&workload, &machine, &masks).unwrap();
    let all = |bytes: u64| {
        let (op, cycles) = ("layers.0.gate".to_owned(), 0..2000);
        step.trace(&TraceRequest { op, columns: None, rows: None, cycles, bytes: Bytes(bytes) })
    };
    let whole = all(SIZE.0).unwrap();
    assert_eq!(whole.grain, 1);
    let Err(TraceError::Size { least, .. }) = all(1) else { panic!("a byte is too little") };
    assert!(least.0 < 200_000, "{least}");
    let totals = cycles_of_pes(&slices(&whole), &whole.window.cycles);
    for bytes in [least.0, 2 * least.0, 1 << 20, 2 << 20] {
        let trace = all(bytes).unwrap();
        assert!(trace.json.len() as u64 <= bytes && trace.json.len() as u64 > bytes / 3, "{bytes}");
        assert_eq!(cycles_of_pes(&slices(&trace), &trace.window.cycles), totals, "{bytes}");
    }
}

#[test]
fn ops_are_found_by_parts_of_their_names_and_ranges_are_checked() {
    let (workload, machine) = tiny();
    let masks = Masks::new(&workload).unwrap();
    let step = Step::new(&workload, &machine, &masks).unwrap();
    let ask = |op: &str, columns: Option<Range<u16>>, rows: Option<Range<u16>>, cycles: Range<u64>| {
        step.trace(&TraceRequest { op: op.to_owned(), columns, rows, cycles, bytes: SIZE })
    };
    assert_eq!(ask("layers.0.gate", None, None, 0..50).unwrap().about["op"], "layers.0.mlp.gate");
    assert_eq!(ask("layers.1.gate.dx", None, Some(2..3), 0..50).unwrap().window.rows, 2..3);
    let says = |error: Result<Trace, TraceError>| error.unwrap_err().to_string();
    assert_eq!(
        says(ask("gate", None, None, 0..50)),
        "`gate` is not the name of one op; the nearest are `layers.0.mlp.gate`, `layers.1.mlp.gate`"
    );
    assert!(says(ask("layers.0.mlp.gaet", None, None, 0..50)).contains("`layers.0.mlp.gate`"));
    assert_eq!(
        says(ask("layers.0.gate", Some(0..33), None, 0..50)),
        "columns 0..33 are asked for, and the op has columns 0..32"
    );
    assert!(says(ask("layers.0.gate", None, Some(8..9), 0..50)).starts_with("rows 8..9 are asked for"));
    let late = says(ask("layers.0.gate", None, None, 1 << 30..1 << 31));
    assert!(late.contains("and the op ends after "), "{late}");
    assert!(says(ask("lm_head.weight.adamw", None, None, 0..50)).contains("runs at the weight store"));
}

/// Rows that fold are the rows that would be simulated: what a trace of few rows shows is what one of more shows.
#[test]
fn fewer_rows_show_the_same() {
    let (workload, machine) = tiny();
    let masks = Masks::new(&workload).unwrap();
    let step = Step::new(&workload, &machine, &masks).unwrap();
    for op in ["layers.0.gate", "layers.0.mlp.norm"] {
        let first = |rows: Range<u16>| {
            let request = TraceRequest {
                op: op.to_owned(),
                columns: Some(0..4),
                rows: Some(rows),
                cycles: 0..CYCLE_LIMIT,
                bytes: SIZE,
            };
            let slices = slices(&step.trace(&request).unwrap());
            let mine = slices.into_iter().filter(|slice| slice.pe.contains(",0)"));
            let lines = mine.filter(|slice| slice.name != "idle" && slice.line != "link south");
            lines.map(|slice| (slice.pe, slice.line, slice.name, slice.from, slice.to)).collect::<Vec<_>>()
        };
        assert_eq!(first(0..1), first(0..3), "{op}");
    }
    let about = |op: &str| {
        let request =
            TraceRequest { op: op.to_owned(), columns: None, rows: Some(0..1), cycles: 0..50, bytes: SIZE };
        step.trace(&request).unwrap().about
    };
    assert!(about("layers.0.gate")["rows that are not simulated"].contains("by the time of a link"));
    assert!(about("embed").contains_key("columns"));
}
