//! The waist: flat tables that say what every PE does and how every wavelet travels.
//!
//! Nothing above a [`Program`] knows cycles and nothing below it knows Llama. Lowering builds it, the
//! fabric gives it time, `exec` gives it values. A program covers a rectangle of PEs and ends when no PE
//! has work left and no wavelet is on its way.
//!
//! ```text
//! Program ── role_of ──> Role ── tasks ──> Task ── body ──> Step ── Vector ──> VectorInstr
//!         └─ route_of ─> Vec<ColorRoute>
//!         └─ streams ──> EdgeStream (weights entering at the wafer's edge)
//! ```

mod check;
mod circle;
mod dump;
mod step;
mod stream;

pub use check::{ProgramError, ProgramErrors, check};
pub use step::{Compare, Launch, Length, Operand, Step, Times, VectorInstr, VectorOp};
pub use stream::{EdgeStream, StreamItems, StreamIter, Wavelet};

use serde::{Deserialize, Serialize};

use crate::dtype::Dtype;
use crate::ids::{ColorId, Coord, QueueId, RoleId};
use crate::units::Bytes;

/// What a rectangle of PEs does, as flat tables.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// For messages and dumps.
    pub name: String,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Distinct PE behaviours.
    pub roles: Vec<Role>,
    /// Role of each PE, row-major.
    pub role_of: Vec<RoleId>,
    /// Distinct router configurations; a color appears at most once in each.
    pub routes: Vec<Vec<ColorRoute>>,
    /// Router configuration of each PE, row-major: an index into `routes`.
    pub route_of: Vec<u16>,
    /// Numbers that differ from PE to PE within a role, `params_per_pe` for each PE, row-major.
    pub params: Vec<u32>,
    /// Length of one PE's piece of `params`.
    pub params_per_pe: usize,
    /// What enters at the edges.
    pub streams: Vec<EdgeStream>,
    /// PEs of one row (or column) are alike but for their place in it, so that one of them tells the rest.
    pub fold: Fold,
}

/// Which PEs behave alike, shifted in time.
///
/// These claims are theorems about the kernels that make them (a row that sees the same wavelets some cycles
/// later does the same some cycles later, and its backpressure arrives as much later), and tests hold them
/// against runs of every PE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// No claim: every PE is simulated.
    #[default]
    None,
    /// Every row does what the first row does, later by the time of one link: routers forward it the same
    /// wavelets.
    Forwarded,
    /// Every row does what the first row does in the same cycles: rows do not talk.
    Alike,
    /// Every row does what the first row does, so many cycles later, for which it waits before it starts. That holds
    /// where no row's stream waits for what the row below takes, and nothing that goes from row to row for a
    /// link; else rows do nearly so.
    Staggered {
        /// From row to row.
        cycles: u32,
    },
}

/// What a PE does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Role {
    /// For messages and dumps.
    pub name: String,
    /// Input queues in use.
    pub inputs: Vec<QueueBinding>,
    /// Output queues in use.
    pub outputs: Vec<QueueBinding>,
    /// SRAM, in order of address.
    pub buffers: Vec<Buffer>,
    /// Tasks; the scheduler looks at them in this order, starting after the one that ran last.
    pub tasks: Vec<Task>,
    /// Scalar counters, all zero at the start.
    pub counters: u8,
}

/// A queue and the color that it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBinding {
    /// Queue.
    pub queue: QueueId,
    /// Color.
    pub color: ColorId,
}

/// A piece of SRAM: `slots` copies of `elements` values. With more than one slot it is a ring that a writer
/// fills and a reader empties slot by slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffer {
    /// For messages, memory tables, and to load and read values.
    pub name: String,
    /// Values in one slot.
    pub elements: u32,
    /// Slots.
    pub slots: u16,
    /// Whether all slots are filled at the start (they were loaded) or none is.
    pub loaded: bool,
    /// Storage format.
    pub dtype: Dtype,
    /// Where it lies in SRAM.
    pub place: Place,
}

/// Where a buffer lies in SRAM, as far as that takes time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Where it meets no other operand of its instructions: what a linker sees to.
    #[default]
    Apart,
    /// Its first word lies in this bank.
    Bank(u8),
    /// In the software-managed cache: its accesses do not use the SRAM ports.
    Cache,
}

impl Buffer {
    /// SRAM that it takes.
    pub fn bytes(&self) -> Bytes {
        self.dtype.bytes() * u64::from(self.elements) * u64::from(self.slots)
    }
}

impl Role {
    /// SRAM that all buffers take; what lies in the cache takes none.
    pub fn sram(&self) -> Bytes {
        self.buffers.iter().filter(|buffer| buffer.place != Place::Cache).map(Buffer::bytes).sum()
    }

