//! A report of validation as text: rows of small tables, the worst of large ones, and the groups.

use super::outcome::{Group, Outcome, Report, Status};

/// Rows that a table may have to be printed whole.
const PRINTED: usize = 200;
/// Rows of a larger one: those with the largest errors.
const WORST: usize = 5;

impl Report {
    /// The tables as text. Of a table with more than 200 rows the five with the largest errors stand for all; those that
    /// were not run always have a line.
    pub fn text(&self) -> String {
        let mut text =
            format!("{:28} {:>12} {:>12} {:>9}  {}\n", "id", "published", "simulated", "error", "evidence");
        for table in &self.groups {
            let rows: Vec<&Outcome> = self.rows.iter().filter(|row| row.group == table.name).collect();
            for row in shown(&rows) {
                text.push_str(&line(row));
            }
            if rows.len() > PRINTED {
                text.push_str(&format!(
                    "{}: the {WORST} largest errors of {} rows; all are in validation.csv\n",
                    table.name,
                    rows.len()
                ));
            }
        }
        text.push_str(&groups("group", &self.groups));
        if !self.gpus.is_empty() {
            text.push_str(&groups("kernel and GPU", &self.gpus));
        }
        text
    }
}

/// All of a small table; of a large one what was not run and the largest errors, in falling order.
fn shown<'a>(rows: &[&'a Outcome]) -> Vec<&'a Outcome> {
    if rows.len() <= PRINTED {
        return rows.to_vec();
    }
    let (mut run, mut shown): (Vec<&Outcome>, Vec<&Outcome>) =
        rows.iter().copied().partition(|row| row.error.is_some());
    run.sort_by(|a, b| {
        b.error.map(f64::abs).partial_cmp(&a.error.map(f64::abs)).unwrap_or(std::cmp::Ordering::Equal)
    });
    shown.extend(run.into_iter().take(WORST));
    shown
}

fn line(row: &Outcome) -> String {
    match (&row.simulated, &row.error, &row.status) {
        (Some(simulated), Some(error), _) => format!(
            "{:28} {:>12.4} {:>12.4} {:>+8.1}%  {}\n",
            row.id,
            row.published,
            simulated,
            100.0 * error,
            row.evidence
        ),
        (_, _, Status::Failed(reason)) => {
            format!("{:28} {:>12.4} {:>12} {:>9}  {reason}\n", row.id, row.published, "not run", "")
        }
        _ => String::new(),
    }
}

fn groups(title: &str, groups: &[Group]) -> String {
    let width = groups.iter().map(|group| group.name.len()).max().unwrap_or(0).max(title.len());
    let mut text = format!("\n{title:width$}  rows  not run      mean    median       p95     worst\n");
    for group in groups {
        text.push_str(&format!(
            "{:width$} {:>5} {:>8} {:>8.1}% {:>8.1}% {:>8.1}% {:>8.1}%\n",
            group.name,
            group.rows,
            group.failed,
            100.0 * group.mean_error,
            100.0 * group.median_error,
            100.0 * group.p95_error,
            100.0 * group.worst_error
        ));
    }
    text
}
