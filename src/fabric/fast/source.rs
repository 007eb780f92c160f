//! A program as the fast engine reads it: a row of PEs, each asked what its tasks do and where its colors go.

use std::ops::{Index, IndexMut};

use crate::fabric::code::{NONE8, Op, RoleCode, TaskCode, VectorCode, compile};
use crate::fabric::counters::Activity;
use crate::ids::{ColorId, QueueId};
use crate::program::{ColorRoute, Port, PortSet, Program, Role, Trigger};
use crate::spec::wafer::WaferSpec;

/// Most words that a buffer may hold which the engine keeps the times of, and that a slot of a ring may have.
pub(super) const DEPTH: usize = 8;
/// Most words of a step.
pub(super) const WIDE: usize = 2;

/// One of [`DEPTH`] places: an index that needs no check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Place {
    #[default]
    First,
    Second,
    Third,
    Fourth,
    Fifth,
    Sixth,
    Seventh,
    Eighth,
}

impl Place {
    const ALL: [Self; DEPTH] = {
        use Place::*;
        [First, Second, Third, Fourth, Fifth, Sixth, Seventh, Eighth]
    };

    /// That of a number in a ring.
    pub(super) fn of(number: u32) -> Self {
        Self::ALL[number as usize % DEPTH]
    }

    /// That of the word so many words before another one, [`DEPTH`] at most.
    pub(super) fn before(word: u32, words: u32) -> Self {
        Self::ALL[before(word, words)]
    }
}

impl<T> Index<Place> for [T; DEPTH] {
    type Output = T;

    #[inline(always)]
    fn index(&self, at: Place) -> &T {
        &self.as_slice()[at as usize]
    }
}

impl<T> IndexMut<Place> for [T; DEPTH] {
    #[inline(always)]
    fn index_mut(&mut self, at: Place) -> &mut T {
        &mut self.as_mut_slice()[at as usize]
    }
}

/// Place of a word among the last [`DEPTH`] ones.
#[inline(always)]
pub(super) fn place(word: u32) -> usize {
    word as usize % DEPTH
}

/// Place of the word that is `words` before another one, [`DEPTH`] at most; before the first word there is one of cycle 0.
#[inline(always)]
pub(super) fn before(word: u32, words: u32) -> usize {
    (word + DEPTH as u32 - words) as usize % DEPTH
}

/// Whether times of a buffer of so many words are kept.
pub(super) fn is_kept(depth: u32) -> bool {
    (1..=DEPTH as u32).contains(&depth)
}

/// Cycles and depths of the machine that all PEs share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::fabric) struct Fabric {
    /// Words that fit a router buffer.
    pub(in crate::fabric) lane: u32,
    /// Cycles of a hop and of the ramp; eighths of a cycle between two words of a link.
    pub(in crate::fabric) hop: u32,
    pub(in crate::fabric) ramp: u32,
    pub(in crate::fabric) interval: u32,
    /// Cycles of the launch of a microthread, and from then to its first step.
    pub(in crate::fabric) launch: u32,
    pub(in crate::fabric) start: u32,
}

impl Fabric {
    /// Those of a machine.
    pub(in crate::fabric) fn of(spec: &WaferSpec) -> Self {
        let (fabric, overhead) = (&spec.fabric, &spec.pe.overhead);
        Self {
            lane: fabric.router_buffer_wavelets,
            hop: fabric.hop_latency_cycles,
            ramp: fabric.ramp_latency_cycles,
            interval: fabric.link_interval.0,
            launch: overhead.microthread_launch_cycles,
            start: overhead.microthread_start_cycles,
        }
    }
}

/// A program of one row of PEs, and the machine.
pub(super) struct Source<'a> {
    pub(super) program: &'a Program,
    spec: &'a WaferSpec,
    code: Vec<RoleCode>,
}

