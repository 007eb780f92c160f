//! One PE of a product: its rings, tasks and routes, form by form.

use crate::dtype::Dtype;
use crate::ids::BufferId;
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, main, route};
use crate::lower::kernel::chain::{Axis, Chain, ChainBuffers};
use crate::lower::kernel::feed::{Block, ROW_END, Rotation, from_edge};
use crate::lower::kernel::held::{Back, Held, Positions};
use crate::lower::kernel::matmul::{Feed, Shape};
use crate::program::{ColorRoute, Length, Operand, Place, Port, Step, Trigger, VectorOp};

/// Slots of the ring that vectors along the row arrive in.
pub(super) const VECTOR_SLOTS: u16 = 8;
/// Slots of a ring in the cache at least: one that is worked on, one on its way and one between them.
const FEWEST_SLOTS: u64 = 3;

/// Colors: the stream down the columns, the vector along the row, then four for the chains (or two for sums), and two for
/// what goes up.
pub(super) const STREAM: u8 = 0;
const VECTOR: u8 = 1;
const CHAIN: u8 = 2;
const UP: u8 = 6;

/// Slots of the ring of partial sums: how many results the main thread can be ahead of the chains.
pub(super) const PARTIAL_SLOTS: u16 = 8;
/// Slots of the ring of single sums.
pub(super) const SUM_SLOTS: u16 = 32;

/// Parameters of a PE: results before, of and behind it; rows of what goes up the column that it gives and takes; turns of
/// the row vector and its rows; cycles to wait before the start.
pub(super) const PARAMS: usize = 9;
const RESULTS: u8 = 0;
const UP_ROWS: u8 = 3;
const VECTOR_TURN: u8 = 5;
const WAIT: u8 = 8;

/// Counter of the blocks of the row vector.
const VECTOR_BLOCKS: u8 = 0;

/// One PE in the making.
pub(super) struct Pe<'a> {
    shape: &'a Shape,
    x: u16,
    y: u16,
    role: RoleBuilder,
    routes: Vec<ColorRoute>,
    params: [u32; PARAMS],
}

