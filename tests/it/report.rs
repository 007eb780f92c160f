//! Records and reports: the sums hold, files parse back, nothing depends on friendly input.

use std::path::Path;

use proptest::prelude::*;
use wafersim::record::{Heatmap, Lane, RunRecord, Span};
use wafersim::report::{
    Figure, GrowthCurve, Quantity, columns_csv, files, growth, html, markdown, ops_csv, summary, wafer_map,
    write_dir,
};
use wafersim::units::{Cycles, Flops};

use crate::support::records::{dense_7b, llama_7b, tiny};
use crate::support::xml;

/// Sound records, and records that are as strange as their types allow.
fn all() -> Vec<RunRecord> {
    vec![llama_7b(), dense_7b(), tiny(), empty(), one_op(), huge(), hostile()]
}

fn empty() -> RunRecord {
    let mut record = tiny();
    record.ops.clear();
    record.breakdown.clear();
    record.waterfall.clear();
    record.memory.rows.clear();
    record.timeline.clear();
    record.baselines.clear();
    record.notes.clear();
    record.summary.step_cycles = Cycles::ZERO;
    record.summary.pe_count = 0;
    record
}

fn one_op() -> RunRecord {
    let mut record = tiny();
    record.ops.truncate(1);
    record.ops[0].stalls.clear();
    record.timeline.truncate(1);
    record
}

fn huge() -> RunRecord {
    let mut record = llama_7b();
    let s = &mut record.summary;
    (s.step_cycles, s.pe_count, s.flops_dense) = (Cycles(u64::MAX), u64::MAX, Flops(u64::MAX));
    (s.step_seconds, s.theoretical_speedup, s.achieved_speedup) = (f64::MAX, f64::INFINITY, f64::NAN);
    for op in &mut record.ops {
        (op.cycles, op.dense_cycles, op.speedup) = (Cycles(u64::MAX), Cycles(u64::MAX), f64::MAX);
        op.stalls.iter_mut().for_each(|row| row.pe_cycles = u64::MAX);
    }
    record.breakdown.iter_mut().for_each(|row| (row.pe_cycles, row.share) = (u64::MAX, 1e300));
    record.timeline.iter_mut().for_each(|span| span.end_cycle = Cycles(u64::MAX));
    record.flops.full_attention.forward.dense = Flops(u64::MAX);
    record
}

fn hostile() -> RunRecord {
    let mut record = tiny();
    let name = format!("<b>&\"'\u{0}\u{7}\n{}", "wide ".repeat(80));
    record.title.clone_from(&name);
    record.summary.limiter.clone_from(&name);
    record.verification.verdict.clone_from(&name);
    record.ops.iter_mut().for_each(|op| op.group.clone_from(&name));
    record.ops[0].name = "a,\"b\"\nc".to_owned();
    record.breakdown.iter_mut().for_each(|row| row.category.clone_from(&name));
    record.waterfall.iter_mut().for_each(|step| step.label.clone_from(&name));
    record.memory.rows.iter_mut().for_each(|row| row.what.clone_from(&name));
    record.timeline.iter_mut().for_each(|span| span.group.clone_from(&name));
    record.baselines.iter_mut().for_each(|row| row.name.clone_from(&name));
    record
}

#[test]
fn synthetic_records_are_consistent() {
    for record in [llama_7b(), dense_7b(), tiny()] {
        assert_eq!(record.validate_sums(), Vec::<String>::new(), "{}", record.name);
    }
}

