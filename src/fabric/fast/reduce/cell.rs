//! One compute element in one lane, event by event: where the order of events is not the same in all lanes.
//!
//! That is when its chain starts, changes its phase, or two chains meet in it. Events are the end of what the main
//! thread does and the steps of the two microthreads; in one cycle they come in this order, as in the reference engine.

use crate::fabric::counters::Activity;
use crate::fabric::fast::reduce::inflow::{Inflow, Reached, ring};
use crate::fabric::fast::reduce::shape::{Column, DEPTH, Shape};
use crate::fabric::fast::weights::Weights;

/// No cycle.
pub(super) const NEVER: u32 = u32::MAX;

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
pub(super) struct Links<'a, const L: usize> {
    /// What comes from the west and from the east.
    pub(super) west: &'a mut Inflow<L>,
    pub(super) east: &'a mut Inflow<L>,
    /// What goes to the west and to the east, as it comes in there.
    pub(super) to_west: Option<&'a mut Inflow<L>>,
    pub(super) to_east: Option<&'a mut Inflow<L>>,
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

impl Thread {
    /// Off, next at `row`.
    pub(super) fn off(row: u32) -> Self {
        Self { on: false, from: 0, row, step: 0, until: 0 }
    }

    /// It has no instruction and will not get one in this phase.
    pub(super) fn is_off(&self) -> bool {
        !self.on
    }
}

/// What a run of a cell needs to know.
pub(super) struct Context<'a, 'b, const L: usize> {
    pub(super) shape: &'a Shape,
    pub(super) weights: &'a Weights<'a>,
    pub(super) place: Place,
    pub(super) links: &'b mut Links<'a, L>,
}

impl<const L: usize> Context<'_, '_, L> {
    fn column(&self) -> Column {
        self.shape.columns[self.place.column]
    }

    fn is_first(&self) -> bool {
        self.place.column == 0
    }

    fn is_last(&self) -> bool {
        self.place.column + 1 == self.shape.columns.len()
    }
}

impl Cell {
    /// Before the first cycle.
    pub(super) fn new(first_column: bool) -> Self {
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
            second: Thread::off(0),
            scratch_room: 0,
            west: Reached::default(),
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
            ..Self::new(false)
        }
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

    /// First cycle in which its chain may step again.
    pub(super) fn next_step(&self) -> u32 {
        self.first.from
    }

    /// Run until the first chain is through with `row`.
    pub(super) fn first_until<const L: usize>(&mut self, row: u32, context: &mut Context<'_, '_, L>) {
        while self.first.row <= row && self.event(context) {}
    }

    /// Run until the chain that meets it is through with `row`.
    pub(super) fn second_until<const L: usize>(&mut self, row: u32, context: &mut Context<'_, '_, L>) {
        while self.second.row <= row && self.event(context) {}
    }

    /// Run until nothing is left to do.
    pub(super) fn finish<const L: usize>(&mut self, context: &mut Context<'_, '_, L>) {
        while self.event(context) {}
    }

    /// Let words pass the links as far as is known.
    pub(super) fn pump<const L: usize>(&mut self, context: &mut Context<'_, '_, L>) {
        let costs = &context.shape.costs;
        let Place { lane, .. } = context.place;
        self.west.pump(context.links.west, lane, costs);
        self.east.pump(context.links.east, lane, costs);
    }

    /// The next event; whether there is one.
    fn event<const L: usize>(&mut self, context: &mut Context<'_, '_, L>) -> bool {
        self.pump(context);
        let main = self.main_event(context);
        // What an event made possible is possible from its cycle on.
        let first = self.first_step(context).map_or(NEVER, |wait| wait.step().max(self.clock));
        let second = self.second_step(context).map_or(NEVER, |wait| wait.step().max(self.clock));
        let next = main.min(first).min(second);
        if next == NEVER {
            return false;
        }
        self.clock = next;
        self.account(next, context);
        if next == main {
            self.advance_main(next, context);
        } else if next == first {
            self.step_first(next, context);
        } else {
            self.step_second(next, context);
        }
        true
    }

