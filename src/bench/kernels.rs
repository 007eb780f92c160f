//! The programs whose simulation is timed.

use std::sync::Arc;

use crate::dtype::Dtype;
use crate::ids::TaskId;
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, route};
use crate::lower::kernel::matmul::{self, Feed, Form, Pace, Shape, timing_streams};
use crate::lower::shape::formats;
use crate::program::{ColorRoute, Fold, Length, Operand, Port, Program, Role, Step, Trigger, VectorOp};
use crate::rng::Stream;
use crate::sparsity::Mask;
use crate::spec::wafer::WaferSpec;

/// A program whose simulation is timed, every PE simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Weights stream through all rows of 128 x 128 PEs against activations, 256 weight rows.
    Stream {
        /// Input features of all columns.
        features: u32,
        /// Share of zero weights, in percent.
        zeros: u8,
    },
    /// In each of `rows` rows of 755 PEs, the first PE sends `words` to all others, which then sum vectors of as
    /// many back to it in a chain; the other rows, up to `of`, do nothing.
    Rows {
        /// Rows that work.
        rows: u16,
        /// All rows.
        of: u16,
        /// 32-bit words of a vector.
        words: u32,
    },
}

/// Columns of a CS-3 that hold activations.
const COLUMNS: u16 = 755;
/// Rows of a CS-3.
const ROWS: u16 = 1170;
/// Side of the square that weights stream through.
const SIDE: u16 = 128;
/// Tokens of a PE, which 2048 of a sequence leave for each row in use.
const TOKENS: u32 = 28;
/// FFN-up of Llama-2 7B on the whole wafer, 128 of its columns: 4096 x 128 / 755, so that a column has 5 or 6.
const OF_THE_WAFER: u32 = 694;
/// The same on a machine of 128 columns, each with 32.
const OF_THE_SQUARE: u32 = 4096;
/// Weight rows that a column owns.
const OWNED: u32 = 2;

impl Kernel {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Stream { features: OF_THE_SQUARE, zeros: 0 },
        Self::Stream { features: OF_THE_SQUARE, zeros: 70 },
        Self::Stream { features: OF_THE_WAFER, zeros: 0 },
        Self::Stream { features: OF_THE_WAFER, zeros: 70 },
        Self::Rows { rows: ROWS, of: ROWS, words: 64 },
        Self::Rows { rows: 1, of: 1, words: 4096 },
        Self::Rows { rows: 1, of: ROWS, words: 4096 },
    ];

    /// A name for tables.
    pub fn name(self) -> String {
        match self {
            Self::Stream { features, zeros } => {
                let each = f64::from(features) / f64::from(SIDE);
                format!("weights, {each:.1} features a PE, {zeros} % zeros")
            }
            Self::Rows { rows, of, words } => format!("broadcast and reduce {words}, {rows} of {of} rows"),
        }
    }

    /// Its program on a machine of at least 755 x 1170 PEs.
    pub fn program(self, machine: &WaferSpec) -> Program {
        match self {
            Self::Stream { features, zeros } => {
                stream((features, SIDE), f64::from(zeros.min(100)) / 100.0, machine)
            }
            Self::Rows { rows, of, words } => broadcast_and_reduce(rows, of, words),
        }
    }
}

/// Weights with a share of `level` zeros through `side` x `side` PEs.
fn stream((features, side): (u32, u16), level: f64, machine: &WaferSpec) -> Program {
    let starts: Vec<u32> = (0..=u32::from(side)).map(|x| features * x / u32::from(SIDE)).collect();
    let columns = || starts.windows(2).map(|pair| pair[0]..pair[1]);
    let rows = OWNED * u32::from(side);
    let mask = Mask::uniform(rows, starts[usize::from(side)], level, Stream::new(1, 1));
    let counts: Arc<[u16]> = (0..rows)
        .flat_map(|row| columns().map(move |of| (row, of)))
        .map(|(row, of)| of.filter(|&feature| mask.get(row, feature)).count() as u16)
        .collect();
    let shape = Shape {
        name: format!("weights, {level} zeros"),
        width: side,
        height: side,
        vector: TOKENS,
        rows_per_pe: TOKENS,
        inner: columns().map(|of| of.end - of.start).collect(),
        owned: vec![OWNED; usize::from(side)],
        formats: formats(Dtype::Fp16, &machine.numerics),
        cache: machine.pe.cache,
        pace: Pace::of(machine),
    };
    matmul::program(&shape, &Form::Reduce(Feed::Edge(timing_streams(&counts, side))))
}

/// Words are 32-bit values.
const WORD: Dtype = Dtype::Fp32;
/// Color of the broadcast; the chain has the two behind it, from PE to PE in turns.
const DOWN: u8 = 0;
/// Queues of the broadcast, and of the chain.
const QUEUES: (u8, u8) = (2, 3);

fn broadcast_and_reduce(rows: u16, of: u16, words: u32) -> Program {
    let mut builder = Builder::new("broadcast and reduce", COLUMNS, of, 0);
    for y in 0..of {
        for x in 0..COLUMNS {
            let (role, routes) = if y < rows {
                member(x, words)
            } else {
                (RoleBuilder::new("idle".to_owned()).finish(), Vec::new())
            };
            builder.place(x, y, role, routes, &[]);
        }
    }
    builder.finish(Fold::None)
}

/// A PE of a row that broadcasts and reduces.
fn member(x: u16, words: u32) -> (Role, Vec<ColorRoute>) {
    let (first, last) = (x == 0, x + 1 == COLUMNS);
    let (sends, receives) = (1 + (x % 2) as u8, 1 + ((x + 1) % 2) as u8);
    let place = if first { "first".to_owned() } else { format!("{sends}, {last}") };
    let mut role = RoleBuilder::new(place);
    let length = Length::Fixed(words);
    let [mine, received] = ["mine", "received"].map(|name| Operand::whole(role.buffer(name, words, WORD)));
    let mut routes = Vec::new();
    let from = if last {
        Operand::Constant(0.0)
    } else {
        routes.push(route(receives, Port::East, &[Port::Ramp]));
        Operand::Input(role.input(QUEUES.1, receives))
    };
    let to = if first {
        mine
    } else {
        routes.push(route(sends, Port::Ramp, &[Port::West]));
        Operand::Output(role.output(QUEUES.1, sends))
    };
    let add = Micro::on(1).run(VectorOp::Add, WORD, to, from, mine, length);
    let (broadcast, ports): (Step, &[Port]) = if first {
        let output = Operand::Output(role.output(QUEUES.0, DOWN));
        (Micro::on(0).run(VectorOp::Move, WORD, output, mine, Operand::None, length), &[Port::East])
    } else {
        let input = Operand::Input(role.input(QUEUES.0, DOWN));
        let then = Micro { activate: Some(TaskId(1)), ..Micro::on(0) };
        let receive = then.run(VectorOp::Move, WORD, received, input, Operand::None, length);
        (receive, if last { &[Port::Ramp] } else { &[Port::Ramp, Port::East] })
    };
    routes.push(route(DOWN, if first { Port::Ramp } else { Port::West }, ports));
    // The first PE is ready to sum from the start, the others when they have received.
    let start = if first { vec![broadcast, Step::Activate(TaskId(1))] } else { vec![broadcast] };
    role.task("start", Trigger::Start, None, start);
    role.task("sum", Trigger::Local, None, vec![add]);
    (role.finish(), routes)
}
