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
    /// What it says of a kernel of GPUs in words, beside the parameters: "fsdp".
    pub words: Vec<String>,
    /// What was measured: "cycles", "rate".
    pub metric: String,
    /// Published value, in `unit`; the middle of a range.
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
    value: Value,
    unit: String,
    evidence: String,
    source: String,
}

/// A number, or two with `..` between.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Value(f64);

impl TryFrom<String> for Value {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = |part: &str| {
            let finite = part.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            finite.ok_or_else(|| format!("`{text}` is no number, nor two with .. between"))
        };
        match text.split_once("..") {
            None => number(&text).map(Self),
            Some((low, high)) => Ok(Self(f64::midpoint(number(low)?, number(high)?))),
        }
    }
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
                Ok((params, words)) => rows.push(Row {
                    id: line.id,
                    kernel: line.kernel,
                    arch: line.arch,
                    params,
                    words,
                    metric: line.metric,
                    value: line.value.0,
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

/// What a row gives by name, and what it says in words.
type Params = (BTreeMap<String, String>, Vec<String>);

fn params(file: &str, line: &Line) -> Result<Params, RowError> {
    let (mut named, mut words) = (BTreeMap::new(), Vec::new());
    for part in line.params.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some((key, value)) => {
                named.insert(key.trim().to_owned(), value.trim().to_owned());
            }
            None if line.kernel.starts_with("gpu_") => words.push(part.to_owned()),
            None => {
                let (file, id) = (file.to_owned(), line.id.clone());
                return Err(RowError::Param { file, id, found: part.to_owned() });
            }
        }
    }
    Ok((named, words))
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
pub(super) fn bundled() -> [(&'static str, &'static str); 11] {
    [
        ("pe", include_str!("../../arch/silicon/pe.csv")),
        ("fabric", include_str!("../../arch/silicon/fabric.csv")),
        ("collectives", include_str!("../../arch/silicon/collectives.csv")),
        ("spmm", include_str!("../../arch/silicon/spmm.csv")),
        ("scaling", include_str!("../../arch/silicon/scaling.csv")),
        ("training", include_str!("../../arch/silicon/training.csv")),
        ("gpu_stream", include_str!("../../arch/silicon/gpu_stream.csv")),
        ("gpu_sparse24", include_str!("../../arch/silicon/gpu_sparse24.csv")),
        ("gpu_spmm", include_str!("../../arch/silicon/gpu_spmm.csv")),
        ("gpu_training", include_str!("../../arch/silicon/gpu_training.csv")),
        ("gpu_gemm", include_str!("../../arch/silicon/gpu_gemm.csv")),
    ]
}
