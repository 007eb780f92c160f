//! Sweeps: points of axes, conditions, keys, the store, tables and questions to them.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proptest::prelude::*;
use wafersim::expr::Condition;
use wafersim::record::{Better, Cell, PointRecord, PointStatus, SweepRecord};
use wafersim::report;
use wafersim::spec::sweep::SweepSpec;
use wafersim::spec::{load_sweep, sweep_presets};
use wafersim::sweep::{
    Ended, Plan, PlanError, Planned, Query, Resources, Store, SweepProgress, estimate, plan, run, status,
};

/// Points of the tiny model on a small wafer.
const TINY: &str = r#"
schema = "wafersim-sweep-1"
[sweep]
asks = "What do zeros and links buy?"
workload = "llama2-tiny"
arch = "cs3"
gpus = []
pareto = ["min io.bandwidth_gbit_per_s", "step_seconds"]
[set]
fabric.width_pes = 16
fabric.height_pes = 8
io.prefetch_mib = 1
model.layers = 1
"#;

const AXES: &str = r#"
[[axes]]
key = "io.bandwidth_gbit_per_s"
values = [600, 1200]
[[axes]]
key = "sparsity.level"
values = [0.0, 0.5]
"#;

fn sweep(folder: &Path, axes: &str) -> SweepSpec {
    let path = folder.join("tiny.toml");
    std::fs::write(&path, format!("{TINY}{axes}")).unwrap();
    load_sweep(path.to_str().unwrap()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Hears which points began and ended.
#[derive(Default)]
struct Heard {
    began: AtomicUsize,
    ended: Mutex<Vec<usize>>,
}

impl SweepProgress for Heard {
    fn began(&self, _: &Planned) {
        self.began.fetch_add(1, Ordering::Relaxed);
    }
    fn kernels(&self, _: &Planned, done: usize, of: usize) {
        assert!(done <= of);
    }
    fn ended(&self, point: &Planned, _: &PointRecord, seconds: f64) {
        assert!(seconds >= 0.0);
        self.ended.lock().unwrap().push(point.index);
    }
}

const TWO: Resources = Resources { workers: 2, threads: 1 };

fn run_all(store: &Store, plan: &Plan, heard: &Heard) -> Ended {
    let all: Vec<usize> = (0..plan.points.len()).collect();
    run(store, plan, &all, &[], (TWO, false), heard).unwrap()
}

#[test]
fn axes_make_every_combination_and_the_last_changes_fastest() {
    let folder = tempfile::tempdir().unwrap();
    let spec = sweep(
        folder.path(),
        r#"
        [[axes]]
        key = "pe.sram_kib"
        log = { from = 12, to = 96, places = 4 }
        [[axes]]
        keys = ["sparsity.n", "sparsity.m"]
        values = [[2, 4], ["unset", 4]]
        [[axes]]
        key = "sparsity.level"
        range = { from = 0.0, to = 0.3, step = 0.1 }
        "#,
    );
    let points: Vec<Vec<String>> = spec
        .combinations()
        .map(|settings| settings.iter().map(|setting| setting.value.to_string()).collect())
        .collect();
    assert_eq!(points.len(), 4 * 2 * 4);
    assert_eq!(points[0], ["12", "2", "4", "0"]);
    assert_eq!(points[3], ["12", "2", "4", "0.3"], "no digits of rounding");
    assert_eq!(points[4], ["12", "unset", "4", "0"]);
    assert_eq!(points[31], ["96", "unset", "4", "0.3"]);
    assert_eq!(points[8][0], "24");
}

proptest! {
    #[test]
    fn ranges_end_where_they_say(from in 1u32..500, steps in 1u32..60, step in 1u32..40) {
        let folder = tempfile::tempdir().unwrap();
        let (from, step) = (f64::from(from) / 8.0, f64::from(step) / 8.0);
        let to = from + f64::from(steps) * step;
        let spec = sweep(
            folder.path(),
            &format!("[[axes]]\nkey = \"io.latency_us\"\nrange = {{ from = {from}, to = {to}, step = {step} }}"),
        );
        let values: Vec<f64> = spec.combinations().map(|s| s[0].value.to_string().parse().unwrap()).collect();
        prop_assert_eq!(values.len(), steps as usize + 1);
        prop_assert_eq!((values[0], values[steps as usize]), (from, to));
    }

    #[test]
    fn no_text_makes_the_reader_of_sweeps_panic(text in "(schema|key|values|range|log|axes|sweep|[\\[\\]{}=\",.0-9a-z \n]){0,80}") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.toml");
        for text in [text.clone(), format!("{TINY}{text}"), format!("{TINY}[[axes]]\n{text}")] {
            std::fs::write(&path, text).unwrap();
            if let Ok(spec) = load_sweep(path.to_str().unwrap()) {
                prop_assert!(spec.combinations().next().is_some());
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_of_conditions_panic(text in "([a-z]|[0-9]|[-+*/%<>=!(). \"é]){0,40}") {
        if let Err(error) = Condition::parse(&text) {
            prop_assert!(error.at.end <= text.len() && text.is_char_boundary(error.at.start));
        }
    }
}

#[test]
fn seeds_are_an_axis_and_conditions_leave_points_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = sweep(folder.path(), AXES);
    assert_eq!(plan(spec.clone(), "p").unwrap().points.len(), 4);
    let condition = "io.bandwidth_gbit_per_s * sparsity.level <= 300";
    spec.conditions = vec![Condition::parse(condition).unwrap()];
    let left = plan(spec.clone(), "p").unwrap();
    assert_eq!((left.points.len(), left.left_out), (3, 1));
    assert!(left.points.iter().enumerate().all(|(at, point)| point.index == at));
    spec.conditions.push(Condition::parse("workload == \"other\"").unwrap());
    assert!(matches!(plan(spec.clone(), "p"), Err(PlanError::Nothing { left_out: 4, .. })));
    spec.conditions = vec![Condition::parse("workload < 3").unwrap()];
    assert!(matches!(plan(spec, "p"), Err(PlanError::Condition { .. })));

    std::fs::write(
        folder.path().join("seeds.toml"),
        format!("{}{AXES}", TINY.replace("gpus = []", "seeds = [1, 2, 3]")),
    )
    .unwrap();
    let seeds = load_sweep(folder.path().join("seeds.toml").to_str().unwrap()).unwrap();
    let points = plan(seeds, "p").unwrap().points;
    assert_eq!(points.len(), 12);
    assert_eq!(points[2].settings[2].value.to_string(), "3");
}

#[test]
fn a_key_is_all_that_a_point_depends_on() {
    let folder = tempfile::tempdir().unwrap();
    let spec = sweep(folder.path(), AXES);
    let keys = |spec: &SweepSpec, program: &str| -> Vec<String> {
        plan(spec.clone(), program).unwrap().points.into_iter().map(|point| point.key).collect()
    };
    let first = keys(&spec, "a");
    assert_eq!(first, keys(&spec, "a"));
    assert!(first.iter().all(|key| !keys(&spec, "b").contains(key)), "another program");
    // Where a value comes from is no matter.
    let fixed = sweep(
        folder.path(),
        "sparsity.level = 0.5\n[[axes]]\nkey = \"io.bandwidth_gbit_per_s\"\nvalues = [1200, 600]\n",
    );
    assert_eq!(keys(&fixed, "a"), [first[3].clone(), first[1].clone()]);
}

#[test]
fn all_points_at_fault_are_a_refusal_and_some_are_rows() {
    let folder = tempfile::tempdir().unwrap();
    let bad = sweep(folder.path(), "[[axes]]\nkey = \"model.heads\"\nvalues = [3, 5]\n");
    let error = plan(bad, "p").unwrap_err().to_string();
    assert!(
        error.contains("no point of sweep `tiny` can be run") && error.contains("model.heads"),
        "{error}"
    );

    let some = sweep(
        folder.path(),
        "[[axes]]\nkey = \"pe.sram_kib\"\nvalues = [12, 48]\n[[axes]]\nkey = \"model.heads\"\nvalues = [3, 4]\n",
    );
    let plan = plan(some, "p").unwrap();
    let store = Store::new(folder.path().join("out"));
    store.write_plan(&plan).unwrap();
    assert_eq!(store.read_plan().unwrap(), plan);
    let ended = run_all(&store, &plan, &Heard::default());
    assert_eq!(ended, Ended { done: 1, refused: 3, ..Ended::default() });
    let record = plan.record(&store).unwrap();
    let reasons: Vec<String> = record
        .points
        .iter()
        .map(|point| point.cell("reason").map(|c| c.to_string()).unwrap_or_default())
        .collect();
    assert!(reasons[0].contains("model.heads") && !reasons[0].contains('\n'), "{}", reasons[0]);
    assert!(reasons[1].contains("SRAM"), "{}", reasons[1]);
    assert_eq!(reasons[3], "");
}

#[test]
fn a_finished_sweep_runs_nothing_and_a_broken_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(sweep(folder.path(), AXES), "p").unwrap();
    let store = Store::new(folder.path().join("out"));
    let heard = Heard::default();
    // Somebody else runs point 2.
    let claim = store.claim(&plan.points[2].key).unwrap().unwrap();
    assert!(store.claim(&plan.points[2].key).unwrap().is_none());
    assert_eq!(status(&plan, &store).unwrap().running, 1);
    assert_eq!(run_all(&store, &plan, &heard), Ended { done: 3, elsewhere: 1, ..Ended::default() });
    let now = status(&plan, &store).unwrap();
    assert_eq!((now.done, now.running, now.left), (3, 1, 0));
    assert!(now.seconds_left().unwrap() > 0.0);
    // And dies.
    drop(claim);
    assert_eq!(run_all(&store, &plan, &heard), Ended { done: 1, before: 3, ..Ended::default() });
    assert_eq!(run_all(&store, &plan, &heard), Ended { before: 4, ..Ended::default() });
    assert_eq!(heard.began.load(Ordering::Relaxed), 4);
    let mut ended = heard.ended.into_inner().unwrap();
    ended.sort_unstable();
    assert_eq!(ended, [0, 1, 2, 3]);
    let locks = std::fs::read_dir(folder.path().join("out/points")).unwrap();
    assert!(locks.into_iter().all(|file| file.unwrap().path().extension().is_none_or(|end| end == "json")));

    // Point by point, and on one thread, it is the same.
    let other = Store::new(folder.path().join("other"));
    for index in [3, 1, 0, 2] {
        let one = Resources { workers: 1, threads: 1 };
        run(&other, &plan, &[index], &[], (one, false), &Heard::default()).unwrap();
    }
    let of_machine = |store: &Store| {
        let record = plan.record(store).unwrap();
        let mut columns = record.columns();
        columns.retain(|column| !wafersim::record::is_of_host(&column.name));
        let row = |point: &wafersim::record::SweepPoint| -> Vec<Option<Cell>> {
            columns.iter().map(|column| point.cell(&column.name)).collect()
        };
        record.points.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(of_machine(&store), of_machine(&other));

    // A record that is none says so; one that failed runs again when asked.
    let row = folder.path().join(format!("out/points/{}.json", plan.points[0].key));
    std::fs::write(&row, "{").unwrap();
    let error = plan.record(&store).unwrap_err().to_string();
    assert!(error.contains("remove it to make it again") && error.contains(&plan.points[0].key), "{error}");
    let failed = PointRecord {
        key: plan.points[0].key.clone(),
        status: PointStatus::Failed,
        reason: Some("no memory".to_owned()),
        metrics: Vec::new(),
    };
    std::fs::write(&row, failed.to_json()).unwrap();
    assert_eq!(run_all(&store, &plan, &Heard::default()), Ended { before: 4, ..Ended::default() });
    let again = run(&store, &plan, &[0, 1], &[], (TWO, true), &Heard::default()).unwrap();
    assert_eq!(again, Ended { done: 1, before: 1, ..Ended::default() });
}

/// A sweep of the tiny model that has run.
fn finished(folder: &Path) -> SweepRecord {
    let plan = plan(sweep(folder, AXES), "p").unwrap();
    let store = Store::new(folder.join("out"));
    run_all(&store, &plan, &Heard::default());
    plan.record(&store).unwrap()
}

#[test]
fn tables_hold_what_records_hold() {
    let folder = tempfile::tempdir().unwrap();
    let mut record = finished(folder.path());
    record.points[1].outcome = None;
    let files = report::sweep_files(&record).unwrap();
    let file =
        |name: &str| files.iter().find(|(file, _)| file == name).map(|(_, bytes)| bytes.clone()).unwrap();
    let csv = String::from_utf8(file("points.csv")).unwrap();
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(head[..5], ["index", "key", "status", "io.bandwidth_gbit_per_s", "sparsity.level"]);
    assert_eq!(head[head.len() - 3..], ["wall_seconds", "peak_memory_bytes", "reason"]);
    assert_eq!(lines.clone().count(), 4);

    let reader = SerializedFileReader::new(bytes::Bytes::from(file("points.parquet"))).unwrap();
    let rows: Vec<parquet::record::Row> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4);
    for (row, point) in rows.iter().zip(&record.points) {
        for (name, field) in row.get_column_iter() {
            let cell = match field {
                Field::Null => None,
                Field::Bool(flag) => Some(Cell::Flag(*flag)),
                Field::Long(number) => Some(Cell::Integer(*number)),
                Field::Double(number) => Some(Cell::Real(*number)),
                Field::Str(text) => Some(Cell::Text(text.clone())),
                other => panic!("{name} is {other:?}"),
            };
            assert_eq!(cell, point.cell(name), "{name}");
        }
    }
    let page = String::from_utf8(file("report.html")).unwrap();
    assert!(page.contains("What do zeros and links buy?") && page.contains("1 point not run yet"));
    for name in ["speedup", "throughput", "pareto", "pe_cycles"] {
        let svg = String::from_utf8(file(&format!("figures/{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg ") && page.contains(&svg), "{name}");
    }
}

/// A point that ran, but with values that are wrong, keeps its numbers in the table and is in no figure, sentence or front.
#[test]
fn what_is_not_verified_shows_nowhere_but_in_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut record = finished(folder.path());
    let page = |record: &SweepRecord| {
        let files = report::sweep_files(record).unwrap();
        let file = |name: &str| files.iter().find(|(file, _)| file == name).map(|(_, bytes)| bytes.clone());
        ["report.html", "figures/pareto.svg", "points.csv"]
            .map(|name| String::from_utf8(file(name).unwrap()).unwrap())
    };
    let [html, pareto, _] = page(&record);
    assert!(html.contains("values of every point verified") && html.contains("of 4 points"), "{html}");
    assert!(pareto.contains("of 4 points"), "{pareto}");
    let wrong = record.points[3].outcome.as_mut().unwrap();
    (wrong.status, wrong.reason) = (PointStatus::Failed, Some("values are not verified".to_owned()));
    for metric in wrong.metrics.iter_mut().filter(|metric| metric.name == "step_seconds") {
        metric.value = Cell::Real(1e-9);
    }
    let [html, pareto, csv] = page(&record);
    assert!(!html.contains("values of every point verified") && html.contains("1 point failed"), "{html}");
    assert!(!html.contains("1.00 ns") && html.contains("values are not verified"), "{html}");
    assert!(pareto.contains("of 3 points"), "{pareto}");
    assert!(csv.contains("0.000000001"), "{csv}");
    let both = [("index".to_owned(), Better::Lower), ("step_seconds".to_owned(), Better::Lower)];
    let best = Query { pareto: Some(both), ..Query::default() }.ask(&record).unwrap();
    assert!(best.rows.iter().all(|row| row[0] != Some(Cell::Integer(3))));
}

#[test]
fn questions_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let record = finished(folder.path());
    let ask = |query: Query| query.ask(&record).unwrap();
    let wheres = |text: &str| vec![Condition::parse(text).unwrap()];
    let columns = ["index", "sparsity.level"].map(str::to_owned).to_vec();
    let some = ask(Query {
        conditions: wheres("sparsity.level > 0.2"),
        columns: columns.clone(),
        sort: vec!["-io.bandwidth_gbit_per_s".to_owned()],
        ..Query::default()
    });
    let index = |row: &Vec<Option<Cell>>| row[0].clone().unwrap();
    assert_eq!(some.rows.iter().map(index).collect::<Vec<_>>(), [Cell::Integer(3), Cell::Integer(1)]);
    let pivot = ["sparsity.level", "io.bandwidth_gbit_per_s", "index"].map(str::to_owned);
    let pivot = ask(Query { pivot: Some(pivot), ..Query::default() });
    assert_eq!(pivot.head[1..], ["600", "1200"]);
    assert_eq!(pivot.rows[1][1..], [Some(Cell::Integer(1)), Some(Cell::Integer(3))]);
    let pareto = [
        ("io.bandwidth_gbit_per_s".to_owned(), Better::Lower),
        ("sparsity.level".to_owned(), Better::Higher),
    ];
    let best = ask(Query { pareto: Some(pareto), columns, ..Query::default() });
    assert_eq!(best.rows.iter().map(index).collect::<Vec<_>>(), [Cell::Integer(1)]);
    assert!(report::cells_text(&best.head, &best.rows).starts_with("index  sparsity.level\n"));

    let wrong = Query { sort: vec!["speedup".to_owned()], ..Query::default() }.ask(&record).unwrap_err();
    assert!(wrong.to_string().contains("achieved_speedup_ratio"), "{wrong}");
    let crowded =
        Query { pivot: Some(["status", "sparsity.level", "index"].map(str::to_owned)), ..Query::default() };
    assert!(crowded.ask(&record).unwrap_err().to_string().contains("--where"));
    let compared = Query { conditions: wheres("status > 3"), ..Query::default() };
    assert!(compared.ask(&record).unwrap_err().to_string().contains("status > 3"));
}

#[test]
fn sweeps_that_ship_have_points_that_can_be_run() {
    for name in sweep_presets() {
        let spec = load_sweep(name).unwrap_or_else(|faults| panic!("{faults}"));
        assert!(spec.base.asks.ends_with('?'), "{name} asks a question");
        let all = spec.combinations().count();
        let sound = spec.combinations().filter(|settings| spec.specs(settings).is_ok()).count();
        assert_eq!(sound, all, "{name}");
        let plan = plan(spec, "p").unwrap();
        assert!((6..40).contains(&plan.points.len()), "{name}");
    }
}

#[test]
fn what_is_to_come_grows_with_what_there_is_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(sweep(folder.path(), AXES), "p").unwrap();
    let all = estimate(&plan, &[0, 1, 2, 3]);
    let half = estimate(&plan, &[0, 1]);
    assert!(all.seconds > half.seconds && half.seconds > 0.0);
    assert_eq!(all.memory, half.memory);
    assert!(all.disk.0 > half.disk.0);
    assert_eq!(estimate(&plan, &[]).seconds, 0.0);
}
