//! Activations that enter and leave, and sums over tokens.

use std::sync::PoisonError;

use crate::graph::{Op, OpKind};
use crate::ids::Coord;
use crate::lower::job::Features;
use crate::lower::kernel::{bands, column};
use crate::lower::timing::STATISTICS;
use crate::program::{Port, StreamItems, Wavelet};
use crate::values::{ValuesError, Wafer, operand, place};

impl Wafer<'_> {
    /// Rows of a table for every token: the weight store looks them up, the wafer takes them in.
    pub(super) fn scatter(&self, op: &Op) -> Result<Vec<f64>, ValuesError> {
        let width = self.mapping.hidden.features() as usize;
        let rows = self.token_ids(op);
        let table = operand(self.tensors(), op, 1);
        let values: Vec<f64> =
            rows.iter().flat_map(|&row| table[row * width..(row + 1) * width].iter().copied()).collect();
        let (precision, elements) = (self.workload.training.precision, self.column_elements());
        let (columns, height) = (self.mapping.width, self.mapping.rows());
        let streams = self.entering(&values, height);
        let program = column::scatter("scatter", columns, height, elements, precision, streams);
        let (sram, _) = self.execute(&program, |_, _, _| ())?;
        Ok(self.untile(&sram, &program, "values", Features::Hidden))
    }

    /// A table of positions, the same for every sequence.
    pub(super) fn spread(&self, op: &Op) -> Result<Vec<f64>, ValuesError> {
        let (precision, elements) = (self.workload.training.precision, self.column_elements());
        let bands = self.mapping.bands(self.mapping.width);
        let streams = self.entering(operand(self.tensors(), op, 0), self.mapping.band_rows);
        let program = bands::spread("spread", bands, elements, precision, streams);
        let (sram, _) = self.execute(&program, |_, _, _| ())?;
        Ok(self.untile(&sram, &program, "values", Features::Hidden))
    }

    /// The gradient of a table of positions.
    pub(super) fn band_sum(&self, op: &Op) -> Result<Vec<f64>, ValuesError> {
        let gradient = operand(self.tensors(), op, 0);
        let (precision, elements) = (self.workload.training.precision, self.column_elements());
        let bands = self.mapping.bands(self.mapping.width);
        let program = bands::sum("sum over bands", bands, elements, precision, STATISTICS);
        let (_, drained) = self.execute(&program, |sram, pe, at| {
            sram.load(pe, "values", &self.tile(gradient, Features::Hidden, at));
        })?;
        let mut table = vec![f64::NAN; self.graph.tensor(op.outputs[0]).elements() as usize];
        for x in 0..self.mapping.width {
            let column = drained.iter().filter(|(from, port, _)| from.x == x && *port == Port::South);
            let words: Vec<f64> = column.map(|(.., word)| f64::from(word.values[0])).collect();
            // The first band's tokens are those of the first sequence: their places in it are the rows of the table.
            for (y, own) in
                words.chunks(elements as usize).take(usize::from(self.mapping.band_rows)).enumerate()
            {
                let indices = self.tile_indices(Features::Hidden, Coord { x, y: y as u16 });
                place(&mut table, indices, own.iter().map(|&sum| sum as f32));
            }
        }
        Ok(table)
    }

    /// What enters each column of `values`, `[tokens, features]`, for the PEs of the first `rows` rows.
    fn entering(&self, values: &[f64], rows: u16) -> Vec<StreamItems> {
        let (precision, elements) = (self.workload.training.precision, self.column_elements());
        let of_column = |x: u16| {
            let mut items = Vec::new();
            for y in 0..rows {
                let mut tile = self.tile(values, Features::Hidden, Coord { x, y });
                tile.resize(elements as usize, 0.0);
                items.extend(tile.chunks(precision.per_wavelet() as usize).map(|pair| Wavelet {
                    values: [pair[0] as f32, pair.get(1).copied().unwrap_or_default() as f32],
                    ..Wavelet::default()
                }));
            }
            StreamItems::Wavelets(items.into())
        };
        (0..self.mapping.width).map(of_column).collect()
    }

    /// The gradient of a table: the wafer gives out a row for every token, the weight store adds them up.
    pub(super) fn gather(&self, op: &Op) -> Result<Vec<f64>, ValuesError> {
        let gradient = operand(self.tensors(), op, 1);
        let (precision, elements) = (self.workload.training.precision, self.column_elements());
        let (columns, height) = (self.mapping.width, self.mapping.rows());
        let program = column::gather("gather", columns, height, elements, precision);
        let (_, drained) = self.execute(&program, |sram, pe, at| {
            sram.load(pe, "values", &self.tile(gradient, Features::Hidden, at));
        })?;
        let words = u64::from(elements).div_ceil(precision.per_wavelet()) as usize;
        let rows = self.assemble(&program, Features::Hidden, |_, at| {
            let column = drained.iter().filter(|(from, port, _)| from.x == at.x && *port == Port::North);
            let own = column.skip(usize::from(at.y) * words).take(words);
            own.flat_map(|(.., word)| word.values.into_iter().take(precision.per_wavelet() as usize))
                .collect()
        });
        let width = self.mapping.hidden.features() as usize;
        let mut table = vec![0.0; self.graph.tensor(op.outputs[0]).elements() as usize];
        for (token, row) in self.token_ids(op).into_iter().enumerate() {
            for feature in 0..width {
                table[row * width + feature] += rows[token * width + feature];
            }
        }
        Ok(table)
    }

    /// Sums over all tokens, of what the gradient of a norm left or of a gradient itself.
    pub(super) fn column_sum(&self, op: &Op, features: Features) -> Result<Vec<f64>, ValuesError> {
        let gradient = op.inputs[op.inputs.len() - 1];
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let summed = match op.kind {
            OpKind::BiasGrad => operand(self.tensors(), op, 0),
            _ => left.get(&gradient).map(Vec::as_slice).unwrap_or_default(),
        };
        let slices = self.mapping.slices(features);
        let size = (self.mapping.width, self.mapping.rows());
        let (precision, widest) = (self.workload.training.precision, slices.widest());
        let program = column::sum("column sum", size, widest, self.mapping.tokens, precision, STATISTICS);
        let (_, drained) = self.execute(&program, |sram, pe, at| {
            sram.load(pe, "x", &self.tile(summed, features, at));
        })?;
        let mut sums = vec![f64::NAN; slices.features() as usize];
        for x in 0..self.mapping.width {
            let column = drained.iter().filter(|(at, port, _)| at.x == x && *port == Port::South);
            for (place, (.., word)) in slices.range(x).zip(column) {
                sums[self.feature(features, place)] = f64::from(word.values[0]);
            }
        }
        Ok(sums)
    }

    /// Values that each PE of a column takes or gives: those of the widest.
    fn column_elements(&self) -> u32 {
        self.mapping.hidden.widest() * self.mapping.tokens
    }

    /// The first operand of an op on a table of words, as indices.
    fn token_ids(&self, op: &Op) -> Vec<usize> {
        operand(self.tensors(), op, 0).iter().map(|&id| id as usize).collect()
    }
}
