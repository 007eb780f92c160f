//! Questions to the points of a sweep: some of them, some columns, in some order, as a pivot table, or the best.

use crate::expr::{Condition, ConditionError, Value};
use crate::record::{Better, Cell, PointStatus, SweepPoint, SweepRecord, unbeaten};

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// What points must fulfil.
    pub conditions: Vec<Condition>,
    /// Columns to show; none: axes and what matters most.
    pub columns: Vec<String>,
    /// Columns to sort by, the first one first, `-` before one for falling values.
    pub sort: Vec<String>,
    /// Rows, columns and values of a pivot table.
    pub pivot: Option<[String; 3]>,
    /// Show the points that are best in these two alone.
    pub pareto: Option<[(String, Better); 2]>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Names of columns.
    pub head: Vec<String>,
    /// Values; `None` where a point has none.
    pub rows: Vec<Vec<Option<Cell>>>,
}

/// A question that has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A column that no point has.
    #[error("no column is called `{name}`: {}", near(name, all))]
    Column {
        /// What was asked for.
        name: String,
        /// What there is.
        all: Vec<String>,
    },
    /// A condition that compares what cannot be compared.
    #[error("`{condition}`: {error}")]
    Condition {
        /// As written.
        condition: String,
        /// What is wrong.
        error: ConditionError,
    },
    /// Two points in one place of a pivot table.
    #[error(
        "a pivot of `{rows}` by `{columns}` has several points in one place: say with --where which of them"
    )]
    Crowded {
        /// Rows.
        rows: String,
        /// Columns.
        columns: String,
    },
}

/// What is shown where nothing is asked for.
const SHOWN: [&str; 7] = [
    "status",
    "step_seconds",
    "tokens_per_s",
    "theoretical_speedup_ratio",
    "bound_speedup_ratio",
    "achieved_speedup_ratio",
    "utilization_ratio",
];

/// Columns with the same letters in them, or all.
fn near(name: &str, all: &[String]) -> String {
    let alike: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|column| column.contains(name) || name.contains(column))
        .collect();
    let shown = if alike.is_empty() { all.iter().map(String::as_str).collect() } else { alike };
    format!("columns are {}", shown.join(", "))
}

impl Query {
    /// The answer.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn ask(&self, sweep: &SweepRecord) -> Result<Table, QueryError> {
        let all: Vec<String> = sweep.columns().into_iter().map(|column| column.name).collect();
        self.names().try_for_each(|name| known(name, &all))?;
        let mut points = self.chosen(sweep)?;
        if let Some(pareto) = &self.pareto {
            // A point whose values are wrong beats none.
            let done = points.into_iter().filter(|point| point.status() == Some(PointStatus::Done));
            points = unbeaten(done, pareto).into_iter().map(|(point, _)| point).collect();
        }
        for key in self.sort.iter().rev() {
            let (name, falling) = key.strip_prefix('-').map_or((key.as_str(), false), |name| (name, true));
            points.sort_by(|a, b| {
                let order = order(a.cell(name).as_ref(), b.cell(name).as_ref());
                if falling { order.reverse() } else { order }
            });
        }
        match &self.pivot {
            Some(pivot) => self::pivot(&points, pivot),
            None => {
                let head = self.head(sweep, &all);
                let row = |point: &&SweepPoint| head.iter().map(|name| point.cell(name)).collect();
                let rows = points.iter().map(row).collect();
                Ok(Table { head, rows })
            }
        }
    }

    /// Every column that it names.
    fn names(&self) -> impl Iterator<Item = &str> {
        let sorted = self.sort.iter().map(|key| key.strip_prefix('-').unwrap_or(key));
        let pivot = self.pivot.iter().flatten().map(String::as_str);
        let pareto = self.pareto.iter().flatten().map(|(name, _)| name.as_str());
        let conditions = self.conditions.iter().flat_map(|condition| condition.names()).map(|(name, _)| name);
        self.columns.iter().map(String::as_str).chain(sorted).chain(pivot).chain(pareto).chain(conditions)
    }

    /// Points that fulfil the conditions; one without a value that is asked about does not.
    fn chosen<'s>(&self, sweep: &'s SweepRecord) -> Result<Vec<&'s SweepPoint>, QueryError> {
        let mut points = Vec::new();
        'points: for point in &sweep.points {
            for condition in &self.conditions {
                if condition.names().iter().any(|(name, _)| point.cell(name).is_none()) {
                    continue 'points;
                }
                let value = |name: &str| match point.cell(name)? {
                    Cell::Text(text) => Some(Value::Text(text)),
                    number => number.number().map(Value::Number),
                };
                let error = |error| QueryError::Condition { condition: condition.text.clone(), error };
                if !condition.holds(&value).map_err(error)? {
                    continue 'points;
                }
            }
            points.push(point);
        }
        Ok(points)
    }

    fn head(&self, sweep: &SweepRecord, all: &[String]) -> Vec<String> {
        if !self.columns.is_empty() {
            return self.columns.clone();
        }
        let axes = sweep.axes.iter().flat_map(|axis| &axis.keys).map(|key| key.key.clone());
        let traded = self.pareto.iter().flatten().map(|(name, _)| name.clone());
        let shown = SHOWN.iter().map(|name| (*name).to_owned()).filter(|name| all.contains(name));
        let mut head = vec!["index".to_owned()];
        for name in axes.chain(traded).chain(shown) {
            if !head.contains(&name) {
                head.push(name);
            }
        }
        head
    }
}

fn known(name: &str, all: &[String]) -> Result<(), QueryError> {
    if all.iter().any(|column| column == name) {
        return Ok(());
    }
    Err(QueryError::Column { name: name.to_owned(), all: all.to_vec() })
}

/// Numbers by size, then words; what is missing comes last.
fn order(a: Option<&Cell>, b: Option<&Cell>) -> std::cmp::Ordering {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match (a, b) {
        (None, None) => Equal,
        (None, _) => Greater,
        (_, None) => Less,
        (Some(a), Some(b)) => match (a.number(), b.number()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (Some(_), None) => Less,
            (None, Some(_)) => Greater,
            (None, None) => a.to_string().cmp(&b.to_string()),
        },
    }
}

/// A row for each value of one column, a column for each value of another, and a third in the places.
fn pivot(points: &[&SweepPoint], [rows, columns, values]: &[String; 3]) -> Result<Table, QueryError> {
    let different = |name: &str| {
        let mut cells: Vec<Cell> = Vec::new();
        for cell in points.iter().filter_map(|point| point.cell(name)) {
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        cells.sort_by(|a, b| order(Some(a), Some(b)));
        cells
    };
    let (down, across) = (different(rows), different(columns));
    let mut table = Table { head: vec![format!("{rows} \\ {columns}")], rows: Vec::new() };
    table.head.extend(across.iter().map(Cell::to_string));
    for at in down {
        let mut row = vec![Some(at.clone())];
        for over in &across {
            let here = |p: &&&SweepPoint| {
                p.cell(rows).as_ref() == Some(&at) && p.cell(columns).as_ref() == Some(over)
            };
            let mut here = points.iter().filter(here);
            row.push(here.next().and_then(|point| point.cell(values)));
            if here.next().is_some() {
                return Err(QueryError::Crowded { rows: rows.clone(), columns: columns.clone() });
            }
        }
        table.rows.push(row);
    }
    Ok(table)
}
