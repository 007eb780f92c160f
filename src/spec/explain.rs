//! Resolved values as a table for people.

use super::preset::LIBRARIES;
use super::resolved::Resolved;

/// A table of every value with its unit, mark and source, one a line.
pub fn explain<T>(resolved: &Resolved<T>) -> String {
    let head = ["key", "value", "unit", "mark", "source"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head)
        .chain(resolved.entries.iter().map(|entry| {
            let mark = entry.mark.map(|mark| mark.to_string()).unwrap_or_default();
            let source = match (entry.source.as_str(), entry.fitted_on.as_str()) {
                ("", _) => entry.file.clone(),
                (source, "") => source.to_owned(),
                (source, fitted_on) => format!("{source}; fitted on: {fitted_on}"),
            };
            [entry.key.clone(), entry.value.clone(), entry.unit.clone(), mark, source]
        }))
        .collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    for [key, value, unit, mark, source] in &rows {
        let [k, v, u, m, _] = widths;
        let line = format!("{key:k$}  {value:>v$}  {unit:u$}  {mark:m$}  {source}");
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

/// A table of the presets: name and what it is, a section for each kind of file.
pub fn explain_presets() -> String {
    let mut table = String::new();
    for library in LIBRARIES {
        if !table.is_empty() {
            table.push('\n');
        }
        table.push_str(&format!("{}s\n", library.what));
        let widest = library.presets.iter().map(|preset| preset.name.len()).max().unwrap_or(0);
        for preset in library.presets {
            table.push_str(&format!("  {:widest$}  {}\n", preset.name, preset.about()));
        }
    }
    table
}
