//! Rows of collectives: which program, and what is read off it.

use crate::dtype::Dtype;
use crate::program::Program;
use crate::spec::wafer::WaferSpec;
use crate::validate::kernels::{self, Columns};
use crate::validate::measure::{NotRun, cycles};
use crate::validate::params;
use crate::validate::row::Row;

/// The simulated value of a row, if its kernel is a collective.
pub(super) fn measure(row: &Row, machine: &WaferSpec) -> Option<Result<f64, NotRun>> {
    let program = match row.kernel.as_str() {
        "broadcast_row" => broadcast_row(row, machine),
        "reduce_row" => reduce_row(row, machine),
        "all_reduce" | "all_reduce_row" => all_reduce(row, machine),
        "broadcast_2d" => broadcast_2d(row, machine),
        "reduce_2d" => reduce_2d(row, machine, false),
        _ => return None,
    };
    let measured =
        program.and_then(|program| params::wants_cycles(row).and_then(|()| cycles(&program, machine)));
    Some(measured)
}

/// PEs of a line, format and length of their vectors.
fn vectors(row: &Row, machine: &WaferSpec) -> Result<(u16, u32, Dtype), NotRun> {
    let dtype = params::dtype(row, Dtype::Fp32)?;
    let pes = params::pes(row, &["pes", "p"], machine)?;
    Ok((pes, params::elements(row, dtype, machine)?, dtype))
}

fn broadcast_row(row: &Row, machine: &WaferSpec) -> Result<Program, NotRun> {
    params::scheme(row, &["broadcast"])?;
    let (pes, elements, dtype) = vectors(row, machine)?;
    Ok(kernels::multicast(pes - 1, elements.div_ceil(dtype.per_wavelet() as u32), false))
}

fn reduce_row(row: &Row, machine: &WaferSpec) -> Result<Program, NotRun> {
    let scheme = params::scheme(row, &["chain", "two_phase", "star", "tree"])?;
    let (pes, elements, dtype) = vectors(row, machine)?;
    match scheme {
        "two_phase" => {
            let step = params::number(row, &["step", "group"], pes.into(), "PEs of the row")?;
            Ok(kernels::two_phase(pes, step as u16, elements, dtype))
        }
        "star" => {
            params::affordable([pes.into(), pes.into(), elements.into()].map(|n: u64| n))?;
            Ok(kernels::star(pes, elements, dtype))
        }
        "tree" if !pes.is_power_of_two() => {
            Err(NotRun::Params(format!("`pes` = `{pes}`; legal for a tree: powers of two")))
        }
        "tree" => Ok(kernels::tree(pes, elements, dtype)),
        _ => Ok(kernels::chain(pes, elements, dtype)),
    }
}

fn all_reduce(row: &Row, machine: &WaferSpec) -> Result<Program, NotRun> {
    let legal =
        ["ring", "reduce_broadcast", "chain_broadcast", "reduce2d", "reduce_2d", "reduce_broadcast_2d"];
    match params::scheme(row, &legal)? {
        "ring" => {
            let (pes, elements, dtype) = vectors(row, machine)?;
            params::instructions([4, pes.into()])?;
            Ok(kernels::ring(pes, elements, dtype))
        }
        "reduce_broadcast" | "chain_broadcast" => {
            let (pes, elements, dtype) = vectors(row, machine)?;
            Ok(kernels::reduce_broadcast(pes, elements, dtype))
        }
        _ => reduce_2d(row, machine, true),
    }
}

fn broadcast_2d(row: &Row, machine: &WaferSpec) -> Result<Program, NotRun> {
    params::scheme(row, &["broadcast"])?;
    let dtype = params::dtype(row, Dtype::Fp32)?;
    let size = params::rectangle(row, machine)?;
    let elements = params::elements(row, dtype, machine)?;
    Ok(kernels::broadcast_2d(size, elements, dtype, Columns::Last))
}

fn reduce_2d(row: &Row, machine: &WaferSpec, back: bool) -> Result<Program, NotRun> {
    let dtype = params::dtype(row, Dtype::Fp32)?;
    let size = params::rectangle(row, machine)?;
    let elements = params::elements(row, dtype, machine)?;
    let pes = u64::from(size.0) * u64::from(size.1);
    params::affordable([pes, elements.into(), 1 + u64::from(back), params::TAKEN])?;
    Ok(kernels::reduce_2d(size, elements, dtype, back))
}