/// One PE of it.
#[derive(Clone, Copy)]
pub(super) struct Pe<'a> {
    pub(super) at: usize,
    pub(super) role: &'a Role,
    pub(super) code: &'a RoleCode,
    pub(super) table: &'a [ColorRoute],
    pub(super) params: &'a [u32],
    spec: &'a WaferSpec,
}

impl<'a> Source<'a> {
    /// `None` where the program is no row with a stream for each PE, or the ramp is narrower than the colors that must
    /// not wait for each other.
    pub(super) fn new(program: &'a Program, spec: &'a WaferSpec) -> Option<Self> {
        let width = usize::from(program.width);
        let fits = program.height == 1 && width >= 2 && program.streams.len() == width;
        let free = program.roles.iter().flat_map(|role| &role.tasks).all(|task| !task.blocked);
        (fits && free && spec.pe.fabric_wavelets_per_cycle >= 2).then(|| Self {
            program,
            spec,
            code: compile(program, &spec.pe),
        })
    }

    /// PEs.
    pub(super) fn width(&self) -> usize {
        usize::from(self.program.width)
    }

    /// A PE.
    pub(super) fn pe(&self, at: usize) -> Pe<'_> {
        Pe {
            at,
            role: self.program.role(at),
            code: &self.code[self.program.role_of[at].index()],
            table: &self.program.routes[usize::from(self.program.route_of[at])],
            params: self.program.params_of(at),
            spec: self.spec,
        }
    }

    /// Every PE.
    pub(super) fn pes(&self) -> impl Iterator<Item = Pe<'_>> {
        (0..self.width()).map(|at| self.pe(at))
    }

    /// What all PEs share of the machine.
    pub(super) fn fabric(&self) -> Fabric {
        Fabric::of(self.spec)
    }

    /// Cycles from the end of a microthread's instruction to what it activates.
    pub(super) fn completion(&self) -> u32 {
        self.spec.pe.overhead.completion_cycles
    }

    /// Whether an instruction of a PE takes its words from what the neighbour at `from` sends.
    pub(super) fn hears(&self, pe: Pe<'_>, code: &VectorCode, from: Port) -> bool {
        let neighbour = match from {
            Port::West => pe.at.checked_sub(1),
            _ => Some(pe.at + 1).filter(|&at| at < self.width()),
        };
        let color = pe.heard(code);
        let sender = |color: ColorId| {
            neighbour.is_some_and(|at| {
                let sender = self.pe(at);
                let bound = sender.role.outputs.iter().any(|binding| binding.color == color);
                bound && sender.goes(color, Port::Ramp, from.opposite())
            })
        };
        color.is_some_and(|color| pe.goes(color, from, Port::Ramp) && sender(color))
    }
}

impl<'a> Pe<'a> {
    /// Operations of a task, and the number of the first of them.
    pub(super) fn body(&self, task: usize) -> (&'a [Op], u16) {
        let entry = self.code.tasks[task].entry;
        let from = usize::from(entry);
        let len = self.code.ops[from..].iter().position(|op| matches!(op, Op::End)).unwrap_or(0);
        (&self.code.ops[from..from + len], entry)
    }

