//! A program without time: every task and instruction as soon as what it needs is there, whole vectors at once.
//!
//! The fabric decides when things happen, the program decides what: operations on one value come in an order that
//! streams and tasks fix. So the values here must be those of the fabric, to the bit, at a fraction of the work:
//! queues have no depth, links no rate, and nobody waits but for data.
//!
//! ```text
//! mod     PEs that have something to do, and edge streams a piece at a time
//! routes  where a wavelet goes from a router, and those that wait for a switch
//! ce      one compute element: tasks, microthreads, vector instructions
//! ```

mod ce;
mod routes;

use std::fmt;

use crate::exec::Sram;
use crate::ids::Coord;
use crate::program::{Port, Program, Wavelet, check};
use crate::spec::wafer::WaferSpec;
use ce::Ce;
use routes::Routes;

/// What left over the edge: PE, side and word, in the order of leaving at each of them.
pub type Drained = Vec<(Coord, Port, Wavelet)>;

/// A program that cannot be executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// It is illegal on the machine.
    #[error("{0}")]
    Illegal(crate::program::ProgramError),
    /// Nobody can go on though there is work left.
    #[error("program `{program}`: {}", lines(waits))]
    Stuck {
        /// Program.
        program: String,
        /// PEs and what each waits for.
        waits: Vec<(Coord, String)>,
    },
    /// An instruction that must not run now.
    #[error("program `{program}`, PE {pe}: {what}")]
    Broken {
        /// Program.
        program: String,
        /// PE.
        pe: Coord,
        /// What went wrong.
        what: String,
    },
}

fn lines(waits: &[(Coord, String)]) -> String {
    let each = waits.iter().map(|(pe, what)| format!("\n  PE {pe}: {what}"));
    format!("nobody can go on{}", each.collect::<String>())
}

/// PEs that a message lists at most.
const LISTED: usize = 12;
/// Wavelets of an edge stream that enter before PEs look at them.
const PIECE: usize = 256;

/// Execute `program` on what `sram` holds.
///
/// # Errors
/// An [`ExecError`] that names the PE.
pub fn execute(program: &Program, machine: &WaferSpec, sram: &mut Sram<'_>) -> Result<Drained, ExecError> {
    check(program, machine).map_err(|faults| ExecError::Illegal(faults.first))?;
    let mut run = Run {
        program,
        sram,
        routes: Routes::new(program),
        ces: (0..program.pe_count()).map(|pe| Ce::new(program.role(pe))).collect(),
        awake: (0..program.pe_count() as u32).collect(),
        is_awake: vec![true; program.pe_count()],
        drained: Vec::new(),
    };
    run.settle()?;
    let mut streams: Vec<_> = program.streams.iter().map(|stream| (stream, stream.items.iter())).collect();
    while !streams.is_empty() {
        for (stream, items) in &mut streams {
            let pe = program.pe_index(stream.at);
            for word in items.by_ref().take(PIECE) {
                run.enter(pe, stream.color.0, stream.port, word);
            }
        }
        run.settle()?;
        streams.retain(|(_, items)| !items.is_done());
    }
    run.finish()
}

/// State of an execution.
struct Run<'p, 's, 'v> {
    program: &'p Program,
    sram: &'s mut Sram<'v>,
    routes: Routes<'p>,
    ces: Vec<Ce<'p>>,
    /// PEs that may have something to do.
    awake: Vec<u32>,
    is_awake: Vec<bool>,
    drained: Drained,
}

impl Run<'_, '_, '_> {
    /// Let PEs work until none can.
    fn settle(&mut self) -> Result<(), ExecError> {
        while let Some(pe) = self.awake.pop() {
            self.is_awake[pe as usize] = false;
            self.work(pe as usize)?;
        }
        Ok(())
    }

    /// A word comes to a router from one side.
    fn enter(&mut self, pe: usize, color: u8, port: Port, word: Wavelet) {
        let Self { routes, ces, awake, is_awake, drained, program, .. } = self;
        routes.enter(pe, color, port, word, &mut |at, exit, word| match exit {
            routes::Exit::Queue(queue) => {
                ces[at].inputs[queue].push_back(word);
                if !is_awake[at] {
                    is_awake[at] = true;
                    awake.push(at as u32);
                }
            }
            routes::Exit::Edge(port) => drained.push((program.coord(at), port, word)),
        });
    }

    /// Nothing moves any more: fine if nothing is left.
    fn finish(self) -> Result<Drained, ExecError> {
        let mut waits = Vec::new();
        for (pe, ce) in self.ces.iter().enumerate() {
            waits.extend(ce.left().map(|what| (self.program.coord(pe), what)));
        }
        waits.extend(self.routes.left().map(|(pe, what)| (self.program.coord(pe), what)));
        if waits.is_empty() {
            return Ok(self.drained);
        }
        waits.truncate(LISTED);
        Err(ExecError::Stuck { program: self.program.name.clone(), waits })
    }

    fn broken(&self, pe: usize, what: impl fmt::Display) -> ExecError {
        let (program, pe) = (self.program.name.clone(), self.program.coord(pe));
        ExecError::Broken { program, pe, what: what.to_string() }
    }
}
