//! Row-wise and column-wise kernels with values: what each buffer holds before, and which hold results after.

use std::sync::PoisonError;

use crate::exec::Sram;
use crate::graph::{Op, OpKind, Rotation};
use crate::ids::Coord;
use crate::lower::job::Features;
use crate::lower::local::{LocalConstants, LocalOp};
use crate::values::{Results, ValuesError, Wafer, operand, pick, place};

/// What a buffer holds.
enum Held {
    /// A tensor `[tokens, features]`.
    Tile(Vec<f64>),
    /// A tensor `[features]`, a value a feature.
    PerFeature(Vec<f64>),
    /// A tensor `[tokens, values]`, in every PE of a row: the first value of all tokens, then the next.
    PerToken(Vec<f64>),
    /// One value, the same in every PE.
    Everywhere(f64),
    /// A tensor `[sequences, heads, tokens, keys]`.
    Scores(Vec<f64>),
    /// Zero up to the token's own key, minus infinity behind it.
    CausalBias,
}

impl Wafer<'_> {
    /// A row-wise kernel.
    pub(super) fn rowwise(
        &self,
        op: &Op,
        local: LocalOp,
        features: Features,
    ) -> Result<Results, ValuesError> {
        let held = self.held(op);
        let program = self.timing().rowwise(local, features, self.mapping.rows(), self.constants(op));
        let names = results(op);
        if features == Features::Scores {
            return self.scores(op, &program, &held, names[0]);
        }
        let (sram, _) = self.execute(&program, |sram, pe, at| self.load(sram, pe, at, features, &held))?;
        match op.kind {
            OpKind::CrossEntropy => return Ok(vec![vec![self.mean_loss(&sram, &program)]]),
            OpKind::SquareHeadSums => return Ok(vec![self.of_tokens(&sram, &program, names[0])]),
            _ => {}
        }
        let values = names.iter().map(|name| self.untile(&sram, &program, name, features)).collect();
        if sram.has(0, "xdy") {
            let left = self.untile(&sram, &program, "xdy", features);
            self.left
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(op.inputs[op.inputs.len() - 1], left);
        }
        Ok(values)
    }

    /// A column-wise kernel: every PE ends with the same values, or there are none.
    pub(super) fn columnwise(&self, op: &Op, local: LocalOp) -> Result<Results, ValuesError> {
        let held = self.held(op);
        let program = self.timing().columnwise(local, self.mapping.width, self.constants(op));
        let load =
            |sram: &mut Sram<'_>, pe: usize, at: Coord| self.load(sram, pe, at, Features::Hidden, &held);
        let (sram, _) = self.execute(&program, load)?;
        let values = |name: &&str| {
            let first = sram.read(0, name);
            let same = (1..program.pe_count()).all(|pe| sram.read(pe, name) == first);
            first.iter().map(|&value| if same { f64::from(value) } else { f64::NAN }).collect()
        };
        Ok(results(op).iter().map(values).collect())
    }

    /// A tensor `[tokens, values]` from buffer `name` of the first PE of every row.
    fn of_tokens(&self, sram: &Sram<'_>, program: &crate::program::Program, name: &str) -> Vec<f64> {
        let tokens = self.mapping.tokens as usize;
        let mut values = Vec::new();
        for y in 0..self.mapping.rows() {
            let held = sram.read(program.pe_index(Coord { x: 0, y }), name);
            let each = held.len() / tokens;
            for t in 0..tokens {
                let Some((token, _)) = self.token(y, t as u32) else { continue };
                values.resize(values.len().max((token + 1) * each), f64::NAN);
                for which in 0..each {
                    values[token * each + which] = f64::from(held[which * tokens + t]);
                }
            }
        }
        values
    }

    /// A kernel on scores: a copy for each key/value head.
    fn scores(
        &self,
        op: &Op,
        program: &crate::program::Program,
        held: &[(&'static str, Held)],
        name: &str,
    ) -> Result<Results, ValuesError> {
        let mut values = vec![f64::NAN; self.graph.tensor(op.outputs[0]).elements() as usize];
        for group in 0..self.mapping.groups {
            let (sram, _) = self.execute(program, |sram, pe, at| {
                self.load(sram, pe, self.of_copy((group, 0), at), Features::Scores, held);
            })?;
            for pe in 0..program.pe_count() {
                let at = self.of_copy((group, 0), program.coord(pe));
                place(&mut values, self.score_indices(at), sram.read(pe, name).iter().copied());
            }
        }
        if matches!(op.kind, OpKind::SoftmaxGrad(_)) {
            values.iter_mut().for_each(|value| *value /= self.score_scale());
        }
        Ok(vec![values])
    }

    fn load(
        &self,
        sram: &mut Sram<'_>,
        pe: usize,
        at: Coord,
        features: Features,
        held: &[(&'static str, Held)],
    ) {
        for (name, held) in held {
            let values: Vec<f64> = match held {
                Held::Tile(values) => self.tile(values, features, at),
                Held::PerFeature(values) => {
                    let places = self.mapping.slices(features).range(at.x);
                    places.map(|place| values[self.feature(features, place)]).collect()
                }
                Held::PerToken(values) => {
                    let each = values.len() / self.graph.tokens() as usize;
                    let tokens = |which| {
                        let value = move |(token, _)| values[token * each + which];
                        (0..self.mapping.tokens).map(move |t| self.token(at.y, t).map_or(0.0, value))
                    };
                    (0..each).flat_map(tokens).collect()
                }
                Held::Everywhere(value) => vec![*value],
                Held::Scores(values) => pick(values, self.score_indices(at)),
                Held::CausalBias => self.causal_bias(at),
            };
            sram.load(pe, name, &values);
        }
    }

    /// Window `first - key + token` of a PE: allowed where the key is not after the token.
    fn causal_bias(&self, at: Coord) -> Vec<f64> {
        let keys = self.mapping.keys.range(at.x % self.mapping.group_columns);
        let (first, tokens) = (i64::from(keys.end - keys.start) - 1, i64::from(self.mapping.tokens));
        let from_key_to_token = i64::from(keys.start) - self.position(at.y, 0) as i64;
        let bias = |window: i64| if from_key_to_token <= window - first { 0.0 } else { f64::NEG_INFINITY };
        (0..first + tokens).map(bias).collect()
    }

    /// Buffers by name.
    fn held(&self, op: &Op) -> Vec<(&'static str, Held)> {
        let values = |index| operand(self.tensors(), op, index).to_vec();
        let tile = |index| Held::Tile(values(index));
        let scaled = |index, by: f64| Held::Scores(values(index).into_iter().map(|v| v * by).collect());
        match op.kind {
            OpKind::Add => vec![("a", tile(0)), ("b", tile(1))],
            OpKind::Bias => vec![("x", tile(0)), ("bias", Held::PerFeature(values(1)))],
            OpKind::Rope(rotation) => self.rotated(tile(0), op, rotation, 1.0),
            OpKind::RopeGrad(rotation) => self.rotated(tile(0), op, rotation, -1.0),
            OpKind::SwiGlu => vec![("gate", tile(0)), ("up", tile(1))],
            OpKind::SwiGluGrad => vec![("gate", tile(0)), ("up", tile(1)), ("dy", tile(2))],
            OpKind::Gelu => vec![("x", tile(0))],
            OpKind::GeluGrad => vec![("x", tile(0)), ("dy", tile(1))],
            OpKind::RmsNorm(_) => vec![("x", tile(0)), ("weight", Held::PerFeature(values(1)))],
            OpKind::LayerNorm(_) => {
                let (weight, bias) = (Held::PerFeature(values(1)), Held::PerFeature(values(2)));
                vec![("x", tile(0)), ("weight", weight), ("bias", bias)]
            }
            OpKind::RmsNormGradData(_) | OpKind::LayerNormGradData(_) => {
                vec![("x", tile(0)), ("weight", Held::PerFeature(values(1))), ("dy", tile(2))]
            }
            OpKind::Softmax(_) => {
                vec![("scores", scaled(0, 1.0 / self.score_scale())), ("causal bias", Held::CausalBias)]
            }
            OpKind::SoftmaxGrad(_) => vec![("p", scaled(0, 1.0)), ("dp", scaled(1, 1.0))],
            OpKind::CrossEntropy => vec![("x", tile(0)), ("label", self.one_hot(&values(1)))],
            OpKind::CrossEntropyGrad => {
                let counted = (0..self.graph.tokens()).map(|token| self.counts(token as usize));
                let counted = Held::PerToken(counted.map(|counts| f64::from(u8::from(counts))).collect());
                vec![("x", tile(0)), ("label", self.one_hot(&values(1))), ("counted", counted)]
            }
            OpKind::SquareHeadSums => vec![("x", tile(0)), ("teacher", tile(1))],
            OpKind::SquareHead(_) => vec![("sums", Held::PerToken(values(0)))],
            OpKind::SquareHeadGrad => {
                let rate = values(2).first().copied().unwrap_or(f64::NAN);
                vec![("x", tile(0)), ("teacher", tile(1)), ("rate", Held::Everywhere(rate))]
            }
            _ => Vec::new(),
        }
    }

    /// Cosines and signed sines beside what is turned.
    fn rotated(&self, x: Held, op: &Op, rotation: Rotation, direction: f64) -> Vec<(&'static str, Held)> {
        let (elements, head) = (self.graph.tensor(op.outputs[0]).elements(), rotation.head_dim as usize);
        let width = self.graph.tensor(op.outputs[0]).shape[1];
        // Of each feature of a head: radians per token, and the sign of its sine. What does not turn turns by nothing.
        let mut turns = vec![(0.0, direction); head];
        for ([first, second], speed) in rotation.pairs() {
            turns[first as usize] = (speed, -direction);
            turns[second as usize] = (speed, direction);
        }
        let angle = |at: u64| {
            let (token, (speed, sign)) = (at / width % rotation.tokens, turns[(at % width) as usize % head]);
            (token as f64 * speed, sign)
        };
        let cos = (0..elements).map(|at| angle(at).0.cos()).collect();
        let sin = (0..elements).map(|at| angle(at).0.sin() * angle(at).1).collect();
        vec![("x", x), ("cos", Held::Tile(cos)), ("sin", Held::Tile(sin))]
    }

    /// Whether a token has a label: the last of a sequence has none.
    fn counts(&self, token: usize) -> bool {
        let length = self.graph.sequence_tokens() as usize;
        token % length + 1 < length
    }

    /// One where the word is the next token.
    fn one_hot(&self, ids: &[f64]) -> Held {
        let vocab = self.mapping.vocab.features() as usize;
        let mut labels = vec![0.0; ids.len() * vocab];
        for token in (0..ids.len()).filter(|&token| self.counts(token)) {
            labels[token * vocab + ids[token + 1] as usize] = 1.0;
        }
        Held::Tile(labels)
    }

    /// Mean over the tokens that have a label; every PE of a row has the losses of its tokens.
    fn mean_loss(&self, sram: &Sram<'_>, program: &crate::program::Program) -> f64 {
        let mut losses = Vec::new();
        for y in 0..self.mapping.rows() {
            let pe = program.pe_index(Coord { x: 0, y });
            for (t, &loss) in sram.read(pe, "loss").iter().enumerate() {
                if self.token(y, t as u32).is_some_and(|(token, _)| self.counts(token)) {
                    losses.push(f64::from(loss));
                }
            }
        }
        losses.iter().sum::<f64>() / losses.len() as f64
    }

    fn constants(&self, op: &Op) -> LocalConstants {
        let model = &self.workload.model;
        if let OpKind::SquareHead(term) = op.kind {
            let elements = term.elements as f64;
            return LocalConstants {
                features: elements as f32,
                eps: term.eps as f32,
                scale: (term.weight / elements) as f32,
            };
        }
        let labels = self.graph.sequences() * (self.graph.sequence_tokens() - 1);
        LocalConstants {
            features: model.hidden as f32,
            eps: model.norm_eps as f32,
            scale: match op.kind {
                OpKind::CrossEntropyGrad => 1.0 / labels as f32,
                _ => self.score_scale() as f32,
            },
        }
    }
}

/// Buffers that hold the results, in the order of the op's outputs.
fn results(op: &Op) -> &'static [&'static str] {
    match op.kind {
        OpKind::Bias => &["x"],
        OpKind::SwiGluGrad => &["dgate", "dup"],
        OpKind::RmsNormGradData(_)
        | OpKind::LayerNormGradData(_)
        | OpKind::GeluGrad
        | OpKind::SquareHeadGrad => &["dx"],
        OpKind::SquareHeadSums => &["sums"],
        OpKind::SquareHead(_) => &["distance", "rate"],
        OpKind::Add => &["a"],
        OpKind::Softmax(_) => &["scores"],
        OpKind::SoftmaxGrad(_) => &["dp"],
        OpKind::CrossEntropy => &["loss"],
        OpKind::CrossEntropyGrad => &["p"],
        _ => &["out"],
    }
}
