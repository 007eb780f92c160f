//! Parameters of a row: read, held against what the machine has, and refused in words.

use crate::dtype::Dtype;
use crate::spec::wafer::WaferSpec;
use crate::validate::measure::NotRun;
use crate::validate::row::Row;

/// Words times hops of the largest program that is run: some tens of seconds.
const WORK: u64 = 1 << 28;

/// How many of them a word costs, to simulate, that PEs take and work on instead of letting it pass.
pub(super) const TAKEN: u64 = 8;

/// Instructions of the longest task that is run: they are numbered with 16 bits.
const INSTRUCTIONS: u32 = 1 << 15;

/// The first of `keys` that the row has, and its text.
fn text<'a>(row: &'a Row, keys: &[&'a str]) -> Option<(&'a str, &'a str)> {
    keys.iter().find_map(|&key| row.params.get(key).map(|text| (key, text.as_str())))
}

fn refused(key: &str, text: &str, legal: &str) -> NotRun {
    NotRun::Params(format!("`{key}` = `{text}`; legal: {legal}"))
}

/// A whole number from 1 to `most` under the first of `keys` that is there; `legal` says what `most` is.
pub(super) fn number(row: &Row, keys: &[&str], most: u32, legal: &str) -> Result<u32, NotRun> {
    let Some((key, text)) = text(row, keys) else {
        return Err(NotRun::Params(format!("`{}` is missing", keys.first().copied().unwrap_or_default())));
    };
    match text.parse::<u32>() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(refused(key, text, &format!("whole numbers from 1 to {most} ({legal})"))),
    }
}

/// As [`number`], with a value for rows that do not have it.
pub(super) fn number_or(
    row: &Row,
    keys: &[&str],
    default: u32,
    most: u32,
    legal: &str,
) -> Result<u32, NotRun> {
    if text(row, keys).is_some() { number(row, keys, most, legal) } else { Ok(default) }
}

/// PEs in a line: as many as a fabric row has columns.
pub(super) fn pes(row: &Row, keys: &[&str], machine: &WaferSpec) -> Result<u16, NotRun> {
    number(row, keys, machine.fabric.width_pes.into(), "columns of the machine").map(|pes| pes as u16)
}

/// Rows of PEs.
pub(super) fn rows(row: &Row, keys: &[&str], machine: &WaferSpec) -> Result<u16, NotRun> {
    number(row, keys, machine.fabric.height_pes.into(), "rows of the machine").map(|pes| pes as u16)
}

/// Width and height of a rectangle of PEs: `p` or `pes` for a square, or each of them.
pub(super) fn rectangle(row: &Row, machine: &WaferSpec) -> Result<(u16, u16), NotRun> {
    if text(row, &["width"]).is_none() && text(row, &["height"]).is_none() {
        let side = side(row, machine)?;
        return Ok((side, side));
    }
    Ok((pes(row, &["width"], machine)?, rows(row, &["height"], machine)?))
}

/// PEs on the side of a square.
pub(super) fn side(row: &Row, machine: &WaferSpec) -> Result<u16, NotRun> {
    let most = machine.fabric.width_pes.min(machine.fabric.height_pes);
    number(row, &["p", "pes", "side"], most.into(), "the largest square on the machine")
        .map(|side| side as u16)
}

/// Values that a vector of a PE has: `elements`, or `bytes` over the size of one.
pub(super) fn elements(row: &Row, dtype: Dtype, machine: &WaferSpec) -> Result<u32, NotRun> {
    let size = dtype.bytes().0 as u32;
    let most = (machine.pe.sram.0 as u32) / size;
    let Some((_, bytes)) = text(row, &["bytes"]).filter(|_| text(row, &["elements"]).is_none()) else {
        return number(row, &["elements", "b", "words"], most, "SRAM of a PE");
    };
    match number(row, &["bytes"], most * size, "SRAM of a PE")? {
        count if count % size == 0 => Ok(count / size),
        _ => Err(refused("bytes", bytes, &format!("multiples of {size}"))),
    }
}

/// Format under `dtype`.
pub(super) fn dtype(row: &Row, default: Dtype) -> Result<Dtype, NotRun> {
    match row.params.get("dtype").map(String::as_str) {
        None => Ok(default),
        Some("f16" | "fp16") => Ok(Dtype::Fp16),
        Some("bf16") => Ok(Dtype::Bf16),
        Some("f32" | "fp32") => Ok(Dtype::Fp32),
        Some(other) => Err(refused("dtype", other, "f16, bf16, f32")),
    }
}

/// The scheme of a kernel, one of `legal`; the first of them where the row does not say.
pub(super) fn scheme<'a>(row: &'a Row, legal: &[&'a str]) -> Result<&'a str, NotRun> {
    let (Some(default), found) = (legal.first().copied(), row.params.get("scheme")) else {
        return Err(NotRun::Params("no scheme".to_owned()));
    };
    match found.map_or(default, String::as_str) {
        known if legal.contains(&known) => Ok(known),
        other => Err(refused("scheme", other, &legal.join(", "))),
    }
}

/// A share of 0 to below 1 under `key`.
pub(super) fn share(row: &Row, key: &str) -> Result<f64, NotRun> {
    let text = row.params.get(key).map_or("0", String::as_str);
    match text.parse::<f64>() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err(refused(key, text, "a share from 0 to below 1")),
    }
}

/// That the row asks for cycles.
pub(super) fn wants_cycles(row: &Row) -> Result<(), NotRun> {
    match row.metric.as_str() {
        "cycles" | "total_cycles" => Ok(()),
        other => Err(NotRun::Params(format!("no metric `{other}`; legal: cycles"))),
    }
}

/// That a program of `work` words times hops is not too long to be run.
pub(super) fn affordable(work: impl IntoIterator<Item = u64>) -> Result<(), NotRun> {
    let work = work.into_iter().fold(1_u64, u64::saturating_mul);
    if work <= WORK {
        return Ok(());
    }
    Err(NotRun::Params(format!(
        "some {:.0e} words times hops are too many to simulate: at most {:.0e}",
        work as f64, WORK as f64
    )))
}

/// That a task of `count` vector instructions is not too long.
pub(super) fn instructions(count: impl IntoIterator<Item = u32>) -> Result<(), NotRun> {
    let count = count.into_iter().fold(1_u32, u32::saturating_mul);
    if count <= INSTRUCTIONS {
        return Ok(());
    }
    Err(NotRun::Params(format!("{count} vector instructions of a PE are too many: at most {INSTRUCTIONS}")))
}
