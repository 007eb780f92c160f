//! How sparse a model is, stage by stage of its training.

/// Zeros from a step on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// First step.
    pub from: usize,
    /// Share of zeros in each sparsified tensor.
    pub level: f64,
}

/// The stages of a training, the first from step 0 on.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// In order; never empty.
    pub stages: Vec<Stage>,
}

/// Tokens at 50 % and then at 70 % of arXiv 2405.03594, in billions.
const TOKENS_AT_50_AND_70: (usize, usize) = (45, 100);

impl Recipe {
    /// Dense, 50 % sparse, and 70 % sparse by way of 50 %, as in the paper: 45 of its 145 billion tokens at 50 %.
    pub fn of_the_paper(steps: usize) -> Vec<Self> {
        let (first, second) = TOKENS_AT_50_AND_70;
        let constant = |level| Self { stages: vec![Stage { from: 0, level }] };
        let mut sparser = constant(0.5);
        sparser.stages.push(Stage { from: steps * first / (first + second), level: 0.7 });
        vec![constant(0.0), constant(0.5), sparser]
    }

    /// The level at the end.
    pub fn level(&self) -> f64 {
        self.stages.last().map_or(0.0, |stage| stage.level)
    }

    /// The level of a stage that begins with this step.
    pub fn begins(&self, step: usize) -> Option<f64> {
        self.stages.iter().rev().find(|stage| stage.from == step).map(|stage| stage.level)
    }

    /// The level of a step.
    pub fn at(&self, step: usize) -> f64 {
        self.stages.iter().rev().find(|stage| stage.from <= step).map_or(0.0, |stage| stage.level)
    }

    /// In words: "dense", "50 % zeros", "70 % zeros by way of 50 %".
    pub fn label(&self) -> String {
        let percent = |stage: &Stage| format!("{:.0} %", 100.0 * stage.level);
        match self.stages.as_slice() {
            [.., last] if last.level == 0.0 => "dense".to_owned(),
            [first, .., last] => format!("{} zeros by way of {}", percent(last), percent(first)),
            [last] => format!("{} zeros", percent(last)),
            [] => String::new(),
        }
    }

    /// "dense", "50", "70-iterative": for files and legends.
    pub fn name(&self) -> String {
        match (self.level(), self.stages.len()) {
            (0.0, _) => "dense".to_owned(),
            (level, 1) => format!("{:.0}", 100.0 * level),
            (level, _) => format!("{:.0}-iterative", 100.0 * level),
        }
    }
}
