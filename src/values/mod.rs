//! Graph ops with values: tensors laid out on the wafer as the mapping says, op after op through their programs.
//!
//! ```text
//! tensors -> tiles of PEs -> Program -> executor (and fabric) -> tiles -> tensors
//! ```

mod columns;
mod products;
mod rowwise;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use crate::dtype::Dtype;
use crate::exec::reference::Tensors;
use crate::exec::{Drained, ExecError, Sram, execute};
use crate::fabric::{CYCLE_LIMIT, run_with};
use crate::graph::{Op, TensorRole, TrainGraph};
use crate::ids::{Coord, TensorId};
use crate::lower::job::{Features, Kernel};
use crate::lower::mapping::Mapping;
use crate::lower::plan::Plan;
use crate::lower::timing::Timing;
use crate::program::{Port, Program};
use crate::simulate::SimulateError;
use crate::sparsity::Masks;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
pub(crate) use store::Store;

/// Values that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// A program of ours that cannot be executed.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// A program that is illegal or does not run.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
}

/// Values of each result of an op, in the order of the graph.
pub(crate) type Results = Vec<Vec<f64>>;

/// What runs the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engines {
    /// The executor alone.
    Executor,
    /// The fabric as well, whose values must be the same to the bit.
    Both,
}

/// Values of the executor held against those of the fabric, in memory and over the edge.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Alike {
    pub(crate) values: u64,
    pub(crate) different: u64,
}

/// Words that left over the edge differently, each end by itself.
fn different_ends(executed: &Drained, timed: &Drained) -> u64 {
    let by_end = |drained: &Drained| {
        let mut ends: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (at, port, word) in drained {
            let bits = (word.index, word.values.map(f32::to_bits), word.control);
            ends.entry((*at, *port)).or_default().push(bits);
        }
        ends
    };
    let (executed, timed) = (by_end(executed), by_end(timed));
    let ends: BTreeSet<_> = executed.keys().chain(timed.keys()).collect();
    let different = |end: &&(Coord, Port)| {
        let words = |of: &BTreeMap<_, Vec<_>>| of.get(*end).cloned().unwrap_or_default();
        let (one, other) = (words(&executed), words(&timed));
        let same = one.iter().zip(&other).filter(|(one, other)| one == other).count();
        (one.len().max(other.len()) - same) as u64
    };
    ends.iter().map(different).sum()
}

/// The small wafer.
pub(crate) struct Wafer<'a> {
    pub(crate) workload: &'a WorkloadSpec,
    pub(crate) machine: &'a WaferSpec,
    pub(crate) mapping: &'a Mapping,
    pub(crate) graph: &'a TrainGraph,
    pub(crate) masks: &'a Masks,
    engines: Engines,
    alike: Mutex<Alike>,
    query_order: Vec<u32>,
    key_order: Vec<u32>,
    tensors: Tensors,
    /// What the gradient of a norm leaves for the gradient of its gain, by the gradient that it read.
    pub(crate) left: Mutex<BTreeMap<TensorId, Vec<f64>>>,
}

impl<'a> Wafer<'a> {
    pub(crate) fn new(
        workload: &'a WorkloadSpec,
        machine: &'a WaferSpec,
        plan: &'a Plan,
        masks: &'a Masks,
        tensors: Tensors,
        engines: Engines,
    ) -> Self {
        let mapping = &plan.mapping;
        let (query_order, key_order) = (mapping.query_order(), mapping.key_order());
        let (left, alike) = (Mutex::default(), Mutex::default());
        let graph = &plan.graph;
        Self {
            workload,
            machine,
            mapping,
            graph,
            masks,
            engines,
            alike,
            query_order,
            key_order,
            tensors,
            left,
        }
    }

    /// Values so far, in the order of the graph.
    pub(crate) fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    /// Values so far, for whoever needs the wafer no more.
    pub(crate) fn into_tensors(self) -> Tensors {
        self.tensors
    }

    /// Keep a result.
    pub(crate) fn set(&mut self, id: TensorId, values: Vec<f64>) {
        self.tensors.set(id, values);
    }

