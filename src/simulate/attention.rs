//! Time of a product within a head, from small bands.
//!
//! A band of `h` rows of PEs with `n` tokens each streams `h n` rows in `h` turns, and sums travel over up to `h`
//! PEs: its time is `a h n + b h + c`. Three small bands give a, b and c; a fourth shows how well they stand for
//! larger ones. Every PE does the same work, so that what each of them does follows the same law.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::fabric::{Activity, Breakdown};
use crate::lower::job::AttentionKernel;
use crate::lower::timing::Timing;
use crate::record::{Engine, Simulated};
use crate::simulate::sample::{balance, outcome, unfold};
use crate::simulate::{KernelTime, Sample, SimulateError};

/// Rows of PEs of the smallest band, and tokens of its PEs at first at most: enough for turns to hide behind work as they
/// do in the whole band.
const FEWEST: u16 = 16;
const MOST: u32 = 4;
/// The columns of a head take turns in sending too, in a product with scores along the row: bands are made longer until
/// the law is as good as this, or each column has so many rows to send, with which its turn hides behind work as well.
const GOOD: f64 = 0.005;
const ROWS_OF_A_TURN: u32 = 5;

/// The law through three bands: `[h, n]`, `[h, 2 n]` and `[2 h, n]`.
struct Law {
    per_row: f64,
    per_turn: f64,
    constant: f64,
}

impl Law {
    fn through((h, n): (u16, u32), [first, longer, higher]: [f64; 3]) -> Self {
        let (turns, rows) = (f64::from(h), f64::from(h) * f64::from(n));
        let per_row = (longer - first) / rows;
        let per_turn = (higher - first - per_row * rows) / turns;
        Self { per_row, per_turn, constant: first - per_row * rows - per_turn * turns }
    }

    fn at(&self, height: u16, tokens: u32) -> f64 {
        let height = f64::from(height);
        (self.per_row * height * f64::from(tokens) + self.per_turn * height + self.constant).max(0.0)
    }
}

/// The time of `kernel` for one head and one sequence.
pub(super) fn time(kernel: AttentionKernel, timing: Timing<'_>) -> Result<KernelTime, SimulateError> {
    let (height, tokens) = (timing.mapping.band_rows, timing.mapping.tokens);
    let band = |size: Option<(u16, u32)>| -> Result<KernelTime, SimulateError> {
        let program = timing.attention(kernel, size);
        Ok(unfold(&program, &outcome(&program, timing.machine)?, timing.machine, height))
    };
    let (h, mut n) = (FEWEST, (tokens / 4).clamp(1, MOST));
    if height <= 4 * h {
        return band(None);
    }
    let columns = u32::from(timing.mapping.group_columns);
    let mut bands: BTreeMap<(u16, u32), KernelTime> = BTreeMap::new();
    let mut simulated = 0;
    let (law, check, error) = loop {
        for size in [(h, n), (h, 2 * n), (2 * h, n), (2 * h, 2 * n)] {
            if let Entry::Vacant(entry) = bands.entry(size) {
                simulated += entry.insert(band(Some(size))?).simulated;
            }
        }
        let law = |value: &dyn Fn(&KernelTime) -> f64| {
            Law::through((h, n), [(h, n), (h, 2 * n), (2 * h, n)].map(|size| value(&bands[&size])))
        };
        let check = &bands[&(2 * h, 2 * n)];
        let error = (law(&|time| time.cycles as f64).at(2 * h, 2 * n) / check.cycles as f64 - 1.0).abs();
        if error <= GOOD || u32::from(h) * n >= ROWS_OF_A_TURN * columns {
            break (law, check, error);
        }
        n *= 2;
    };
    let cycles = law(&|time| time.cycles as f64);
    let pes = u64::from(height) * u64::from(timing.mapping.group_columns);
    let whole = cycles.at(height, tokens).round() as u64;
    let mut activity = Breakdown::default();
    for kind in Activity::ALL {
        let per_pe = law(&|time| time.activity.of(kind) as f64 / time.pes as f64);
        activity.add(kind, (per_pe.at(height, tokens) * pes as f64).round() as u64);
    }
    balance(&mut activity, whole * pes);
    Ok(KernelTime {
        cycles: whole,
        activity,
        pes,
        simulated,
        how: Simulated::Sampled,
        engine: Some(Engine::Reference),
        sample: Some(Sample {
            simulated: 4 * u64::from(h) * u64::from(n),
            total: u64::from(height) * u64::from(tokens),
            error,
        }),
        spread: check.spread.clone(),
    })
}
