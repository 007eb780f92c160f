//! What the fabric counts.

use serde::{Deserialize, Serialize};

use crate::ids::Coord;
use crate::program::Port;
use crate::units::{Bytes, Cycles, Macs, Wavelets};

/// What a PE does in a cycle: each cycle of each PE is exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Multiply-accumulates of the main thread.
    Mac,
    /// Other arithmetic and moves of the main thread.
    Vector,
    /// Arithmetic of a microthread: partial sums on their way along a row or column.
    Reduce,
    /// Between a trigger or an instruction and its first element.
    Setup,
    /// Task dispatch and scalar code.
    Control,
    /// A running instruction waits for wavelets.
    WaitInput,
    /// A running instruction waits for room on the fabric.
    WaitOutput,
    /// A running instruction waits for a free slot of a buffer.
    WaitBuffer,
    /// A microthread is starting or ending.
    Latency,
    /// Nothing at hand: no task, no instruction.
    Idle,
}

impl Activity {
    /// All of them, in the order of their indices.
    pub const ALL: [Self; 10] = [
        Self::Mac,
        Self::Vector,
        Self::Reduce,
        Self::Setup,
        Self::Control,
        Self::WaitInput,
        Self::WaitOutput,
        Self::WaitBuffer,
        Self::Latency,
        Self::Idle,
    ];

    /// As it stands in tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mac => "multiply-add",
            Self::Vector => "vector work",
            Self::Reduce => "reduction",
            Self::Setup => "instruction setup",
            Self::Control => "task control",
            Self::WaitInput => "wait for data",
            Self::WaitOutput => "wait for fabric",
            Self::WaitBuffer => "wait for buffer",
            Self::Latency => "start and end of threads",
            Self::Idle => "idle",
        }
    }
}

/// PE cycles by activity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakdown(pub [u64; Activity::ALL.len()]);

impl Breakdown {
    /// Add `cycles` of `activity`.
    #[inline]
    pub fn add(&mut self, activity: Activity, cycles: u64) {
        self.0[activity as usize] += cycles;
    }

    /// Take `cycles` of `activity` away.
    pub fn take(&mut self, activity: Activity, cycles: u64) {
        self.0[activity as usize] = self.0[activity as usize].saturating_sub(cycles);
    }

    /// Cycles of one activity.
    pub fn of(&self, activity: Activity) -> u64 {
        self.0[activity as usize]
    }

    /// All cycles.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Add another breakdown, `times` over.
    pub fn merge(&mut self, other: &Self, times: u64) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs * times;
        }
    }
}

/// A link out of a PE and what it carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// PE that it leads away from.
    pub pe: Coord,
    /// Side.
    pub port: Port,
    /// Wavelets.
    pub wavelets: Wavelets,
}

/// Counts of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// From the first cycle to the last in which anything moved or worked.
    pub cycles: Cycles,
    /// PE cycles by activity; they sum to `cycles` x PEs.
    pub activity: Breakdown,
    /// Multiply-accumulates done.
    pub macs: Macs,
    /// Wavelets that PEs and edge streams sent.
    pub sent: Wavelets,
    /// Further copies that routers made of them by multicast.
    pub copied: Wavelets,
    /// Wavelets that reached a compute element.
    pub delivered: Wavelets,
    /// Wavelets that left over the edge.
    pub drained: Wavelets,
    /// Cycle after the last in which a wavelet left over the edge; zero if none did.
    pub last_drained: Cycles,
    /// Link traversals.
    pub hops: Wavelets,
    /// Most wavelets that any input queue held.
    pub input_high_water: u32,
    /// Most wavelets that any router buffer held.
    pub router_high_water: u32,
    /// The link that carried most wavelets, the first of them in the order of PEs and ports; `None` where none
    /// carried any.
    pub busiest_link: Option<Link>,
    /// Most SRAM that the buffers of any PE take.
    pub sram_high_water: Bytes,
}
