//! Values of options: what they look like, and what is said of those that do not.

use std::ops::Range;

use wafersim::units::Bytes;

/// Name of a report, which is that of its folder.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let is_path =
        text.contains(['/', '\\']) || text.chars().any(char::is_control) || matches!(text, "" | "." | "..");
    if is_path {
        Err("a name is that of one folder (`--out` says where it lies)".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// A share in percent.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "a number of percent is 0 or above, as `25`".to_owned())
}

/// `3..7`, or `3` for `3..4`.
fn range<N: std::str::FromStr + Copy + PartialOrd>(
    text: &str,
    after: fn(N) -> Option<N>,
) -> Result<Range<N>, String> {
    let number = |text: &str| text.trim().parse::<N>().ok();
    let found = match text.split_once("..") {
        Some((from, to)) => number(from).zip(number(to)),
        None => number(text).and_then(|from| Some((from, after(from)?))),
    };
    let range = found.filter(|(from, to)| from < to).map(|(from, to)| from..to);
    range.ok_or_else(|| "a range is `FROM..TO` with FROM below TO, as `0..8`; TO is not in it".to_owned())
}

/// A range of columns or rows.
pub(crate) fn pes(text: &str) -> Result<Range<u16>, String> {
    range(text, |from: u16| from.checked_add(1))
}

/// A range of points of a sweep.
pub(crate) fn points(text: &str) -> Result<Range<usize>, String> {
    range(text, |from: usize| from.checked_add(1))
}

/// A range of cycles.
pub(crate) fn cycles(text: &str) -> Result<Range<u64>, String> {
    range(text, |from: u64| from.checked_add(1))
}

/// `8MiB`, `512KiB` or a number of bytes.
pub(crate) fn bytes(text: &str) -> Result<Bytes, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.trim() {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let size = digits.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    size.map(Bytes).ok_or_else(|| {
        "a size is a whole number with KiB, MiB, GiB or nothing behind it, as `8MiB`".to_owned()
    })
}
