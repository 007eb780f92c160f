//! What goes up a column of PEs by moves alone, which take nothing from the datapath: so rows of PEs do the same, whatever
//! passes through them.
//!
//! *Held*: each PE of a column holds some rows of a stream. They go up from PE to PE, through the ring that holds them: as
//! slots become free, those from below follow. The first PE sends all of them down, as an edge would.
//!
//! *Positions*: a stream of nothing but positions, which the first PE sends down.
//!
//! *Back*: the last PE of a column makes results for all of them, those of the first one first. They go up through the ring
//! that keeps them: a PE gives what is for others, and what stays in its ring in the end is its own.

use crate::dtype::Dtype;
use crate::ids::BufferId;
use crate::lower::kernel::build::{Micro, RoleBuilder, route};
use crate::lower::kernel::feed::{ROW_END, from_edge};
use crate::program::{ColorRoute, Length, Operand, Port, Step, VectorOp};

/// A stream that the PEs of a column hold.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Row of the PE, and rows of PEs that the program has.
    pub at: u16,
    /// Rows of PEs.
    pub of: u16,
    /// Rows of PEs that hold the stream: what those hold that the program does not have comes over the south edge.
    pub band: u16,
    /// Color down the column, and the first of two colors up.
    pub down: u8,
    /// First of two colors.
    pub up: u8,
    /// Input queue and output queue of what goes up; the first PE's output is the stream.
    pub queue: u8,
    /// Microthreads that give and take.
    pub threads: [u8; 2],
    /// Parameter: rows of the stream that the PE gives; the next one: that it takes.
    pub param: u8,
}

impl Held {
    fn first(&self) -> bool {
        self.at == 0
    }

    /// Rows of PEs below this one.
    fn below(&self) -> u32 {
        u32::from(self.band - 1 - self.at)
    }

    /// Color up from the PE in a row.
    pub fn color_up(&self, row: u16) -> u8 {
        self.up + (row % 2) as u8
    }

    /// The parameters that [`Self::param`] points to, where each PE holds `rows` rows of the stream.
    pub fn params(&self, rows: u32) -> [u32; 2] {
        [(self.below() + 1) * rows, self.below() * rows]
    }

    /// Routes of this PE: where a ramp is narrow, what goes up waits for the stream.
    pub fn routes(&self) -> Vec<ColorRoute> {
        let mut routes = Vec::new();
        if self.first() {
            let to: &[Port] = if self.of > 1 { &[Port::Ramp, Port::South] } else { &[Port::Ramp] };
            routes.push(route(self.down, Port::Ramp, to));
        } else {
            routes.push(from_edge(self.down, self.at, self.of));
            routes.push(route(self.color_up(self.at), Port::Ramp, &[Port::North]));
        }
        if self.below() > 0 {
            routes.push(route(self.color_up(self.at + 1), Port::South, &[Port::Ramp]));
        }
        routes
    }

    /// The steps that start it: rows of `elements` values go through the ring `rows`. Binds the queues of what goes up;
    /// that of the stream must be bound by the caller.
    pub fn start(
        &self,
        role: &mut RoleBuilder,
        (rows, elements): (BufferId, u32),
        dtype: Dtype,
    ) -> Vec<Step> {
        let [gives, takes] = self.threads;
        let out = Operand::Output(
            role.output(self.queue, if self.first() { self.down } else { self.color_up(self.at) }),
        );
        let (op, close_slot) =
            if self.first() { (VectorOp::MoveIndexed, Some(ROW_END)) } else { (VectorOp::Move, None) };
        let length = |param: u8| Length::PerParam { param, times: elements };
        let give = Micro { close_slot, ..Micro::on(gives) };
        let mut steps =
            vec![give.run(op, dtype, out, Operand::Ring(rows), Operand::None, length(self.param))];
        if self.below() > 0 {
            let input = Operand::Input(role.input(self.queue, self.color_up(self.at + 1)));
            let take = Micro::on(takes);
            let length = length(self.param + 1);
            steps.push(take.run(VectorOp::Move, dtype, Operand::Ring(rows), input, Operand::None, length));
        }
        steps
    }
}