    /// When the main thread next changes what it does.
    fn main_event<const L: usize>(&self, context: &Context<'_, '_, L>) -> u32 {
        if self.doing != Doing::Rest {
            return self.end;
        }
        let task = if self.active == NEVER { NEVER } else { self.active.max(self.end) };
        let word = if self.head_is_there(context) {
            if self.left > 0 || self.has_room(context) {
                self.word_ready(context).max(self.end)
            } else {
                NEVER
            }
        } else {
            NEVER
        };
        task.min(word)
    }

    /// Whether the stream has another word for it.
    fn head_is_there<const L: usize>(&self, context: &Context<'_, '_, L>) -> bool {
        self.row < context.shape.rows
    }

    /// Whether the ring has room for the row that ends.
    fn has_room<const L: usize>(&self, context: &Context<'_, '_, L>) -> bool {
        self.row - self.first.row + 1 < context.shape.costs.slots
    }

    /// When the next word of the stream is there: the first ones come as fast as the link brings them.
    fn word_ready<const L: usize>(&self, context: &Context<'_, '_, L>) -> u32 {
        let costs = &context.shape.costs;
        if self.words < costs.stream_queue {
            self.words * costs.interval / 8 + costs.hop + costs.ramp
        } else {
            0
        }
    }

    /// What the main thread does is done in `now`: its effect, and what it does next.
    fn advance_main<const L: usize>(&mut self, now: u32, context: &Context<'_, '_, L>) {
        let costs = &context.shape.costs;
        match self.doing {
            Doing::Start => {
                self.left = context.weights.count(0, context.place.column);
            }
            Doing::Weight => self.weighed = true,
            Doing::RowEnd => {
                self.weighed = false;
                self.row += 1;
                self.left = context.weights.count(self.row, context.place.column);
            }
            Doing::Chain => {
                self.weighed = false;
                let column = context.column();
                let rows = match self.phase {
                    Phase::Down => column.low,
                    Phase::Keep => column.own,
                    Phase::Up => context.shape.rows - column.low - column.own,
                };
                self.active = NEVER;
                if rows > 0 {
                    self.doing = Doing::Launch { second: false };
                    self.first.on = true;
                    self.first.from = now + costs.launch + costs.start;
                    self.first.until = self.first.row + rows;
                    return self.work(now, costs.launch);
                }
                self.phase_ends(now);
            }
            Doing::Launch { second: false }
                if self.phase == Phase::Keep && !context.is_first() && !context.is_last() =>
            {
                self.doing = Doing::Launch { second: true };
                self.second.on = true;
                self.second.from = now + costs.launch + costs.start;
                self.second.until = self.second.row + context.column().own;
                return self.work(now, costs.launch);
            }
            Doing::Launch { .. } | Doing::Rest => {}
        }
        self.pick(now, context);
    }

    /// Cycles of control.
    fn work(&mut self, now: u32, cycles: u32) {
        self.end = now + cycles;
        self.tally.control += cycles;
    }

    /// The task of the next phase, if there is one, is active from `now` on.
    fn phase_ends(&mut self, now: u32) {
        let next = match self.phase {
            Phase::Down => Some(Phase::Keep),
            Phase::Keep => Some(Phase::Up),
            Phase::Up => None,
        };
        if let Some(next) = next {
            (self.phase, self.active) = (next, now);
        }
    }

