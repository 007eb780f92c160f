//! Numbers as people read them: three significant digits, one unit, one way each.

/// `value` with three significant digits; thousands are separated, extremes are written with an exponent.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "n/a".to_owned()
    } else if size == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e12).contains(&size) {
        format!("{value:.2e}")
    } else if size >= 999.5 {
        let unit = 10f64.powi(size.log10().floor() as i32 - 2);
        let whole = count(((size / unit).round() * unit).round() as u64);
        if value < 0.0 { format!("-{whole}") } else { whole }
    } else {
        // The digits after the point, taken after rounding: 9.996 is 10.0 and not 10.00.
        let digits = |size: f64| (2 - size.log10().floor() as i32).max(0) as usize;
        let first = digits(size);
        let rounded: f64 = format!("{size:.first$}").parse().unwrap_or(size);
        format!("{value:.0$}", digits(rounded))
    }
}

/// A whole number, exact, with commas between thousands.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount too large for a prefix: "1.06e21".
pub(super) fn scientific(value: f64) -> String {
    format!("{value:.2e}")
}

/// `value` with an SI prefix before `unit`: "2.91 PFLOP/s".
pub(super) fn si(value: f64, unit: &str) -> String {
    const PREFIXES: [(f64, &str); 10] = [
        (1e18, "E"),
        (1e15, "P"),
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
        (1e-3, "m"),
        (1e-6, "µ"),
        (1e-9, "n"),
    ];
    if value == 0.0 || !value.is_finite() {
        return format!("{} {unit}", number(value)).trim_end().to_owned();
    }
    // 999.6 M would print as 1,000 M.
    let size = value.abs() * 1.000_500_1;
    let (scale, prefix) = PREFIXES.into_iter().find(|(scale, _)| size >= *scale).unwrap_or((1e-9, "n"));
    format!("{} {prefix}{unit}", number(value / scale)).trim_end().to_owned()
}

/// Elapsed cycles: exact while short, three digits when long.
pub(super) fn cycles(value: f64) -> String {
    if value < 1e6 { format!("{} cycles", count(value as u64)) } else { format!("{} cycles", si(value, "")) }
}

/// A tick of an axis: no zeros at the end of a fraction.
pub(super) fn tick(value: f64) -> String {
    trim(&number(value))
}

/// A tick of an axis with an SI prefix.
pub(super) fn si_tick(value: f64) -> String {
    let text = si(value, "");
    match text.split_once(' ') {
        Some((digits, prefix)) => format!("{} {prefix}", trim(digits)),
        None => trim(&text),
    }
}

fn trim(number: &str) -> String {
    if number.contains('.') && !number.contains('e') {
        number.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        number.to_owned()
    }
}

/// A share in [0, 1] as percent.
pub(super) fn percent(share: f64) -> String {
    if share > 0.0 && share < 1e-4 { "<0.01 %".to_owned() } else { format!("{} %", number(share * 100.0)) }
}

/// A share that is near 1, as percent to the hundredth: "99.98 %".
pub(super) fn near_percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// Bytes with a binary prefix.
pub(super) fn bytes(value: f64) -> String {
    const PREFIXES: [(f64, &str); 5] = [
        (1_099_511_627_776.0 * 1024.0, "PiB"),
        (1_099_511_627_776.0, "TiB"),
        (1_073_741_824.0, "GiB"),
        (1_048_576.0, "MiB"),
        (1024.0, "KiB"),
    ];
    match PREFIXES.into_iter().find(|(scale, _)| value >= *scale) {
        Some((scale, prefix)) => format!("{} {prefix}", number(value / scale)),
        None => format!("{} B", number(value)),
    }
}

/// A time: SI below two minutes, then minutes and hours.
pub(super) fn seconds(value: f64) -> String {
    if value < 120.0 || !value.is_finite() {
        si(value, "s")
    } else if value < 7200.0 {
        format!("{} min", number(value / 60.0))
    } else {
        format!("{} h", number(value / 3600.0))
    }
}

/// Units of long times, with their length in days.
const LONG: [(f64, &str); 3] = [(1.0, "days"), (1.0 / 24.0, "hours"), (1.0 / 1440.0, "minutes")];

/// The unit in which so many days are written, and its length in days: days from two on, then hours, then minutes.
pub(super) fn long_unit(days: f64) -> (f64, &'static str) {
    let fits = |unit: &&(f64, &str)| days >= 2.0 * unit.0 || !days.is_finite();
    LONG.iter().find(fits).copied().unwrap_or(LONG[2])
}

/// A time given in days: "31.7 days", "5.10 hours".
pub(super) fn long(days: f64) -> String {
    let (length, unit) = long_unit(days);
    format!("{} {unit}", number(days / length))
}

/// Energy given in MWh: "17.5 MWh", "1.90 kWh".
pub(super) fn energy(mwh: f64) -> String {
    si(mwh * 1e6, "Wh")
}

/// A speedup: "2.91×".
pub(super) fn times(value: f64) -> String {
    format!("{}×", number(value))
}

/// An error or a tolerance: "1.2e-3".
pub(super) fn error(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

/// Whether with the plural's s: "1 op", "2 ops".
pub(super) fn plural(value: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(value as u64), if value == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let cases = [
            (0.0, "0"),
            (1.0, "1.00"),
            (9.996, "10.0"),
            (99.96, "100"),
            (999.4, "999"),
            (999.6, "1,000"),
            (-2.345, "-2.35"),
            (-12345.0, "-12,300"),
            (1_234_567.0, "1,230,000"),
            (0.001_234, "0.00123"),
            (1e-5, "1.00e-5"),
            (3.2e18, "3.20e18"),
            (f64::NAN, "n/a"),
            (f64::INFINITY, "n/a"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn prefixes_change_where_the_digits_would_be_four() {
        assert_eq!(si(2.91e15, "FLOP/s"), "2.91 PFLOP/s");
        assert_eq!(si(999.6e6, "cycles"), "1.00 Gcycles");
        assert_eq!(si(999.4e6, "B"), "999 MB");
        assert_eq!(si(0.0453, "s"), "45.3 ms");
        assert_eq!(si(0.0, "s"), "0 s");
        assert_eq!(bytes(48.0 * 1024.0), "48.0 KiB");
        assert_eq!(bytes(12.0), "12.0 B");
        assert_eq!(seconds(119.0), "119 s");
        assert_eq!(seconds(600.0), "10.0 min");
        assert_eq!([31.7, 1.9, 0.003].map(long), ["31.7 days", "45.6 hours", "4.32 minutes"]);
        assert_eq!([17.5, 0.0019].map(energy), ["17.5 MWh", "1.90 kWh"]);
        assert_eq!(near_percent(0.999_84), "99.98 %");
        assert_eq!(scientific(1.057e21), "1.06e21");
        assert_eq!(percent(0.1234), "12.3 %");
        assert_eq!(percent(1e-6), "<0.01 %");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(plural(1, "op"), "1 op");
        assert_eq!(cycles(12_345.0), "12,345 cycles");
        assert_eq!(cycles(286e6), "286 M cycles");
        assert_eq!(tick(0.5), "0.5");
        assert_eq!(tick(100.0), "100");
        assert_eq!(si_tick(20e6), "20 M");
    }
}
