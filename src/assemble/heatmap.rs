//! Where on the wafer PEs work, wait and send, out of the PEs that were simulated.

use std::collections::BTreeMap;

use crate::assemble::sram;
use crate::assemble::step::{LINKS, Step, category};
use crate::lower::job::{Job, Kernel};
use crate::lower::mapping::Mapping;
use crate::lower::plan::Plan;
use crate::record::{CategoryColumns, ColumnProfile, Heatmap};
use crate::simulate::{KINDS, KernelTime, Spread};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;

/// Cells of a map at most: across, down, and columns by themselves.
const CELLS: (usize, usize, usize) = (96, 64, 1024);
/// Activities, then the four links.
const VALUES: usize = KINDS.len() + 4;

/// Cycles by activity, and wavelets by link.
type Cell = [f64; VALUES];

/// The map of a step. Each kernel lies where the mapping has it; rows that one row stands for are alike.
pub(super) fn heatmap(step: Step<'_>, plan: &Plan, workload: &WorkloadSpec, machine: &WaferSpec) -> Heatmap {
    let mapping = &plan.mapping;
    let (width, height) = (usize::from(machine.fabric.width_pes), usize::from(machine.fabric.height_pes));
    let mut field = Field::new(width, height);
    for ((class, place), runs) in runs(step, mapping) {
        let time = &step.times.all()[class];
        if let Some(spread) = &time.spread {
            field.add(time, spread, &place.bands(spread, mapping), runs as f64);
        }
    }
    let used = usize::from(mapping.rows()).min(height);
    let sram = sram::by_column(plan, workload, machine);
    field.map(used, &sram, machine, (step.timeline.cycles, step.waiting()))
}

/// Where copies of a kernel lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    copies: u32,
    /// Whether copies lie in bands, one below the other.
    in_bands: bool,
}

/// How often each time runs in each place.
fn runs(step: Step<'_>, mapping: &Mapping) -> BTreeMap<(usize, Place), u64> {
    let mut runs = BTreeMap::new();
    for ((job, _), count) in step.runs() {
        let job: &Job = &step.jobs[job];
        let in_bands = matches!(job.kernel, Kernel::Attention(_)) && mapping.bands > 0;
        *runs.entry((step.times.class(&job.kernel), Place { copies: job.copies, in_bands })).or_insert(0) +=
            count;
    }
    runs
}

/// Copies of a kernel: first columns, and first rows with their number.
struct Bands {
    columns: Vec<usize>,
    rows: Vec<usize>,
    height: usize,
}

impl Place {
    /// A replica has its copies side by side, and a band below the other.
    fn bands(self, spread: &Spread, mapping: &Mapping) -> Bands {
        let replicas = usize::from(mapping.replicas.max(1));
        let down = if self.in_bands { usize::from(mapping.bands) } else { 1 };
        let across = (self.copies as usize / replicas / down).max(1);
        let height = match (self.in_bands, spread.folded) {
            (true, _) => usize::from(mapping.band_rows),
            (false, true) => usize::from(mapping.rows()),
            (false, false) => spread.height,
        };
        let of_replica = |replica: usize| {
            (0..across).map(move |copy| replica * usize::from(mapping.width) + copy * spread.width)
        };
        Bands {
            columns: (0..replicas).flat_map(of_replica).collect(),
            rows: (0..down).map(|band| band * height).collect(),
            height,
        }
    }
}

/// Sums over the PEs of each column and of some rows.
struct Field {
    width: usize,
    height: usize,
    rows: usize,
    cells: Vec<Cell>,
    /// What all rows from the north to a height do, by that height.
    alike: BTreeMap<usize, Vec<Cell>>,
}

impl Field {
    fn new(width: usize, height: usize) -> Self {
        let rows = height.clamp(1, CELLS.1);
        Self { width, height, rows, cells: vec![[0.0; VALUES]; width * rows], alike: BTreeMap::new() }
    }