    /// Start the task whose turn it is, or rest.
    fn pick<const L: usize>(&mut self, now: u32, context: &Context<'_, '_, L>) {
        let costs = &context.shape.costs;
        let head = self.head_is_there(context) && self.word_ready(context) <= now;
        let row_end = head && self.left == 0 && self.has_room(context);
        let weight = head && self.left > 0;
        self.end = now;
        if self.active <= now && !(self.weighed && row_end) {
            self.doing = Doing::Chain;
            self.work(now, costs.local);
        } else if row_end {
            self.doing = Doing::RowEnd;
            self.words += 1;
            self.end = now + costs.row_end;
        } else if weight {
            self.doing = Doing::Weight;
            self.words += 1;
            self.left -= 1;
            self.end = now + costs.weight_setup + context.column().weight_work;
        } else {
            self.doing = Doing::Rest;
        }
    }

    /// What the first chain waits for; `None` where it has nothing to do or what it needs is not known yet.
    fn first_step<const L: usize>(&self, context: &Context<'_, '_, L>) -> Option<Wait> {
        let costs = &context.shape.costs;
        let Place { lane, .. } = context.place;
        if !self.first.on {
            return None;
        }
        let mut wait = Wait { from: self.first.from, buffer: 0, input: 0, output: 0 };
        let words = context.shape.steps[self.first.step];
        if self.first.step == 0 {
            if self.row <= self.first.row {
                return None;
            }
            if self.phase == Phase::Keep && !context.is_first() && !context.is_last() {
                let full = self.first.row - self.second.row >= costs.scratch;
                wait.buffer = if full { NEVER } else { self.scratch_room };
            }
        }
        let (flow, reached) = match self.phase {
            Phase::Down => (&*context.links.east, &self.east),
            Phase::Keep if context.is_first() => (&*context.links.east, &self.east),
            _ => (&*context.links.west, &self.west),
        };
        let constant = match self.phase {
            Phase::Down => context.is_last(),
            Phase::Keep => false,
            Phase::Up => context.is_first(),
        };
        if !constant {
            wait.input = reached.arrival(flow, lane, words, costs).unwrap_or(NEVER);
        }
        let out = match self.phase {
            Phase::Down => context.links.to_west.as_deref(),
            Phase::Keep => None,
            Phase::Up => context.links.to_east.as_deref(),
        };
        if let Some(out) = out {
            let last = out.given + self.words_of_slot(context) + words - 1;
            // The word that was in its place before.
            wait.output = out.left[ring(last, costs.output)][lane] + 1;
        }
        Some(wait)
    }

    /// Words of the steps of the current slot that the first chain has done.
    fn words_of_slot<const L: usize>(&self, context: &Context<'_, '_, L>) -> u32 {
        context.shape.steps[..self.first.step].iter().sum()
    }

    /// The same of the second chain.
    fn second_step<const L: usize>(&self, context: &Context<'_, '_, L>) -> Option<Wait> {
        let Place { lane, .. } = context.place;
        if !self.second.on || (self.second.step == 0 && self.kept() <= self.second.row) {
            return None;
        }
        let words = context.shape.steps[self.second.step];
        let input = self.east.arrival(context.links.east, lane, words, &context.shape.costs);
        Some(Wait { from: self.second.from, buffer: 0, input: input.unwrap_or(NEVER), output: 0 })
    }

    /// Rows that the first chain has kept for the second one, all before them included.
    fn kept(&self) -> u32 {
        if self.phase == Phase::Keep { self.first.row } else { self.second.until }
    }

