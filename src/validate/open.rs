//! Tables of a folder.

use std::path::Path;

use crate::validate::row::{Row, bundled, read};

/// The tables that are compiled in: name of each group, and its rows.
///
/// # Errors
/// Every fault of every table, one a line.
pub fn built_in() -> Result<Vec<(String, Vec<Row>)>, String> {
    collect(bundled().map(|(name, text)| (name.to_owned(), text.to_owned())))
}

/// All CSV files of `folder`, by name.
///
/// # Errors
/// A folder or file that cannot be read, no CSV at all, or every fault of every table, one a line.
pub fn folder(folder: &Path) -> Result<Vec<(String, Vec<Row>)>, String> {
    let cannot =
        |path: &Path, error: std::io::Error| format!("error: cannot read {}: {error}", path.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| cannot(folder, error))? {
        let path = entry.map_err(|error| cannot(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(format!("error: there is no .csv file in {}", folder.display()));
    }
    let mut tables = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|error| cannot(&path, error))?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        tables.push((name, text));
    }
    collect(tables)
}

fn collect(tables: impl IntoIterator<Item = (String, String)>) -> Result<Vec<(String, Vec<Row>)>, String> {
    let (mut groups, mut faults) = (Vec::new(), Vec::new());
    for (name, text) in tables {
        match read(&format!("{name}.csv"), &text) {
            Ok(rows) => groups.push((name, rows)),
            Err(errors) => faults.extend(errors.iter().map(|error| format!("error: {error}"))),
        }
    }
    if faults.is_empty() { Ok(groups) } else { Err(faults.join("\n")) }
}
