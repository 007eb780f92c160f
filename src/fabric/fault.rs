//! How a run can fail, named to the PE and the cycle.

use std::fmt;

use crate::fabric::code::NONE8;
use crate::fabric::engine::Engine;
use crate::fabric::observe::Observer;
use crate::fabric::pe::Phase;
use crate::fabric::values::Values;
use crate::ids::{ColorId, Coord};
use crate::program::{Port, QueueBinding};

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

impl<V: Values, O: Observer> Engine<'_, V, O> {
    /// Nobody is waiting for a cycle: fine if nothing is left, else a deadlock.
    pub(crate) fn stuck(&self) -> Result<(), Fault> {
        let mut waits = Vec::new();
        for (pe, ce) in self.ces.all().iter().enumerate() {
            let role = &self.code[self.shared.program.role_of[pe].index()];
            let names = self.shared.program.role(pe);
            let at = self.shared.program.coord(pe);
            let (micros, inputs) = self.ces.parts_of(pe, role);
            if ce.main.task != NONE8 {
                let task = &names.tasks[usize::from(ce.main.task)].name;
                waits.push((at, format!("task `{task}` of role `{}` cannot go on", names.name)));
            }
            for (&thread, micro) in role.threads.iter().zip(micros) {
                let vector = role.vectors.get(usize::from(micro.at.vector));
                let unfinished =
                    micro.phase != Phase::Off && vector.is_some_and(|v| !v.endless || micro.at.done > 0);
                if let (true, Some(vector)) = (unfinished, vector) {
                    let from = colors(&vector.inputs, &names.inputs);
                    let to = colors(&[vector.output], &names.outputs);
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
            let mut filled: Vec<_> =
                inputs.iter().zip(&names.inputs).filter(|(input, _)| input.fifo.len > 0).collect();
            filled.sort_by_key(|(_, binding)| binding.queue);
            for (input, QueueBinding { color, .. }) in filled {
                let count = input.fifo.len;
                waits.push((at, format!("{count} wavelets of color {color} that no task takes")));
            }
        }
        for lane in self.shared.mesh.lanes.iter().filter(|lane| lane.fifo.len > 0) {
            let (pe, color, port) = self.shared.mesh.place(lane);
            waits.push((
                self.shared.program.coord(pe),
                format!(
                    "{} wavelets of color {color} from {port:?} that the router cannot forward",
                    lane.fifo.len
                ),
            ));
        }
        for (source, stream) in self.sources.iter().zip(&self.shared.program.streams) {
            if !source.is_done() {
                waits
                    .push((stream.at, format!("the edge stream of color {} has more to send", stream.color)));
            }
        }
        if waits.is_empty() {
            return Ok(());
        }
        waits.truncate(LISTED);
        let mut fault = self.shared.fault(None, FaultKind::Deadlock(waits));
        fault.pe = None;
        Err(fault)
    }
}

/// The colors of queues, given by their places among the bound ones.
fn colors(places: &[u8], bindings: &[QueueBinding]) -> String {
    let colors = places.iter().filter_map(|&place| bindings.get(usize::from(place)));
    colors.map(|binding| format!("color {}", binding.color)).collect::<Vec<_>>().join(" and ")
}
