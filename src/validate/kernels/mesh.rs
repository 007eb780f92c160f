//! Collectives over a rectangle of PEs: along rows and along a column or columns.

use crate::dtype::Dtype;
use crate::ids::TaskId;
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, main, route};
use crate::program::{ColorRoute, Fold, Length, Operand, Port, Program, Step, Trigger, VectorOp};
use crate::validate::kernels::OUT;

/// Which columns of a broadcast are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// All.
    All,
    /// The last one and the first row: columns only listen to the row above them, so that the last one, which
    /// hears last, tells when all have heard.
    Last,
}

/// Ports that a broadcast down from the first row leaves by at `x`, `y`, besides the ramp.
fn onwards(x: u16, y: u16, (width, height): (u16, u16), columns: Columns) -> Vec<Port> {
    let mut ports = Vec::new();
    if y == 0 && x + 1 < width {
        ports.push(Port::East);
    }
    if y + 1 < height && (columns == Columns::All || x + 1 == width) {
        ports.push(Port::South);
    }
    ports
}

/// Route of `color` from the PE in the corner along the first row and down the columns.
fn spread(color: u8, x: u16, y: u16, size: (u16, u16), columns: Columns) -> ColorRoute {
    let mut ports = onwards(x, y, size, columns);
    let from = match (x, y) {
        (0, 0) => return route(color, Port::Ramp, &ports),
        (_, 0) => Port::West,
        _ => Port::North,
    };
    ports.push(Port::Ramp);
    route(color, from, &ports)
}

/// The PE in the corner sends `elements` to all others, along the first row and from there down the columns.
pub fn broadcast_2d(size: (u16, u16), elements: u32, dtype: Dtype, columns: Columns) -> Program {
    let (width, height) = size;
    let mut builder = Builder::new("broadcast over a rectangle", width, height, 0);
    for y in 0..height {
        for x in 0..width {
            let corner = (x, y) == (0, 0);
            let there = columns == Columns::All || y == 0 || x + 1 == width;
            let mut role = RoleBuilder::new(format!("{corner} {there}"));
            let mut routes = Vec::new();
            if there && width.max(height) > 1 {
                let own = Operand::whole(role.buffer("own", elements, dtype));
                let length = Length::Fixed(elements);
                let (to, from) = if corner {
                    (Operand::Output(role.output(OUT, 0)), own)
                } else {
                    (own, Operand::Input(role.input(0, 0)))
                };
                let step = Micro::on(0).run(VectorOp::Move, dtype, to, from, Operand::None, length);
                role.task("start", Trigger::Start, None, vec![step]);
                routes.push(spread(0, x, y, size, columns));
            }
            builder.place(x, y, role.finish(), routes, &[]);
        }
    }
    builder.finish(Fold::None)
}

/// Colors: a chain along each row, a chain up the first column, and the sums on their way back.
const ROWS: u8 = 0;
const COLUMN: u8 = 2;
const SUMS: u8 = 4;

/// Vectors of all PEs are summed by chains to the first PEs of the rows and by a chain up the first column to
/// the corner; with `back`, the corner then sends the sum to all.
pub fn reduce_2d(size: (u16, u16), elements: u32, dtype: Dtype, back: bool) -> Program {
    let (width, height) = size;
    let mut builder = Builder::new("reduction over a rectangle", width, height, 0);
    for y in 0..height {
        for x in 0..width {
            let (role, routes) = summand((x, y), size, elements, dtype, back);
            builder.place(x, y, role, routes, &[]);
        }
    }
    builder.finish(Fold::None)
}

fn summand(
    (x, y): (u16, u16),
    size: (u16, u16),
    elements: u32,
    dtype: Dtype,
    back: bool,
) -> (crate::program::Role, Vec<ColorRoute>) {
    let back = back && size != (1, 1);
    let mut role = RoleBuilder::new(format!("{} {}", x == 0, y == 0));
    let own = Operand::whole(role.buffer("own", elements, dtype));
    let mut routes = Vec::new();
    let length = Length::Fixed(elements);
    let colors = |first: u8, at: u16| (first + (at % 2) as u8, first + ((at + 1) % 2) as u8);
    let (mine, theirs) = colors(ROWS, x);
    let from = if x + 1 < size.0 {
        routes.push(route(theirs, Port::East, &[Port::Ramp]));
        Operand::Input(role.input(0, theirs))
    } else {
        Operand::Constant(0.0)
    };
    let add = |thread, activate, to, from| {
        Micro { activate, ..Micro::on(thread) }.run(VectorOp::Add, dtype, to, from, own, length)
    };
    let mut start: Vec<Step> = Vec::new();
    let mut later = Vec::new();
    if x > 0 {
        routes.push(route(mine, Port::Ramp, &[Port::West]));
        start.push(add(0, None, Operand::Output(role.output(OUT, mine)), from));
    } else {
        start.push(add(0, Some(TaskId(1)), own, from));
        let (mine, theirs) = colors(COLUMN, y);
        let from = if y + 1 < size.1 {
            routes.push(route(theirs, Port::South, &[Port::Ramp]));
            Operand::Input(role.input(1, theirs))
        } else {
            Operand::Constant(0.0)
        };
        if y > 0 {
            routes.push(route(mine, Port::Ramp, &[Port::North]));
            later.push(add(0, None, Operand::Output(role.output(OUT, mine)), from));
        } else {
            later.push(add(0, back.then_some(TaskId(2)), own, from));
        }
    }
    let corner = (x, y) == (0, 0);
    if back {
        routes.push(spread(SUMS, x, y, size, Columns::All));
        if !corner {
            let sum = Operand::Input(role.input(2, SUMS));
            start.push(Micro::on(1).run(VectorOp::Move, dtype, own, sum, Operand::None, length));
        }
    }
    role.task("along the row", Trigger::Start, None, start);
    if x == 0 {
        role.task("up the column", Trigger::Local, None, later);
    }
    if corner && back {
        let to = Operand::Output(role.output(OUT + 1, SUMS));
        let send = main(VectorOp::Move, dtype, to, own, Operand::None, elements);
        role.task("back", Trigger::Local, None, vec![send]);
    }
    (role.finish(), routes)
}
