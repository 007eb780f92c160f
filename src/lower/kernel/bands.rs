//! Values that are the same in each band of a column, or are summed over its bands: a table of positions and its
//! gradient. Rows at the same place of each band belong to the same positions.

use crate::dtype::Dtype;
use crate::ids::{ColorId, Coord, TaskId};
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, route};
use crate::program::{EdgeStream, Fold, Length, Operand, Port, Program, StreamItems, Trigger, VectorOp};

/// Rows of PEs of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bands {
    /// Columns.
    pub width: u16,
    /// Rows of a band.
    pub rows: u16,
    /// Bands.
    pub bands: u16,
}

impl Bands {
    fn height(self) -> u16 {
        self.rows * self.bands
    }

    /// Rows of the same band before row `y`, and behind it.
    fn around(self, y: u16) -> [u32; 2] {
        let place = y % self.rows;
        [place, self.rows - 1 - place].map(u32::from)
    }
}

/// Every PE takes the `elements` values of its place in its band from a stream over the north edge, which passes all
/// rows and brings each place once. Each PE's share fills whole wavelets.
pub fn spread(name: &str, bands: Bands, elements: u32, dtype: Dtype, streams: Vec<StreamItems>) -> Program {
    let per_wavelet = dtype.per_wavelet() as u32;
    let share = elements.next_multiple_of(per_wavelet);
    let mut builder = Builder::new(name, bands.width, bands.height(), 2);
    for y in 0..bands.height() {
        let last = y + 1 == bands.height();
        for x in 0..bands.width {
            let mut role = RoleBuilder::new("any row".to_owned());
            let values = role.buffer("values", elements, dtype);
            let others = Operand::repeat(role.buffer("of others", per_wavelet, dtype), per_wavelet);
            let input = Operand::Input(role.input(0, 0));
            let take = |then: Option<u8>, to, length| {
                let micro = Micro { activate: then.map(TaskId), ..Micro::on(0) };
                vec![micro.run(VectorOp::Move, dtype, to, input, Operand::None, length)]
            };
            let of_others = |param| Length::PerParam { param, times: share };
            role.task("start", Trigger::Start, None, take(Some(1), others, of_others(0)));
            let own = take(Some(2), Operand::whole(values), Length::Fixed(elements));
            role.task("own", Trigger::Local, None, own);
            role.task("rest", Trigger::Local, None, take(None, others, of_others(1)));
            let to: &[Port] = if last { &[Port::Ramp] } else { &[Port::Ramp, Port::South] };
            builder.place(x, y, role.finish(), vec![route(0, Port::North, to)], &bands.around(y));
        }
    }
    for (x, items) in streams.into_iter().enumerate() {
        let at = Coord { x: x as u16, y: 0 };
        builder.stream(EdgeStream { at, port: Port::North, color: ColorId(0), items });
    }
    builder.finish(Fold::None)
}

/// `elements` values of every PE, summed over the PEs at the same place of all bands; the sums leave over the south
/// edge in format `sums`, place by place. The first band makes the stream, row by row; in the bands behind it a PE lets
/// pass what is of others and adds its own.
pub fn sum(name: &str, bands: Bands, elements: u32, dtype: Dtype, sums: Dtype) -> Program {
    let share = elements.next_multiple_of(sums.per_wavelet() as u32);
    let mut builder = Builder::new(name, bands.width, bands.height(), 2);
    for y in 0..bands.height() {
        let in_first = y < bands.rows;
        for x in 0..bands.width {
            let band = if in_first { "first band" } else { "other bands" };
            let mut role = RoleBuilder::new(if y == 0 { "first row".to_owned() } else { band.to_owned() });
            let values = Operand::whole(role.buffer("values", elements, dtype));
            let (above, below) = ((y % 2) as u8, ((y + 1) % 2) as u8);
            let output = Operand::Output(role.output(0, below));
            let mut routes = vec![route(below, Port::Ramp, &[Port::South])];
            let give = |op, then: Option<u8>, a, b, length| {
                let micro = Micro { activate: then.map(TaskId), ..Micro::on(0) };
                vec![micro.run(op, sums, output, a, b, length)]
            };
            let own = Length::Fixed(elements);
            if y == 0 {
                let own = give(VectorOp::Move, None, values, Operand::None, own);
                role.task("start", Trigger::Start, None, own);
            } else {
                routes.push(route(above, Port::North, &[Port::Ramp]));
                let input = Operand::Input(role.input(0, above));
                let pass = |then, param| {
                    let length = Length::PerParam { param, times: share };
                    give(VectorOp::Move, then, input, Operand::None, length)
                };
                role.task("start", Trigger::Start, None, pass(Some(1), 0));
                if in_first {
                    let own = give(VectorOp::Move, None, values, Operand::None, own);
                    role.task("own", Trigger::Local, None, own);
                } else {
                    let own = give(VectorOp::Add, Some(2), input, values, own);
                    role.task("own", Trigger::Local, None, own);
                    role.task("rest", Trigger::Local, None, pass(None, 1));
                }
            }
            builder.place(x, y, role.finish(), routes, &bands.around(y));
        }
    }
    builder.finish(Fold::None)
}