impl<'a> Pe<'a> {
    pub(super) fn new(shape: &'a Shape, x: u16, y: u16, low: u32, owned: u32) -> Self {
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

    /// Put it into the program.
    pub(super) fn place(self, builder: &mut Builder) {
        builder.place(self.x, self.y, self.role.finish(), self.routes, &self.params);
    }

    fn inner(&self) -> u32 {
        self.shape.inner[usize::from(self.x)]
    }

    fn owned(&self) -> u32 {
        self.shape.owned[usize::from(self.x)]
    }

    /// The stream down the column arrives in input queue 0; the steps that start it.
    fn column_stream(&mut self, feed: &Feed) -> Vec<Step> {
        self.role.input(0, STREAM);
        let shape = self.shape;
        let Feed::Held { band } = *feed else {
            self.routes.push(from_edge(STREAM, self.y, shape.height));
            return Vec::new();
        };
        let held = held((self.y, shape.height), band);
        let (elements, dtype) = (self.inner(), shape.formats.operand);
        let rows = self.role.loaded("stream rows", elements, shape.rows_per_pe as u16, dtype);
        self.up_rows(held.params(shape.rows_per_pe));
        self.routes.extend(held.routes());
        let mut start = held.start(&mut self.role, (rows, elements), dtype);
        // The stream is there when a row starts, and all rows do the same a hop after each other.
        start.push(self.wait(shape.pace.echo + shape.pace.hop * u32::from(self.y)));
        start
    }

    /// Rows of what goes up the column that the PE gives and takes.
    fn up_rows(&mut self, rows: [u32; 2]) {
        self.params[usize::from(UP_ROWS)..][..2].copy_from_slice(&rows);
    }

    /// Wait for so many cycles.
    fn wait(&mut self, cycles: u32) -> Step {
        self.params[usize::from(WAIT)] = cycles;
        Step::Wait { param: WAIT }
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
        self.params[usize::from(VECTOR_TURN)..][..3].copy_from_slice(&[before, at, owned]);
        let block = Block { rows, elements: shape.vector, dtype, rows_param: VECTOR_TURN + 2 };
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

    fn chain(&self) -> Chain {
        Chain { at: self.x, of: self.shape.width, color: CHAIN, queue: 2, dtype: self.shape.formats.reduce }
    }

    pub(super) fn reduce(&mut self, feed: &Feed) {
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
        let chain = self.chain();
        self.routes.extend(chain.routes());
        let chains = chain.tasks(&mut self.role, ChainBuffers { partial, scratch, result }, n, RESULTS);
        let mut start = self.column_stream(feed);
        start.push(chains);
        self.start(start);
    }

    pub(super) fn outer(&mut self, feed: &Feed) {
        let (n, formats) = (self.shape.vector, self.shape.formats);
        let out = self.role.buffer("results", n * self.inner(), formats.sum);
        let (vector, vectors) = self.row_vector();
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
        let mut start = self.column_stream(feed);
        start.extend(vectors);
        self.start(start);
    }

    pub(super) fn gradient(&mut self) {
        self.sum_routes(true);
        let mut start = vec![self.wait(self.stagger())];
        let (vector, vectors) = self.row_vector();
        self.role.input(0, STREAM);
        self.routes.push(from_edge(STREAM, self.y, self.shape.height));
        let sums = self.dots(vector);
        let to = Operand::Output(self.role.output(2, sums_from(self.y)));
        start.extend(vectors);
        start.push(self.pass(sums, to));
        self.start(start);
    }

    pub(super) fn transposed(&mut self, band: u16) {
        let shape = self.shape;
        let (elements, dtype, rows) = (self.inner(), shape.formats.operand, shape.owned.iter().sum());
        let back =
            Back { at: self.y, of: shape.height, band, color: UP, queue: 4, threads: [2, 5], param: UP_ROWS };
        self.sum_routes(!back.last());
        // Results are kept by rows of PEs: each owns the rows of its own tokens.
        let own = shape.rows_per_pe * elements;
        let result = self.role.ring("results", 1, own as u16, dtype);
        self.up_rows(back.params(own));
        let positions = Positions { at: self.y, of: shape.height, color: STREAM, queue: 3, threads: [6, 7] };
        self.params[usize::from(RESULTS)] = rows;
        let mut start = positions.start(&mut self.role, elements, RESULTS, dtype);
        start.extend(back.start(&mut self.role, result, dtype));
        let widest = shape.inner.iter().copied().max().unwrap_or(0);
        start.push(self.wait(shape.pace.echo + widest + self.stagger()));
        let (vector, vectors) = self.row_vector();
        self.role.input(0, STREAM);
        self.routes.push(positions.route());
        self.routes.extend(back.routes());
        let sums = self.dots(vector);
        let to = if back.last() {
            Operand::Ring(result)
        } else {
            Operand::Output(self.role.output(2, sums_from(self.y)))
        };
        start.extend(vectors);
        start.push(self.pass(sums, to));
        self.start(start);
    }

    /// Each row starts when its first sum would come just after that of the row above, so that all rows do the same.
    fn stagger(&self) -> u32 {
        self.shape.pace.stage * (u32::from(self.y) + 1)
    }

    /// Routes of sums that go down. Where three colors want down a ramp for two, sums come first and the stream, which is
    /// ahead, last.
    fn sum_routes(&mut self, on: bool) {
        if let Some(above) = self.y.checked_sub(1) {
            self.routes.push(route(sums_from(above), Port::North, &[Port::Ramp]));
        }
        if on {
            self.routes.push(route(sums_from(self.y), Port::Ramp, &[Port::South]));
        }
    }

    /// The tasks of a stream of positions, each of which makes a sum; the ring of them.
    fn dots(&mut self, vector: BufferId) -> BufferId {
        let (n, formats) = (self.shape.vector, self.shape.formats);
        let act = self.role.buffer("activations", n * self.inner(), formats.operand);
        let sums = self.role.ring("sums", 1, SUM_SLOTS, formats.sum);
        let queue = crate::ids::QueueId(0);
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
        sums
    }

    /// Sums are added to those of the row above and go on.
    fn pass(&mut self, sums: BufferId, to: Operand) -> Step {
        let from = match self.y.checked_sub(1) {
            Some(above) => Operand::Input(self.role.input(2, sums_from(above))),
            None => Operand::Constant(0.0),
        };
        let pass = Micro { endless: true, ..Micro::on(0) };
        pass.run(VectorOp::Add, self.shape.formats.reduce, to, from, Operand::Ring(sums), Length::Fixed(1))
    }
}

/// Color of the sums that a row of PEs sends down.
fn sums_from(row: u16) -> u8 {
    CHAIN + (row % 2) as u8
}

/// How a stream that a band holds goes through a PE in a row of so many that the program has.
pub(super) fn held((at, of): (u16, u16), band: u16) -> Held {
    Held { at, of, band, down: STREAM, up: UP, queue: 4, threads: [2, 5], param: UP_ROWS }
}
