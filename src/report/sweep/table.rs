//! Cells of points as CSV and as a table for the terminal.

use crate::record::Cell;
use crate::report::format::number;
use crate::report::table::csv_text;

/// As CSV, every number with all of its digits; a cell without a value is empty.
pub fn cells_csv(head: &[String], rows: &[Vec<Option<Cell>>]) -> String {
    let line =
        |row: &Vec<Option<Cell>>| row.iter().map(|cell| text(cell.as_ref(), &Cell::to_string)).collect();
    csv_text(head, rows.iter().map(line)).expect("a line of texts into memory")
}

/// As a table for people: numbers to the right and short.
pub fn cells_text(head: &[String], rows: &[Vec<Option<Cell>>]) -> String {
    let lines: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| short(cell.as_ref())).collect()).collect();
    let width = |at: usize| {
        let cells = lines.iter().map(|line| line[at].chars().count());
        cells.chain([head[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let words = |at: usize| {
        let mut cells = rows.iter().filter_map(|row| row[at].as_ref()).peekable();
        cells.peek().is_some() && cells.all(|cell| matches!(cell, Cell::Text(_)))
    };
    let is_text: Vec<bool> = (0..head.len()).map(words).collect();
    let mut table = String::new();
    for line in [head.to_vec()].iter().chain(&lines) {
        let cells = line.iter().enumerate().map(|(at, cell)| {
            let width = widths[at];
            if is_text[at] { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        table += cells.collect::<Vec<_>>().join("  ").trim_end();
        table.push('\n');
    }
    table
}

fn text(cell: Option<&Cell>, of: &dyn Fn(&Cell) -> String) -> String {
    cell.map(of).unwrap_or_default()
}

/// A cell with as many digits as a reader wants, on one line.
pub(in crate::report) fn short(cell: Option<&Cell>) -> String {
    text(cell, &|cell| match cell {
        Cell::Real(real) => number(*real),
        Cell::Text(words) => words.lines().next().unwrap_or_default().to_owned(),
        other => other.to_string(),
    })
}
