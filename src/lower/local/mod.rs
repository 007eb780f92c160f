//! Local work as vector instructions: what a PE does with its own features and tokens.
//!
//! Values lie feature by feature, `tokens` values each; a per-token value (a maximum, a sum) is a vector of
//! `tokens`, applied to every feature by a two-dimensional operand.

mod squarehead;

use crate::dtype::Dtype;
use crate::ids::BufferId;
use crate::lower::kernel::build::{RoleBuilder, main};
use crate::lower::kernel::rowwise::{RowPe, Stage};
use crate::program::{Operand, Step, VectorOp};

/// A local op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocalOp {
    /// `a + b`
    Add,
    /// `x + bias`, a value for each feature, in place.
    Bias,
    /// Rotation of pairs of features.
    Rope,
    /// `gate * sigmoid(gate) * up`
    SwiGlu,
    /// Its gradients.
    SwiGluGrad,
    /// Gaussian error linear unit, tanh form.
    Gelu,
    /// Its gradient.
    GeluGrad,
    /// Root-mean-square norm over all features.
    RmsNorm,
    /// Its gradient.
    RmsNormGrad,
    /// Norm with mean and variance.
    LayerNorm,
    /// Its gradient.
    LayerNormGrad,
    /// Causal softmax over keys.
    Softmax,
    /// Its gradient.
    SoftmaxGrad,
    /// Cross-entropy over the vocabulary.
    CrossEntropy,
    /// Its gradient.
    CrossEntropyGrad,
    /// Of each token the sum of squares of what is apart from a teacher, and that of the teacher.
    SquareHeadSums,
    /// Over all tokens, along the column: how far that is apart, and the rate of its gradient.
    SquareHead,
    /// The gradient.
    SquareHeadGrad,
}

/// Constants of a local op.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalConstants {
    /// Values of a mean: features of the whole row, in SquareHead those of all tokens.
    pub features: f32,
    /// Added under the root of a norm, in SquareHead to the mean square.
    pub eps: f32,
    /// `1 / sqrt(head_dim)` in attention, `1 / labels` in the loss, in SquareHead its weight over `features`.
    pub scale: f32,
}

/// The PE of a local op with `features` features of `tokens` tokens each, for each of `heads` heads that are
/// worked on side by side: values lie feature by feature, then head by head.
pub fn pe(
    op: LocalOp,
    features: u32,
    (tokens, heads): (u32, u32),
    dtype: Dtype,
    stats: Dtype,
    constants: LocalConstants,
) -> RowPe {
    let role = RoleBuilder::new(format!("{features} features"));
    let n = tokens * heads;
    let mut work = Work { role, n, tokens, len: features * n, features, dtype, stats, constants };
    let stages = match op {
        LocalOp::Add => work.add(),
        LocalOp::Bias => work.bias(),
        LocalOp::Rope => work.rope(),
        LocalOp::SwiGlu => work.swiglu(),
        LocalOp::SwiGluGrad => work.swiglu_grad(),
        LocalOp::Gelu => work.gelu(),
        LocalOp::GeluGrad => work.gelu_grad(),
        LocalOp::RmsNorm => work.rmsnorm(),
        LocalOp::RmsNormGrad => work.rmsnorm_grad(),
        LocalOp::LayerNorm => work.layernorm(),
        LocalOp::LayerNormGrad => work.layernorm_grad(),
        LocalOp::Softmax => work.softmax(),
        LocalOp::SoftmaxGrad => work.softmax_grad(),
        LocalOp::CrossEntropy => work.cross_entropy(),
        LocalOp::CrossEntropyGrad => work.cross_entropy_grad(),
        LocalOp::SquareHeadSums => work.squarehead_sums(),
        LocalOp::SquareHead => work.squarehead(),
        LocalOp::SquareHeadGrad => work.squarehead_grad(),
    };
    RowPe { role: work.role, stages }
}