    /// A vector instruction.
    pub(super) fn vector(&self, at: u16) -> Option<&'a VectorCode> {
        self.code.vectors.get(usize::from(at))
    }

    /// Whether a task is one that is activated, and waits for no ring.
    pub(super) fn is_local(&self, task: usize) -> bool {
        self.role.tasks[task].trigger == Trigger::Local && waits_for(&self.code.tasks[task], NONE8, NONE8)
    }

    /// Whether a task runs at the start.
    pub(super) fn is_start(&self, task: usize) -> bool {
        self.role.tasks[task].trigger == Trigger::Start && waits_for(&self.code.tasks[task], NONE8, NONE8)
    }

    /// The instruction that an arriving weight starts, if the hardware starts it and it multiplies in memory.
    pub(super) fn weight(&self, task: usize, at: u16) -> Option<&'a VectorCode> {
        let by_hardware = matches!(self.role.tasks[task].trigger, Trigger::Weight(_));
        let multiplies = |code: &&VectorCode| {
            code.thread == NONE8
                && !code.on_fabric()
                && code.macs_per_element > 0
                && (code.fills, code.drains) == (NONE8, NONE8)
                && self.weight_work(code) > 0
        };
        debug_assert!(!by_hardware || self.code.tasks[task].dispatches_as == Activity::Setup);
        self.vector(at).filter(|code| by_hardware && multiplies(code))
    }

    /// Cycles of that instruction, after its dispatch.
    pub(super) fn weight_work(&self, code: &VectorCode) -> u32 {
        code.cost.cycles(u64::from(self.elements(code))) as u32
    }

    /// Elements of an instruction.
    pub(super) fn elements(&self, code: &VectorCode) -> u32 {
        code.instr.length.elements(self.params)
    }

    /// Slots of its ring that an instruction goes through, if it ends with a slot.
    pub(super) fn rows(&self, code: &VectorCode) -> Option<u32> {
        let elements = self.elements(code);
        elements.is_multiple_of(code.slot).then_some(elements / code.slot)
    }

    /// Slots of a ring that is empty at the start, or of one that is full.
    pub(super) fn slots(&self, ring: u8, full: bool) -> Option<u32> {
        let buffer = self.role.buffers.get(usize::from(ring))?;
        (buffer.loaded == full).then_some(u32::from(buffer.slots))
    }

    /// The color that the first operand of an instruction comes in.
    pub(super) fn heard(&self, code: &VectorCode) -> Option<ColorId> {
        self.role.inputs.get(usize::from(code.inputs[0])).map(|binding| binding.color)
    }

    /// Whether the results of an instruction go out to a side, and nowhere else.
    pub(super) fn sends(&self, code: &VectorCode, to: Port) -> bool {
        let binding = self.role.outputs.get(usize::from(code.output));
        binding.is_some_and(|binding| self.goes(binding.color, Port::Ramp, to))
    }

    /// Whether the route of a color leads from one port to another, and does not switch.
    pub(super) fn goes(&self, color: ColorId, from: Port, to: Port) -> bool {
        self.route(color).is_some_and(
            |route| matches!(*route.positions, [p] if p.from == from && p.to == PortSet::of(&[to])),
        )
    }

    /// The route of a color.
    pub(super) fn route(&self, color: ColorId) -> Option<&'a ColorRoute> {
        self.table.iter().find(|route| route.color == color)
    }

    /// Words that fit an input queue, by its place.
    pub(super) fn input_depth(&self, place: u8) -> Option<u32> {
        let queue = self.role.inputs.get(usize::from(place))?.queue;
        depth(&self.spec.pe.input_queue_wavelets, queue)
    }

    /// Words that fit an output queue, by its place.
    pub(super) fn output_depth(&self, place: u8) -> Option<u32> {
        let queue = self.role.outputs.get(usize::from(place))?.queue;
        depth(&self.spec.pe.output_queue_wavelets, queue)
    }
}

fn depth(depths: &[u32], queue: QueueId) -> Option<u32> {
    depths.get(queue.index()).copied()
}

/// Whether a task waits for a filled slot of one ring and for room in another ([`NONE8`]: for none).
pub(super) fn waits_for(task: &TaskCode, needs: u8, room: u8) -> bool {
    (task.needs, task.room) == (needs, room)
}

/// Words of each step of a slot.
pub(super) fn steps(code: &VectorCode) -> Vec<u32> {
    steps_of(code, code.slot)
}

/// Words of each step of so many elements.
pub(super) fn steps_of(code: &VectorCode, elements: u32) -> Vec<u32> {
    let mut left = elements;
    let mut steps = Vec::new();
    while left > 0 {
        let count = code.cost.step_elements.min(left);
        steps.push(u32::from(code.wavelets(count)));
        left -= count;
    }
    steps
}
