//! Rows of matrix products: shapes cut into tiles of PEs, and what is read off the programs.

use std::sync::Arc;

use crate::dtype::Dtype;
use crate::lower::kernel::matmul::{Feed, Form, Formats, Pace, Shape, program, timing_streams};
use crate::program::Program;
use crate::rng;
use crate::spec::wafer::WaferSpec;
use crate::validate::kernels::{self, Gemm, Gemv};
use crate::validate::measure::{NotRun, cycles, line};
use crate::validate::params;
use crate::validate::row::Row;

/// Longest side of a matrix: positions and counts are 16-bit numbers.
const SIDE: u32 = u16::MAX as u32;
const SIDES: &str = "sides of matrices";

/// The simulated value of a row, if its kernel is a matrix product.
pub(super) fn measure(row: &Row, machine: &WaferSpec) -> Option<Result<f64, NotRun>> {
    let program = match row.kernel.as_str() {
        "pe_gemv" => return Some(pe_gemv(row, machine)),
        "gemv_mesh" => gemv_mesh(row, machine),
        "gemm" | "gemm_mesh" | "summa" => gemm(row, machine),
        "spmm_forward" | "spmm_dx" | "spmm_dw" => sparse(row, machine),
        _ => return None,
    };
    let measured =
        program.and_then(|program| params::wants_cycles(row).and_then(|()| cycles(&program, machine)));
    Some(measured)
}

/// A side of a matrix.
fn side(row: &Row, keys: &[&str]) -> Result<u32, NotRun> {
    params::number(row, keys, SIDE, SIDES)
}

/// That a tile of `rows` x `columns` fits into a PE: what it needs besides is for the check of the program.
fn tile(rows: u32, columns: u32, dtype: Dtype, machine: &WaferSpec) -> Result<(), NotRun> {
    let bytes = u64::from(rows) * u64::from(columns) * dtype.bytes().0;
    if bytes <= machine.pe.sram.0 {
        return Ok(());
    }
    let sram = machine.pe.sram;
    Err(NotRun::Params(format!(
        "a tile of {rows} x {columns} has {bytes} bytes; the SRAM of a PE has {sram}"
    )))
}

fn pe_gemv(row: &Row, machine: &WaferSpec) -> Result<f64, NotRun> {
    let dtype = params::dtype(row, Dtype::Fp16)?;
    let columns = side(row, &["n"])?;
    let build = |rows| kernels::pe_gemv(rows, columns, dtype);
    let sizes = [8, 32];
    match row.metric.as_str() {
        "cycles" | "total_cycles" => {
            let rows = side(row, &["m", "k"])?;
            tile(rows, columns, dtype, machine)?;
            params::instructions([rows])?;
            cycles(&build(rows), machine)
        }
        "cycles_per_mac" | "setup" => {
            tile(sizes[1], columns, dtype, machine)?;
            let (slope, setup) = line(machine, sizes, build)?;
            Ok(if row.metric == "setup" { setup } else { slope / f64::from(columns) })
        }
        other => Err(NotRun::Params(format!("no metric `{other}`; legal: cycles, cycles_per_mac, setup"))),
    }
}

/// Products on a mesh whose side the row does not give take the largest square on the machine: that is how the
/// largest of the published ones fit. Tiles are as large as the largest, where the mesh does not divide the matrix.
fn gemv_mesh(row: &Row, machine: &WaferSpec) -> Result<Program, NotRun> {
    params::scheme(row, &["tree2", "two_level", "two_phase"])?;
    let dtype = params::dtype(row, Dtype::Fp16)?;
    params::number_or(row, &["m"], 1, 1, "a vector")?;
    let most = machine.fabric.width_pes.min(machine.fabric.height_pes).into();
    let keys = ["p", "pes", "side"];
    let pes = params::number_or(row, &keys, most, most, "the largest square on the machine")?;
    let root = f64::from(pes).sqrt().round() as u32;
    let group = params::number_or(row, &["group", "step"], root, pes, "PEs of a column")?;
    let (rows, columns) = (side(row, &["k"])?.div_ceil(pes), side(row, &["n"])?.div_ceil(pes));
    tile(rows, columns, dtype, machine)?;
    params::instructions([rows])?;
    Ok(kernels::gemv_mesh(Gemv { pes: pes as u16, group: group as u16, rows, columns, dtype }))
}