struct Work {
    role: RoleBuilder,
    /// Length of a vector: tokens of all heads.
    n: u32,
    /// Tokens of one head.
    tokens: u32,
    len: u32,
    features: u32,
    dtype: Dtype,
    stats: Dtype,
    constants: LocalConstants,
}

impl Work {
    /// A buffer with a value for each feature and token.
    fn all(&mut self, name: &str) -> BufferId {
        self.role.buffer(name, self.len, self.dtype)
    }

    /// A buffer with a value for each token.
    fn stat(&mut self, name: &str) -> BufferId {
        self.role.buffer(name, self.n, self.stats)
    }

    /// A buffer with a value for each feature.
    fn per_feature(&mut self, name: &str) -> BufferId {
        self.role.buffer(name, self.features, self.dtype)
    }

    fn token(&self, buffer: BufferId) -> Operand {
        Operand::repeat(buffer, self.n)
    }

    fn feature(&self, buffer: BufferId) -> Operand {
        Operand::Memory { buffer, offset: 0, stride: 0, inner: self.n, outer_stride: 1 }
    }

    /// An instruction over all features and tokens.
    fn each(&self, op: VectorOp, dst: Operand, a: Operand, b: Operand) -> Step {
        main(op, self.dtype, dst, a, b, self.len)
    }

    /// An instruction over per-token values.
    fn each_token(&self, op: VectorOp, dst: BufferId, a: Operand, b: Operand) -> Step {
        main(op, self.stats, Operand::whole(dst), a, b, self.n)
    }

    fn reduce(&self, buffer: BufferId, op: VectorOp) -> Stage {
        Stage::AllReduce { buffer, length: self.n, op }
    }

    /// In place of the first.
    fn add(&mut self) -> Vec<Stage> {
        let [a, b] = ["a", "b"].map(|name| Operand::whole(self.all(name)));
        vec![Stage::Local(vec![self.each(VectorOp::Add, a, a, b)])]
    }

    fn bias(&mut self) -> Vec<Stage> {
        let (x, bias) = (Operand::whole(self.all("x")), self.per_feature("bias"));
        vec![Stage::Local(vec![self.each(VectorOp::Add, x, x, self.feature(bias))])]
    }

    /// Features come in pairs (first of the pair, second of the pair); `sin` has the sign of each built in,
    /// and the partner of a feature is its neighbour: read with the two strides of a pair swapped. Features of a head
    /// that stay as they are turn by nothing: their columns are done no later than those of the others.
    fn rope(&mut self) -> Vec<Stage> {
        let [x, cos, sin, out] = ["x", "cos", "sin", "out"].map(|name| self.all(name));
        let n = self.n;
        let pairs = self.features / 2;
        let half = |buffer, offset| Operand::Memory {
            buffer,
            offset,
            stride: 1,
            inner: n,
            outer_stride: 2 * n as i32,
        };
        let part = |op, dst, a, b| main(op, self.dtype, dst, a, b, pairs * n);
        Stage::Local(vec![
            self.each(VectorOp::Mul, Operand::whole(out), Operand::whole(x), Operand::whole(cos)),
            part(VectorOp::Fma, half(out, 0), half(x, n), half(sin, 0)),
            part(VectorOp::Fma, half(out, n), half(x, 0), half(sin, n)),
        ])
        .into_vec()
    }

    /// `dst = 1 / (1 + exp(-a * scale))`
    fn sigmoid(&self, dst: Operand, a: Operand, scale: f32) -> Vec<Step> {
        vec![
            self.each(VectorOp::Mul, dst, a, Operand::Constant(-scale)),
            self.each(VectorOp::Exp, dst, dst, Operand::None),
            self.each(VectorOp::Add, dst, dst, Operand::Constant(1.0)),
            self.each(VectorOp::Reciprocal, dst, dst, Operand::None),
        ]
    }

