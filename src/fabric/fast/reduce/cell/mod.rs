//! One compute element in one lane, event by event: where the order of events is not the same in all lanes.
//!
//! That is when its chain starts, changes its phase, or two chains meet in it. Events are the end of what the main
//! thread does and the steps of the two microthreads; in one cycle they come in this order, as in the reference engine.

mod chains;
mod events;
mod main_thread;
mod rest;

pub(super) use crate::fabric::fast::reduce::cell::events::{Look, News};
use crate::fabric::fast::reduce::inflow::{Inflow, Reached};
use crate::fabric::fast::reduce::shape::{Column, Shape};
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::{NEVER, Vector};

/// What the main thread does until `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// The task of the start.
    Start,
    Weight,
    RowEnd,
    /// Dispatch of the chain's next task.
    Chain,
    /// Launch of a microthread of the phase.
    Launch {
        second: bool,
    },
    /// Waits since `end` for a word of the stream, for room, or for nothing any more.
    Rest,
}

/// A phase of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Sums go on to the west.
    Down,
    /// Sums stay here.
    Keep,
    /// Sums go on to the east.
    Up,
}

/// A neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    West,
    East,
}

impl Side {
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::West => Self::East,
            Self::East => Self::West,
        }
    }
}

/// A microthread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    /// It runs an instruction.
    on: bool,
    /// First cycle in which it may step.
    from: u32,
    /// Next row of results and next step of it.
    pub(super) row: u32,
    step: usize,
    /// Rows of its instruction.
    until: u32,
}

/// The links around a compute element.
pub(super) struct Links<'a, V: Vector> {
    /// What comes from the west and from the east.
    pub(super) west: &'a mut Inflow<V>,
    pub(super) east: &'a mut Inflow<V>,
    /// What goes to the west and to the east, as it comes in there.
    pub(super) to_west: Option<&'a mut Inflow<V>>,
    pub(super) to_east: Option<&'a mut Inflow<V>>,
}

/// Where a compute element is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) column: usize,
    pub(super) lane: usize,
}

/// State of one compute element in one lane.
#[derive(Clone, Copy, Debug)]
pub(in crate::fabric::fast) struct Cell {
    pub(super) doing: Doing,
    /// End of what the main thread does, or since when it rests.
    pub(super) end: u32,
    /// Rows that the main thread has pushed, and weights of the next one that it has not begun.
    pub(super) row: u32,
    pub(super) left: u32,
    /// The last task was a weight.
    weighed: bool,
    /// Words of the stream taken.
    words: u32,
    /// Next phase, and the cycle from which its task is active.
    phase: Phase,
    active: u32,
    pub(super) first: Thread,
    pub(super) second: Thread,
    /// Cycle from which the ring between the chains has the room that was missing.
    scratch_room: u32,
    pub(super) west: Reached,
    pub(super) east: Reached,
    /// Cycle of the last event; cycles before `seen` are accounted for.
    clock: u32,
    pub(super) seen: u32,
    pub(super) finish: u32,
    pub(super) tally: Tally,
}

/// Cycles that are not known beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::fabric::fast) struct Tally {
    pub(super) input: u32,
    pub(super) output: u32,
    pub(super) buffer: u32,
    pub(super) latency: u32,
    pub(super) control: u32,
}

impl Tally {
    /// The sum of both.
    pub(super) fn plus(self, other: &Self) -> Self {
        Self {
            input: self.input + other.input,
            output: self.output + other.output,
            buffer: self.buffer + other.buffer,
            latency: self.latency + other.latency,
            control: self.control + other.control,
        }
    }
}

impl Thread {
    /// Off, next at `row`.
    pub(super) fn off(row: u32) -> Self {
        Self { on: false, from: 0, row, step: 0, until: 0 }
    }

    /// It was launched and has not begun in `now`.
    fn starts_after(&self, now: u32) -> bool {
        self.on && self.from > now
    }

    /// It has no instruction and will not get one in this phase.
    pub(super) fn is_off(&self) -> bool {
        !self.on
    }
}

/// What a run of a cell needs to know.
pub(super) struct Context<'a, 'b, V: Vector> {
    pub(super) shape: &'a Shape,
    pub(super) weights: &'a Weights<'a>,
    pub(super) place: Place,
    pub(super) links: &'b mut Links<'a, V>,
}

