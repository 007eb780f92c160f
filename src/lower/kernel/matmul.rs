//! The three forms of a matrix product on the fabric: features along x, tokens along y.
//!
//! | form | computes | stream down the columns | along the rows |
//! |---|---|---|---|
//! | [`Form::Reduce`] | `out[r] = sum_i w[r][i] x[i]` | weights, row by row | partial sums meet at the column that owns row r |
//! | [`Form::Outer`] | `out[i] += v[r][i] p[r]` | values, row by row | the vector `p[r]` from the column that owns row r |
//! | [`Form::Gradient`] | `dw[r][i] = sum_t g[r][t] x[i][t]` | positions of kept weights | the vector `g[r]`; sums leave down the columns |
//! | [`Form::Transposed`] | `out[r][i] = sum_t g[r][t] x[i][t]` | none: every i | the vector `g[r]`; sums meet at the row that owns r |
//!
//! All arithmetic on tokens is on vectors of the PE's own tokens; a weight that is zero is never sent, so
//! that it costs nothing.

use std::sync::Arc;

use crate::bits::BitRows;
use crate::dtype::Dtype;
use crate::ids::{BufferId, Coord};
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, main, route};
use crate::lower::kernel::chain::{Axis, Chain, ChainBuffers};
use crate::lower::kernel::feed::{Block, ROW_END, Rotation, from_edge};
use crate::program::{
    EdgeStream, Fold, Length, Operand, Place, Port, Program, Step, StreamItems, Trigger, VectorOp,
};
use crate::units::Bytes;

/// Shape and formats of a product on a rectangle.
#[derive(Clone, Debug)]
pub struct Shape {
    /// For messages.
    pub name: String,
    /// Columns and rows of PEs.
    pub width: u16,
    /// Rows of PEs.
    pub height: u16,
    /// Length of a PE's vectors: its tokens, for each of the query heads that share a key.
    pub vector: u32,
    /// Rows that each PE row holds of a stream or result that lies along y: its tokens.
    pub rows_per_pe: u32,
    /// Features of each column that are summed over or written: the `i` of the table.
    pub inner: Vec<u32>,
    /// Rows `r` that each column owns.
    pub owned: Vec<u32>,
    /// Formats.
    pub formats: Formats,
    /// Software-managed cache of a PE, for the ring that every multiply-add reads or adds to.
    pub cache: Bytes,
    /// Cycles by which sums come later to each row of PEs that they pass on their way down.
    pub stage: u32,
}

/// Formats of a product.
#[derive(Clone, Copy, Debug)]
pub struct Formats {
    /// Operands in memory and on the fabric.
    pub operand: Dtype,
    /// Sums in memory.
    pub sum: Dtype,
    /// Partial sums on the fabric.
    pub reduce: Dtype,
}

/// Where the stream down the columns comes from.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Over the north edge; one stream a column.
    Edge(Vec<StreamItems>),
    /// The PEs of the column take turns: row `r` of the stream is held by PE row `r / rows_per_pe`.
    Rotating,
}

/// Which product.
#[derive(Clone, Debug)]
pub enum Form {
    /// Weights against vectors, partial sums reduced along the row.
    Reduce(Feed),
    /// Outer products: no reduction.
    Outer(Feed),
    /// Gradient of kept weights, leaving over the south edge.
    Gradient(Vec<StreamItems>),
    /// Products of two activations summed over tokens, kept by rows of PEs.
    Transposed,
}

/// Slots of the ring that vectors along the row arrive in.
const VECTOR_SLOTS: u16 = 8;
/// Slots of a ring in the cache at least: one that is worked on, one on its way and one between them.
const FEWEST_SLOTS: u64 = 3;

/// Colors: the stream down the columns, the vector along the row, then four for the chains.
const STREAM: u8 = 0;
const VECTOR: u8 = 1;
const CHAIN: u8 = 2;

/// Slots of the ring of partial sums: how many results the main thread can be ahead of the chains.
const PARTIAL_SLOTS: u16 = 8;
/// Slots of the ring of single sums.
const SUM_SLOTS: u16 = 32;

/// Parameters of a PE: results before, of and behind it; turns of the column stream and its rows; turns of
/// the row vector and its rows; cycles to wait before the start.
const PARAMS: usize = 10;
const RESULTS: u8 = 0;
const STREAM_TURN: u8 = 3;
const VECTOR_TURN: u8 = 6;
const WAIT: u8 = 9;