    fn swiglu(&mut self) -> Vec<Stage> {
        let [gate, up, out] = ["gate", "up", "out"].map(|name| Operand::whole(self.all(name)));
        let mut steps = self.sigmoid(out, gate, 1.0);
        steps.push(self.each(VectorOp::Mul, out, out, gate));
        steps.push(self.each(VectorOp::Mul, out, out, up));
        vec![Stage::Local(steps)]
    }

    /// `dup = dy * g s`, `dgate = dy * up * s * (1 + g (1 - s))` with `s = sigmoid(g)`.
    fn swiglu_grad(&mut self) -> Vec<Stage> {
        let [gate, up, dy, dgate, dup, s] =
            ["gate", "up", "dy", "dgate", "dup", "sigmoid"].map(|name| Operand::whole(self.all(name)));
        let mut steps = self.sigmoid(s, gate, 1.0);
        steps.extend([
            self.each(VectorOp::Sub, dgate, Operand::Constant(1.0), s),
            self.each(VectorOp::Mul, dgate, dgate, gate),
            self.each(VectorOp::Add, dgate, dgate, Operand::Constant(1.0)),
            self.each(VectorOp::Mul, dup, dy, s),
            self.each(VectorOp::Mul, dgate, dgate, dup),
            self.each(VectorOp::Mul, dgate, dgate, up),
            self.each(VectorOp::Mul, dup, dup, gate),
        ]);
        vec![Stage::Local(steps)]
    }

    /// `u = c (x + 0.044715 x^3)` with `c = sqrt(2 / pi)`; `out = x * sigmoid(2 u)`, which is the tanh form.
    fn gelu_inner(&self, u: Operand, x: Operand) -> Vec<Step> {
        let c = (2.0 / std::f32::consts::PI).sqrt();
        vec![
            self.each(VectorOp::Mul, u, x, x),
            self.each(VectorOp::Mul, u, u, Operand::Constant(0.044_715)),
            self.each(VectorOp::Add, u, u, Operand::Constant(1.0)),
            self.each(VectorOp::Mul, u, u, x),
            self.each(VectorOp::Mul, u, u, Operand::Constant(c)),
        ]
    }

    fn gelu(&mut self) -> Vec<Stage> {
        let [x, out] = ["x", "out"].map(|name| Operand::whole(self.all(name)));
        let mut steps = self.gelu_inner(out, x);
        steps.extend(self.sigmoid(out, out, 2.0));
        steps.push(self.each(VectorOp::Mul, out, out, x));
        vec![Stage::Local(steps)]
    }

    /// `dx = dy * (s + 2 x s (1 - s) du/dx)` with `s = sigmoid(2 u)`, `du/dx = c (1 + 3 * 0.044715 x^2)`.
    fn gelu_grad(&mut self) -> Vec<Stage> {
        let [x, dy, dx, s] = ["x", "dy", "dx", "sigmoid"].map(|name| Operand::whole(self.all(name)));
        let c = (2.0 / std::f32::consts::PI).sqrt();
        let mut steps = self.gelu_inner(s, x);
        steps.extend(self.sigmoid(s, s, 2.0));
        let constant = Operand::Constant;
        steps.extend([
            self.each(VectorOp::Mul, dx, x, x),
            self.each(VectorOp::Mul, dx, dx, constant(6.0 * c * 0.044_715)),
            self.each(VectorOp::Add, dx, dx, constant(2.0 * c)),
            self.each(VectorOp::Mul, dx, dx, x),
            self.each(VectorOp::Mul, dx, dx, s),
        ]);
        let [rest] = ["rest"].map(|name| Operand::whole(self.all(name)));
        steps.extend([
            self.each(VectorOp::Sub, rest, constant(1.0), s),
            self.each(VectorOp::Fma, s, dx, rest),
            self.each(VectorOp::Mul, dx, s, dy),
        ]);
        vec![Stage::Local(steps)]
    }

