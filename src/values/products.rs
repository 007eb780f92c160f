//! Matrix products with values: with a weight that streams in, and within a head.

use crate::exec::{Drained, Sram};
use crate::graph::{Op, OpKind};
use crate::ids::Coord;
use crate::lower::job::{AttentionKernel, Direction, Features, WeightKernel};
use crate::lower::kernel::feed::ROW_END;
use crate::lower::kernel::matmul::{Feed, Form, program as product};
use crate::lower::shape::weight_shape;
use crate::program::{Port, StreamItems, Wavelet};
use crate::sparsity::{Mask, Slices};
use crate::values::{ValuesError, Wafer, operand, pick, place};

/// A weight on its way onto the wafer.
struct Stream<'a> {
    /// What a stream row is, and what lies along x.
    rows: Features,
    inner: Features,
    /// Row-major `[outputs, inputs]`; empty where only positions matter.
    values: &'a [f64],
    mask: Option<Mask>,
    /// Whether stream rows are outputs (else inputs).
    by_output: bool,
}

impl Wafer<'_> {
    /// A product with a weight.
    pub(super) fn weights(&self, op: &Op, kernel: WeightKernel) -> Result<Vec<f64>, ValuesError> {
        let shape = weight_shape(kernel, self.mapping, self.workload.training.precision, self.machine);
        let (first, second) = (operand(self.tensors(), op, 0), operand(self.tensors(), op, 1));
        let by_output = kernel.direction != Direction::Data;
        let (rows, inner) =
            if by_output { (kernel.output, kernel.input) } else { (kernel.input, kernel.output) };
        let stream = Stream {
            rows,
            inner,
            values: if kernel.direction == Direction::Weight { &[] } else { second },
            mask: kernel.mask.map(|(layer, target)| self.masks.mask(layer, target)),
            by_output,
        };
        let streams = self.streams(&stream);
        if kernel.direction == Direction::Weight {
            let program = product(&shape, &Form::Gradient(streams));
            let (_, drained) = self.execute(&program, |sram, pe, at| {
                sram.load(pe, "activations", &self.tile(first, kernel.input, at));
                sram.load(pe, "vector rows", &self.tile(second, kernel.output, at));
            })?;
            return Ok(self.gradient(&stream, &drained));
        }
        let program = product(&shape, &Form::Reduce(Feed::Edge(streams)));
        let (sram, _) = self.execute(&program, |sram, pe, at| {
            sram.load(pe, "activations", &self.tile(first, inner, at));
        })?;
        Ok(self.untile(&sram, &program, "results", rows))
    }

    /// What streams into each column: of every row the kept weights of the column, and the end of the row.
    fn streams(&self, stream: &Stream<'_>) -> Vec<StreamItems> {
        let columns = 0..self.mapping.width;
        let of_column = |x: u16| {
            let mut items = Vec::new();
            for row in 0..self.mapping.slices(stream.rows).features() {
                for (index, at) in self.kept(stream, row, x) {
                    let value = stream.values.get(at).copied().unwrap_or_default() as f32;
                    items.push(Wavelet { index, values: [value, 0.0], control: None });
                }
                items.push(Wavelet { control: Some(ROW_END), ..Wavelet::default() });
            }
            StreamItems::Wavelets(items.into())
        };
        columns.map(of_column).collect()
    }

    /// Kept weights of a stream row in column `x`: position in the column, and index into the weight.
    fn kept(&self, stream: &Stream<'_>, row: u32, x: u16) -> Vec<(u16, usize)> {
        let inputs: &Slices = self.mapping.slices(if stream.by_output { stream.inner } else { stream.rows });
        let row = self.feature(stream.rows, row);
        let mut kept = Vec::new();
        for (index, place) in self.mapping.slices(stream.inner).range(x).enumerate() {
            let other = self.feature(stream.inner, place);
            let (output, input) = if stream.by_output { (row, other) } else { (other, row) };
            if stream.mask.as_ref().is_none_or(|mask| mask.get(output as u32, input as u32)) {
                kept.push((index as u16, output * inputs.features() as usize + input));
            }
        }
        kept
    }

    /// A weight's gradient from what left over the south edge.
    fn gradient(&self, stream: &Stream<'_>, drained: &Drained) -> Vec<f64> {
        let (outputs, inputs) = (self.mapping.slices(stream.rows), self.mapping.slices(stream.inner));
        let mut gradient = vec![0.0; outputs.features() as usize * inputs.features() as usize];
        let mut of_column = vec![Vec::new(); usize::from(self.mapping.width)];
        for (at, _, word) in drained.iter().filter(|(_, port, _)| *port == Port::South) {
            of_column[usize::from(at.x)].push(word.values[0]);
        }
        for (x, sums) in of_column.into_iter().enumerate() {
            let mut sums = sums.into_iter();
            for row in 0..outputs.features() {
                for (_, at) in self.kept(stream, row, x as u16) {
                    gradient[at] = sums.next().map_or(f64::NAN, f64::from);
                }
            }
        }
        gradient
    }

    /// A product within every head and sequence. The machine leaves the factor `1 / sqrt(head_dim)` to the
    /// softmax and its gradient: scores are that much larger than the graph's, their gradients smaller.
    pub(super) fn attention(&self, op: &Op, kernel: AttentionKernel) -> Result<Vec<f64>, ValuesError> {
        let program = self.timing().attention(kernel, None);
        let (first, second) = (operand(self.tensors(), op, 0), operand(self.tensors(), op, 1));
        let scale = self.score_scale();
        let factor = match op.kind {
            OpKind::AttentionScoresGradQ(_) | OpKind::AttentionScoresGradK(_) => scale,
            _ => 1.0,
        };
        let size = self.graph.tensor(op.outputs[0]).elements() as usize;
        let mut result = vec![f64::NAN; size];
        for copy in self.copies() {
            let load = |sram: &mut Sram<'_>, pe: usize, at: Coord| {
                let at = self.of_copy(copy, at);
                let scores = || -> Vec<f64> {
                    pick(first, self.score_indices(at)).into_iter().map(|value| value * factor).collect()
                };
                match kernel {
                    AttentionKernel::Scores => {
                        sram.load(pe, "activations", &self.tile(first, Features::Query, at));
                        sram.load(pe, "stream rows", &self.rows_of(second, at));
                    }
                    AttentionKernel::Context => {
                        sram.load(pe, "vector rows", &scores());
                        sram.load(pe, "stream rows", &self.rows_of(second, at));
                    }
                    AttentionKernel::Transposed => {
                        sram.load(pe, "vector rows", &scores());
                        sram.load(pe, "activations", &self.tile(second, Features::Query, at));
                    }
                }
            };
            let (sram, _) = self.execute(&program, load)?;
            for pe in 0..program.pe_count() {
                let at = self.of_copy(copy, program.coord(pe));
                let indices = match kernel {
                    AttentionKernel::Scores => self.score_indices(at),
                    AttentionKernel::Context => self.tile_indices(Features::Query, at),
                    AttentionKernel::Transposed => token_major(&self.tile_indices(Features::Key, at), self),
                };
                place(&mut result, indices, sram.read(pe, "results").iter().copied());
            }
        }
        if matches!(op.kind, OpKind::AttentionScores(_)) {
            result.iter_mut().for_each(|value| *value *= scale);
        }
        Ok(result)
    }

    /// `1 / sqrt(head_dim)`.
    pub(super) fn score_scale(&self) -> f64 {
        1.0 / f64::from(self.workload.model.head_dim()).sqrt()
    }

    /// A PE's keys or values as they stream: token by token.
    fn rows_of(&self, values: &[f64], at: Coord) -> Vec<f64> {
        token_major(&self.tile(values, Features::Key, at), self)
    }
}

/// A tile that lies feature by feature, token by token.
fn token_major<T: Copy>(tile: &[T], wafer: &Wafer<'_>) -> Vec<T> {
    let tokens = wafer.mapping.tokens as usize;
    (0..tokens).flat_map(|t| tile.iter().skip(t).step_by(tokens).copied()).collect()
}