/// Counters: blocks of the column stream, blocks of the row vector.
const STREAM_BLOCKS: u8 = 0;
const VECTOR_BLOCKS: u8 = 1;

/// The program of a product.
pub fn program(shape: &Shape, form: &Form) -> Program {
    let mut builder = Builder::new(&shape.name, shape.width, shape.height, PARAMS);
    for y in 0..shape.height {
        let mut low = 0;
        for x in 0..shape.width {
            let owned = shape.owned[usize::from(x)];
            let mut pe = Pe::new(shape, x, y, low, owned);
            match form {
                Form::Reduce(feed) => pe.reduce(feed),
                Form::Outer(feed) => pe.outer(feed),
                Form::Gradient(_) => pe.gradient(),
                Form::Transposed => pe.transposed(),
            }
            builder.place(x, y, pe.role.finish(), pe.routes, &pe.params);
            low += owned;
        }
    }
    let streams = match form {
        Form::Reduce(Feed::Edge(items)) | Form::Outer(Feed::Edge(items)) | Form::Gradient(items) => {
            items.as_slice()
        }
        _ => &[],
    };
    for (x, items) in streams.iter().enumerate() {
        builder.stream(EdgeStream {
            at: Coord { x: x as u16, y: 0 },
            port: Port::North,
            color: crate::ids::ColorId(STREAM),
            items: items.clone(),
        });
    }
    builder.finish(match form {
        Form::Reduce(Feed::Edge(_)) | Form::Outer(Feed::Edge(_)) => Fold::Forwarded,
        Form::Gradient(_) => Fold::Relayed,
        _ => Fold::None,
    })
}

/// SRAM that the rings of a product take beside its operands and results, with vectors of `vector` values.
pub fn workspace(vector: u32, formats: Formats) -> Bytes {
    let sums =
        (formats.sum.bytes() * u64::from(PARTIAL_SLOTS) + formats.reduce.bytes() * 2) * u64::from(vector);
    let vectors = formats.operand.bytes() * u64::from(VECTOR_SLOTS) * u64::from(vector);
    sums + vectors + formats.sum.bytes() * u64::from(SUM_SLOTS)
}

/// Streams for timing alone: `counts[r][x]` wavelets of row `r` in column `x`.
pub fn timing_streams(counts: &Arc<[u16]>, width: u16) -> Vec<StreamItems> {
    (0..u32::from(width))
        .map(|column| StreamItems::Rows {
            counts: counts.clone(),
            stride: u32::from(width),
            column,
            end: ROW_END,
        })
        .collect()
}

/// The same where weights are kept by bits: column `x` has those from `starts[x]` to `starts[x + 1]` of each row.
pub fn kept_streams(kept: &Arc<BitRows>, starts: &Arc<[u32]>) -> Vec<StreamItems> {
    (0..starts.len() as u32 - 1)
        .map(|column| StreamItems::Kept { kept: kept.clone(), starts: starts.clone(), column, end: ROW_END })
        .collect()
}

/// One PE in the making.
struct Pe<'a> {
    shape: &'a Shape,
    x: u16,
    y: u16,
    role: RoleBuilder,
    routes: Vec<crate::program::ColorRoute>,
    params: [u32; PARAMS],
}

impl<'a> Pe<'a> {
    fn new(shape: &'a Shape, x: u16, y: u16, low: u32, owned: u32) -> Self {
        let mut params = [0; PARAMS];
        let rows: u32 = shape.owned.iter().sum();
        params[..3].copy_from_slice(&[low, owned, rows - low - owned]);
        let edge = |at: u16, of: u16| {
            if at == 0 {
                "first"
            } else if at + 1 == of {
                "last"
            } else {
                "middle"
            }
        };
        let name = format!("{}, {}", edge(x, shape.width), edge(y, shape.height));
        Self { shape, x, y, role: RoleBuilder::new(name), routes: Vec::new(), params }
    }

    fn inner(&self) -> u32 {
        self.shape.inner[usize::from(self.x)]
    }

    fn owned(&self) -> u32 {
        self.shape.owned[usize::from(self.x)]
    }

