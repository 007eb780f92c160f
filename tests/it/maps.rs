//! Maps of the wafer: what cells show is what the step did, wherever kernels lie.

use wafersim::record::{Heatmap, RunRecord};
use wafersim::run::run;
use wafersim::simulate::Engines;

use crate::support::tiny::{Quiet, request};

/// The tiny model on a fabric of so many PEs.
fn record(overrides: &[&str], (width, height): (u16, u16), engines: Engines) -> RunRecord {
    let mut request = request(overrides);
    request.engines = engines;
    (request.machine.spec.fabric.width_pes, request.machine.spec.fabric.height_pes) = (width, height);
    run(&request, &Quiet).unwrap()
}

fn map(record: &RunRecord) -> &Heatmap {
    record.heatmap.as_ref().expect("every run has a map")
}

/// Fabrics on which the model has one replica, several, and columns and rows that it does not use.
const FABRICS: [(u16, u16); 3] = [(32, 16), (70, 19), (19, 40)];

/// Every category, and not useful work alone, is in the columns what it is in the step.
#[test]
fn columns_sum_to_the_step() {
    for fabric in FABRICS {
        let record = record(&["sparsity.level=0.7"], fabric, Engines::default());
        assert_eq!(record.validate_sums(), Vec::<String>::new(), "{fabric:?}");
        let map = map(&record);
        let used = f64::from(map.used_rows) / f64::from(map.height_pes);
        for column in 0..map.columns.link_load.len() {
            let all: f64 = map.columns.categories.iter().map(|row| row.share[column]).sum();
            assert!((all - 1.0).abs() < 1e-3, "column {column} of {fabric:?} has {all}");
        }
        for row in &map.columns.categories {
            let mean = row.share.iter().sum::<f64>() / row.share.len() as f64;
            // Rows that are not used idle, but for the time in which all wait for links.
            let links = map.columns.categories.iter().find(|row| row.category == "wait for links").unwrap();
            let mean = match row.category.as_str() {
                "idle" => mean * used + (1.0 - links.share[0]) * (1.0 - used),
                "wait for links" => mean,
                _ => mean * used,
            };
            let share: f64 = record
                .breakdown
                .iter()
                .filter(|part| part.category == row.category)
                .map(|part| part.share)
                .sum();
            assert!((mean - share).abs() < 1e-3, "{} of {fabric:?}: {mean} and {share}", row.category);
        }
    }
}

/// What both engines run whole lies where both say.
#[test]
fn both_engines_draw_the_same_map() {
    let [fast, reference] =
        [Engines::Fast, Engines::Reference].map(|engines| record(&[], FABRICS[0], engines));
    assert_eq!(fast.summary.engine, "fast and reference");
    assert_eq!(map(&fast), map(&reference));
}

/// No column holds more than the fullest PE, and one holds nearly that.
#[test]
fn sram_of_columns_is_within_that_of_the_fullest_pe() {
    for fabric in FABRICS {
        let record = record(&[], fabric, Engines::default());
        let fullest: u64 = record.memory.rows.iter().map(|row| row.bytes_per_pe.0).sum();
        let most = *map(&record).columns.sram_bytes.iter().max().unwrap();
        assert!(most <= fullest && 10 * most > 9 * fullest, "{most} of {fullest} on {fabric:?}");
    }
}

/// A column with more features has more to do, and more in its SRAM.
#[test]
fn columns_with_more_features_work_more() {
    // 64 features over 19 columns: 3 or 4 in each.
    let record = record(&[], FABRICS[2], Engines::default());
    let columns = &map(&record).columns;
    let useful = &columns.categories[0];
    assert_eq!(useful.category, "useful");
    let of = |bytes: u64| {
        let shares = useful.share.iter().zip(&columns.sram_bytes).filter(|(_, sram)| **sram == bytes);
        let shares: Vec<f64> = shares.map(|(share, _)| *share).collect();
        shares.iter().sum::<f64>() / shares.len() as f64
    };
    let (least, most) = (columns.sram_bytes.iter().min().unwrap(), columns.sram_bytes.iter().max().unwrap());
    assert!(least < most && of(*least) < of(*most), "{columns:?}");
}
