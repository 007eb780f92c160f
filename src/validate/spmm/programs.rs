//! Programs of the published kernels: a tile of A, sparse, times a tile of B, dense and row-major, into a tile of
//! C, in fp32, by software loops over the non-zeros on every PE.
//!
//! ```text
//! COO   for every entry            row, column and value are loaded
//! CSR   for every row, every entry            column and value are loaded
//! CSC   for every column, every entry         row and value are loaded
//! ELL   for every row, a fixed number of entries (short rows are filled with zeros)
//! GEMM  for every row and column of B         a column of C += a column of A x the value
//! ```
//! Each entry is one vector instruction: a row of C += the entry's value x a row of B. Rows of C begin one word
//! off the rows of B. In the published kernels the tile of B is spread before the clock starts and rows of C are
//! summed after it stops.

use crate::dtype::Dtype;
use crate::ids::BufferId;
use crate::lower::kernel::build::{Builder, RoleBuilder, repeated};
use crate::program::{Fold, Operand, Place, Program, Role, Step, Times, Trigger, VectorOp};
use crate::validate::spmm::{Format, Shape};

/// Scalar instructions to put base addresses into the descriptors of an entry's rows of B and C.
const BASES: u32 = 8;
/// Scalar instructions to find them: place of the entry, numbers of its rows times the length of a row, in 32 bits
/// on 16-bit registers. As the cycles of an entry show that do not grow with the columns of B: 39 in all formats,
/// 16 where the loop is written out.
const ADDRESSES: u32 = 13;
/// Scalar instructions at the start of a row of entries: two ends are loaded and subtracted in floating point,
/// and a 32-bit loop is set up. As 16 and 24 columns in a tile of CSC show.
const ROW: u32 = 43;
/// Longest row of entries that the vendor's compiler writes out instead of looping over it, with its addresses
/// worked out beforehand. As tiles of ELL with 7, 8 and 10 entries a row and with 11 and more show.
const UNROLLED: u32 = 10;

const WORD: Dtype = Dtype::Fp32;
/// Counters: of the outer loop, of the inner loop, of entries; the row of a COO entry.
const OUTER: u8 = 0;
const INNER: u8 = 1;
const ENTRY: u8 = 2;
const TO: u8 = 3;

/// The buffers of a tile.
struct Tile {
    role: RoleBuilder,
    a: BufferId,
    b: BufferId,
    c: BufferId,
}

impl Tile {
    /// With room for so many entries of A.
    fn new(shape: &Shape, entries: u32) -> Self {
        let mut role = RoleBuilder::new("tile".to_owned());
        let a = role.buffer("a", entries, WORD);
        let b = role.buffer("b", shape.columns() * shape.m, WORD);
        let c = role.buffer("c", shape.rows() * shape.m, WORD);
        role.put(b, Place::Bank(0));
        role.put(c, Place::Bank(1));
        Self { role, a, b, c }
    }

    fn finish(mut self, body: Vec<Step>) -> Role {
        self.role.task("multiply", Trigger::Start, None, body);
        self.role.finish()
    }
}

/// Row `counter` of a matrix with rows of `m`.
fn row(buffer: BufferId, counter: u8, m: u32) -> Operand {
    Operand::Stepped { buffer, counter, step: m, stride: 1 }
}

/// `c += weight x b`, `length` elements.
fn axpy(c: Operand, b: Operand, length: u32) -> Step {
    repeated(VectorOp::Fma, WORD, c, b, Operand::Weight, length)
}

/// The program of a format on all PEs: `entries` per tile as stored, and for each PE how many there are in each
/// of its rows (or columns), where the format keeps that.
pub(super) fn program(format: Format, shape: &Shape, entries: u32, lines: &[Vec<u32>]) -> Program {
    let role = match format {
        Format::Coo => coo(shape, entries),
        Format::Csr => by_lines(shape, entries, shape.rows(), false),
        Format::Csc => by_lines(shape, entries, shape.columns(), true),
        Format::Ell => ell(shape, entries),
        Format::Gemm => gemm(shape),
    };
    let params = lines.first().map_or(0, Vec::len);
    let mut builder = Builder::new(format.name(), shape.width as u16, shape.height as u16, params);
    for pe in 0..shape.width * shape.height {
        let (x, y) = ((pe % shape.width) as u16, (pe / shape.width) as u16);
        let params = lines.get(pe as usize).map_or(&[][..], Vec::as_slice);
        builder.place(x, y, role.clone(), Vec::new(), params);
    }
    builder.finish(Fold::None)
}