    /// The stream down the column arrives in input queue 0.
    fn column_stream(&mut self, feed: &Feed) -> Option<Step> {
        self.role.input(0, STREAM);
        match feed {
            Feed::Edge(_) => {
                self.routes.push(from_edge(STREAM, self.y, self.shape.height));
                None
            }
            Feed::Rotating => {
                let rotation = Rotation {
                    axis: Axis::Column,
                    at: self.y,
                    of: self.shape.height,
                    color: STREAM,
                    input: 0,
                    output: 4,
                    counter: STREAM_BLOCKS,
                    param: STREAM_TURN,
                    thread: 2,
                };
                let rows = self.role.loaded(
                    "stream rows",
                    self.inner(),
                    self.shape.rows_per_pe as u16,
                    self.shape.formats.operand,
                );
                let [before, at] = rotation.params();
                self.params[3..6].copy_from_slice(&[before, at, self.shape.rows_per_pe]);
                let block = Block {
                    rows,
                    elements: self.inner(),
                    indexed: true,
                    dtype: self.shape.formats.operand,
                    rows_param: STREAM_TURN + 2,
                };
                self.routes.push(rotation.route());
                let send = rotation.tasks(&mut self.role, block);
                (self.y == 0).then_some(Step::Activate(send))
            }
        }
    }

    /// The vector along the row arrives in input queue 1 and fills a ring; the steps that start it.
    fn row_vector(&mut self) -> (BufferId, Vec<Step>) {
        let shape = self.shape;
        let dtype = shape.formats.operand;
        let ring = self.busiest_ring("vector", shape.vector, VECTOR_SLOTS, dtype);
        let input = self.role.input(1, VECTOR);
        let rotation = Rotation {
            axis: Axis::Row,
            at: self.x,
            of: shape.width,
            color: VECTOR,
            input: 1,
            output: 5,
            counter: VECTOR_BLOCKS,
            param: VECTOR_TURN,
            thread: 3,
        };
        let rows = self.role.loaded("vector rows", shape.vector, self.owned() as u16, dtype);
        let [before, at] = rotation.params();
        let owned = self.owned();
        self.params[6..9].copy_from_slice(&[before, at, owned]);
        let block =
            Block { rows, elements: shape.vector, indexed: false, dtype, rows_param: VECTOR_TURN + 2 };
        self.routes.push(rotation.route());
        let send = rotation.tasks(&mut self.role, block);
        let receive = Micro { endless: true, ..Micro::on(4) }.run(
            VectorOp::Move,
            dtype,
            Operand::Ring(ring),
            Operand::Input(input),
            Operand::None,
            Length::Fixed(shape.vector),
        );
        let mut start = vec![receive];
        if self.x == 0 {
            start.push(Step::Activate(send));
        }
        (ring, start)
    }

    /// The ring that every multiply-add reads or adds to, of `slots` vectors of `elements` values: in the cache where
    /// that has room for enough of them, so that the multiply-adds leave the SRAM ports to their other operand.
    fn busiest_ring(&mut self, name: &str, elements: u32, slots: u16, dtype: Dtype) -> BufferId {
        let slot = dtype.bytes().0 * u64::from(elements);
        let fit = self.shape.cache.0 / slot.max(1);
        if fit < FEWEST_SLOTS {
            return self.role.ring(name, elements, slots, dtype);
        }
        let ring = self.role.ring(name, elements, fit.min(u64::from(slots)) as u16, dtype);
        self.role.put(ring, Place::Cache);
        ring
    }

    fn start(&mut self, steps: Vec<Step>) {
        if !steps.is_empty() {
            self.role.task("start", Trigger::Start, None, steps);
        }
    }

    fn chain(&self, axis: Axis) -> Chain {
        let (at, of) = match axis {
            Axis::Row => (self.x, self.shape.width),
            Axis::Column => (self.y, self.shape.height),
        };
        Chain { axis, at, of, color: CHAIN, queue: 2, dtype: self.shape.formats.reduce }
    }

    fn reduce(&mut self, feed: &Feed) {
        let (n, formats) = (self.shape.vector, self.shape.formats);
        let act = self.role.buffer("activations", n * self.inner(), formats.operand);
        let partial = self.busiest_ring("partial sums", n, PARTIAL_SLOTS, formats.sum);
        let scratch = self.role.ring("scratch", n, 2, formats.reduce);
        let result = self.role.ring("results", n, self.owned() as u16, formats.operand);
        let queue = crate::ids::QueueId(0);
        let sum = Operand::whole(partial);
        let axpy = main(VectorOp::Fma, formats.operand, sum, Operand::Indexed(act), Operand::Weight, n);
        self.role.task("weight", Trigger::Weight(queue), None, vec![axpy]);
        self.role.task("row end", Trigger::Control(queue, ROW_END), None, vec![Step::Push(partial)]);
        self.role.with_room(partial);
        let chain = self.chain(Axis::Row);
        self.routes.extend(chain.routes());
        let chains = chain.tasks(&mut self.role, ChainBuffers { partial, scratch, result }, n, RESULTS);
        let mut start = vec![chains];
        start.extend(self.column_stream(feed));
        self.start(start);
    }

