//! Two chains that meet at the owner: partial sums of a row of PEs travel from both ends to the PE that
//! keeps the result.
//!
//! PE i adds its partial sum to what comes from outside and passes it on towards the owner. Results come in
//! the order of their owners, so that a PE goes through three phases: while the owner is before it, it sends
//! down; then it keeps the sums of both chains; then it sends up. Each phase is one long vector instruction
//! that reads the ring of partial sums slot by slot, so that the main thread can be some results ahead.
//!
//! ```text
//!   0 ──> 1 ──> 2 ──> [owner 3] <── 4 <── 5      colors alternate from PE to PE
//! ```

use crate::dtype::Dtype;
use crate::ids::{BufferId, QueueId};
use crate::lower::kernel::build::{Micro, RoleBuilder, route};
use crate::program::{ColorRoute, Length, Operand, Port, Step, Trigger, VectorOp};

/// Where chains run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Along a fabric row.
    Row,
    /// Along a fabric column.
    Column,
}

impl Axis {
    /// Ports towards lower and towards higher positions.
    pub fn ports(self) -> (Port, Port) {
        match self {
            Self::Row => (Port::West, Port::East),
            Self::Column => (Port::North, Port::South),
        }
    }
}

/// Place of a PE in its chains, and the colors and queues that they use.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// Position of the PE, and number of PEs.
    pub at: u16,
    /// Number of PEs.
    pub of: u16,
    /// First of four colors.
    pub color: u8,
    /// First of two input queues and of two output queues.
    pub queue: u8,
    /// Format of partial sums on the fabric.
    pub dtype: Dtype,
}

/// What chains work on: rings with slots of one result each.
#[derive(Clone, Copy, Debug)]
pub struct ChainBuffers {
    /// Partial sums of this PE, filled by its main thread.
    pub partial: BufferId,
    /// Between the two chains of an owner.
    pub scratch: BufferId,
    /// Results that the PE owns.
    pub result: BufferId,
}

/// Microthreads of the chains.
const FIRST: u8 = 0;
const SECOND: u8 = 1;

impl Chain {
    fn first(&self) -> bool {
        self.at == 0
    }

    fn last(&self) -> bool {
        self.at + 1 == self.of
    }

    fn color_up(&self, sender: u16) -> u8 {
        self.color + (sender % 2) as u8
    }

    fn color_down(&self, sender: u16) -> u8 {
        self.color + 2 + (sender % 2) as u8
    }

    /// Routes of this PE.
    pub fn routes(&self) -> Vec<ColorRoute> {
        let (low, high) = Axis::Row.ports();
        let mut routes = Vec::new();
        if !self.last() {
            routes.push(route(self.color_up(self.at), Port::Ramp, &[high]));
            routes.push(route(self.color_down(self.at + 1), high, &[Port::Ramp]));
        }
        if !self.first() {
            routes.push(route(self.color_up(self.at - 1), low, &[Port::Ramp]));
            routes.push(route(self.color_down(self.at), Port::Ramp, &[low]));
        }
        routes
    }

    /// Bind the queues; returns (input from below, input from above, output up, output down).
    fn bind(&self, role: &mut RoleBuilder) -> (QueueId, QueueId, QueueId, QueueId) {
        let (up_in, down_in) = (QueueId(self.queue), QueueId(self.queue + 1));
        if !self.first() {
            role.input(up_in.0, self.color_up(self.at - 1));
            role.output(self.queue + 1, self.color_down(self.at));
        }
        if !self.last() {
            role.input(down_in.0, self.color_down(self.at + 1));
            role.output(self.queue, self.color_up(self.at));
        }
        (up_in, down_in, QueueId(self.queue), QueueId(self.queue + 1))
    }

    /// Add the tasks of the three phases; `length` values are one result, and parameters `param..param + 3`
    /// are the numbers of results before, of and behind the PE. Returns the step that starts the first phase.
    pub fn tasks(&self, role: &mut RoleBuilder, buffers: ChainBuffers, length: u32, param: u8) -> Step {
        let (up_in, down_in, up_out, down_out) = self.bind(role);
        let partial = Operand::Ring(buffers.partial);
        let from_low = if self.first() { Operand::Constant(0.0) } else { Operand::Input(up_in) };
        let from_high = if self.last() { Operand::Constant(0.0) } else { Operand::Input(down_in) };
        let first = role.next_task();
        let next = |n: u8| Some(crate::ids::TaskId(first.0 + n));
        let add = |thread: u8, then, dst, from, source, phase: u8| {
            let length = Length::PerParam { param: param + phase, times: length };
            let micro = Micro { activate: then, ..Micro::on(thread) };
            micro.run(VectorOp::Add, self.dtype, dst, from, source, length)
        };
        let result = Operand::Ring(buffers.result);
        let down = if self.first() {
            Vec::new()
        } else {
            vec![add(FIRST, next(1), Operand::Output(down_out), from_high, partial, 0)]
        };
        let own = match (self.first(), self.last()) {
            (true, _) => vec![add(FIRST, next(2), result, from_high, partial, 1)],
            (_, true) => vec![add(FIRST, next(2), result, from_low, partial, 1)],
            _ => {
                let scratch = Operand::Ring(buffers.scratch);
                vec![
                    add(FIRST, next(2), scratch, from_low, partial, 1),
                    add(SECOND, None, result, from_high, scratch, 1),
                ]
            }
        };
        let up = if self.last() {
            Vec::new()
        } else {
            vec![add(FIRST, None, Operand::Output(up_out), from_low, partial, 2)]
        };
        role.task("send down", Trigger::Local, None, down);
        role.task("keep", Trigger::Local, None, own);
        role.task("send up", Trigger::Local, None, up);
        Step::Activate(if self.first() { crate::ids::TaskId(first.0 + 1) } else { first })
    }
}
