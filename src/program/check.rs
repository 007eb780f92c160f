//! What a program must satisfy before it may run: everything that can be said without a clock.

use std::fmt;

use crate::ids::{ColorId, Coord};
use crate::program::circle::circles;
use crate::program::{MAX_COUNTERS, Operand, Port, Program, Step, Times, Trigger};
use crate::spec::wafer::WaferSpec;
use crate::units::Bytes;

/// An illegal program, named to the PE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramError {
    /// Program.
    pub program: String,
    /// PE, the first of those with this role or route.
    pub pe: Coord,
    /// What is wrong and what is legal.
    pub message: String,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "program `{}`, PE {}: {}", self.program, self.pe, self.message)
    }
}

impl std::error::Error for ProgramError {}

/// All that is wrong with a program: one fault at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramErrors {
    /// The first of them.
    pub first: ProgramError,
    /// The others.
    pub rest: Vec<ProgramError>,
}

impl ProgramErrors {
    /// `Ok` where there are no faults.
    fn of(faults: Vec<ProgramError>) -> Result<(), Self> {
        let mut faults = faults.into_iter();
        match faults.next() {
            None => Ok(()),
            Some(first) => Err(Self { first, rest: faults.collect() }),
        }
    }

    /// All faults, in the order of roles, routes and neighbours.
    pub fn iter(&self) -> impl Iterator<Item = &ProgramError> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

impl fmt::Display for ProgramErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.rest.iter().try_for_each(|fault| write!(f, "; {fault}"))
    }
}

impl std::error::Error for ProgramErrors {}

/// PEs of a circle that a message names at most.
const LISTED: usize = 8;

/// All that is wrong with `program` on a machine.
///
/// # Errors
/// Every fault of every role and route, once for each.
pub fn check(program: &Program, spec: &WaferSpec) -> Result<(), ProgramErrors> {
    let mut faults = Vec::new();
    for role in 0..program.roles.len() {
        if let Some(pe) = program.role_of.iter().position(|r| r.index() == role) {
            let at = program.coord(pe);
            let mut say = |message: String| {
                faults.push(ProgramError { program: program.name.clone(), pe: at, message });
            };
            check_role(program, role, spec, &mut say);
        }
    }
    for table in 0..program.routes.len() {
        if let Some(pe) = program.route_of.iter().position(|&r| usize::from(r) == table) {
            let at = program.coord(pe);
            let mut say = |message: String| {
                faults.push(ProgramError { program: program.name.clone(), pe: at, message });
            };
            check_routes(program, table, spec, &mut say);
        }
    }
    check_neighbours(program, &mut faults);
    for (color, circle) in circles(program) {
        let way = circle.iter().take(LISTED).map(|&pe| format!("PE {}", program.coord(pe)));
        let more = if circle.len() > LISTED { " -> ..." } else { "" };
        faults.push(ProgramError {
            program: program.name.clone(),
            pe: program.coord(circle[0]),
            message: format!(
                "color {color} goes in a circle of {} PEs: {}{more}",
                circle.len(),
                way.collect::<Vec<_>>().join(" -> ")
            ),
        });
    }
    ProgramErrors::of(faults)
}

fn check_role(program: &Program, role: usize, spec: &WaferSpec, say: &mut impl FnMut(String)) {
    let role = &program.roles[role];
    let available = spec.pe.sram.saturating_sub(spec.pe.reserved);
    if role.sram() > available {
        let (largest, bytes) = role
            .buffers
            .iter()
            .map(|b| (b.name.as_str(), b.bytes()))
            .max_by_key(|b| b.1)
            .unwrap_or(("none", Bytes::ZERO));
        say(format!(
            "role `{}` needs {} of SRAM and {available} are free ({} over); the largest buffer is `{largest}` with {bytes}",
            role.name,
            role.sram(),
            role.sram().saturating_sub(available)
        ));
    }
    if role.cache() > spec.pe.cache {
        say(format!(
            "role `{}` keeps {} in the software-managed cache, which has {}",
            role.name,
            role.cache(),
            spec.pe.cache
        ));
    }
    for (bindings, depths, kind) in [
        (&role.inputs, &spec.pe.input_queue_wavelets, "input"),
        (&role.outputs, &spec.pe.output_queue_wavelets, "output"),
    ] {
        for (n, binding) in bindings.iter().enumerate() {
            if binding.queue.index() >= depths.len() {
                say(format!(
                    "role `{}` uses {kind} queue {}; the machine has 0 to {}",
                    role.name,
                    binding.queue,
                    depths.len() - 1
                ));
            }
            if bindings[..n].iter().any(|b| b.queue == binding.queue) {
                say(format!("role `{}` binds {kind} queue {} twice", role.name, binding.queue));
            }
        }
    }
    if usize::from(role.counters) > MAX_COUNTERS {
        let (name, counters) = (&role.name, role.counters);
        say(format!("role `{name}` has {counters} counters; at most {MAX_COUNTERS} are possible"));
    }
    if role.tasks.len() > 32 || role.buffers.len() > crate::program::MAX_BUFFERS {
        say(format!(
            "role `{}` has {} tasks and {} buffers; at most 32 and {} are possible",
            role.name,
            role.tasks.len(),
            role.buffers.len(),
            crate::program::MAX_BUFFERS
        ));
    }
    for task in &role.tasks {
        if let Trigger::Data(queue) | Trigger::Weight(queue) | Trigger::Control(queue, _) = task.trigger
            && !role.inputs.iter().any(|b| b.queue == queue)
        {
            say(format!(
                "task `{}` of role `{}` waits on input queue {queue}, which no color is bound to",
                task.name, role.name
            ));
        }
        if let Some(counter) = highest_counter(&task.body).filter(|&counter| counter >= role.counters) {
            say(format!(
                "task `{}` of role `{}` uses counter {counter}; the role has {}",
                task.name, role.name, role.counters
            ));
        }
        let mut threads = Vec::new();
        microthreads(&task.body, &mut threads);
        for thread in threads {
            if thread >= spec.pe.microthreads {
                say(format!(
                    "task `{}` of role `{}` launches microthread {thread}; the machine has 0 to {}",
                    task.name,
                    role.name,
                    spec.pe.microthreads.saturating_sub(1)
                ));
            }
        }
    }
}

