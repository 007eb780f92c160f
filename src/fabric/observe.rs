//! What a run tells whoever watches it: a parameter of the engine, so that a run that nobody watches costs nothing.

use crate::fabric::counters::Activity;
use crate::ids::{ColorId, TaskId};
use crate::program::{Port, VectorOp};

/// What a microthread does in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It has no instruction, or an endless one that has nothing to do.
    Nothing,
    /// Elements of its instruction.
    Elements(VectorOp),
    /// It could go on, but another thread has the datapath.
    Datapath,
    /// It waits: for what its instruction needs, or for its start or end.
    Waits(Activity),
}

/// Hears what PEs and links of a run do. PEs are row-major indices; what is told of one PE or link comes in the order of
/// cycles.
pub trait Observer {
    /// Whether it wants to hear anything.
    const WATCHES: bool;

    /// The PE spends cycles `from..from + cycles` on an activity: without gaps from cycle 0 to the end of the run.
    fn spent(&mut self, pe: usize, activity: Activity, from: u64, cycles: u64);
    /// From `cycle` on the main thread runs a task, or none.
    fn task(&mut self, pe: usize, task: Option<TaskId>, cycle: u64);
    /// From `cycle` on a microthread (by its number on the machine) does this.
    fn thread(&mut self, pe: usize, thread: u8, doing: Doing, cycle: u64);
    /// A wavelet leaves over a link of the PE.
    fn carried(&mut self, pe: usize, port: Port, color: ColorId, cycle: u64);
}

/// Nobody watches.
#[derive(Debug, Default)]
pub struct Nobody;

impl Observer for Nobody {
    const WATCHES: bool = false;

    fn spent(&mut self, _: usize, _: Activity, _: u64, _: u64) {}
    fn task(&mut self, _: usize, _: Option<TaskId>, _: u64) {}
    fn thread(&mut self, _: usize, _: u8, _: Doing, _: u64) {}
    fn carried(&mut self, _: usize, _: Port, _: ColorId, _: u64) {}
}
