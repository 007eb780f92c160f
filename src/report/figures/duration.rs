//! What a campaign takes, phase by phase, dense and sparse.

use std::collections::BTreeMap;

use super::canvas::{Anchor, Canvas, ink};
use super::palette::{GREY, Legend, on};
use super::rows::{Axis, Rows, legend};
use crate::record::{Amounts, CampaignRecord};
use crate::report::ReportError;
use crate::report::format::{energy, long_unit, number, tick, times};

/// Days of a phase on one row.
type Days = fn(&Amounts) -> f64;

/// The rows, from what is to what could be.
const ROWS: [(&str, Days); 4] = [
    ("without zeros", |all| all.dense_days),
    ("this recipe", |all| all.days),
    ("at the bound", |all| all.bound_days),
    ("by FLOPs", |all| all.dense_days / all.theoretical_speedup),
];

/// Time of each phase, stacked: dense, as simulated, at the bound and by FLOPs.
///
/// # Errors
/// [`ReportError::Figure`] where the drawing library fails.
pub fn duration(record: &CampaignRecord) -> Result<String, ReportError> {
    let mut canvas = Canvas::new(
        &format!("Time of {}", record.title),
        "Each phase at its simulated step; the bound has every op at its theory, FLOPs know no machine",
    );
    let weights: BTreeMap<&str, f64> =
        record.phases.iter().map(|phase| (phase.name.as_str(), phase.amounts.dense_days)).collect();
    let colors = Legend::new(&weights, record.phases.first().map(|phase| phase.name.as_str()), None);
    let top = legend(&mut canvas, &colors.entries, 76.0) + 8.0;
    let labels: Vec<String> = ROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let sum = |of: Days| record.phases.iter().map(|phase| of(&phase.amounts)).sum::<f64>();
    let longest = ROWS.iter().map(|(_, of)| sum(*of)).fold(0.0, f64::max);
    let (length, unit) = long_unit(longest);
    let axis = Axis { title: unit, maximum: longest / length, tick: &tick };
    let rows = Rows::new(&mut canvas, &labels, top, 64.0, &axis);
    for (row, (_, of)) in ROWS.iter().enumerate() {
        let mut from = 0.0;
        for phase in &record.phases {
            let time = of(&phase.amounts) / length;
            let color = colors.index(&phase.name).map_or(GREY, |index| colors.entries[index].1);
            rows.bar(&mut canvas, row, from, from + time, color);
            let (left, right) = (rows.x(from), rows.x(from + time));
            if right - left > 48.0 {
                let at = ((left + right) / 2.0, rows.middle(row));
                canvas.text(at, Anchor::Middle, on(color).into(), &number(time));
            }
            from += time;
        }
        rows.beside(&mut canvas, row, from, &number(from));
    }
    let total = &record.total;
    let below = rows.floor(ROWS.len()) + 68.0;
    let lines = [
        format!(
            "achieved {} of {} by FLOPs, bound {}",
            times(total.achieved_speedup),
            times(total.theoretical_speedup),
            times(total.bound_speedup)
        ),
        format!(
            "{} for the systems, {} without zeros",
            energy(total.energy_mwh),
            energy(total.dense_energy_mwh)
        ),
    ];
    for (line, text) in lines.iter().enumerate() {
        canvas.text((rows.x(0.0), below + 20.0 * line as f64), Anchor::Start, ink(0.75), text);
    }
    canvas.render("duration")
}