    fn step_first<const L: usize>(&mut self, now: u32, context: &mut Context<'_, '_, L>) {
        let costs = &context.shape.costs;
        let Place { lane, .. } = context.place;
        let words = context.shape.steps[self.first.step];
        let constant = match self.phase {
            Phase::Down => context.is_last(),
            Phase::Keep => false,
            Phase::Up => context.is_first(),
        };
        let from_east = self.phase == Phase::Down || (self.phase == Phase::Keep && context.is_first());
        if !constant && from_east {
            self.east.take(context.links.east, lane, words, now, costs);
        } else if !constant {
            self.west.take(context.links.west, lane, words, now, costs);
        }
        let before = self.words_of_slot(context);
        let out = match self.phase {
            Phase::Down => context.links.to_west.as_deref_mut(),
            Phase::Keep => None,
            Phase::Up => context.links.to_east.as_deref_mut(),
        };
        if let Some(out) = out {
            for word in out.given + before..out.given + before + words {
                out.ready[ring(word, DEPTH as u32)][lane] = now + 1 + costs.ramp;
            }
        }
        self.spend(now);
        self.first.from = now + 1;
        self.second.from = self.second.from.max(now + 1);
        self.first.step += 1;
        if self.first.step == context.shape.steps.len() {
            self.first.step = 0;
            self.first.row += 1;
            if self.doing == Doing::Rest {
                // The slot that was given back can be filled from the next cycle on.
                self.end = self.end.max(now + 1);
            }
            if self.first.row == self.first.until {
                self.first.on = false;
                if self.phase != Phase::Up {
                    self.phase_ends(now + 1 + costs.completion);
                }
            }
        }
    }

    fn step_second<const L: usize>(&mut self, now: u32, context: &mut Context<'_, '_, L>) {
        let Place { lane, .. } = context.place;
        let words = context.shape.steps[self.second.step];
        self.east.take(context.links.east, lane, words, now, &context.shape.costs);
        self.spend(now);
        self.second.from = now + 1;
        self.second.step += 1;
        if self.second.step == context.shape.steps.len() {
            self.second.step = 0;
            self.second.row += 1;
            self.scratch_room = now + 1;
            self.second.on = self.second.row < self.second.until;
        }
    }

    /// A microthread uses the datapath in `now`: the main thread does not.
    fn spend(&mut self, now: u32) {
        if self.doing != Doing::Rest {
            self.end += 1;
        }
        self.seen = now + 1;
        self.finish = now + 1;
    }

    /// Account for the cycles before `now` in which nothing happened.
    fn account<const L: usize>(&mut self, now: u32, context: &Context<'_, '_, L>) {
        if self.doing != Doing::Rest {
            self.seen = self.seen.max(now);
            self.finish = self.finish.max(self.seen);
            return;
        }
        while self.seen < now {
            let (activity, until) = self.rests(self.seen, context);
            let span = until.min(now) - self.seen;
            match activity {
                Activity::WaitInput => self.tally.input += span,
                Activity::WaitOutput => self.tally.output += span,
                Activity::WaitBuffer => self.tally.buffer += span,
                Activity::Latency => self.tally.latency += span,
                _ => {}
            }
            self.seen += span;
        }
    }

    /// What a cycle counts as in which the main thread rests and no microthread steps, and until when that holds.
    fn rests<const L: usize>(&self, now: u32, context: &Context<'_, '_, L>) -> (Activity, u32) {
        let held = self.head_is_there(context)
            && self.left == 0
            && self.word_ready(context) <= now
            && !self.has_room(context);
        if held {
            return (Activity::WaitBuffer, NEVER);
        }
        if !self.first.on && self.active != NEVER && self.active > now {
            return (Activity::Latency, self.active);
        }
        for wait in [self.first_step(context), self.second_step(context)].into_iter().flatten() {
            if let Some(rest) = wait.rest(now) {
                return rest;
            }
        }
        (Activity::Idle, NEVER)
    }
}

/// What a microthread waits for: the cycles from which it may go on.
#[derive(Clone, Copy, Debug)]
struct Wait {
    from: u32,
    buffer: u32,
    input: u32,
    output: u32,
}

impl Wait {
    fn step(self) -> u32 {
        self.from.max(self.buffer).max(self.input).max(self.output)
    }

    /// The first thing that is missing in `now`.
    fn rest(self, now: u32) -> Option<(Activity, u32)> {
        let reasons = [
            (Activity::Latency, self.from),
            (Activity::WaitBuffer, self.buffer),
            (Activity::WaitInput, self.input),
            (Activity::WaitOutput, self.output),
        ];
        reasons.into_iter().find(|(_, until)| *until > now)
    }
}