fn gemm(row: &Row, machine: &WaferSpec) -> Result<Program, NotRun> {
    let dtype = params::dtype(row, Dtype::Fp16)?;
    let (m, k, n) = (side(row, &["m"])?, side(row, &["k"])?, side(row, &["n"])?);
    if params::scheme(row, &["summa", "stream"])? == "stream" {
        let size = params::rectangle(row, machine)?;
        let product = Product { size, tokens: m, features: k, outputs: n, sparsity: 0.0, seed: 1, dtype };
        return product.program(machine, |streams| Form::Reduce(Feed::Edge(streams)));
    }
    let side = params::side(row, machine)?;
    let pes = u32::from(side);
    let (rows, inner, columns) = (m.div_ceil(pes), k.div_ceil(pes), n.div_ceil(pes));
    for (high, wide) in [(rows, inner), (inner, columns), (rows, columns)] {
        tile(high, wide, dtype, machine)?;
    }
    params::instructions([rows, inner])?;
    // Each step also starts tasks that hand on the turn, as much as some words.
    let words = 16 + inner * (rows + columns) / dtype.per_wavelet() as u32 + rows * inner;
    params::affordable([pes, pes, pes, words].map(u64::from).into_iter().chain([params::TAKEN]))?;
    Ok(kernels::gemm(Gemm { side, rows, inner, columns, dtype }))
}

/// A product with a weight that streams in: forward, its gradient of the activations or that of the weight.
fn sparse(row: &Row, machine: &WaferSpec) -> Result<Program, NotRun> {
    let product = Product {
        size: params::rectangle(row, machine)?,
        tokens: side(row, &["tokens", "m"])?,
        features: side(row, &["features", "k"])?,
        outputs: side(row, &["outputs", "n"])?,
        sparsity: params::share(row, "sparsity")?,
        seed: params::number_or(row, &["seed"], 1, u32::MAX, "any")?,
        dtype: params::dtype(row, Dtype::Bf16)?,
    };
    match row.kernel.as_str() {
        "spmm_forward" => product.program(machine, |streams| Form::Reduce(Feed::Edge(streams))),
        "spmm_dx" => product.program(machine, |streams| Form::Outer(Feed::Edge(streams))),
        _ => product.program(machine, Form::Gradient),
    }
}

/// A product of `tokens` vectors with a weight of `outputs` x `features`, of which a share is zero at random.
struct Product {
    size: (u16, u16),
    tokens: u32,
    features: u32,
    outputs: u32,
    sparsity: f64,
    seed: u32,
    dtype: Dtype,
}

impl Product {
    fn program(
        self,
        machine: &WaferSpec,
        form: impl FnOnce(Vec<crate::program::StreamItems>) -> Form,
    ) -> Result<Program, NotRun> {
        let (width, height) = self.size;
        let vector = self.tokens.div_ceil(height.into());
        let words =
            u64::from(self.outputs) * (u64::from(self.features) + u64::from(width) * u64::from(vector));
        params::affordable([words, height.into(), params::TAKEN])?;
        let inner = even(self.features, width);
        let counts: Arc<[u16]> = self.counts(&inner).into();
        let shape = Shape {
            name: "product with a streamed weight".to_owned(),
            width,
            height,
            vector,
            rows_per_pe: vector,
            inner,
            owned: even(self.outputs, width),
            formats: Formats { operand: self.dtype, sum: self.dtype, reduce: self.dtype },
            cache: machine.pe.cache,
            pace: Pace::of(machine),
        };
        Ok(program(&shape, &form(timing_streams(&counts, width))))
    }

    /// Weights that are kept, by row and column of PEs.
    fn counts(&self, inner: &[u32]) -> Vec<u16> {
        let mut words = rng::Stream::new(self.seed.into(), 0);
        let dropped = (self.sparsity * 2.0_f64.powi(64)) as u64;
        let mut left: Vec<u64> = Vec::new();
        let mut kept = || {
            if left.is_empty() {
                left.extend(words.next_words());
            }
            left.pop().is_none_or(|word| word >= dropped)
        };
        let slices = (0..self.outputs).flat_map(|_| inner.iter().copied());
        slices.map(|count| (0..count).filter(|_| kept()).count() as u16).collect()
    }
}

/// `count` cut into `parts` whose lengths differ by one at most.
fn even(count: u32, parts: u16) -> Vec<u32> {
    let parts = u32::from(parts);
    (0..parts).map(|part| count / parts + u32::from(part < count % parts)).collect()
}
