//! How fast whole training steps are simulated: points, each for a process of its own, and what they took.

use serde::Serialize;

/// What a series of points varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Series {
    /// One step of the published models.
    Step,
    /// A sweep of the 7B step by its zeros.
    Sweep,
    /// Layers, all else alike.
    Layers,
    /// Sequences of a step.
    Batch,
    /// Rows of PEs, with sequences so that a PE has the same tile.
    Rows,
    /// Columns of PEs, with features and heads so that a PE has the same tile.
    Columns,
}

/// One run of a step, or of a sweep.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// What it belongs to.
    pub series: Series,
    /// How large it is in what the series varies; points of a sweep.
    pub amount: u32,
    /// Workload, and what overrides it and the CS-3; a sweep.
    pub workload: &'static str,
    /// `KEY=VALUE` each.
    pub overrides: Vec<String>,
}

/// What a point took.
#[derive(Clone, Debug, Serialize)]
pub struct StepRun {
    /// The point.
    #[serde(flatten)]
    pub point: Point,
    /// Seconds from the start to the record.
    pub wall_seconds: f64,
    /// Most memory that was resident.
    pub peak_memory_bytes: u64,
    /// PE-cycles that were simulated.
    pub pe_cycles: u64,
    /// Weights that are kept, in all layers and all points.
    pub nonzeros: u64,
    /// Share of the step's cycles that is exact, the least of all points.
    pub exact_share: f64,
    /// Result; of all points together.
    pub step_cycles: u64,
}

impl Series {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Step, Self::Sweep, Self::Layers, Self::Batch, Self::Rows, Self::Columns];

    /// Its name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Sweep => "sweep",
            Self::Layers => "layers",
            Self::Batch => "batch",
            Self::Rows => "rows",
            Self::Columns => "columns",
        }
    }

    /// Its points.
    pub fn points(self) -> Vec<Point> {
        let point = |amount: u32, workload, overrides: Vec<String>| Point {
            series: self,
            amount,
            workload,
            overrides,
        };
        let level = |percent: u32| format!("sparsity.level={}", f64::from(percent) / 100.0);
        let sparse = |mut overrides: Vec<String>| {
            overrides.push(level(70));
            overrides
        };
        match self {
            Self::Step => {
                let small = [0, 50, 70, 90].map(|percent| point(percent, "llama2-7b", vec![level(percent)]));
                small.into_iter().chain([point(70, "llama2-70b", vec![level(70)])]).collect()
            }
            Self::Sweep => vec![point(10, "sparsity-levels", Vec::new())],
            Self::Layers => [8, 16, 32]
                .map(|layers| point(layers, "llama2-7b", sparse(vec![format!("model.layers={layers}")])))
                .to_vec(),
            Self::Batch => [64, 128, 256]
                .map(|batch| {
                    point(batch, "llama2-7b", sparse(vec![format!("training.batch_sequences={batch}")]))
                })
                .to_vec(),
            // A sequence has 273 rows of PEs with 15 tokens each.
            Self::Rows => [1, 2, 4]
                .map(|sequences| {
                    let rows = 292 * sequences;
                    let overrides = vec![
                        format!("fabric.height_pes={rows}"),
                        format!("training.batch_sequences={}", 16 * sequences),
                    ];
                    point(rows, "llama2-7b", sparse(overrides))
                })
                .to_vec(),
            Self::Columns => [1, 2, 4]
                .map(|quarter| {
                    let columns = 755 * quarter / 4;
                    let overrides = vec![
                        format!("fabric.width_pes={columns}"),
                        format!("model.hidden={}", 1024 * quarter),
                        format!("model.ffn={}", 2752 * quarter),
                        format!("model.heads={}", 8 * quarter),
                        format!("model.kv_heads={}", 8 * quarter),
                    ];
                    point(columns, "llama2-7b", sparse(overrides))
                })
                .to_vec(),
        }
    }
}

impl StepRun {
    /// PE-cycles in a second.
    pub fn pe_cycles_per_second(&self) -> f64 {
        self.pe_cycles as f64 / self.wall_seconds
    }

    /// Nanoseconds for each weight that is kept and each of its three products.
    pub fn nanoseconds_per_nonzero(&self) -> f64 {
        1e9 * self.wall_seconds / (3.0 * self.nonzeros.max(1) as f64)
    }
}

/// Head of a table for people.
pub fn steps_head() -> String {
    format!(
        "{:<8} {:<15} {:>7} {:>8} {:>8} {:>14} {:>9} {:>8} {:>16}\n",
        "series", "workload", "amount", "wall s", "GB", "G PE-cycles/s", "ns/nnz", "exact", "step cycles"
    )
}

/// Its line for a run.
pub fn step_line(run: &StepRun) -> String {
    format!(
        "{:<8} {:<15} {:>7} {:>8.1} {:>8.2} {:>14.2} {:>9.2} {:>6.1} % {:>16}\n",
        run.point.series.name(),
        run.point.workload,
        run.point.amount,
        run.wall_seconds,
        run.peak_memory_bytes as f64 / 1e9,
        run.pe_cycles_per_second() / 1e9,
        run.nanoseconds_per_nonzero(),
        100.0 * run.exact_share,
        run.step_cycles,
    )
}

/// Its foot: the time of each series.
pub fn steps_foot(runs: &[StepRun]) -> String {
    let line = |series: &[StepRun]| {
        let total: f64 = series.iter().map(|run| run.wall_seconds).sum();
        format!("{:<8} {:<23} {total:>8.1}\n", series[0].point.series.name(), "all")
    };
    runs.chunk_by(|one, other| one.point.series == other.point.series).map(line).collect()
}

/// The same as JSON, with the rates.
pub fn steps_json(runs: &[StepRun]) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(flatten)]
        run: &'a StepRun,
        pe_cycles_per_second: f64,
        nanoseconds_per_nonzero: f64,
    }
    let lines: Vec<_> = runs
        .iter()
        .map(|run| Line {
            run,
            pe_cycles_per_second: run.pe_cycles_per_second(),
            nanoseconds_per_nonzero: run.nanoseconds_per_nonzero(),
        })
        .collect();
    serde_json::to_string_pretty(&lines).unwrap_or_default() + "\n"
}