    /// `r = 1 / sqrt(sum / features + eps)` in place.
    fn inverse_root(&self, stat: BufferId) -> Vec<Step> {
        let value = Operand::whole(stat);
        vec![
            self.each_token(VectorOp::Mul, stat, value, Operand::Constant(1.0 / self.constants.features)),
            self.each_token(VectorOp::Add, stat, value, Operand::Constant(self.constants.eps)),
            self.each_token(VectorOp::ReciprocalRoot, stat, value, Operand::None),
        ]
    }

    fn rmsnorm(&mut self) -> Vec<Stage> {
        let [x, out] = ["x", "out"].map(|name| Operand::whole(self.all(name)));
        let (r, gain) = (self.stat("root"), self.per_feature("weight"));
        let squares = self.each(VectorOp::Fma, self.token(r), x, x);
        let mut after = self.inverse_root(r);
        after.push(self.each(VectorOp::Mul, out, x, self.token(r)));
        after.push(self.each(VectorOp::Mul, out, out, self.feature(gain)));
        vec![Stage::Local(vec![squares]), self.reduce(r, VectorOp::Add), Stage::Local(after)]
    }

    /// `dx = r (g dy) - x r^3 / features * sum(g dy x)`; `xdy = x r dy` is left for the gradient of the gain.
    fn rmsnorm_grad(&mut self) -> Vec<Stage> {
        let [x, dy, dx, xdy] = ["x", "dy", "dx", "xdy"].map(|name| Operand::whole(self.all(name)));
        let (r, s, gain) = (self.stat("root"), self.stat("sum"), self.per_feature("weight"));
        let squares = self.each(VectorOp::Fma, self.token(r), x, x);
        let mut middle = self.inverse_root(r);
        middle.extend([
            self.each(VectorOp::Mul, dx, dy, self.feature(gain)),
            self.each(VectorOp::Fma, self.token(s), dx, x),
        ]);
        let (root, sum) = (Operand::whole(r), Operand::whole(s));
        let after = vec![
            self.each_token(VectorOp::Mul, s, sum, Operand::Constant(-1.0 / self.constants.features)),
            self.each_token(VectorOp::Mul, s, sum, root),
            self.each_token(VectorOp::Mul, s, sum, root),
            self.each(VectorOp::Fma, dx, x, self.token(s)),
            self.each(VectorOp::Mul, dx, dx, self.token(r)),
            self.each(VectorOp::Mul, xdy, x, self.token(r)),
            self.each(VectorOp::Mul, xdy, xdy, dy),
        ];
        vec![
            Stage::Local(vec![squares]),
            self.reduce(r, VectorOp::Add),
            Stage::Local(middle),
            self.reduce(s, VectorOp::Add),
            Stage::Local(after),
        ]
    }

    /// Centre `dst = a - mean(a)`: two stages.
    fn centre(&mut self, dst: Operand, a: Operand, mean: BufferId) -> (Vec<Step>, Vec<Step>) {
        let before = vec![self.each(VectorOp::Add, self.token(mean), self.token(mean), a)];
        let value = Operand::whole(mean);
        let after = vec![
            self.each_token(VectorOp::Mul, mean, value, Operand::Constant(1.0 / self.constants.features)),
            self.each(VectorOp::Sub, dst, a, self.token(mean)),
        ];
        (before, after)
    }

    fn layernorm(&mut self) -> Vec<Stage> {
        let [x, out] = ["x", "out"].map(|name| Operand::whole(self.all(name)));
        let (mean, r) = (self.stat("mean"), self.stat("root"));
        let (gain, bias) = (self.per_feature("weight"), self.per_feature("bias"));
        let (before, mut middle) = self.centre(out, x, mean);
        middle.push(self.each(VectorOp::Fma, self.token(r), out, out));
        let mut after = self.inverse_root(r);
        after.extend([
            self.each(VectorOp::Mul, out, out, self.token(r)),
            self.each(VectorOp::Mul, out, out, self.feature(gain)),
            self.each(VectorOp::Add, out, out, self.feature(bias)),
        ]);
        vec![
            Stage::Local(before),
            self.reduce(mean, VectorOp::Add),
            Stage::Local(middle),
            self.reduce(r, VectorOp::Add),
            Stage::Local(after),
        ]
    }

