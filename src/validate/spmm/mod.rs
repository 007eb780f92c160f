//! Sparse times dense on a rectangle of PEs, in the formats of the published kernels, and how long the PEs take.
//!
//! ```text
//! Row -> Shape -> Matrix (as drawn for the measurement) -> tiles -> Program -> cycles of each PE -> Spread
//! ```

mod matrix;
mod programs;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::fabric::run;
use crate::program::Program;
use crate::spec::wafer::WaferSpec;
use crate::units::Bytes;
use crate::validate::measure::{LIMIT, NotRun, legal};
use crate::validate::params;
use crate::validate::row::Row;
use matrix::Matrix;

/// How the sparse matrix is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Row, column and value of every non-zero.
    Coo,
    /// Row by row.
    Csr,
    /// Column by column.
    Csc,
    /// Row by row, all rows as long as the longest.
    Ell,
    /// Not sparse at all.
    Gemm,
}

impl Format {
    /// The format that a kernel name stands for.
    pub(super) fn of(kernel: &str) -> Option<Self> {
        [Self::Coo, Self::Csr, Self::Csc, Self::Ell, Self::Gemm].into_iter().find(|f| f.name() == kernel)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Coo => "spmm_coo",
            Self::Csr => "spmm_csr",
            Self::Csc => "spmm_csc",
            Self::Ell => "spmm_ell",
            Self::Gemm => "spmm_gemm",
        }
    }
}

/// C (n x m) = A (n x k, sparse) times B (k x m) on width x height PEs: A and C are cut along n over rows of PEs,
/// A and B along k over columns.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Columns of PEs.
    pub(super) width: u32,
    /// Rows of PEs.
    pub(super) height: u32,
    /// Rows of A and C.
    pub(super) n: u32,
    /// Columns of A, rows of B.
    pub(super) k: u32,
    /// Columns of B and C as stored.
    pub(super) m: u32,
    /// Non-zeros of A in percent.
    pub(super) percent: u32,
}

impl Shape {
    fn of(row: &Row, machine: &WaferSpec) -> Result<Self, NotRun> {
        let get = |key| params::number(row, &[key], u32::MAX, "32 bits");
        let (width, height) = params::rectangle(row, machine)?;
        let (width, height) = (u32::from(width), u32::from(height));
        let shape = Self {
            width,
            height,
            n: get("n")?,
            k: get("k")?,
            m: get("m")?,
            percent: params::number(row, &["density_percent"], 100, "percent")?,
        };
        if shape.n < height || shape.k < width {
            return Err(NotRun::Params("every PE needs a row and a column of A".to_owned()));
        }
        if u64::from(shape.n) * u64::from(shape.k) > PLACES {
            return Err(NotRun::Params(format!("A has more than {PLACES} places")));
        }
        // What a tile of A has must be counted in 32 bits, and all of B and C lie in the SRAM.
        let sram = machine.pe.sram.0;
        let tile = [shape.rows(), shape.columns()].map(u64::from);
        if (tile[0] + tile[1]).saturating_mul(4 * u64::from(shape.m)) > sram || tile[0] * tile[1] > sram {
            return Err(NotRun::Params("a tile of B and one of C do not fit in the SRAM of a PE".to_owned()));
        }
        Ok(shape)
    }

    /// Rows of a tile of A.
    pub(super) fn rows(&self) -> u32 {
        self.n.div_ceil(self.height)
    }

    /// Columns of a tile of A.
    pub(super) fn columns(&self) -> u32 {
        self.k.div_ceil(self.width)
    }
}

/// Largest A that is drawn place by place.
const PLACES: u64 = 1 << 26;

/// Cycles of all PEs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    average: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// The one of a metric.
    pub(super) fn metric(&self, metric: &str) -> Result<f64, NotRun> {
        match metric {
            "cycles_avg" => Ok(self.average),
            "cycles_min" => Ok(self.least),
            "cycles_max" => Ok(self.most),
            other => Err(NotRun::Params(format!(
                "no metric `{other}`; there are cycles_avg, cycles_min and cycles_max"
            ))),
        }
    }
}

/// Runs that were done: the rows of one measurement (its average, least and most) share one.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<BTreeMap<String, Arc<Run>>>);

/// A run, once it was done.
type Run = OnceLock<Result<Spread, NotRun>>;

impl Runs {
    /// Cycles of the PEs in the part of the kernel that was measured.
    pub(super) fn spread(&self, format: Format, row: &Row, machine: &WaferSpec) -> Result<Spread, NotRun> {
        let key = format!("{} on {}: {:?}", row.kernel, row.arch, row.params);
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = Arc::clone(runs.entry(key).or_default());
        drop(runs);
        cell.get_or_init(|| spread(format, row, machine)).clone()
    }
}

fn spread(format: Format, row: &Row, machine: &WaferSpec) -> Result<Spread, NotRun> {
    let shape = Shape::of(row, machine)?;
    // Published tiles fill the SRAM but for a program that is smaller than what is set aside for a model's.
    let mut machine = machine.clone();
    machine.pe.reserved = Bytes(0);
    let program = program(format, &shape);
    legal(&program, &machine)?;
    let finish = run(&program, &machine, LIMIT)?.finish;
    let cycles = finish.iter().map(|cycles| cycles.0);
    Ok(Spread {
        average: (cycles.clone().sum::<u64>() / finish.len() as u64) as f64,
        least: cycles.clone().min().unwrap_or(0) as f64,
        most: cycles.max().unwrap_or(0) as f64,
    })
}

/// The program, with the matrix that the measurement drew.
fn program(format: Format, shape: &Shape) -> Program {
    if format == Format::Gemm {
        return programs::program(format, shape, 0, &[]);
    }
    let tiles = Matrix::draw(shape.n, shape.k, shape.percent).tiles(shape.width, shape.height);
    let lengths = |tile: &Vec<Vec<u32>>| tile.iter().map(|row| row.len() as u32).collect::<Vec<_>>();
    let most = tiles.iter().map(|tile| lengths(tile).iter().sum::<u32>()).max().unwrap_or(0);
    let longest = tiles.iter().flat_map(lengths).max().unwrap_or(0);
    let by_columns = |tile: &Vec<Vec<u32>>| {
        let mut lengths = vec![0; shape.columns() as usize];
        tile.iter().flatten().for_each(|&column| lengths[column as usize] += 1);
        lengths
    };
    match format {
        Format::Coo | Format::Gemm => programs::program(format, shape, most, &[]),
        Format::Csr => programs::program(format, shape, most, &tiles.iter().map(lengths).collect::<Vec<_>>()),
        Format::Csc => {
            programs::program(format, shape, most, &tiles.iter().map(by_columns).collect::<Vec<_>>())
        }
        Format::Ell => programs::program(format, shape, longest * shape.rows(), &[]),
    }
}

#[cfg(test)]
mod tests;