#[test]
fn each_broken_sum_is_named() {
    type Damage = fn(&mut RunRecord);
    let cases: [(Damage, &str); 16] = [
        (|r| r.breakdown[0].pe_cycles /= 2, "breakdown: the categories sum to"),
        (|r| r.breakdown[1].share += 0.01, "breakdown: the shares sum to"),
        (|r| r.breakdown[1].share += 0.01, "breakdown: memory port has share"),
        (
            |r| r.breakdown[0].teacher_pe_cycles += 1,
            "breakdown: the teacher has 1 PE-cycles in the categories",
        ),
        (|r| r.breakdown[0].teacher_pe_cycles = u64::MAX, "PE-cycles of the teacher in"),
        (|r| r.waterfall[2].speedup_before += 0.1, "waterfall: row-end reduction starts at"),
        (|r| r.waterfall[7].speedup_after += 0.1, "waterfall: ends at"),
        (|r| r.summary.bound_speedup += 0.1, "waterfall: no step ends at the bound"),
        (|r| r.summary.bound_speedup = 1.5, "passes the bound 1.5"),
        (|r| r.flops.full_attention.dx.dense += Flops(2), "flops.full_attention: the phases sum to"),
        (|r| r.summary.theoretical_speedup += 1e-3, "summary.theoretical_speedup is"),
        (|r| r.summary.utilization = 1.1, "summary.utilization is 1.1, not within 0 and 1"),
        (|r| r.memory.rows[0].share = 0.9, "memory: activations has share 0.9 of 49152 B with 24800 B"),
        (|r| r.ops[0].speedup = 3.0, "q.forward: speedup is 3"),
        (|r| r.ops[0].theory_speedup = 2.0, "passes its own theory 2"),
        (|r| r.ops[0].stalls[0].pe_cycles += 1 << 40, "q.forward: the categories sum to"),
    ];
    for (damage, message) in cases {
        let mut record = llama_7b();
        damage(&mut record);
        let faults = record.validate_sums();
        assert!(faults.iter().any(|fault| fault.contains(message)), "no '{message}' in {faults:?}");
    }
}

#[test]
fn each_broken_law_of_the_map_is_named() {
    type Damage = fn(&mut Heatmap);
    let cases: [(Damage, &str); 4] = [
        (|map| map.useful[3] += 0.01, "of the time, the step for"),
        (|map| map.stall[5] = 99, "a stall that is none of the categories"),
        (|map| map.link_load[0] = 1.2, "1.2 is not within 0 and 1"),
        (|map| map.sram.truncate(3), "values for 8 cells"),
    ];
    for (damage, message) in cases {
        let mut record = tiny();
        damage(record.heatmap.as_mut().unwrap());
        let faults = record.validate_sums();
        assert!(faults.iter().any(|fault| fault.contains(message)), "no '{message}' in {faults:?}");
        // Whatever is in it, it can be drawn or left out.
        assert!(files(&record).is_ok(), "{message}");
    }
}

#[test]
fn a_number_that_is_not_finite_is_named_with_its_path() {
    let mut record = llama_7b();
    record.ops[3].utilization = f64::NAN;
    record.baselines[1].energy_j = Some(f64::INFINITY);
    let faults = record.validate_sums();
    assert!(faults.contains(&"ops[3].utilization is not a finite number".to_owned()), "{faults:?}");
    assert!(faults.contains(&"baselines[1].energy_j is not a finite number".to_owned()), "{faults:?}");
}

#[test]
fn json_is_read_back_to_the_bit() {
    for record in [llama_7b(), dense_7b(), tiny(), empty(), hostile()] {
        let text = record.to_json();
        let back = RunRecord::from_json(&text).unwrap();
        assert_eq!(back, record);
        assert_eq!(back.to_json(), text);
    }
}

#[test]
fn a_foreign_file_is_refused_with_its_place() {
    let error = RunRecord::from_json("{\"name\": 3}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "not a run record of wafersim 0.1.0 (invalid type: integer `3`, expected a string at line 1 column 10); \
         run it again, or read it with the version that wrote it"
    );
}

#[test]
fn the_summary_fits_a_terminal() {
    for record in all() {
        let text = summary(&record, Path::new("reports/run"));
        assert!(text.lines().count() <= 23, "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
        }
        assert!(!text.contains("NaN") && !text.contains("inf "), "{text}");
    }
}

