//! Figures over many points: curves along an axis, what trades against what, and where PE-cycles go from point to point.

mod curves;
mod pareto;
mod shares;

use super::ReportError;
use crate::record::{SweepPoint, SweepRecord};
use crate::report::format::tick;

/// The key that is drawn in percent.
const ZEROS: &str = "sparsity.level";

/// A figure with its file stem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepFigure {
    /// File stem.
    pub name: &'static str,
    /// The figure.
    pub svg: String,
}

/// The figures that the points of a sweep allow, in the order of the report.
///
/// # Errors
/// [`ReportError::Figure`] where the drawing library fails.
pub fn sweep_figures(record: &SweepRecord) -> Result<Vec<SweepFigure>, ReportError> {
    let drawn = [
        ("speedup", curves::speedup(record)),
        ("throughput", curves::throughput(record)),
        ("pareto", pareto::paint(record)),
        ("pe_cycles", shares::paint(record)),
    ];
    let figures = drawn.into_iter().filter_map(|(name, canvas)| Some((name, canvas?)));
    figures.map(|(name, canvas)| Ok(SweepFigure { name, svg: canvas.render(name)? })).collect()
}

/// A point in words: its settings but for those of `without`.
fn named(point: &SweepPoint, without: &[&str]) -> String {
    let settings = point.settings.iter().filter(|setting| !setting.value.is_unset());
    let settings = settings.filter(|setting| !without.contains(&setting.key.as_str()));
    let words: Vec<String> = settings
        .map(|setting| match setting.value.to_string() {
            value if setting.key == ZEROS => match value.parse::<f64>() {
                Ok(level) => format!("{} % zeros", tick(100.0 * level)),
                Err(_) => value,
            },
            value if value.parse::<f64>().is_ok() => {
                let key = setting.key.rsplit('.').next().unwrap_or_default();
                format!("{} {value}", short(key))
            }
            value => value,
        })
        .collect();
    words.join(", ")
}

/// A key without its unit.
fn short(key: &str) -> String {
    const UNITS: [&str; 8] = [
        "_elements_per_cycle",
        "_gbit_per_s",
        "_gbyte_per_s",
        "_wavelets",
        "_cycles",
        "_kib",
        "_mib",
        "_pes",
    ];
    let unit = UNITS.iter().find_map(|unit| key.strip_suffix(unit));
    unit.unwrap_or(key).replace('_', " ")
}