    fn outer(&mut self, feed: &Feed) {
        let (n, formats) = (self.shape.vector, self.shape.formats);
        let out = self.role.buffer("results", n * self.inner(), formats.sum);
        let (vector, mut start) = self.row_vector();
        let queue = crate::ids::QueueId(0);
        let axpy = main(
            VectorOp::Fma,
            formats.operand,
            Operand::Indexed(out),
            Operand::whole(vector),
            Operand::Weight,
            n,
        );
        self.role.task("value", Trigger::Weight(queue), Some(vector), vec![axpy]);
        self.role.task("row end", Trigger::Control(queue, ROW_END), Some(vector), vec![Step::Pop(vector)]);
        start.extend(self.column_stream(feed));
        self.start(start);
    }

    fn gradient(&mut self) {
        let (n, formats) = (self.shape.vector, self.shape.formats);
        let act = self.role.buffer("activations", n * self.inner(), formats.operand);
        let sums = self.role.ring("sums", 1, SUM_SLOTS, formats.sum);
        // Where three colors want down a ramp for two, sums come first and the stream, which is ahead, last.
        let (above, below) = (CHAIN + (self.y % 2) as u8, CHAIN + ((self.y + 1) % 2) as u8);
        if self.y > 0 {
            self.routes.push(route(above, Port::North, &[Port::Ramp]));
        }
        self.routes.push(route(below, Port::Ramp, &[Port::South]));
        // Each row starts when its first sum would come just after that of the row above, so that all rows do the same.
        self.params[usize::from(WAIT)] = self.shape.stage * (u32::from(self.y) + 1);
        let mut start = vec![Step::Wait { param: WAIT }];
        let (vector, vectors) = self.row_vector();
        start.extend(vectors);
        let queue = crate::ids::QueueId(0);
        self.role.input(0, STREAM);
        self.routes.push(from_edge(STREAM, self.y, self.shape.height));
        let dot = main(
            VectorOp::Dot { inner: n },
            formats.operand,
            Operand::whole(sums),
            Operand::whole(vector),
            Operand::Indexed(act),
            n,
        );
        self.role.task("weight", Trigger::Weight(queue), Some(vector), vec![dot, Step::Push(sums)]);
        self.role.with_room(sums);
        self.role.task("row end", Trigger::Control(queue, ROW_END), Some(vector), vec![Step::Pop(vector)]);
        let from =
            if self.y == 0 { Operand::Constant(0.0) } else { Operand::Input(self.role.input(2, above)) };
        let to = Operand::Output(self.role.output(2, below));
        let pass = Micro { endless: true, ..Micro::on(0) };
        start.push(pass.run(VectorOp::Add, formats.reduce, to, from, Operand::Ring(sums), Length::Fixed(1)));
        self.start(start);
    }

    fn transposed(&mut self) {
        let (n, formats) = (self.shape.vector, self.shape.formats);
        let width = self.inner();
        let act = self.role.buffer("activations", n * width, formats.operand);
        let partial = self.role.ring("partial sums", width, PARTIAL_SLOTS, formats.sum);
        let scratch = self.role.ring("scratch", width, 2, formats.reduce);
        // Results are kept by rows of PEs: each owns the rows of its own tokens.
        let own = self.shape.rows_per_pe;
        let result = self.role.ring("results", width, own as u16, formats.operand);
        let (before, behind) = (u32::from(self.y), u32::from(self.shape.height - 1 - self.y));
        self.params[..3].copy_from_slice(&[before * own, own, behind * own]);
        let (vector, mut start) = self.row_vector();
        let chain = self.chain(Axis::Column);
        self.routes.extend(chain.routes());
        start.push(chain.tasks(&mut self.role, ChainBuffers { partial, scratch, result }, width, RESULTS));
        let row = self.role.next_task();
        let dots = main(
            VectorOp::Dot { inner: n },
            formats.operand,
            Operand::whole(partial),
            Operand::repeat(vector, n),
            Operand::whole(act),
            n * width,
        );
        let body = vec![dots, Step::Push(partial), Step::Pop(vector), Step::Activate(row)];
        self.role.task("row", Trigger::Local, Some(vector), body);
        self.role.with_room(partial);
        start.push(Step::Activate(row));
        self.start(start);
    }
}