impl<V: Vector> Context<'_, '_, V> {
    fn column(&self) -> Column {
        self.shape.columns[self.place.column]
    }

    fn is_first(&self) -> bool {
        self.place.column == 0
    }

    fn is_last(&self) -> bool {
        self.place.column + 1 == self.shape.columns.len()
    }

    /// Whether two chains meet here, one from each side.
    fn meets(&self) -> bool {
        !self.is_first() && !self.is_last()
    }

    /// The side that the first chain takes its words from in a phase; `None` where it adds to a constant.
    fn source(&self, phase: Phase) -> Option<Side> {
        match phase {
            Phase::Down => (!self.is_last()).then_some(Side::East),
            Phase::Keep => Some(if self.is_first() { Side::East } else { Side::West }),
            Phase::Up => (!self.is_first()).then_some(Side::West),
        }
    }

    /// What the first chain sends to in a phase, as it comes in there.
    fn target(&mut self, phase: Phase) -> Option<&mut Inflow<V>> {
        match phase {
            Phase::Down => self.links.to_west.as_deref_mut(),
            Phase::Keep => None,
            Phase::Up => self.links.to_east.as_deref_mut(),
        }
    }
}

impl Cell {
    /// Before the first cycle; `low` rows are kept before the column, and their `west` words do not come from the west.
    pub(super) fn new(first_column: bool, low: u32, west: u32) -> Self {
        Self {
            doing: Doing::Start,
            end: 0,
            row: 0,
            left: 0,
            weighed: false,
            words: 0,
            phase: if first_column { Phase::Keep } else { Phase::Down },
            active: 0,
            first: Thread::off(0),
            second: Thread::off(low),
            scratch_room: 0,
            west: Reached::all(west),
            east: Reached::default(),
            clock: 0,
            seen: 0,
            finish: 0,
            tally: Tally::default(),
        }
    }

    /// After a phase that all lanes went through in step, before `row`, with its last step in `last`.
    pub(super) fn after(phase: Phase, row: u32, completion: u32, last: u32) -> Self {
        let (phase, active) =
            if phase == Phase::Down { (Phase::Keep, last + 1 + completion) } else { (Phase::Up, NEVER) };
        Self {
            phase,
            active,
            first: Thread::off(row),
            second: Thread::off(row),
            // Words that come at the start have come.
            words: u32::MAX / 2,
            clock: last,
            seen: last + 1,
            finish: last + 1,
            ..Self::new(false, row, 0)
        }
    }

    /// Within its first phase, which goes on before `until`: in front of `row`, with its last step in `last`.
    pub(super) fn within(row: u32, until: u32, last: u32) -> Self {
        let mut cell = Self::after(Phase::Up, row, 0, last);
        cell.phase = Phase::Down;
        cell.first = Thread { on: true, from: last + 1, row, step: 0, until };
        cell.second = Thread::off(until);
        cell
    }

    /// Whether it does what all lanes do: adds up along the row, in its last phase.
    pub(super) fn is_steady(&self) -> bool {
        self.first.on
            && self.first.step == 0
            && self.second.is_off()
            && self.phase != Phase::Keep
            && self.active == NEVER
            && matches!(self.doing, Doing::Weight | Doing::RowEnd | Doing::Rest)
    }

    /// It has had the first words of its stream.
    pub(super) fn has_begun(&self, words: u32) -> bool {
        self.words >= words
    }

    /// The first cycle that bears on what it does next.
    pub(super) fn first_cycle(&self) -> u32 {
        self.clock.min(self.seen)
    }

    /// Count cycles from `by` on.
    pub(super) fn count_from(&mut self, by: u32) {
        let threads = [&mut self.first.from, &mut self.second.from];
        let cycles =
            [&mut self.end, &mut self.scratch_room, &mut self.clock, &mut self.seen, &mut self.finish];
        threads.into_iter().chain(cycles).for_each(|cycle| *cycle = cycle.saturating_sub(by));
        if self.active != NEVER {
            self.active = self.active.saturating_sub(by);
        }
    }

    /// First cycle in which its chain may step again.
    pub(super) fn next_step(&self) -> u32 {
        self.first.from
    }
}
