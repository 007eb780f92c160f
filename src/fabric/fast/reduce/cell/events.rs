//! The events of a cell in their order: what comes next, and until when to go on.

use crate::fabric::fast::reduce::cell::rest::Wait;
use crate::fabric::fast::reduce::cell::{Cell, Context, Doing, Phase, Place, Side};
use crate::fabric::fast::wide::{NEVER, Vector};

/// When a cell goes on, and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fabric::fast::reduce) struct Look {
    /// Cycles of the next events of main thread, first and second chain, as far as they are known.
    main: u32,
    first: u32,
    second: u32,
    /// The first chain waits for words or room that the neighbours on these sides have not given yet.
    west: bool,
    east: bool,
    /// The second chain waits for words that its neighbour has not given yet.
    meets: bool,
}

impl Cell {
    /// Run until the first chain is through with `row`, or with so many steps of it.
    pub(in crate::fabric::fast::reduce) fn first_until<V: Vector>(
        &mut self,
        row: u32,
        steps: usize,
        context: &mut Context<'_, '_, V>,
    ) {
        while !self.has_done(row, steps) && self.event(context) {}
    }

    /// Whether the first chain is through with `row`, or with so many steps of it.
    pub(in crate::fabric::fast::reduce) fn has_done(&self, row: u32, steps: usize) -> bool {
        self.first.row > row || (self.first.row == row && self.first.step >= steps)
    }

    /// Run until the chain that meets it is through with `row`.
    pub(in crate::fabric::fast::reduce) fn second_until<V: Vector>(
        &mut self,
        row: u32,
        context: &mut Context<'_, '_, V>,
    ) {
        while self.second.row <= row && self.event(context) {}
    }

    /// Run until nothing is left to do.
    pub(in crate::fabric::fast::reduce) fn finish<V: Vector>(&mut self, context: &mut Context<'_, '_, V>) {
        while self.event(context) {}
    }

    /// Let words pass the links as far as is known.
    pub(in crate::fabric::fast::reduce) fn pump<V: Vector>(&mut self, context: &mut Context<'_, '_, V>) {
        self.pump_from(Side::West, context);
        self.pump_from(Side::East, context);
    }

    /// The same of the link from one side.
    pub(in crate::fabric::fast::reduce) fn pump_from<V: Vector>(
        &mut self,
        side: Side,
        context: &mut Context<'_, '_, V>,
    ) {
        let costs = &context.shape.costs;
        let Place { lane, .. } = context.place;
        match side {
            Side::West => self.west.pump(context.links.west, lane, costs),
            Side::East => self.east.pump(context.links.east, lane, costs),
        }
    }

    /// Do the next event; whether there is one.
    fn event<V: Vector>(&mut self, context: &mut Context<'_, '_, V>) -> bool {
        self.pump(context);
        let mut look = self.look(context);
        let is_known = look.when() != NEVER;
        if is_known {
            self.go_on(&mut look, context);
        }
        is_known
    }