fn coo(shape: &Shape, entries: u32) -> Role {
    let mut tile = Tile::new(shape, entries);
    let [x, y] = ["x", "y"].map(|name| tile.role.buffer(name, entries, WORD));
    let body = vec![
        // The row is loaded instead of counted.
        Step::Load { counter: TO, from: y, at: OUTER },
        Step::Fetch { value: tile.a, index: Some(x), at: OUTER },
        Step::Scalar(BASES + ADDRESSES - 1),
        axpy(row(tile.c, TO, shape.m), Operand::Indexed(tile.b), shape.m),
    ];
    tile.finish(vec![Step::Repeat { counter: OUTER, times: Times::Fixed(entries), body }])
}

/// CSR, or CSC with its lines along columns.
fn by_lines(shape: &Shape, entries: u32, lines: u32, columns: bool) -> Role {
    let mut tile = Tile::new(shape, entries);
    let index = tile.role.buffer("index", entries, WORD);
    tile.role.buffer("ends", lines + 1, WORD);
    let (c, b) = if columns {
        (Operand::Indexed(tile.c), row(tile.b, OUTER, shape.m))
    } else {
        (row(tile.c, OUTER, shape.m), Operand::Indexed(tile.b))
    };
    let body = vec![
        Step::Fetch { value: tile.a, index: Some(index), at: ENTRY },
        Step::Scalar(BASES + ADDRESSES),
        axpy(c, b, shape.m),
        Step::Count(ENTRY),
    ];
    let inner = Step::Repeat { counter: INNER, times: Times::Param { counter: OUTER }, body };
    let body = vec![Step::Scalar(ROW), inner];
    tile.finish(vec![Step::Repeat { counter: OUTER, times: Times::Fixed(lines), body }])
}

fn ell(shape: &Shape, entries: u32) -> Role {
    let mut tile = Tile::new(shape, entries);
    let index = tile.role.buffer("index", entries, WORD);
    let in_row = entries / shape.rows();
    let unrolled = in_row <= UNROLLED;
    let body = vec![
        Step::Fetch { value: tile.a, index: Some(index), at: ENTRY },
        Step::Scalar(BASES + if unrolled { 0 } else { ADDRESSES }),
        axpy(row(tile.c, OUTER, shape.m), Operand::Indexed(tile.b), shape.m),
        Step::Count(ENTRY),
    ];
    let inner = if unrolled {
        std::iter::repeat_n(body, in_row as usize).flatten().collect()
    } else {
        vec![Step::Repeat { counter: INNER, times: Times::Fixed(in_row), body }]
    };
    let body = [vec![Step::Scalar(ROW)], inner].concat();
    tile.finish(vec![Step::Repeat { counter: OUTER, times: Times::Fixed(shape.rows()), body }])
}

fn gemm(shape: &Shape) -> Role {
    let (rows, columns) = (shape.rows(), shape.columns());
    let tile = Tile::new(shape, rows * columns);
    let column =
        |buffer, counter, stride: u32| Operand::Stepped { buffer, counter, step: 1, stride: stride as i32 };
    let body = vec![
        Step::Fetch { value: tile.b, index: None, at: ENTRY },
        Step::Scalar(BASES),
        axpy(column(tile.c, INNER, shape.m), column(tile.a, OUTER, columns), rows),
        Step::Count(ENTRY),
    ];
    let body = vec![Step::Repeat { counter: INNER, times: Times::Fixed(shape.m), body }];
    tile.finish(vec![Step::Repeat { counter: OUTER, times: Times::Fixed(columns), body }])
}
