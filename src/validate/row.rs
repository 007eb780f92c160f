//! Published measurements: `id,kernel,arch,params,metric,value,unit,evidence,source`, one a row.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::outcome::{Outcome, Status};

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Unique name.
    pub id: String,
    /// What was run: "point_to_point".
    pub kernel: String,
    /// Preset of the machine.
    pub arch: String,
    /// Parameters of the kernel, by name.
    pub params: BTreeMap<String, String>,
    /// What was measured: "cycles", "rate".
    pub metric: String,
    /// Published value, in `unit`.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// How it is known: measured, simulator, formula, vendor claim.
    pub evidence: String,
    /// Who published it.
    pub source: String,
}

/// A table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Not a CSV of this schema.
    #[error("{file}: {message}; the columns are id,kernel,arch,params,metric,value,unit,evidence,source")]
    Csv {
        /// File.
        file: String,
        /// What is wrong, with its line.
        message: String,
    },
    /// A parameter that is not `key=value`.
    #[error("{file}: params of `{id}`: `{found}` is not key=value (parameters are separated by `;`)")]
    Param {
        /// File.
        file: String,
        /// Row.
        id: String,
        /// What was found.
        found: String,
    },
}

#[derive(Deserialize)]
struct Line {
    id: String,
    kernel: String,
    arch: String,
    params: String,
    metric: String,
    value: f64,
    unit: String,
    evidence: String,
    source: String,
}

/// The rows of a CSV; `file` names it in messages.
///
/// # Errors
/// Every line that is not of the schema.
pub fn read(file: &str, text: &str) -> Result<Vec<Row>, Vec<RowError>> {
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for line in csv::Reader::from_reader(text.as_bytes()).deserialize::<Line>() {
        match line {
            Ok(line) => match params(file, &line) {
                Ok(params) => rows.push(Row {
                    id: line.id,
                    kernel: line.kernel,
                    arch: line.arch,
                    params,
                    metric: line.metric,
                    value: line.value,
                    unit: line.unit,
                    evidence: line.evidence,
                    source: line.source,
                }),
                Err(fault) => faults.push(fault),
            },
            Err(error) => {
                faults.push(RowError::Csv { file: file.to_owned(), message: error.to_string() });
            }
        }
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

fn params(file: &str, line: &Line) -> Result<BTreeMap<String, String>, RowError> {
    let parts = line.params.split(';').filter(|part| !part.trim().is_empty());
    let pair = |part: &str| {
        let fault = RowError::Param { file: file.to_owned(), id: line.id.clone(), found: part.to_owned() };
        let (key, value) = part.split_once('=').ok_or(fault)?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    };
    parts.map(pair).collect()
}

/// Rows as a CSV: what was published, simulated and found, `status` with the reason where a row was not run.
///
/// # Errors
/// None that memory does not run out of.
pub(super) fn write(rows: &[Outcome]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["group", "id", "published", "simulated", "error", "unit", "evidence", "status"])?;
    for row in rows {
        let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let status = match &row.status {
            Status::Run => "run",
            Status::Failed(reason) => reason,
        };
        table.write_record([
            row.group.as_str(),
            &row.id,
            &row.published.to_string(),
            &number(row.simulated),
            &number(row.error),
            &row.unit,
            &row.evidence,
            status,
        ])?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// The tables that are compiled in: file stem and text.
pub(super) fn bundled() -> [(&'static str, &'static str); 6] {
    [
        ("pe", include_str!("../../arch/silicon/pe.csv")),
        ("fabric", include_str!("../../arch/silicon/fabric.csv")),
        ("collectives", include_str!("../../arch/silicon/collectives.csv")),
        ("spmm", include_str!("../../arch/silicon/spmm.csv")),
        ("gpu_stream", include_str!("../../arch/silicon/gpu_stream.csv")),
        ("gpu_gemm", include_str!("../../arch/silicon/gpu_gemm.csv")),
    ]
}
