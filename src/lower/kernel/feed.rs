//! How a stream of row slices reaches a column of PEs from an edge, and how vectors reach a row.
//!
//! *From the edge*: weights stream in over the wafer's edge and every router of the column passes them on to
//! its PE and to the next router.
//!
//! *Rotating*: the PEs of a line take turns in sending what they hold to all of them, themselves included.
//! Each router has three switch positions, one for each place where the sender can be (before it, at it,
//! behind it), and goes to the next one when the sender's end-of-block wavelet has come by its own PE.
//!
//! ```text
//!   position 0: ──> R ──>      position 1: <── R ──>      position 2: <── R <──
//!                   v                          ^ v                        v
//! ```

use crate::dtype::Dtype;
use crate::ids::{BufferId, QueueId, TaskId};
use crate::lower::kernel::build::{Micro, RoleBuilder, equal, route, switched};
use crate::lower::kernel::chain::Axis;
use crate::program::{ColorRoute, Length, Operand, Port, Step, Trigger, VectorOp};

/// Ends a row of a stream.
pub const ROW_END: u8 = 0;
/// Ends what one sender of a rotating stream sends.
pub const BLOCK_END: u8 = 1;

/// Route of a color that enters a column from the north edge and reaches every PE of it.
pub fn from_edge(color: u8, y: u16, height: u16) -> ColorRoute {
    if y + 1 == height {
        route(color, Port::North, &[Port::Ramp])
    } else {
        route(color, Port::North, &[Port::Ramp, Port::South])
    }
}

/// A rotating sender in a line of PEs.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// Direction of the line.
    pub axis: Axis,
    /// Position of the PE, and number of PEs.
    pub at: u16,
    /// Number of PEs.
    pub of: u16,
    /// Color.
    pub color: u8,
    /// Input queue at every PE.
    pub input: u8,
    /// Output queue.
    pub output: u8,
    /// Counter of blocks.
    pub counter: u8,
    /// Parameter: position - 1 (none: the maximum), then position.
    pub param: u8,
    /// Microthread that sends.
    pub thread: u8,
}

/// What a rotating sender sends: rows of `elements` out of a loaded ring.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Ring, all slots filled: one row each.
    pub rows: BufferId,
    /// Values in a row.
    pub elements: u32,
    /// Format on the fabric.
    pub dtype: Dtype,
    /// Parameter that holds the number of rows.
    pub rows_param: u8,
}

impl Rotation {
    /// The parameters that [`Self::param`] points to.
    pub fn params(&self) -> [u32; 2] {
        [if self.at == 0 { u32::MAX } else { u32::from(self.at) - 1 }, u32::from(self.at)]
    }

    /// Route of this PE.
    pub fn route(&self) -> ColorRoute {
        let (low, high) = self.axis.ports();
        let first = self.at == 0;
        let last = self.at + 1 == self.of;
        let ports = |wanted: &[(Port, bool)]| wanted.iter().filter(|w| w.1).map(|w| w.0).collect::<Vec<_>>();
        let before = ports(&[(Port::Ramp, true), (high, !last)]);
        let own = ports(&[(Port::Ramp, true), (low, !first), (high, !last)]);
        let behind = ports(&[(Port::Ramp, true), (low, !first)]);
        let mut positions: Vec<(Port, &[Port])> = Vec::new();
        if !first {
            positions.push((low, &before));
        }
        positions.push((Port::Ramp, &own));
        if !last {
            positions.push((high, &behind));
        }
        switched(self.color, &positions)
    }

    /// Add the tasks that send `block` when the turn comes. Binds the output queue; the input queue must be
    /// bound by the caller. Returns the task that starts the first sender: to be activated at the start at
    /// position 0.
    pub fn tasks(&self, role: &mut RoleBuilder, block: Block) -> TaskId {
        let out = role.output(self.output, self.color);
        let send = role.next_task();
        let micro = Micro { close: Some(BLOCK_END), ..Micro::on(self.thread) };
        let length = Length::PerParam { param: block.rows_param, times: block.elements };
        let instr = micro.run(
            VectorOp::Move,
            block.dtype,
            Operand::Output(out),
            Operand::Ring(block.rows),
            Operand::None,
            length,
        );
        role.task("send", Trigger::Local, None, vec![instr]);
        let color = crate::ids::ColorId(self.color);
        let mut turn =
            vec![equal(self.counter, self.param, vec![Step::AdvanceSwitch(color), Step::Activate(send)])];
        if self.at + 1 < self.of {
            turn.push(equal(self.counter, self.param + 1, vec![Step::AdvanceSwitch(color)]));
        }
        turn.push(Step::Count(self.counter));
        role.task("turn", Trigger::Control(QueueId(self.input), BLOCK_END), None, turn);
        send
    }
}
