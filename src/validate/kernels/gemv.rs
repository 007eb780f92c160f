//! A vector times a matrix on a mesh (MeshGEMV of WaferLLM, arXiv 2502.04563).
//!
//! `y = x W` on P x P PEs: the PE in column `x` and row `y` has a tile of W, its rows along y. Each PE multiplies
//! its piece of the vector with its tile; the products of a column are then summed in two levels, first within
//! groups of rows towards the middle of each group, then from group to group towards the middle of the column,
//! and the middle sends the sums to the whole column. Columns do not talk to each other: one of them is all.
//!
//! ```text
//!   0 ─> 1 ─> [2] <─ 3 <─ 4 | 5 ─> 6 ─> [7] <─ 8 <─ 9 | ...      first level
//!              2 ──────────────────────> (7) <── ...             second level, then back to all
//! ```

use crate::dtype::Dtype;
use crate::ids::QueueId;
use crate::lower::kernel::build::{RoleBuilder, main, repeated, route};
use crate::lower::kernel::chain::Axis;
use crate::program::{ColorRoute, Operand, Port, Program, Role, Step, Trigger, VectorOp};
use crate::validate::kernels::{OUT, line};

/// One column of a product on a mesh.
#[derive(Clone, Copy, Debug)]
pub struct Gemv {
    /// PEs of the column.
    pub pes: u16,
    /// PEs of a group; the last group has what is left.
    pub group: u16,
    /// Rows of a tile: numbers of the vector that a PE has.
    pub rows: u32,
    /// Columns of a tile: results of the column.
    pub columns: u32,
    /// Format of everything.
    pub dtype: Dtype,
}

/// `rows` multiply-adds of `columns` numbers each: what a PE does with its tile. The multiplier is in a register;
/// its value changes no time and is 1 here, so that results are sums of the rows of W.
fn tile(role: &mut RoleBuilder, rows: u32, columns: u32, dtype: Dtype) -> (Operand, Vec<Step>) {
    let w = role.buffer("w", rows * columns, dtype);
    let y = Operand::whole(role.buffer("y", columns, dtype));
    let mut steps = vec![main(VectorOp::Move, dtype, y, Operand::Constant(0.0), Operand::None, columns)];
    for row in 0..rows {
        let from = Operand::from(w, row * columns);
        let multiply = if row == 0 { main } else { repeated };
        steps.push(multiply(VectorOp::Fma, dtype, y, from, Operand::Constant(1.0), columns));
    }
    (y, steps)
}

/// The product of one PE alone.
pub fn pe_gemv(rows: u32, columns: u32, dtype: Dtype) -> Program {
    let mut role = RoleBuilder::new("one".to_owned());
    let (_, steps) = tile(&mut role, rows, columns, dtype);
    role.task("start", Trigger::Start, None, steps);
    line("product of a tile", Axis::Column, vec![(role.finish(), Vec::new())])
}

/// The program of one column.
pub fn gemv_mesh(gemv: Gemv) -> Program {
    let pes = (0..gemv.pes).map(|at| pe(gemv, at)).collect();
    line("product on a mesh, one column", Axis::Column, pes)
}

impl Gemv {
    /// First row of a group, its middle and the row after its last.
    fn bounds(self, group: u16) -> (u16, u16, u16) {
        let first = group * self.group;
        let end = first.saturating_add(self.group).min(self.pes);
        (first, first + (end - first) / 2, end)
    }

    /// The group in the middle of the column.
    fn middle(self) -> u16 {
        self.pes.div_ceil(self.group) / 2
    }
}

/// A PE in the making: each level takes from one side or both and gives to one.
struct Pe {
    dtype: Dtype,
    columns: u32,
    y: Operand,
    role: RoleBuilder,
    routes: Vec<ColorRoute>,
    steps: Vec<Step>,
}

impl Pe {
    fn take(&mut self, queue: u8, color: u8, from: Port) -> Operand {
        self.routes.push(route(color, from, &[Port::Ramp]));
        Operand::Input(self.role.input(queue, color))
    }

    fn keep(&mut self, from: Operand) {
        self.steps.push(main(VectorOp::Add, self.dtype, self.y, from, self.y, self.columns));
    }