    /// `runs` runs of a kernel in all of its places. Totals are those of its time; the spread says where.
    fn add(&mut self, time: &KernelTime, spread: &Spread, bands: &Bands, runs: f64) {
        let edge = |row: usize| row * bands.height / spread.rows;
        let factors = factors(time, spread, bands.height, edge);
        for (row, pes) in spread.pes.chunks(spread.width).enumerate() {
            for &left in &bands.columns {
                for (x, pe) in (left..self.width).zip(pes) {
                    let counts = pe.spent.iter().chain(&pe.links).zip(factors);
                    let mut cell = [0.0; VALUES];
                    for (value, (count, factor)) in cell.iter_mut().zip(counts) {
                        *value = f64::from(*count) * factor * runs;
                    }
                    if spread.rows == 1 && bands.rows == [0] {
                        let row =
                            self.alike.entry(bands.height).or_insert_with(|| vec![[0.0; VALUES]; self.width]);
                        sum(&mut row[x], &cell, 1.0);
                        continue;
                    }
                    for top in &bands.rows {
                        add_rows(
                            &mut self.cells,
                            (self.width, self.height, self.rows),
                            x,
                            (top + edge(row), top + edge(row + 1)),
                            &cell,
                        );
                    }
                }
            }
        }
    }

    /// The map of a step of `cycles`, in `waiting` of which all wait for links.
    fn map(
        mut self,
        used: usize,
        sram: &[u64],
        machine: &WaferSpec,
        (cycles, waiting): (u64, u64),
    ) -> Heatmap {
        for (height, row) in std::mem::take(&mut self.alike) {
            for (x, cell) in row.iter().enumerate() {
                add_rows(&mut self.cells, (self.width, self.height, self.rows), x, (0, height), cell);
            }
        }
        let time = Time {
            cycles: cycles.max(1) as f64,
            waiting: waiting as f64,
            interval: machine.fabric.link_interval.cycles(),
        };
        let capacity = machine.pe.sram.as_f64();
        let across = self.width.clamp(1, CELLS.0);
        let edge = |cell: usize, cells: usize, all: usize| cell * all / cells;
        let (mut useful, mut link_load, mut stall, mut filled) = (vec![], vec![], vec![], vec![]);
        for down in 0..self.rows {
            let (top, below) = (edge(down, self.rows, self.height), edge(down + 1, self.rows, self.height));
            let in_use = used.clamp(top, below) - top;
            for cell in 0..across {
                let (left, right) = (edge(cell, across, self.width), edge(cell + 1, across, self.width));
                let pes = ((right - left) * (below - top)) as f64;
                let all = self.sum(left..right, down..down + 1);
                let shares = time.shares(&all, pes);
                useful.push(rounded(shares[0]));
                stall.push(largest(&shares[1..]) as u32 + 1);
                link_load.push(rounded(time.load(&all, pes)));
                let bytes = (left..right).map(|x| sram.get(x).copied().unwrap_or(0)).sum::<u64>();
                filled.push(rounded(bytes as f64 * in_use as f64 / pes / capacity));
            }
        }
        let columns = self.profile(used, sram, &time);
        Heatmap {
            width_pes: self.width as u32,
            height_pes: self.height as u32,
            used_rows: used as u32,
            cells_across: across as u32,
            cells_down: self.rows as u32,
            useful,
            link_load,
            sram: filled,
            stall,
            columns,
        }
    }

