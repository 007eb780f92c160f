//! Comparisons of values as text.

use crate::record::Check;

/// A table of checks: what, how many elements, the largest error, the bound, and whether it holds.
pub fn checks(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.what.len()).max().unwrap_or(0);
    let mut text = format!("{:width$} {:>10} {:>10} {:>10}\n", "tensor", "elements", "error", "bound");
    for Check { what, elements, largest_error, tolerance, ok } in checks {
        let verdict = if *ok { "" } else { "  WRONG" };
        text.push_str(&format!(
            "{what:width$} {elements:>10} {largest_error:>10.1e} {tolerance:>10.1e}{verdict}\n"
        ));
    }
    let wrong = checks.iter().filter(|check| !check.ok).count();
    text.push_str(&format!("\n{} of {} hold\n", checks.len() - wrong, checks.len()));
    text
}
