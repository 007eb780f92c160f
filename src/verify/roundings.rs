//! Roundings on the way to a value, and how far they may carry it.
//!
//! n roundings with unit roundoff u carry a sum of products at most `n u` away, relative to the sum of their
//! magnitudes, in whatever order it is summed (Jeannerod and Rump, "Improved error bounds for inner products in
//! floating-point arithmetic", 2013). That is the worst case: all roundings in one direction. If they are independent
//! and right on average, a product of `1 + d` over n of them is within `exp(l sqrt(n) u + n u^2) - 1` of 1 but with
//! probability `2 exp(-l^2 / 2)` (Higham and Mary, "A new approach to probabilistic rounding error analysis", 2019,
//! theorem 2.4). A rounding to nearest that falls anywhere within its u alike has a third of the variance that the
//! theorem must allow for, so that 4 `sqrt(n) u` are l = 4 sqrt(3) and the probability is 2 exp(-24), for each term
//! of each sum. From 17 roundings on that is less than `n u`. The lesser of both is the tolerance.
//!
//! Roundings are counted by format: the sums of a product, its partial sums on the fabric, and what is stored may
//! differ, and a dot product on a PE is summed in fp32 whatever is stored. A rounding to 16 bits goes by way of fp32 and
//! is off by 2^-16 of u more; the roundings that are counted beyond those that happen are more than that.
//!
//! Over several ops no bound is worth having, and an [estimate](Roundings::estimate) takes its place: ops hand on the
//! relative error of what they read, roundings are independent with the variance `u^2 / 3`, and a partial sum of j of n
//! independent terms has j/n of the square of the whole, so that a sum's roundings count half. Four standard
//! deviations of the largest element are allowed: an element half as large has eight.

use std::collections::BTreeSet;
use std::ops::Add;

use crate::graph::{Op, OpKind, TrainGraph};
use crate::ids::TensorId;
use crate::lower::kernel::matmul::Formats;
use crate::lower::mapping::Mapping;
use crate::lower::timing::STATISTICS;

/// What a tolerance is, for whoever reads one.
pub const TOLERANCES: &str = "For one op a bound is the lesser of n u, the worst case of n roundings with unit \
                              roundoff u, and 4 sqrt(n) u, which independent and unbiased ones pass with a \
                              probability of 8e-11 a term (Higham and Mary 2019). For a value that comes through \
                              several ops it is an estimate: 4 standard deviations of their roundings";

/// Standard deviations that an estimate allows, and times `sqrt(n) u` that a bound does.
const MARGIN: f64 = 4.0;
/// Variance of a rounding that falls anywhere within its unit roundoff alike, in squares of that.
const VARIANCE: f64 = 1.0 / 3.0;

/// Roundings by the format that they are to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Roundings {
    /// That of activations and weights.
    stored: u64,
    /// That of sums of products in memory.
    summed: u64,
    /// That of partial sums on the fabric.
    reduced: u64,
    /// That of maxima, of sums over features or tokens, and of dot products on a PE.
    statistics: u64,
}

impl Roundings {
    /// The largest relative error that is allowed those of one op.
    pub(super) fn tolerance(self, formats: Formats) -> f64 {
        let squares: f64 = self.by_format(formats).into_iter().map(|(count, u)| count * u * u).sum();
        self.worst(formats).min((MARGIN * squares.sqrt() + squares).exp_m1())
    }

    /// The relative error that those of several ops are not likely to pass.
    pub(super) fn estimate(self, formats: Formats) -> f64 {
        let [stored, sums @ ..] = self.by_format(formats);
        let of_sums: f64 = sums.into_iter().map(|(count, u)| 0.5 * count * u * u).sum();
        let squares = stored.0 * stored.1 * stored.1 + of_sums;
        self.worst(formats).min(MARGIN * (VARIANCE * squares).sqrt())
    }

    /// All in one direction.
    fn worst(self, formats: Formats) -> f64 {
        self.by_format(formats).into_iter().map(|(count, u)| count * u).sum()
    }

    /// How many there are, and the unit roundoff of each: of what is stored, and of three kinds of sums.
    fn by_format(self, formats: Formats) -> [(f64, f64); 4] {
        [
            (self.stored, formats.operand),
            (self.summed, formats.sum),
            (self.reduced, formats.reduce),
            (self.statistics, STATISTICS),
        ]
        .map(|(count, format)| (count as f64, format.unit_roundoff()))
    }