    /// Run an op's kernel; nothing for what does not run on the wafer.
    pub(crate) fn run(&self, op: &Op, kernel: &Kernel) -> Result<Results, ValuesError> {
        Ok(match kernel {
            Kernel::OffWafer => Vec::new(),
            Kernel::Weights(kernel) => vec![self.weights(op, *kernel)?],
            Kernel::Attention(kernel) => vec![self.attention(op, *kernel)?],
            Kernel::Rowwise { op: local, features } => self.rowwise(op, *local, *features)?,
            Kernel::Columnwise(local) => self.columnwise(op, *local)?,
            Kernel::Scatter => vec![self.scatter(op)?],
            Kernel::Gather => vec![self.gather(op)?],
            Kernel::Spread => vec![self.spread(op)?],
            Kernel::BandSum => vec![self.band_sum(op)?],
            Kernel::ColumnSum(features) => vec![self.column_sum(op, *features)?],
        })
    }

    /// Programs as the timing builds them.
    pub(crate) fn timing(&self) -> Timing<'a> {
        Timing { mapping: self.mapping, precision: self.workload.training.precision, machine: self.machine }
    }

    /// Check a program, load it PE by PE, and run it.
    pub(crate) fn execute<'p>(
        &self,
        program: &'p Program,
        load: impl Fn(&mut Sram<'_>, usize, Coord),
    ) -> Result<(Sram<'p>, Drained), ValuesError> {
        let mut sram = Sram::new(program);
        for pe in 0..program.pe_count() {
            load(&mut sram, pe, program.coord(pe));
        }
        let timed = (self.engines == Engines::Both).then(|| sram.clone());
        let drained = execute(program, self.machine, &mut sram)?;
        if let Some(mut timed) = timed {
            let outcome = run_with(program, self.machine, &mut timed, CYCLE_LIMIT, true);
            let outcome = outcome.map_err(SimulateError::Fault)?;
            let (values, different) = sram.different_bits(&timed);
            let ends = different_ends(&drained, &outcome.drained);
            let mut total = self.alike.lock().unwrap_or_else(PoisonError::into_inner);
            total.values += values + drained.len() as u64;
            total.different += different + ends;
        }
        Ok((sram, drained))
    }

    /// How the values of executor and fabric compare so far.
    pub(crate) fn alike(&self) -> Alike {
        *self.alike.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Feature of the graph at place `place` along x.
    pub(crate) fn feature(&self, features: Features, place: u32) -> usize {
        let place = place as usize;
        match features {
            Features::Query => self.query_order[place] as usize,
            Features::Key => self.key_order[place] as usize,
            _ => place,
        }
    }

    /// Position of token `t` of row `y` in its sequence; past its end in the last row of a band that is not full.
    pub(crate) fn position(&self, y: u16, t: u32) -> usize {
        usize::from(y % self.mapping.band_rows) * self.mapping.tokens as usize + t as usize
    }

    /// Token of the micro-batch that is token `t` of row `y`, and its position in its sequence; `None` where the row
    /// has no such token.
    pub(crate) fn token(&self, y: u16, t: u32) -> Option<(usize, usize)> {
        let sequence = usize::from(y / self.mapping.band_rows);
        let tokens = self.workload.training.sequence_tokens as usize;
        let position = self.position(y, t);
        (position < tokens).then_some((sequence * tokens + position, position))
    }

    /// Index of every element of a PE's tile in a tensor `[tokens, features]`: feature by feature; `None` where a
    /// token is missing.
    pub(crate) fn tile_indices(&self, features: Features, at: Coord) -> Vec<Option<usize>> {
        let slices = self.mapping.slices(features);
        let width = slices.features() as usize;
        let mut indices = Vec::new();
        for place in slices.range(at.x) {
            let feature = self.feature(features, place);
            let index = |t| self.token(at.y, t).map(|(token, _)| token * width + feature);
            indices.extend((0..self.mapping.tokens).map(index));
        }
        indices
    }

    /// A PE's tile of a tensor `[tokens, features]`.
    pub(crate) fn tile(&self, values: &[f64], features: Features, at: Coord) -> Vec<f64> {
        pick(values, self.tile_indices(features, at))
    }

    /// A tensor `[tokens, features]` from buffer `name` of every PE.
    pub(crate) fn untile(
        &self,
        sram: &Sram<'_>,
        program: &Program,
        name: &str,
        features: Features,
    ) -> Vec<f64> {
        self.assemble(program, features, |pe, _| sram.read(pe, name).to_vec())
    }

    /// A tensor `[tokens, features]` from the tiles of all PEs.
    pub(crate) fn assemble(
        &self,
        program: &Program,
        features: Features,
        tile: impl Fn(usize, Coord) -> Vec<f32>,
    ) -> Vec<f64> {
        let tokens = self.graph.tokens() as usize;
        let mut values = vec![f64::NAN; tokens * self.mapping.slices(features).features() as usize];
        for pe in 0..program.pe_count() {
            let at = program.coord(pe);
            place(&mut values, self.tile_indices(features, at), tile(pe, at));
        }
        values
    }

    /// Place on the wafer of PE `at` of the copy of a head-wise kernel for a key/value head and a sequence.
    pub(crate) fn of_copy(&self, (group, band): (u32, u16), at: Coord) -> Coord {
        Coord { x: group as u16 * self.mapping.group_columns + at.x, y: band * self.mapping.band_rows + at.y }
    }

    /// Index of every element of a PE's tile in a tensor `[sequences, heads, tokens, keys]`: key by key, then
    /// head by head; `None` where token or key is missing. `at` is a place on the wafer.
    pub(crate) fn score_indices(&self, at: Coord) -> Vec<Option<usize>> {
        let mapping = self.mapping;
        let (group, column) = (at.x / mapping.group_columns, at.x % mapping.group_columns);
        let tokens = self.workload.training.sequence_tokens as usize;
        let heads = mapping.group_heads as usize;
        let sequence = usize::from(at.y / mapping.band_rows);
        let mut indices = Vec::new();
        for key in mapping.keys.range(column) {
            for head in 0..heads {
                let matrix = (sequence * mapping.groups as usize + usize::from(group)) * heads + head;
                indices.extend((0..mapping.tokens).map(|t| {
                    let (_, position) = self.token(at.y, t)?;
                    ((key as usize) < tokens).then_some((matrix * tokens + position) * tokens + key as usize)
                }));
            }
        }
        indices
    }

    /// All copies of a head-wise kernel.
    pub(crate) fn copies(&self) -> impl Iterator<Item = (u32, u16)> + use<'a> {
        let (groups, bands) = (self.mapping.groups, self.mapping.bands);
        (0..groups).flat_map(move |group| (0..bands).map(move |band| (group, band)))
    }
}