    /// Cache that buffers take.
    pub fn cache(&self) -> Bytes {
        self.buffers.iter().filter(|buffer| buffer.place == Place::Cache).map(Buffer::bytes).sum()
    }
}

/// A piece of code that runs to completion on the main thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// For messages and dumps.
    pub name: String,
    /// What starts it.
    pub trigger: Trigger,
    /// It does not start before this ring holds a filled slot.
    pub needs: Option<crate::ids::BufferId>,
    /// It does not start before this ring has a free slot besides the one that is being filled: the task
    /// will push it.
    pub room: Option<crate::ids::BufferId>,
    /// A blocked task does not start until it is unblocked.
    pub blocked: bool,
    /// What it does.
    pub body: Vec<Step>,
}

/// What starts a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Runs once at the start of the program.
    Start,
    /// [`Step::Activate`] or the end of a microthread's instruction.
    Local,
    /// A data wavelet at the head of the queue, started by software: the dispatch of a data task.
    Data(QueueId),
    /// A data wavelet at the head of the queue, started by hardware: the body is one vector instruction, and
    /// the wavelet's index and value are its operands.
    Weight(QueueId),
    /// A control wavelet with this code at the head of the queue.
    Control(QueueId, u8),
}

/// A side of a router, or the way to the compute element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// Towards row 0.
    North,
    /// Towards higher columns.
    East,
    /// Towards higher rows.
    South,
    /// Towards column 0.
    West,
    /// To and from the compute element.
    Ramp,
}

impl Port {
    /// All ports, in the order of their indices.
    pub const ALL: [Self; 5] = [Self::North, Self::East, Self::South, Self::West, Self::Ramp];

    /// The port of the neighbour that faces this one; the ramp faces itself.
    pub fn opposite(self) -> Self {
        match self {
            Self::North => Self::South,
            Self::East => Self::West,
            Self::South => Self::North,
            Self::West => Self::East,
            Self::Ramp => Self::Ramp,
        }
    }
}

/// A set of ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PortSet(pub u8);

impl PortSet {
    /// The set of the given ports.
    pub fn of(ports: &[Port]) -> Self {
        Self(ports.iter().fold(0, |set, &port| set | 1 << port as u8))
    }

    /// Whether `port` is in the set.
    pub fn contains(self, port: Port) -> bool {
        self.0 >> port as u8 & 1 == 1
    }

    /// Its ports, in order.
    pub fn iter(self) -> impl Iterator<Item = Port> {
        Port::ALL.into_iter().filter(move |&port| self.contains(port))
    }
}

/// Where wavelets of one color go at one router.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColorRoute {
    /// Color.
    pub color: ColorId,
    /// Switch positions; the first one holds at the start, [`Step::AdvanceSwitch`] goes to the next.
    pub positions: Vec<RoutePosition>,
}

/// From one port to a set of ports: more than one of them is a multicast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoutePosition {
    /// Accepted from.
    pub from: Port,
    /// Sent to.
    pub to: PortSet,
}

/// Buffers that a role may have.
pub const MAX_BUFFERS: usize = 24;

/// Counters that a role may have.
pub const MAX_COUNTERS: usize = 6;

/// The PE on the other end of a link, `None` over the edge.
pub fn neighbour(program: &Program, pe: usize, port: Port) -> Option<usize> {
    let Coord { x, y } = program.coord(pe);
    let to = match port {
        Port::North => Coord { x, y: y.checked_sub(1)? },
        Port::South => Coord { x, y: y + 1 },
        Port::West => Coord { x: x.checked_sub(1)?, y },
        Port::East => Coord { x: x + 1, y },
        Port::Ramp => return None,
    };
    (to.x < program.width && to.y < program.height).then(|| program.pe_index(to))
}

impl Program {
    /// PEs of the rectangle.
    pub fn pe_count(&self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }

    /// Row-major index of a PE.
    pub fn pe_index(&self, at: Coord) -> usize {
        usize::from(at.y) * usize::from(self.width) + usize::from(at.x)
    }

    /// Place of the PE with this row-major index.
    pub fn coord(&self, index: usize) -> Coord {
        let width = usize::from(self.width.max(1));
        Coord { x: (index % width) as u16, y: (index / width) as u16 }
    }

    /// Role of a PE.
    pub fn role(&self, index: usize) -> &Role {
        &self.roles[self.role_of[index].index()]
    }

    /// The parameters of a PE.
    pub fn params_of(&self, index: usize) -> &[u32] {
        &self.params[index * self.params_per_pe..(index + 1) * self.params_per_pe]
    }
}