#[test]
fn the_summary_says_what_matters() {
    let record = llama_7b();
    let text = summary(&record, Path::new("reports/run"));
    for part in [
        "Llama-2 7B, 70 % sparse, one training step on cs3",
        "speedup 2.12× over the dense step (theory 2.74×, bound 2.69×)",
        "285,725,458",
        "limited by   row-end reduction",
        "vs H100 SXM5, dense bf16",
        "model error 6.30 %",
        "not validated",
        "verified     values equal the reference within rounding",
        "reports/run/report.html",
    ] {
        assert!(text.contains(part), "no '{part}' in\n{text}");
    }
    let mut wrong = record;
    wrong.summary.verified = false;
    assert!(summary(&wrong, Path::new("reports/run")).contains("NOT VERIFIED"));
}

#[test]
fn figures_are_well_formed_and_labelled() {
    for record in all() {
        for figure in Figure::ALL {
            let svg = figure.draw(&record).unwrap();
            xml::check(&svg).unwrap_or_else(|fault| panic!("{} of {}: {fault}", figure.name(), record.name));
            assert!(!svg.contains("NaN"), "{} of {}", figure.name(), record.name);
            assert!(svg.len() < 400_000, "{} of {}: {} bytes", figure.name(), record.name, svg.len());
        }
    }
    let record = llama_7b();
    let expected = [
        (Figure::Waterfall, vec!["theory (FLOPs)", "bound (dense cycles)", "achieved", "row-end reduction"]),
        (Figure::PeCycles, vec!["useful", "memory port", "idle", "attention scores"]),
        (Figure::Speedup, vec!["2.44 of 3.33×", "gate"]),
        (Figure::Cycles, vec!["dense step", "this run", "122 M → 49.9 M"]),
        (Figure::Timeline, vec!["compute", "weights in", "gradients out", "96.2 % busy"]),
        (Figure::Memory, vec!["activations", "free", "24.2 KiB"]),
        (Figure::Flops, vec!["Zeros save 63.", "gradients of weights", "whole step"]),
        (
            Figure::Roofline,
            vec!["edge of the wafer, 150 GB/s", "whole step", "FLOP per byte", "attention scores"],
        ),
        (Figure::Wafer, vec!["the record has no map"]),
        (Figure::Baselines, vec!["tokens per second", "H100 SXM5, dense bf16", "slower"]),
    ];
    for (figure, labels) in expected {
        let svg = figure.draw(&record).unwrap();
        for label in labels {
            assert!(svg.contains(label), "no '{label}' in {}", figure.name());
        }
    }
}

#[test]
fn maps_are_drawn_with_their_scales() {
    let record = tiny();
    let svg = Figure::Wafer.draw(&record).unwrap();
    // Four maps and three scales.
    assert_eq!(svg.matches("<image ").count(), 7);
    for label in ["useful cycles", "largest stall", "busiest link", "SRAM in use", "memory port", "35.0 %"] {
        assert!(svg.contains(label), "no '{label}' in {svg}");
    }
    for quantity in Quantity::ALL {
        let map = wafer_map(&record, quantity).unwrap();
        assert_eq!(xml::check(&map), Ok(()));
        assert!(map.contains("column of PEs") && map.contains("row of PEs"), "{map}");
    }
    assert!(Figure::Columns.draw(&record).unwrap().contains("column of PEs"));
    let text = columns_csv(&record).unwrap();
    assert_eq!(text.lines().count(), 17);
    assert!(text.starts_with("column,link_load_ratio,sram_bytes,useful_ratio,"), "{text}");
}

#[test]
fn a_name_cannot_break_out_of_a_figure_or_the_page() {
    let record = hostile();
    for (path, bytes) in files(&record).unwrap() {
        if path.ends_with(".svg") || path.ends_with(".html") {
            assert!(!String::from_utf8(bytes).unwrap().contains("<b>&\""), "{path}");
        }
    }
    assert!(html(&record).unwrap().contains("&lt;b&gt;&amp;&quot;"));
}

