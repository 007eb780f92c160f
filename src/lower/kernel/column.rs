//! Values that go down or up a column of PEs: activations that enter or leave, and sums over all tokens.

use crate::dtype::Dtype;
use crate::ids::{ColorId, Coord};
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, route, switched};
use crate::program::{
    EdgeStream, Fold, Length, Operand, Port, Program, Step, StreamItems, Trigger, VectorOp,
};

/// Every PE of a column takes its own `elements` values from a stream over the north edge and lets the rest
/// pass: its router first turns the stream to the ramp and then, when the PE has its share, lets it through.
pub fn scatter(
    name: &str,
    width: u16,
    height: u16,
    elements: u32,
    dtype: Dtype,
    streams: Vec<StreamItems>,
) -> Program {
    let mut builder = Builder::new(name, width, height, 0);
    for y in 0..height {
        for x in 0..width {
            let mut role =
                RoleBuilder::new(format!("row {}", if y + 1 == height { "last" } else { "other" }));
            let values = role.buffer("values", elements, dtype);
            let input = role.input(0, 0);
            let through: &[(Port, &[Port])] = &[(Port::North, &[Port::Ramp]), (Port::North, &[Port::South])];
            let positions = if y + 1 == height { &through[..1] } else { through };
            let take = Micro { activate: Some(crate::ids::TaskId(1)), ..Micro::on(0) }.run(
                VectorOp::Move,
                dtype,
                Operand::whole(values),
                Operand::Input(input),
                Operand::None,
                Length::Fixed(elements),
            );
            role.task("start", Trigger::Start, None, vec![take]);
            role.task("pass", Trigger::Local, None, vec![Step::AdvanceSwitch(ColorId(0))]);
            builder.place(x, y, role.finish(), vec![switched(0, positions)], &[]);
        }
    }
    for (x, items) in streams.into_iter().enumerate() {
        builder.stream(EdgeStream {
            at: Coord { x: x as u16, y: 0 },
            port: Port::North,
            color: ColorId(0),
            items,
        });
    }
    builder.finish(Fold::None)
}

/// Every PE sends its own `elements` values north over the edge, the first row first: a PE lets the rows
/// below it pass when its own values have left.
pub fn gather(name: &str, width: u16, height: u16, elements: u32, dtype: Dtype) -> Program {
    let mut builder = Builder::new(name, width, height, 0);
    for y in 0..height {
        for x in 0..width {
            let mut role =
                RoleBuilder::new(format!("row {}", if y + 1 == height { "last" } else { "other" }));
            let values = role.buffer("values", elements, dtype);
            let output = role.output(0, 0);
            let through: &[(Port, &[Port])] = &[(Port::Ramp, &[Port::North]), (Port::South, &[Port::North])];
            let positions = if y + 1 == height { &through[..1] } else { through };
            let give = Micro { activate: Some(crate::ids::TaskId(1)), ..Micro::on(0) }.run(
                VectorOp::Move,
                dtype,
                Operand::Output(output),
                Operand::whole(values),
                Operand::None,
                Length::Fixed(elements),
            );
            role.task("start", Trigger::Start, None, vec![give]);
            role.task("pass", Trigger::Local, None, vec![Step::AdvanceSwitch(ColorId(0))]);
            builder.place(x, y, role.finish(), vec![switched(0, positions)], &[]);
        }
    }
    builder.finish(Fold::None)
}

/// `elements` values of every PE summed down each column; the sums leave over the south edge.
pub fn sum(name: &str, width: u16, height: u16, elements: u32, dtype: Dtype) -> Program {
    let mut builder = Builder::new(name, width, height, 0);
    for y in 0..height {
        for x in 0..width {
            let mut role = RoleBuilder::new(format!("row {}", if y == 0 { "first" } else { "other" }));
            let values = role.buffer("values", elements, dtype);
            let (above, below) = ((y % 2) as u8, ((y + 1) % 2) as u8);
            let mut routes = vec![route(below, Port::Ramp, &[Port::South])];
            let from = if y == 0 {
                Operand::Constant(0.0)
            } else {
                routes.push(route(above, Port::North, &[Port::Ramp]));
                Operand::Input(role.input(2, above))
            };
            let to = Operand::Output(role.output(2, below));
            let pass = Micro::on(0).run(
                VectorOp::Add,
                dtype,
                to,
                from,
                Operand::whole(values),
                Length::Fixed(elements),
            );
            role.task("start", Trigger::Start, None, vec![pass]);
            builder.place(x, y, role.finish(), routes, &[]);
        }
    }
    builder.finish(Fold::None)
}