    /// What it does next, and what of its neighbours must be known before.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn look<V: Vector>(&self, context: &Context<'_, '_, V>) -> Look {
        let mut look = Look { main: self.main_event(context), ..Look::NONE };
        self.look_at_chains(&mut look, context);
        look
    }

    /// Look again at what the chains wait for.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn look_at_chains<V: Vector>(
        &self,
        look: &mut Look,
        context: &Context<'_, '_, V>,
    ) {
        self.look_at_first(look, context);
        self.look_at_second(look, context);
    }

    #[inline(always)]
    fn look_at_first<V: Vector>(&self, look: &mut Look, context: &Context<'_, '_, V>) {
        (look.first, look.west, look.east) = match self.first_step(context) {
            Some(wait) => {
                let words = |side: Side| wait.misses_words() && context.source(self.phase) == Some(side);
                let room = |phase: Phase| self.phase == phase && wait.output == NEVER;
                let west = words(Side::West) || room(Phase::Down);
                let east = words(Side::East) || room(Phase::Up);
                (self.possible(wait), west, east)
            }
            None => (NEVER, false, false),
        };
    }

    #[inline(always)]
    fn look_at_second<V: Vector>(&self, look: &mut Look, context: &Context<'_, '_, V>) {
        (look.second, look.meets) = match self.second_step(context) {
            Some(wait) => (self.possible(wait), wait.misses_words()),
            None => (NEVER, false),
        };
    }

    /// What an event made possible is possible from its cycle on.
    #[inline(always)]
    fn possible(&self, wait: Wait) -> u32 {
        wait.step().max(self.clock)
    }

    /// Do what comes next, and look again at what that bears on.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn go_on<V: Vector>(
        &mut self,
        look: &mut Look,
        context: &mut Context<'_, '_, V>,
    ) -> News {
        let next = look.when();
        self.clock = next;
        self.account(next, context);
        let news = if next == look.main {
            self.main_goes_on(next, look, context);
            News::default()
        } else if next == look.first {
            self.first_goes_on(next, look, context)
        } else {
            self.second_goes_on(next, look, context);
            News::new(Some(Side::East), None)
        };
        debug_assert_eq!(*look, self.look(context), "column and lane {:?}, cycle {next}", context.place);
        news
    }

    /// The main thread does what comes next in `now`: new rows are there for the first chain, a task can be of any chain.
    #[inline(always)]
    fn main_goes_on<V: Vector>(&mut self, now: u32, look: &mut Look, context: &Context<'_, '_, V>) {
        let doing = self.doing;
        self.advance_main(now, context);
        look.main = self.main_event(context);
        match doing {
            Doing::Start | Doing::Weight | Doing::Rest => {}
            Doing::RowEnd => self.look_at_first(look, context),
            Doing::Chain | Doing::Launch { .. } => self.look_at_chains(look, context),
        }
    }

    /// A step of the first chain in `now`. When a row is through with it there may be room for the main thread, words for the
    /// second chain, and another phase.
    #[inline(always)]
    fn first_goes_on<V: Vector>(
        &mut self,
        now: u32,
        look: &mut Look,
        context: &mut Context<'_, '_, V>,
    ) -> News {
        let given = match self.phase {
            Phase::Down => context.links.to_west.is_some().then_some(Side::West),
            Phase::Keep => None,
            Phase::Up => context.links.to_east.is_some().then_some(Side::East),
        };
        let taken = context.source(self.phase);
        let row = self.first.row;
        self.step_first(now, context);
        if let Some(from) = taken {
            self.pump_from(from, context);
        }
        self.look_at_first(look, context);
        if self.first.row > row {
            look.main = self.main_event(context);
            self.look_at_second(look, context);
        } else {
            self.look_after_step(now, look);
        }
        News::new(taken, given)
    }

    /// A step of the second chain in `now`. When a row is through with it there may be room for the first chain.
    #[inline(always)]
    fn second_goes_on<V: Vector>(&mut self, now: u32, look: &mut Look, context: &mut Context<'_, '_, V>) {
        let row = self.second.row;
        self.step_second(now, context);
        self.pump_from(Side::East, context);
        self.look_at_second(look, context);
        if self.second.row > row {
            self.look_at_first(look, context);
        }
        self.look_after_step(now, look);
    }

    /// A step in `now` holds up what the main thread does, and the second chain.
    #[inline(always)]
    fn look_after_step(&self, now: u32, look: &mut Look) {
        if self.doing != Doing::Rest {
            look.main = self.end;
        }
        if look.second != NEVER {
            look.second = look.second.max(now + 1);
        }
    }
}

/// What events are to the neighbours.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::fabric::fast::reduce) struct News {
    /// Neighbours whose words were taken, so that there is room, or to whom words were given.
    concerns: [bool; 2],
}

impl News {
    fn new(taken: Option<Side>, given: Option<Side>) -> Self {
        let concerns = |side| taken == Some(side) || given == Some(side);
        Self { concerns: [concerns(Side::West), concerns(Side::East)] }
    }

    /// These and what happened `before`.
    pub(in crate::fabric::fast::reduce) fn after(self, before: Self) -> Self {
        let concerns = |side| self.concerns(side) || before.concerns(side);
        Self { concerns: [concerns(Side::West), concerns(Side::East)] }
    }

    /// Whether they concern the neighbour on a side.
    pub(in crate::fabric::fast::reduce) fn concerns(&self, side: Side) -> bool {
        self.concerns[side as usize]
    }
}

impl Look {
    /// Nothing.
    pub(in crate::fabric::fast::reduce) const NONE: Self =
        Self { main: NEVER, first: NEVER, second: NEVER, west: false, east: false, meets: false };

    /// Whether it waits for words or room that the neighbour on a side has not given yet.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn misses(&self, side: Side) -> bool {
        match side {
            Side::West => self.west,
            Side::East => self.east | self.meets,
        }
    }

    /// Whether it knows what all of its threads wait for.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn misses_nothing(&self) -> bool {
        !(self.west | self.east | self.meets)
    }

    /// Cycle of its next event.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn when(&self) -> u32 {
        self.main.min(self.first).min(self.second)
    }
}