#[test]
fn the_page_is_complete_and_loads_nothing() {
    for record in all() {
        let page = html(&record).unwrap();
        // Maps are in the page itself.
        let inside = page.replace(" href=\"data:image/png;base64,", "");
        for loads in ["<script", "<link", "src=", "href=", "url(", "@import"] {
            assert!(!inside.contains(loads), "{loads} in {}", record.name);
        }
        let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains("http"), "{}", record.name);
        assert!(!page.contains("NaN"), "{}", record.name);
        assert_eq!(page.matches("<figure>").count(), Figure::ALL.len());
    }
    let record = llama_7b();
    let page = html(&record).unwrap();
    for part in
        ["6.30 % on measurements", "not validated", "values verified", "fabric.hop_latency_cycles", "vendor"]
    {
        assert!(page.contains(part), "no '{part}'");
    }
    assert!(record.ops.iter().all(|op| page.contains(&op.name)));
}

/// Cells of a line of a Markdown table.
fn cells(line: &str) -> usize {
    line.replace("\\|", "").matches('|').count()
}

#[test]
fn the_tables_of_the_markdown_have_as_many_cells_in_each_line() {
    for record in all() {
        let text = markdown(&record);
        for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
            let lines: Vec<&str> = table.lines().collect();
            assert!(lines.iter().all(|line| cells(line) == cells(lines[0])), "{}: {table}", record.name);
        }
        assert!(!text.contains("<b>"), "{}", record.name);
        for figure in Figure::ALL {
            assert!(text.contains(&format!("(figures/{}.svg)", figure.name())));
        }
    }
    let text = markdown(&llama_7b());
    for part in [
        "| row-end reduction | -0.",
        "`fabric.hop_latency_cycles`",
        "| 6.30 % |",
        "PE-cycles, 4.35 G a second",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

/// A part that is too small for its digits says so; what is printed adds up to what is printed.
#[test]
fn parts_of_the_waterfall_are_thousandths() {
    let mut record = llama_7b();
    record.waterfall[2].speedup_after -= 4e-5;
    record.waterfall[3].speedup_before -= 4e-5;
    let after = record.waterfall[3].speedup_before;
    record.waterfall[3].speedup_after = after - 4e-5;
    record.waterfall[4].speedup_before = after - 4e-5;
    assert_eq!(record.validate_sums(), Vec::<String>::new());
    let svg = Figure::Waterfall.draw(&record).unwrap();
    assert!(svg.contains("&lt; 0.001") && !svg.contains("e-5"), "{svg}");
}

/// Ink is the page's inside the page, and its own in a file.
#[test]
fn figures_in_files_bring_their_ink() {
    let style = "prefers-color-scheme:dark";
    for (path, bytes) in files(&tiny()).unwrap() {
        let text = String::from_utf8(bytes).unwrap();
        if path.ends_with(".svg") {
            assert!(text.contains(style) && text.contains(":root{color:"), "{path}");
            assert_eq!(xml::check(&text), Ok(()), "{path}");
        }
        if path.ends_with(".html") {
            assert!(!text.contains(style), "{path}");
        }
    }
}

#[test]
fn the_op_table_reads_back() {
    for record in all() {
        let text = ops_csv(&record).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headers = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), record.ops.len());
        for (row, op) in rows.iter().zip(&record.ops) {
            let field = |name: &str| &row[headers.iter().position(|header| header == name).unwrap()];
            assert_eq!(field("name"), op.name);
            assert_eq!(field("cycles").parse(), Ok(op.cycles.0));
            assert_eq!(field("effective_macs").parse(), Ok(op.macs_effective.0));
            assert_eq!(field("speedup_ratio").parse(), Ok(op.speedup));
        }
    }
    let record = llama_7b();
    let text = ops_csv(&record).unwrap();
    assert!(text.lines().next().unwrap().contains(",memory_port_pe_cycles,"), "{text}");
    let useful = record.ops[0].stalls[0].pe_cycles.to_string();
    assert!(text.lines().nth(1).unwrap().contains(&useful));
}

