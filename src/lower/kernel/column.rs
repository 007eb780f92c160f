//! Values that go down or up a column of PEs: activations that enter or leave, and sums over all tokens.

use crate::dtype::Dtype;
use crate::ids::{ColorId, Coord};
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, main, route, switched};
use crate::program::{
    EdgeStream, Fold, Length, Operand, Port, Program, Step, StreamItems, Trigger, VectorOp,
};

/// Every PE of a column takes its own `elements` values from a stream over the north edge and then hands on
/// what is for the rows below it. Each PE's share fills whole wavelets.
pub fn scatter(
    name: &str,
    width: u16,
    height: u16,
    elements: u32,
    dtype: Dtype,
    streams: Vec<StreamItems>,
) -> Program {
    let per_wavelet = dtype.per_wavelet() as u32;
    let share = elements.div_ceil(per_wavelet) * per_wavelet;
    let mut builder = Builder::new(name, width, height, 1);
    for y in 0..height {
        for x in 0..width {
            let last = y + 1 == height;
            let mut role = RoleBuilder::new(format!("row {}", if last { "last" } else { "other" }));
            let values = role.buffer("values", elements, dtype);
            let (above, below) = ((y % 2) as u8, ((y + 1) % 2) as u8);
            let input = Operand::Input(role.input(0, above));
            let mut routes = vec![route(above, Port::North, &[Port::Ramp])];
            let then = (!last).then_some(crate::ids::TaskId(1));
            let take = Micro { activate: then, ..Micro::on(0) };
            let own = Operand::whole(values);
            let take = take.run(VectorOp::Move, dtype, own, input, Operand::None, Length::Fixed(elements));
            role.task("start", Trigger::Start, None, vec![take]);
            if !last {
                let output = Operand::Output(role.output(0, below));
                routes.push(route(below, Port::Ramp, &[Port::South]));
                let rest = Length::PerParam { param: 0, times: share };
                let pass = Micro::on(0).run(VectorOp::Move, dtype, output, input, Operand::None, rest);
                role.task("pass", Trigger::Local, None, vec![pass]);
            }
            builder.place(x, y, role.finish(), routes, &[u32::from(height - 1 - y)]);
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

/// `features` features of `tokens` tokens of every PE, summed over the tokens of the PE and then down each
/// column; the sums leave over the south edge in format `sums`.
pub fn sum(
    name: &str,
    (width, height): (u16, u16),
    features: u32,
    tokens: u32,
    dtype: Dtype,
    sums: Dtype,
) -> Program {
    let mut builder = Builder::new(name, width, height, 0);
    for y in 0..height {
        for x in 0..width {
            let mut role = RoleBuilder::new(format!("row {}", if y == 0 { "first" } else { "other" }));
            let input = role.buffer("x", features * tokens, dtype);
            let values = role.buffer("values", features, sums);
            let (above, below) = ((y % 2) as u8, ((y + 1) % 2) as u8);
            let mut routes = vec![route(below, Port::Ramp, &[Port::South])];
            let from = if y == 0 {
                Operand::Constant(0.0)
            } else {
                routes.push(route(above, Port::North, &[Port::Ramp]));
                Operand::Input(role.input(2, above))
            };
            let to = Operand::Output(role.output(2, below));
            let each =
                Operand::Memory { buffer: values, offset: 0, stride: 0, inner: tokens, outer_stride: 1 };
            let local = main(VectorOp::Add, dtype, each, each, Operand::whole(input), features * tokens);
            let own = Operand::whole(values);
            let pass = Micro::on(0).run(VectorOp::Add, sums, to, from, own, Length::Fixed(features));
            role.task("start", Trigger::Start, None, vec![local, pass]);
            builder.place(x, y, role.finish(), routes, &[]);
        }
    }
    builder.finish(Fold::None)
}