    /// Those of an op, between its operands and any element of its result.
    pub(super) fn of(graph: &TrainGraph, op: &Op, mapping: &Mapping) -> Self {
        // Columns and rows of PEs whose sums meet, and the tokens that a PE adds up by itself.
        let (columns, rows) = (u64::from(mapping.width), u64::from(mapping.rows()));
        let (group, band) = (u64::from(mapping.group_columns), u64::from(mapping.band_rows));
        let (tokens, heads) = (u64::from(mapping.tokens), u64::from(mapping.group_heads));
        let features = |input: usize| graph.tensor(op.inputs[input]).shape.last().copied().unwrap_or(1);
        let stored = |stored| Self { stored, ..Self::default() };
        match op.kind {
            // A term is in the sums of its own column, and then in those along the row.
            OpKind::Linear(shape) | OpKind::LinearGradData(shape) => {
                Self { summed: shape.k.div_ceil(columns), reduced: columns, ..stored(2) }
            }
            // Over the tokens of a PE, and then along the column.
            OpKind::LinearGradWeight(_) => Self { statistics: tokens, summed: 1, reduced: rows, ..stored(1) },
            // Over the features of a head in a column, and then over the columns of the head.
            OpKind::AttentionScores(_) | OpKind::AttentionContextGradP(_) => {
                let widest = mapping.head().into_iter().max().unwrap_or(1);
                Self { summed: u64::from(widest), reduced: group, ..stored(2) }
            }
            // Over the keys, one after the other; the first operand is scaled as it is stored.
            OpKind::AttentionContext(attention) | OpKind::AttentionScoresGradQ(attention) => {
                Self { summed: attention.tokens, ..stored(3) }
            }
            // Over the tokens and heads of a PE, and then along the column of a sequence.
            OpKind::AttentionScoresGradK(_) | OpKind::AttentionContextGradV(_) => {
                Self { statistics: tokens * heads, summed: 1, reduced: band, ..stored(3) }
            }
            OpKind::Embedding | OpKind::PositionEmbedding => stored(1),
            OpKind::EmbeddingGrad => stored(1),
            // Over the sequences of a micro-batch, one after the other.
            OpKind::PositionEmbeddingGrad => Self { statistics: u64::from(mapping.bands), ..Self::default() },
            OpKind::Add | OpKind::Bias => stored(1),
            OpKind::Rope(_) | OpKind::RopeGrad(_) => stored(4),
            OpKind::SwiGlu | OpKind::Gelu => stored(10),
            OpKind::SwiGluGrad | OpKind::GeluGrad => stored(16),
            OpKind::RmsNorm(_)
            | OpKind::LayerNorm(_)
            | OpKind::Softmax(_)
            | OpKind::SoftmaxGrad(_)
            | OpKind::CrossEntropy
            | OpKind::CrossEntropyGrad => Self { statistics: features(0) + columns, ..stored(8) },
            OpKind::RmsNormGradData(_) | OpKind::LayerNormGradData(_) => {
                Self { statistics: 2 * (features(0) + columns), ..stored(16) }
            }
            OpKind::RmsNormGradWeight(_) | OpKind::LayerNormGradWeight(_) | OpKind::BiasGrad => {
                Self { statistics: graph.tokens() + rows + tokens, ..stored(8) }
            }
            OpKind::SquareHeadSums => Self { statistics: features(0) + columns, ..stored(4) },
            OpKind::SquareHead(_) => {
                Self { statistics: graph.tokens() + rows + tokens + 8, ..Self::default() }
            }
            OpKind::SquareHeadGrad => Self { statistics: 2, ..stored(2) },
            // The weight store's work, in f64.
            OpKind::TotalLoss(_) | OpKind::AdamW => Self::default(),
        }
    }

    /// Those of all ops that a tensor depends on: no other can reach it.
    pub(super) fn before(graph: &TrainGraph, tensor: TensorId, mapping: &Mapping) -> Self {
        let mut seen = BTreeSet::new();
        let mut left = vec![tensor];
        let mut sum = Self::default();
        while let Some(tensor) = left.pop() {
            if let Some(id) = graph.producer(tensor).filter(|&id| seen.insert(id)) {
                let op = graph.op(id);
                sum = sum + Self::of(graph, op, mapping);
                left.extend(&op.inputs);
            }
        }
        sum
    }
}

impl Add for Roundings {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            stored: self.stored + other.stored,
            summed: self.summed + other.summed,
            reduced: self.reduced + other.reduced,
            statistics: self.statistics + other.statistics,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;

    const HALF: Formats = Formats { operand: Dtype::Bf16, sum: Dtype::Bf16, reduce: Dtype::Bf16 };

    #[test]
    fn each_rounding_counts_in_its_own_format() {
        let (bf16, fp32) = (Dtype::Bf16.unit_roundoff(), Dtype::Fp32.unit_roundoff());
        let roundings = Roundings { stored: 2, summed: 3, reduced: 1, statistics: 4 };
        assert_eq!(roundings.tolerance(HALF), 6.0 * bf16 + 4.0 * fp32);
        let wide_sums = Formats { sum: Dtype::Fp32, ..HALF };
        assert_eq!(roundings.tolerance(wide_sums), 3.0 * bf16 + 7.0 * fp32);
    }

    #[test]
    fn many_roundings_are_allowed_their_root_and_few_their_number() {
        let of = |summed| Roundings { summed, ..Roundings::default() }.tolerance(HALF);
        let u = Dtype::Bf16.unit_roundoff();
        assert_eq!(of(16), 16.0 * u);
        let many = 400;
        let root = (4.0 * 20.0 * u + 400.0 * u * u).exp_m1();
        assert_eq!(of(many), root);
        assert!(root < 0.25 * many as f64 * u);
    }

    #[test]
    fn estimates_count_half_of_the_roundings_of_sums() {
        let u = Dtype::Bf16.unit_roundoff();
        let stored = Roundings { stored: 300, ..Roundings::default() };
        assert_eq!(stored.estimate(HALF), 4.0 * 10.0 * u);
        assert_eq!(Roundings { reduced: 600, ..Roundings::default() }.estimate(HALF), 4.0 * 10.0 * u);
        // One rounding is no further off than it can be.
        assert_eq!(Roundings { stored: 1, ..Roundings::default() }.estimate(HALF), u);
    }
}