#[test]
fn the_readme_names_every_file() {
    let readme = include_str!("../../reports/README.md");
    for (path, _) in files(&tiny()).unwrap() {
        assert!(readme.contains(&format!("| `{path}` |")), "{path}");
    }
}

#[test]
fn equal_records_give_equal_bytes() {
    assert_eq!(files(&llama_7b()).unwrap(), files(&llama_7b()).unwrap());
}

#[test]
fn files_arrive_whole_and_replace_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&tiny()).unwrap();
    std::fs::write(folder.path().join("record.json"), "old").unwrap();
    write_dir(folder.path(), &files).unwrap();
    for (name, bytes) in &files {
        assert_eq!(&std::fs::read(folder.path().join(name)).unwrap(), bytes, "{name}");
    }
    let names = |path: &str| std::fs::read_dir(folder.path().join(path)).unwrap().count();
    assert_eq!((names(""), names("figures")), (7, Figure::ALL.len()), "a temporary file was left");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("ops.csv")).unwrap();
    let error = write_dir(folder.path(), &[("ops.csv".to_owned(), b"x".to_vec())]).unwrap_err();
    let place = folder.path().join("ops.csv").display().to_string();
    assert!(error.to_string().starts_with(&format!("cannot write {place}: ")), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary file was left");
}

fn span() -> impl Strategy<Value = Span> {
    (0u64..2_000_000, 0u64..2_000_000, 0usize..3, 0usize..12).prop_map(|(start, end, lane, group)| Span {
        label: String::new(),
        lane: Lane::ALL[lane],
        start_cycle: Cycles(start),
        end_cycle: Cycles(end),
        group: format!("g{group}"),
    })
}

#[test]
fn overlapping_spans_are_busy_once() {
    let mut record = tiny();
    record.summary.step_cycles = Cycles(100);
    let span = |start, end| Span {
        label: "gate".to_owned(),
        lane: Lane::Compute,
        start_cycle: Cycles(start),
        end_cycle: Cycles(end),
        group: "gate".to_owned(),
    };
    record.timeline = vec![span(0, 30), span(5, 10), span(12, 40), span(90, 80), span(50, 60)];
    assert!(Figure::Timeline.draw(&record).unwrap().contains("50.0 % busy"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any spans, overlapping and reversed ones included: the drawing stays well formed and bounded.
    #[test]
    fn any_timeline_can_be_drawn(spans in prop::collection::vec(span(), 0..400)) {
        let mut record = tiny();
        record.timeline = spans;
        let svg = Figure::Timeline.draw(&record).unwrap();
        prop_assert_eq!(xml::check(&svg), Ok(()));
    }

    /// Any number prints short enough that nothing of its line is cut.
    #[test]
    fn any_summary_number_keeps_its_line(value in prop::num::f64::ANY) {
        let mut record = tiny();
        (record.summary.samples_per_s, record.summary.step_seconds) = (value, value);
        record.summary.utilization = value;
        let text = summary(&record, Path::new("reports/run"));
        prop_assert!(text.lines().all(|line| line.chars().count() <= 80 && !line.ends_with('…')), "{}", text);
    }
}

#[test]
fn growth_draws_the_series_that_there_are() {
    let curve =
        |name: &str| GrowthCurve { name: name.to_owned(), points: vec![(1.0, 1.0), (2.0, 1.5), (4.0, 3.0)] };
    let svg = growth(&[curve("layers"), curve("step"), curve("rows")]).unwrap().unwrap();
    assert_eq!(xml::check(&svg), Ok(()));
    assert!(svg.contains("layers") && svg.contains("rows") && !svg.contains("columns"), "{svg}");
    assert_eq!(growth(&[curve("step")]).unwrap(), None);
}