/// Values at `indices`, zero where there is none: a missing token changes no sum over tokens, and has no label.
fn pick(values: &[f64], indices: Vec<Option<usize>>) -> Vec<f64> {
    indices.into_iter().map(|index| index.map_or(0.0, |at| values[at])).collect()
}

/// Put what PEs hold where it belongs.
fn place(values: &mut [f64], indices: Vec<Option<usize>>, held: impl IntoIterator<Item = f32>) {
    for (index, value) in indices.into_iter().zip(held) {
        if let Some(index) = index {
            values[index] = f64::from(value);
        }
    }
}

/// Values of an operand of `op`; empty where a tensor has none.
fn operand<'t>(tensors: &'t Tensors, op: &Op, index: usize) -> &'t [f64] {
    op.inputs.get(index).and_then(|&id| tensors.get(id)).unwrap_or_default()
}

/// Parameters, a teacher's too, as the machine stores them.
pub(crate) fn rounded(graph: &TrainGraph, mut inputs: Tensors, precision: Dtype) -> Tensors {
    let stored = [TensorRole::Parameter, TensorRole::TeacherParameter];
    for tensor in graph.tensors().iter().filter(|tensor| stored.contains(&tensor.role)) {
        for value in inputs.get_mut(tensor.id).into_iter().flatten() {
            *value = f64::from(precision.round(*value as f32));
        }
    }
    inputs
}
