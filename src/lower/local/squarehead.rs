//! SquareHead as vector instructions: sums along the row, then down the column, and its gradient.

use super::{LocalConstants, Stage, Work};
use crate::lower::kernel::build::main;
use crate::program::{Operand, VectorOp};

impl Work {
    /// `sums` holds the sums of `(x - teacher)^2` of all tokens, then those of `teacher^2`.
    pub(super) fn squarehead_sums(&mut self) -> Vec<Stage> {
        let [x, teacher, apart] = ["x", "teacher", "apart"].map(|name| Operand::whole(self.all(name)));
        let (buffer, n) = (self.role.buffer("sums", 2 * self.n, self.stats), self.n);
        let sums = |offset| Operand::Memory { buffer, offset, stride: 1, inner: n, outer_stride: 0 };
        let squares = vec![
            self.each(VectorOp::Sub, apart, x, teacher),
            self.each(VectorOp::Fma, sums(0), apart, apart),
            self.each(VectorOp::Fma, sums(n), teacher, teacher),
        ];
        vec![Stage::Local(squares), Stage::AllReduce { buffer, length: 2 * n, op: VectorOp::Add }]
    }

    /// Each PE has the sums of its tokens, every PE of a row the same, so that each column finds the totals by itself.
    pub(super) fn squarehead(&mut self) -> Vec<Stage> {
        let (n, stats) = (self.n, self.stats);
        let sums = self.role.buffer("sums", 2 * n, stats);
        let totals = self.role.buffer("totals", 2, stats);
        let [distance, rate] = ["distance", "rate"].map(|name| self.role.buffer(name, 1, stats));
        let each = Operand::Memory { buffer: totals, offset: 0, stride: 0, inner: n, outer_stride: 1 };
        let add = main(VectorOp::Add, stats, each, each, Operand::whole(sums), 2 * n);
        let one = |op, dst, a, b| main(op, stats, dst, a, b, 1);
        let (apart, scale) = (Operand::from(totals, 0), Operand::from(totals, 1));
        let (distance, rate) = (Operand::whole(distance), Operand::whole(rate));
        let LocalConstants { features, eps, scale: weight } = self.constants;
        let mean = Operand::Constant(1.0 / features);
        let after = vec![
            main(VectorOp::Mul, stats, Operand::whole(totals), Operand::whole(totals), mean, 2),
            one(VectorOp::Add, scale, scale, Operand::Constant(eps)),
            one(VectorOp::Reciprocal, scale, scale, Operand::None),
            one(VectorOp::Mul, distance, apart, scale),
            one(VectorOp::Mul, rate, scale, Operand::Constant(weight)),
        ];
        vec![
            Stage::Local(vec![add]),
            Stage::AllReduce { buffer: totals, length: 2, op: VectorOp::Add },
            Stage::Local(after),
        ]
    }

    /// `dx = 2 rate (x - teacher)`
    pub(super) fn squarehead_grad(&mut self) -> Vec<Stage> {
        let [x, teacher, dx] = ["x", "teacher", "dx"].map(|name| Operand::whole(self.all(name)));
        let rate = self.role.buffer("rate", 1, self.stats);
        let twice = main(
            VectorOp::Mul,
            self.stats,
            Operand::whole(rate),
            Operand::whole(rate),
            Operand::Constant(2.0),
            1,
        );
        let apart = self.each(VectorOp::Sub, dx, x, teacher);
        let scaled = self.each(VectorOp::Mul, dx, dx, Operand::repeat(rate, 1));
        vec![Stage::Local(vec![twice, apart, scaled])]
    }
}