    /// `dx = r (g dy - mean(g dy) - h mean(g dy h))` with the normalised input `h`; `xdy = h dy` is left for the
    /// gradient of the gain.
    fn layernorm_grad(&mut self) -> Vec<Stage> {
        let [x, dy, dx, h, xdy] =
            ["x", "dy", "dx", "normalised", "xdy"].map(|name| Operand::whole(self.all(name)));
        let (mean, r, s) = (self.stat("mean"), self.stat("root"), self.stat("sum"));
        let (gain, dmean) = (self.per_feature("weight"), self.stat("gradient mean"));
        let (before, mut second) = self.centre(h, x, mean);
        second.push(self.each(VectorOp::Fma, self.token(r), h, h));
        let mut third = self.inverse_root(r);
        third.extend([
            self.each(VectorOp::Mul, h, h, self.token(r)),
            self.each(VectorOp::Mul, dx, dy, self.feature(gain)),
            self.each(VectorOp::Fma, self.token(s), dx, h),
        ]);
        let (sum_before, mut last) = self.centre(dx, dx, dmean);
        let sum = Operand::whole(s);
        last.extend([
            self.each_token(VectorOp::Mul, s, sum, Operand::Constant(-1.0 / self.constants.features)),
            self.each(VectorOp::Fma, dx, h, self.token(s)),
            self.each(VectorOp::Mul, dx, dx, self.token(r)),
            self.each(VectorOp::Mul, xdy, h, dy),
        ]);
        vec![
            Stage::Local(before),
            self.reduce(mean, VectorOp::Add),
            Stage::Local(second),
            self.reduce(r, VectorOp::Add),
            Stage::Local(third),
            self.reduce(s, VectorOp::Add),
            Stage::Local(sum_before),
            self.reduce(dmean, VectorOp::Add),
            Stage::Local(last),
        ]
    }

    /// The bias is zero where the key is not after the token and minus infinity elsewhere: a window into a step
    /// function, one value further back for each key, the same for each head. Probabilities take the place of scores.
    fn softmax(&mut self) -> Vec<Stage> {
        let buffer = self.all("scores");
        let p = Operand::whole(buffer);
        let (m, z) = (self.stat("maximum"), self.stat("sum"));
        let bias = self.role.buffer("causal bias", self.features + self.tokens - 1, self.dtype);
        let (tokens, n) = (self.tokens, self.n as i32);
        let offset = self.features.saturating_sub(1);
        let window = Operand::Memory { buffer: bias, offset, stride: 1, inner: tokens, outer_stride: -1 };
        let add_window = |head: u32| {
            let offset = head * tokens;
            let p = Operand::Memory { buffer, offset, stride: 1, inner: tokens, outer_stride: n };
            main(VectorOp::Add, self.dtype, p, p, window, self.features * tokens)
        };
        let mut before = vec![
            self.each_token(VectorOp::Move, m, Operand::Constant(f32::NEG_INFINITY), Operand::None),
            self.each(VectorOp::Mul, p, p, Operand::Constant(self.constants.scale)),
        ];
        before.extend((0..self.n / tokens).map(add_window));
        before.push(self.each(VectorOp::Max, self.token(m), self.token(m), p));
        let middle = vec![
            self.each(VectorOp::Sub, p, p, self.token(m)),
            self.each(VectorOp::Exp, p, p, Operand::None),
            self.each(VectorOp::Add, self.token(z), self.token(z), p),
        ];
        let after = vec![
            self.each_token(VectorOp::Reciprocal, z, Operand::whole(z), Operand::None),
            self.each(VectorOp::Mul, p, p, self.token(z)),
        ];
        vec![
            Stage::Local(before),
            self.reduce(m, VectorOp::Max),
            Stage::Local(middle),
            self.reduce(z, VectorOp::Add),
            Stage::Local(after),
        ]
    }