/// Positions of every element of every row, down a column.
#[derive(Clone, Copy, Debug)]
pub struct Positions {
    /// Row of the PE, and rows of PEs.
    pub at: u16,
    /// Rows of PEs.
    pub of: u16,
    /// Color.
    pub color: u8,
    /// Output queue of the first PE.
    pub queue: u8,
    /// Microthreads that fill and give.
    pub threads: [u8; 2],
}

/// Slots of the ring that positions are made in.
const POSITION_SLOTS: u16 = 4;

impl Positions {
    /// Route of this PE.
    pub fn route(&self) -> ColorRoute {
        if self.at > 0 {
            return from_edge(self.color, self.at, self.of);
        }
        let to: &[Port] = if self.of > 1 { &[Port::Ramp, Port::South] } else { &[Port::Ramp] };
        route(self.color, Port::Ramp, to)
    }

    /// The steps that start it: so many rows as the parameter says, of `elements` positions.
    pub fn start(&self, role: &mut RoleBuilder, elements: u32, rows: u8, dtype: Dtype) -> Vec<Step> {
        if self.at > 0 {
            return Vec::new();
        }
        let ring = role.ring("positions", elements, POSITION_SLOTS, dtype);
        let out = Operand::Output(role.output(self.queue, self.color));
        let [fills, gives] = self.threads;
        let give = Micro { close_slot: Some(ROW_END), ..Micro::on(gives) };
        let (ring, length) = (Operand::Ring(ring), Length::PerParam { param: rows, times: elements });
        let zeros = Operand::Constant(0.0);
        vec![
            Micro::on(fills).run(VectorOp::Move, dtype, ring, zeros, Operand::None, length),
            give.run(VectorOp::MoveIndexed, dtype, out, ring, Operand::None, length),
        ]
    }
}

/// Results that go back up a column.
#[derive(Clone, Copy, Debug)]
pub struct Back {
    /// Row of the PE, and rows of PEs that the program has: the last ones of a band.
    pub at: u16,
    /// Rows of PEs.
    pub of: u16,
    /// Rows of PEs that keep results: those of rows that the program does not have go over the north edge.
    pub band: u16,
    /// First of two colors.
    pub color: u8,
    /// Input queue and output queue.
    pub queue: u8,
    /// Microthreads that give and take.
    pub threads: [u8; 2],
    /// Parameter: results that the PE gives; the next one: that it takes.
    pub param: u8,
}

impl Back {
    /// Whether the results are made here.
    pub fn last(&self) -> bool {
        self.at + 1 == self.of
    }

    /// Rows of PEs above this one.
    fn above(&self) -> u32 {
        u32::from(self.band - self.of + self.at)
    }

    fn color_from(&self, row: u16) -> u8 {
        self.color + (row % 2) as u8
    }

    /// The parameters that [`Self::param`] points to, where each PE keeps `own` results.
    pub fn params(&self, own: u32) -> [u32; 2] {
        [self.above() * own, (self.above() + 1) * own]
    }

    /// Routes of this PE.
    pub fn routes(&self) -> Vec<ColorRoute> {
        let mut routes = Vec::new();
        if !self.last() {
            routes.push(route(self.color_from(self.at + 1), Port::South, &[Port::Ramp]));
        }
        if self.above() > 0 {
            routes.push(route(self.color_from(self.at), Port::Ramp, &[Port::North]));
        }
        routes
    }

    /// The steps that start it: results go through a ring of single ones.
    pub fn start(&self, role: &mut RoleBuilder, results: BufferId, dtype: Dtype) -> Vec<Step> {
        let [gives, takes] = self.threads;
        let ring = Operand::Ring(results);
        let length = |param: u8| Length::PerParam { param, times: 1 };
        let mut steps = Vec::new();
        if self.above() > 0 {
            let out = Operand::Output(role.output(self.queue, self.color_from(self.at)));
            steps.push(Micro::on(gives).run(
                VectorOp::Move,
                dtype,
                out,
                ring,
                Operand::None,
                length(self.param),
            ));
        }
        if !self.last() {
            let input = Operand::Input(role.input(self.queue, self.color_from(self.at + 1)));
            let length = length(self.param + 1);
            steps.push(Micro::on(takes).run(VectorOp::Move, dtype, ring, input, Operand::None, length));
        }
        steps
    }
}