    fn sum(&self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> Cell {
        let mut all = [0.0; VALUES];
        for row in rows {
            for column in columns.clone() {
                sum(&mut all, &self.cells[row * self.width + column], 1.0);
            }
        }
        all
    }

    /// Every column over the rows in use.
    fn profile(&self, used: usize, sram: &[u64], time: &Time) -> ColumnProfile {
        let count = self.width.clamp(1, CELLS.2);
        let mut profile = ColumnProfile::default();
        let names = KINDS.map(category).into_iter().chain([LINKS, "idle"]);
        profile.categories =
            names.map(|name| CategoryColumns { category: name.to_owned(), share: Vec::new() }).collect();
        for at in 0..count {
            let columns = at * self.width / count..(at + 1) * self.width / count;
            let pes = (columns.len() * used) as f64;
            let bytes = columns.clone().map(|x| sram.get(x).copied().unwrap_or(0)).max();
            let all = self.sum(columns, 0..self.rows);
            for (category, share) in profile.categories.iter_mut().zip(time.shares(&all, pes)) {
                category.share.push(rounded(share));
            }
            profile.link_load.push(rounded(time.load(&all, pes)));
            profile.sram_bytes.push(bytes.unwrap_or(0));
        }
        profile
    }
}

/// What sums of cycles and wavelets are shares of.
struct Time {
    cycles: f64,
    waiting: f64,
    /// Cycles of a wavelet on a link.
    interval: f64,
}

impl Time {
    /// Shares of the time of `pes` PEs: activities, waiting for links, and idling, which is what is left.
    fn shares(&self, all: &Cell, pes: f64) -> [f64; KINDS.len() + 2] {
        let total = (pes * self.cycles).max(1.0);
        let mut shares = [0.0; KINDS.len() + 2];
        for (share, spent) in shares.iter_mut().zip(&all[..KINDS.len()]) {
            *share = spent / total;
        }
        shares[KINDS.len()] = self.waiting / self.cycles;
        shares[KINDS.len() + 1] = (1.0 - shares.iter().sum::<f64>()).max(0.0);
        shares
    }

    /// Of the busiest of the four links.
    fn load(&self, all: &Cell, pes: f64) -> f64 {
        let busiest = all[KINDS.len()..].iter().copied().fold(0.0, f64::max);
        busiest * self.interval / (pes * self.cycles).max(1.0)
    }
}

/// From means of the spread to means of the kernel: those activities that were extended from a part have others. Links
/// carry what arithmetic asks for.
fn factors(
    time: &KernelTime,
    spread: &Spread,
    height: usize,
    edge: impl Fn(usize) -> usize,
) -> [f64; VALUES] {
    let mut found = [0.0; KINDS.len()];
    for (row, pes) in spread.pes.chunks(spread.width).enumerate() {
        let rows = (edge(row + 1) - edge(row)) as f64;
        for pe in pes {
            for (sum, spent) in found.iter_mut().zip(pe.spent) {
                *sum += f64::from(spent) * rows;
            }
        }
    }
    let pes = (spread.width * height) as f64;
    let mut factors = [1.0; VALUES];
    for ((factor, found), kind) in factors.iter_mut().zip(found).zip(KINDS) {
        let mean = time.activity.of(kind) as f64 / time.pes.max(1) as f64;
        *factor = if found > 0.0 { mean * pes / found } else { 0.0 };
    }
    let work = factors[0].max(factors[1]);
    factors[KINDS.len()..].fill(if work > 0.0 { work } else { 1.0 });
    factors
}

/// Add a cell to the rows `from..to` of column `x`.
fn add_rows(
    cells: &mut [Cell],
    (width, height, rows): (usize, usize, usize),
    x: usize,
    (from, to): (usize, usize),
    cell: &Cell,
) {
    let edge = |row: usize| row * height / rows;
    let first = (from * rows / height).saturating_sub(1);
    for row in first..rows {
        let shared = to.min(edge(row + 1)).saturating_sub(from.max(edge(row)));
        if shared > 0 {
            sum(&mut cells[row * width + x], cell, shared as f64);
        } else if edge(row) >= to {
            return;
        }
    }
}

fn sum(into: &mut Cell, cell: &Cell, times: f64) {
    for (sum, value) in into.iter_mut().zip(cell) {
        *sum += value * times;
    }
}

/// Index of the largest, the first of equals.
fn largest(shares: &[f64]) -> usize {
    (0..shares.len()).rev().max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap_or(0)
}

/// To four digits: what a map shows, and a record need not repeat noise.
fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}
