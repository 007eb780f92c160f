//! A product of two matrices on a square mesh (SUMMA): `C = A B`, a tile of each matrix on every PE.
//!
//! In step `s` the PEs of column `s` send their tiles of A along the rows, those of row `s` their tiles of B along
//! the columns, and every PE adds the product of the two tiles to its tile of C. Tiles arrive in rings of two
//! slots, so that the next ones come in while a PE multiplies.

use crate::dtype::Dtype;
use crate::lower::kernel::build::{Builder, Micro, RoleBuilder, main};
use crate::lower::kernel::chain::Axis;
use crate::lower::kernel::feed::{Block, Rotation};
use crate::program::{ColorRoute, Fold, Length, Operand, Program, Role, Step, Trigger, VectorOp};

/// Shape of a product.
#[derive(Clone, Copy, Debug)]
pub struct Gemm {
    /// PEs on a side.
    pub side: u16,
    /// Rows of a tile of A and of C.
    pub rows: u32,
    /// Columns of a tile of A, rows of a tile of B.
    pub inner: u32,
    /// Columns of a tile of B and of C.
    pub columns: u32,
    /// Format of everything.
    pub dtype: Dtype,
}

/// Tiles of one operand: how they come and go.
struct Tiles {
    name: &'static str,
    elements: u32,
    rotation: Rotation,
}

/// The program. Multipliers are in registers; their values change no time and are 1, so that a row of C is the
/// sum of the rows of B.
pub fn gemm(gemm: Gemm) -> Program {
    let mut builder = Builder::new("product of matrices on a mesh", gemm.side, gemm.side, 6);
    for y in 0..gemm.side {
        for x in 0..gemm.side {
            let [a, b] = [tiles(gemm, true, x), tiles(gemm, false, y)];
            let (params_a, params_b) = (a.rotation.params(), b.rotation.params());
            let params = [params_a[0], params_a[1], 1, params_b[0], params_b[1], 1];
            let (role, routes) = pe(gemm, &a, &b, (x, y) == (0, 0));
            builder.place(x, y, role, routes, &params);
        }
    }
    builder.finish(Fold::None)
}

fn tiles(gemm: Gemm, of_a: bool, at: u16) -> Tiles {
    let n = u8::from(!of_a);
    let axis = if of_a { Axis::Row } else { Axis::Column };
    let elements = gemm.inner * if of_a { gemm.rows } else { gemm.columns };
    let rotation = Rotation {
        axis,
        at,
        of: gemm.side,
        color: n,
        input: n,
        output: 2 + n,
        counter: n,
        param: 3 * n,
        thread: 2 + n,
    };
    Tiles { name: if of_a { "a" } else { "b" }, elements, rotation }
}

fn pe(gemm: Gemm, a: &Tiles, b: &Tiles, corner: bool) -> (Role, Vec<ColorRoute>) {
    let dtype = gemm.dtype;
    let mut role = RoleBuilder::new(format!("{} {} {corner}", a.rotation.at == 0, b.rotation.at == 0));
    let c = role.buffer("c", gemm.rows * gemm.columns, dtype);
    let mut start = Vec::new();
    let mut rings = Vec::new();
    for tiles in [a, b] {
        let own = role.loaded(&format!("own {}", tiles.name), tiles.elements, 1, dtype);
        let ring = role.ring(tiles.name, tiles.elements, 2, dtype);
        let rotation = tiles.rotation;
        let input = Operand::Input(role.input(rotation.input, rotation.color));
        let receive = Micro { endless: true, ..Micro::on(rotation.input) };
        let length = Length::Fixed(tiles.elements);
        start.push(receive.run(VectorOp::Move, dtype, Operand::Ring(ring), input, Operand::None, length));
        let block = Block { rows: own, elements: tiles.elements, dtype, rows_param: rotation.param + 2 };
        let send = rotation.tasks(&mut role, block);
        if rotation.at == 0 {
            start.push(Step::Activate(send));
        }
        rings.push(ring);
    }
    let waits = role.next_task();
    let multiplies = crate::ids::TaskId(waits.0 + 1);
    start.push(Step::Activate(waits));
    role.task("tile of A is there", Trigger::Local, Some(rings[0]), vec![Step::Activate(multiplies)]);
    let mut body = Vec::new();
    for row in 0..gemm.rows {
        let to = Operand::from(c, row * gemm.columns);
        for k in 0..gemm.inner {
            let from = Operand::from(rings[1], k * gemm.columns);
            body.push(main(VectorOp::Fma, dtype, to, from, Operand::Constant(1.0), gemm.columns));
        }
    }
    body.extend([Step::Pop(rings[0]), Step::Pop(rings[1]), Step::Activate(waits)]);
    role.task("multiply", Trigger::Local, Some(rings[1]), body);
    role.task("start", Trigger::Start, None, start);
    (role.finish(), vec![a.rotation.route(), b.rotation.route()])
}
