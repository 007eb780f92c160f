//! Colours: the set of Okabe and Ito, which colour-blind readers tell apart and which survives print.

use std::collections::BTreeMap;

use crate::record::RunRecord;
use plotters::style::{BLACK, RGBColor, WHITE};

/// Text and lines; figures are post-processed so that the page sets this colour.
pub(super) const INK: RGBColor = RGBColor(0x1F, 0x23, 0x28);
/// This run, useful work.
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Losses.
pub(super) const VERMILLION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Gains.
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// The dense step, idle PEs.
pub(super) const GREY: RGBColor = RGBColor(0xB4, 0xB8, 0xBD);
/// What is left over when the colours are used up.
pub(super) const DARK_GREY: RGBColor = RGBColor(0x6E, 0x75, 0x7D);

/// Colours for named things, in the order in which they are handed out.
pub(super) const SERIES: [RGBColor; 6] = [
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    VERMILLION,
    GREEN,
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xF0, 0xE4, 0x42),
];

/// Name of what is left when the colours are used up.
pub(super) const OTHER: &str = "other";

/// A colour for each of some names, the same in all figures of a record.
pub(super) struct Legend<'a> {
    /// Names with their colour, in the order of drawing.
    pub(super) entries: Vec<(&'a str, RGBColor)>,
    by_name: BTreeMap<&'a str, usize>,
}

impl<'a> Legend<'a> {
    /// `first` is blue and `last` grey wherever they occur. The heaviest of the other names get a colour
    /// each; when there are more names than colours, those left are one entry, "other".
    pub(super) fn new(
        weights: &BTreeMap<&'a str, f64>,
        first: Option<&'a str>,
        last: Option<&'a str>,
    ) -> Self {
        let special = |name: &str| Some(name) == first || Some(name) == last;
        let mut named: Vec<_> =
            weights.iter().filter(|(name, weight)| !special(name) && **weight > 0.0).collect();
        named.sort_by(|a, b| b.1.total_cmp(a.1));
        let kept = named.len().min(SERIES.len());
        let has = |name: &Option<&'a str>| name.is_some_and(|name| weights.contains_key(name));

        let mut entries = Vec::new();
        entries.extend(first.filter(|_| has(&first)).map(|name| (name, BLUE)));
        entries.extend(named.iter().take(kept).zip(SERIES).map(|((name, _), color)| (**name, color)));
        if kept < named.len() {
            entries.push((OTHER, DARK_GREY));
        }
        entries.extend(last.filter(|_| has(&last)).map(|name| (name, GREY)));
        let by_name = entries.iter().enumerate().map(|(index, (name, _))| (*name, index)).collect();
        Self { entries, by_name }
    }

    /// Place of a name in `entries`; `None` only for a name that was not among the weights.
    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).or_else(|| self.by_name.get(OTHER)).copied()
    }
}

/// Categories of the PE-cycles of a record: useful work first, idling last, the heaviest of the others coloured.
pub(super) fn categories(record: &RunRecord) -> Legend<'_> {
    let mut weights: BTreeMap<&str, f64> = BTreeMap::new();
    for row in &record.breakdown {
        *weights.entry(&row.category).or_default() += row.pe_cycles as f64;
    }
    for row in record.ops.iter().flat_map(|op| &op.stalls) {
        weights.entry(&row.category).or_default();
    }
    let mapped = record.heatmap.iter().flat_map(|map| &map.columns.categories);
    for row in mapped {
        weights.entry(&row.category).or_default();
    }
    Legend::new(&weights, Some("useful"), Some("idle"))
}

/// Black or white, whichever reads better on `color`.
pub(super) fn on(color: RGBColor) -> RGBColor {
    let RGBColor(red, green, blue) = color;
    let light = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
    if light > 140.0 { BLACK } else { WHITE }
}