    /// `ds = scale * p (dp - sum(p dp))`, in place of `dp`.
    fn softmax_grad(&mut self) -> Vec<Stage> {
        let [p, ds] = ["p", "dp"].map(|name| Operand::whole(self.all(name)));
        let s = self.stat("sum");
        let before = vec![self.each(VectorOp::Fma, self.token(s), p, ds)];
        let after = vec![
            self.each(VectorOp::Sub, ds, ds, self.token(s)),
            self.each(VectorOp::Mul, ds, ds, p),
            self.each(VectorOp::Mul, ds, ds, Operand::Constant(self.constants.scale)),
        ];
        vec![Stage::Local(before), self.reduce(s, VectorOp::Add), Stage::Local(after)]
    }

    /// Shift by the maximum, exponentiate into `p` and sum into `z`.
    fn log_sum_exp(&self, x: Operand, p: Operand, m: BufferId, z: BufferId) -> [Stage; 4] {
        let before = vec![
            self.each_token(VectorOp::Move, m, Operand::Constant(f32::NEG_INFINITY), Operand::None),
            self.each(VectorOp::Max, self.token(m), self.token(m), x),
        ];
        let middle = vec![
            self.each(VectorOp::Sub, p, x, self.token(m)),
            self.each(VectorOp::Exp, p, p, Operand::None),
            self.each(VectorOp::Add, self.token(z), self.token(z), p),
        ];
        [
            Stage::Local(before),
            self.reduce(m, VectorOp::Max),
            Stage::Local(middle),
            self.reduce(z, VectorOp::Add),
        ]
    }

    /// `loss[t] = ln(sum exp(x - m)) + m - x[label]`; `label` is one where the word is the label (and the
    /// token has one).
    fn cross_entropy(&mut self) -> Vec<Stage> {
        let [x, label, p] = ["x", "label", "p"].map(|name| Operand::whole(self.all(name)));
        let (m, z, picked, loss) =
            (self.stat("maximum"), self.stat("sum"), self.stat("picked"), self.stat("loss"));
        let [a, b, c, d] = self.log_sum_exp(x, p, m, z);
        let pick = vec![self.each(VectorOp::Fma, self.token(picked), x, label)];
        let after = vec![
            self.each_token(VectorOp::Log, loss, Operand::whole(z), Operand::None),
            self.each_token(VectorOp::Add, loss, Operand::whole(loss), Operand::whole(m)),
            self.each_token(VectorOp::Sub, loss, Operand::whole(loss), Operand::whole(picked)),
        ];
        vec![a, b, c, d, Stage::Local(pick), self.reduce(picked, VectorOp::Add), Stage::Local(after)]
    }

    /// `dx = counted * (softmax(x) - label) * scale`; `counted` is zero for tokens without a label.
    fn cross_entropy_grad(&mut self) -> Vec<Stage> {
        let [x, label, p] = ["x", "label", "p"].map(|name| Operand::whole(self.all(name)));
        let (m, z, counted) = (self.stat("maximum"), self.stat("sum"), self.stat("counted"));
        let [a, b, c, d] = self.log_sum_exp(x, p, m, z);
        let after = vec![
            self.each_token(VectorOp::Reciprocal, z, Operand::whole(z), Operand::None),
            self.each(VectorOp::Mul, p, p, self.token(z)),
            self.each(VectorOp::Sub, p, p, label),
            self.each_token(
                VectorOp::Mul,
                counted,
                Operand::whole(counted),
                Operand::Constant(self.constants.scale),
            ),
            self.each(VectorOp::Mul, p, p, self.token(counted)),
        ];
        vec![a, b, c, d, Stage::Local(after)]
    }
}

impl Stage {
    fn into_vec(self) -> Vec<Self> {
        vec![self]
    }
}