/// The highest counter that steps name.
fn highest_counter(steps: &[Step]) -> Option<u8> {
    let of = |step: &Step| match step {
        Step::Count(counter) => Some(*counter),
        Step::If { counter, body, .. } => Some(*counter).max(highest_counter(body)),
        Step::Repeat { counter, times, body } => {
            let by = if let Times::Param { counter } = times { Some(*counter) } else { None };
            Some(*counter).max(by).max(highest_counter(body))
        }
        Step::Fetch { at, .. } => Some(*at),
        Step::Load { counter, at, .. } => Some(*counter.max(at)),
        Step::Vector(instr) => [instr.dst, instr.a, instr.b]
            .into_iter()
            .filter_map(|operand| match operand {
                Operand::Stepped { counter, .. } => Some(counter),
                _ => None,
            })
            .max(),
        _ => None,
    };
    steps.iter().filter_map(of).max()
}

fn microthreads(steps: &[Step], into: &mut Vec<u8>) {
    for step in steps {
        match step {
            Step::Vector(instr) => {
                if let crate::program::Launch::Micro { thread, .. } = instr.launch {
                    into.push(thread.0);
                }
            }
            Step::If { body, .. } | Step::Repeat { body, .. } => microthreads(body, into),
            _ => {}
        }
    }
}

fn check_routes(program: &Program, table: usize, spec: &WaferSpec, say: &mut impl FnMut(String)) {
    let mut seen: Vec<ColorId> = Vec::new();
    for route in &program.routes[table] {
        if route.color.0 >= spec.fabric.colors {
            say(format!("color {} is routed; the machine has 0 to {}", route.color, spec.fabric.colors - 1));
        }
        if seen.contains(&route.color) {
            say(format!("color {} is routed twice", route.color));
        }
        seen.push(route.color);
        if route.positions.is_empty() || route.positions.len() > usize::from(spec.fabric.switch_positions) {
            say(format!(
                "color {} has {} switch positions; 1 to {} are possible",
                route.color,
                route.positions.len(),
                spec.fabric.switch_positions
            ));
        }
        for position in &route.positions {
            if position.to.contains(position.from) && position.from != Port::Ramp {
                say(format!(
                    "color {} is sent back to {:?}, from where it comes",
                    route.color, position.from
                ));
            }
        }
    }
}

/// A wavelet must find a route at every router that it is sent to; one sent over the edge leaves the fabric.
fn check_neighbours(program: &Program, faults: &mut Vec<ProgramError>) {
    let mut seen = std::collections::BTreeSet::new();
    for pe in 0..program.pe_count() {
        let table = program.route_of[pe];
        for route in &program.routes[usize::from(table)] {
            for port in route.positions.iter().flat_map(|p| p.to.iter()) {
                if port == Port::Ramp {
                    let bound = program.role(pe).inputs.iter().any(|b| b.color == route.color);
                    if !bound && seen.insert((table, program.role_of[pe].0, route.color, port)) {
                        faults.push(ProgramError {
                            program: program.name.clone(),
                            pe: program.coord(pe),
                            message: format!(
                                "color {} goes to the ramp, but no input queue of role `{}` takes it",
                                route.color,
                                program.role(pe).name
                            ),
                        });
                    }
                    continue;
                }
                let Some(next) = crate::program::neighbour(program, pe, port) else { continue };
                let arrives = program.routes[usize::from(program.route_of[next])]
                    .iter()
                    .any(|r| r.color == route.color && r.positions.iter().any(|p| p.from == port.opposite()));
                if !arrives && seen.insert((table, program.route_of[next], route.color, port)) {
                    faults.push(ProgramError {
                        program: program.name.clone(),
                        pe: program.coord(pe),
                        message: format!(
                            "color {} is sent {port:?} to PE {}, which has no route for it",
                            route.color,
                            program.coord(next)
                        ),
                    });
                }
            }
        }
    }
}