    /// Send on `color` the sum of what came and the PE's own, or only its own.
    fn give(&mut self, queue: u8, color: u8, to: Port, came: Option<Operand>) {
        self.routes.push(route(color, Port::Ramp, &[to]));
        let output = Operand::Output(self.role.output(queue, color));
        self.steps.push(match came {
            Some(from) => main(VectorOp::Add, self.dtype, output, from, self.y, self.columns),
            None => main(VectorOp::Move, self.dtype, output, self.y, Operand::None, self.columns),
        });
    }

    /// A level of chains towards `root` from both sides: the PE is at `at` of `first..end`, and `color` is the
    /// first of four. Down is queue `queue`, up the one behind it.
    fn level(&mut self, at: u16, (first, root, end): (u16, u16, u16), color: u8, queue: u8) {
        let of = |at: u16| (at % 2) as u8;
        let down = (at > first && at <= root).then(|| color + of(at - 1));
        let up = (at + 1 < end && at >= root).then(|| color + 2 + of(at + 1));
        let up = up.map(|color| self.take(queue + 1, color, Port::South));
        let down = down.map(|color| self.take(queue, color, Port::North));
        if at == root {
            up.into_iter().chain(down).for_each(|from| self.keep(from));
        } else if at < root {
            self.give(queue + OUT, color + of(at), Port::South, down);
        } else {
            self.give(queue + OUT, color + 2 + of(at), Port::North, up);
        }
    }
}

/// Colors: four of the chains in groups, four of the chain of groups, two for the sums on their way back.
const GROUPS: u8 = 0;
const MIDDLES: u8 = 4;
const BACK: u8 = 8;

fn pe(gemv: Gemv, at: u16) -> (Role, Vec<ColorRoute>) {
    let mut role = RoleBuilder::new(format!("{at}"));
    let (y, steps) = tile(&mut role, gemv.rows, gemv.columns, gemv.dtype);
    let mut pe = Pe { dtype: gemv.dtype, columns: gemv.columns, y, role, routes: Vec::new(), steps };
    let group = at / gemv.group;
    let bounds = gemv.bounds(group);
    pe.level(at, bounds, GROUPS, 0);
    let (groups, middle) = (gemv.pes.div_ceil(gemv.group), gemv.middle());
    if at == bounds.1 {
        pe.level(group, (0, middle, groups), MIDDLES, 2);
    } else {
        // Sums of groups pass by.
        let before = if at > bounds.1 { Some(group) } else { group.checked_sub(1) };
        if let Some(before) = before.filter(|&before| before + 1 < groups) {
            let (color, from, to) = if before < middle {
                (MIDDLES + (before % 2) as u8, Port::North, Port::South)
            } else {
                (MIDDLES + 2 + ((before + 1) % 2) as u8, Port::South, Port::North)
            };
            pe.routes.push(route(color, from, &[to]));
        }
    }
    back(&mut pe, at, gemv);
    pe.role.task("start", Trigger::Start, None, pe.steps);
    (pe.role.finish(), pe.routes)
}

/// The sums go from the middle to both ends.
fn back(pe: &mut Pe, at: u16, gemv: Gemv) {
    let root = gemv.bounds(gemv.middle()).1;
    let last = at + 1 == gemv.pes;
    if at == root {
        if at > 0 {
            pe.give(OUT, BACK, Port::North, None);
        }
        if !last {
            pe.give(OUT + 1, BACK + 1, Port::South, None);
        }
        return;
    }
    // The queue that the second level leaves free: it takes from the other side.
    let (queue, color, from, to, end) = if at < root {
        (QueueId(3), BACK, Port::South, Port::North, at == 0)
    } else {
        (QueueId(2), BACK + 1, Port::North, Port::South, last)
    };
    let ports: &[Port] = if end { &[Port::Ramp] } else { &[Port::Ramp, to] };
    pe.routes.push(route(color, from, ports));
    let sums = Operand::Input(pe.role.input(queue.0, color));
    pe.steps.push(main(VectorOp::Move, pe.dtype, pe.y, sums, Operand::None, pe.columns));
}
