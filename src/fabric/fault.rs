//! How a run can fail, named to the PE and the cycle.

use std::fmt;

use crate::fabric::code::NONE8;
use crate::fabric::engine::Engine;
use crate::fabric::mesh::NONE;
use crate::fabric::pe::Phase;
use crate::fabric::values::Values;
use crate::ids::{ColorId, Coord};
use crate::program::Port;

/// A run that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Program.
    pub program: String,
    /// Cycle.
    pub cycle: u64,
    /// PE, where there is one.
    pub pe: Option<Coord>,
    /// What went wrong.
    pub kind: FaultKind,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Nobody can go on though there is work left: PEs and what each waits for.
    Deadlock(Vec<(Coord, String)>),
    /// Two wavelets of one color came from two sides in one cycle.
    Clash(ColorId, (Port, Port)),
    /// An instruction was given to a microthread that was still running one.
    ThreadBusy(u8),
    /// A ring was pushed while all its slots were filled.
    RingOverflow(String),
    /// A ring was popped while empty.
    RingUnderflow(String),
    /// The run did not end within so many cycles.
    CycleLimit(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "program `{}`, cycle {}", self.program, self.cycle)?;
        if let Some(pe) = self.pe {
            write!(f, ", PE {pe}")?;
        }
        match &self.kind {
            FaultKind::Deadlock(waits) => {
                write!(f, ": deadlock")?;
                for (pe, wait) in waits {
                    write!(f, "\n  PE {pe}: {wait}")?;
                }
                Ok(())
            }
            FaultKind::Clash(color, (first, second)) => {
                write!(f, ": color {color} arrived from {first:?} and from {second:?} in one cycle")
            }
            FaultKind::ThreadBusy(thread) => write!(f, ": microthread {thread} was launched while running"),
            FaultKind::RingOverflow(name) => write!(f, ": ring `{name}` was pushed while full"),
            FaultKind::RingUnderflow(name) => write!(f, ": ring `{name}` was popped while empty"),
            FaultKind::CycleLimit(limit) => write!(f, ": no end within {limit} cycles"),
        }
    }
}

impl std::error::Error for Fault {}

/// PEs that a deadlock report lists at most.
const LISTED: usize = 12;

impl<V: Values> Engine<'_, V> {
    /// Nobody is waiting for a cycle: fine if nothing is left, else a deadlock.
    pub(crate) fn stuck(&self) -> Result<(), Fault> {
        let mut waits = Vec::new();
        for (pe, ce) in self.ces.iter().enumerate() {
            let role = &self.code[self.program.role_of[pe].index()];
            let names = self.program.role(pe);
            let at = self.program.coord(pe);
            if ce.main.task != NONE8 {
                let task = &names.tasks[usize::from(ce.main.task)].name;
                waits.push((at, format!("task `{task}` of role `{}` cannot go on", names.name)));
            }
            for (thread, micro) in ce.micros.iter().enumerate() {
                let vector = role.vectors.get(usize::from(micro.at.vector));
                let unfinished =
                    micro.phase != Phase::Off && vector.is_some_and(|v| !v.endless || micro.at.done > 0);
                if let (true, Some(vector)) = (unfinished, vector) {
                    let queues = |ids: &[u8], all: &[crate::program::QueueBinding]| {
                        ids.iter()
                            .filter_map(|&id| all.iter().find(|b| b.queue.0 == id))
                            .map(|b| format!("color {}", b.color))
                            .collect::<Vec<_>>()
                            .join(" and ")
                    };
                    let from = queues(&vector.inputs, &names.inputs);
                    let to = queues(&[vector.output], &names.outputs);
                    let between = match (from.is_empty(), to.is_empty()) {
                        (false, false) => format!("from {from} to {to}"),
                        (false, true) => format!("from {from}"),
                        _ => format!("to {to}"),
                    };
                    waits.push((
                        at,
                        format!(
                            "microthread {thread} has done {} of {} elements {between}",
                            micro.at.done, micro.at.total
                        ),
                    ));
                }
            }
            for &queue in ce.inputs.iter().filter(|&&q| q != NONE) {
                let queue = &self.queues[queue as usize];
                if queue.fifo.len > 0 {
                    let color =
                        names.inputs.iter().find(|b| b.queue.0 == queue.queue).map_or(0, |b| b.color.0);
                    waits.push((
                        at,
                        format!("{} wavelets of color {color} that no task takes", queue.fifo.len),
                    ));
                }
            }
        }
        for lane in self.mesh.lanes.iter().filter(|lane| lane.fifo.len > 0) {
            let (pe, color, port) = self.mesh.place(lane);
            waits.push((
                self.program.coord(pe),
                format!(
                    "{} wavelets of color {color} from {port:?} that the router cannot forward",
                    lane.fifo.len
                ),
            ));
        }
        for (source, stream) in self.sources.iter().zip(&self.program.streams) {
            if !source.is_done() {
                waits
                    .push((stream.at, format!("the edge stream of color {} has more to send", stream.color)));
            }
        }
        if waits.is_empty() {
            return Ok(());
        }
        waits.truncate(LISTED);
        let mut fault = self.fault(None, FaultKind::Deadlock(waits));
        fault.pe = None;
        Err(fault)
    }
}
