//! Two chains that meet at the owner: partial sums of a row of PEs travel from both ends to the PE that
//! keeps the result.
//!
//! PE i adds its partial sum to what comes from outside and passes it on towards the owner. Which way that
//! is depends on how many results came before: PE i owns the results `low..high` (its parameters), and
//! results come in order, so below `low` the owner is before it and from `high` on behind it.
//!
//! ```text
//!   0 ──> 1 ──> 2 ──> [owner 3] <── 4 <── 5      colors alternate from PE to PE
//! ```

use crate::dtype::Dtype;
use crate::ids::{BufferId, QueueId, TaskId};
use crate::lower::kernel::build::{Micro, RoleBuilder, at_least, below, between, main, route};
use crate::program::{ColorRoute, Length, Operand, Port, Step, Trigger, VectorOp};

/// Where the chains run.
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
    /// Direction.
    pub axis: Axis,
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

/// What the row-end task of a chain works on.
#[derive(Clone, Copy, Debug)]
pub struct ChainBuffers {
    /// Ring with the partial sums to be reduced.
    pub partial: BufferId,
    /// Scratch for the sum of the first chain.
    pub scratch: BufferId,
    /// Ring that the results go into.
    pub result: BufferId,
}

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
        let (low, high) = self.axis.ports();
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

    /// Steps that reduce the oldest filled slot of `partial`, `length` values, and then unblock `next`, which
    /// the caller has blocked. `counter` counts results; parameters `low` and `low + 1` are the PE's share.
    /// Adds a helper task to the role.
    pub fn reduce(
        &self,
        role: &mut RoleBuilder,
        buffers: ChainBuffers,
        length: u32,
        counter: u8,
        low: u8,
        next: TaskId,
    ) -> Vec<Step> {
        let (up_in, down_in, up_out, down_out) = self.bind(role);
        let partial = Operand::whole(buffers.partial);
        let ending = || Micro { release: Some(buffers.partial), unblock: Some(next), ..Micro::on(0) };
        let add = |micro: Micro, dst, from| micro.run(VectorOp::Add, self.dtype, dst, from, partial, Length::Fixed(length));
        let from_low = if self.first() { Operand::Constant(0.0) } else { Operand::Input(up_in) };
        let from_high = if self.last() { Operand::Constant(0.0) } else { Operand::Input(down_in) };
        let mut steps = Vec::new();
        if !self.first() {
            steps.push(below(counter, low, vec![add(ending(), Operand::Output(down_out), from_high)]));
        }
        if !self.last() {
            steps.push(at_least(counter, low + 1, vec![add(ending(), Operand::Output(up_out), from_low)]));
        }
        let own = match (self.first(), self.last()) {
            (true, true) => vec![
                main(VectorOp::Add, self.dtype, Operand::Ring(buffers.result), Operand::Constant(0.0), partial, length),
                Step::Push(buffers.result),
                Step::Pop(buffers.partial),
                Step::Unblock(next),
            ],
            (true, false) => vec![add(ending(), Operand::Ring(buffers.result), from_high)],
            (false, true) => vec![add(ending(), Operand::Ring(buffers.result), from_low)],
            (false, false) => {
                let sum = Operand::whole(buffers.scratch);
                let second = ending().run(
                    VectorOp::Add,
                    self.dtype,
                    Operand::Ring(buffers.result),
                    from_high,
                    sum,
                    Length::Fixed(length),
                );
                let task = role.task("meet", Trigger::Local, None, vec![second]);
                vec![add(Micro { activate: Some(task), ..Micro::on(0) }, sum, from_low)]
            }
        };
        steps.push(between(counter, low, low + 1, own));
        steps
    }
}
