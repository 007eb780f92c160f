//! The events of a cell in their order: what comes next, and until when to go on.

use crate::fabric::fast::reduce::cell::rest::Wait;
use crate::fabric::fast::reduce::cell::{Cell, Context, Phase, Place, Side};
use crate::fabric::fast::wide::{NEVER, Vector};

/// When a cell goes on, and what it waits for.
#[derive(Clone, Copy, Debug)]
pub(in crate::fabric::fast::reduce) struct Look {
    /// Cycles of the next events of main thread, first and second chain, as far as they are known.
    pub(in crate::fabric::fast::reduce) main: u32,
    first: u32,
    second: u32,
    /// It waits for words or room that the neighbours on these sides have not given yet.
    pub(in crate::fabric::fast::reduce) west: bool,
    pub(in crate::fabric::fast::reduce) east: bool,
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
        let look = self.look(context);
        let is_known = look.when() != NEVER;
        if is_known {
            self.go_on(&look, context);
        }
        is_known
    }

    /// What it does next, and what of its neighbours must be known before.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn look<V: Vector>(&self, context: &Context<'_, '_, V>) -> Look {
        let (first, second) = (self.first_step(context), self.second_step(context));
        // What an event made possible is possible from its cycle on.
        let step = |wait: Option<Wait>| wait.map_or(NEVER, |wait| wait.step().max(self.clock));
        let misses =
            |wait: Option<Wait>| wait.is_some_and(|wait| wait.input == NEVER && wait.buffer != NEVER);
        let words = |side: Side| misses(first) && context.source(self.phase) == Some(side);
        let room = |phase: Phase| self.phase == phase && first.is_some_and(|wait| wait.output == NEVER);
        Look {
            main: self.main_event(context),
            first: step(first),
            second: step(second),
            west: words(Side::West) || room(Phase::Down),
            east: words(Side::East) || room(Phase::Up) || misses(second),
        }
    }

    /// Do what comes next.
    pub(in crate::fabric::fast::reduce) fn go_on<V: Vector>(
        &mut self,
        look: &Look,
        context: &mut Context<'_, '_, V>,
    ) -> News {
        let next = look.when();
        self.clock = next;
        self.account(next, context);
        if next == look.main {
            self.advance_main(next, context);
            News::default()
        } else if next == look.first {
            let given = match self.phase {
                Phase::Down => context.links.to_west.is_some().then_some(Side::West),
                Phase::Keep => None,
                Phase::Up => context.links.to_east.is_some().then_some(Side::East),
            };
            let taken = context.source(self.phase);
            self.step_first(next, context);
            News::new(taken, given)
        } else {
            self.step_second(next, context);
            News::new(Some(Side::East), None)
        }
    }
}

/// What events are to the neighbours.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::fabric::fast::reduce) struct News {
    /// The last one took words that came from this side.
    pub(in crate::fabric::fast::reduce) taken: Option<Side>,
    /// Neighbours whose words were taken, so that there is room, or to whom words were given.
    concerns: [bool; 2],
}

impl News {
    fn new(taken: Option<Side>, given: Option<Side>) -> Self {
        let concerns = |side| taken == Some(side) || given == Some(side);
        Self { taken, concerns: [concerns(Side::West), concerns(Side::East)] }
    }

    /// These and what happened `before`.
    pub(in crate::fabric::fast::reduce) fn after(self, before: Self) -> Self {
        let concerns = |side| self.concerns(side) || before.concerns(side);
        Self { concerns: [concerns(Side::West), concerns(Side::East)], ..self }
    }

    /// Whether they concern the neighbour on a side.
    pub(in crate::fabric::fast::reduce) fn concerns(&self, side: Side) -> bool {
        self.concerns[side as usize]
    }
}

impl Look {
    /// Nothing.
    pub(in crate::fabric::fast::reduce) const NONE: Self =
        Self { main: NEVER, first: NEVER, second: NEVER, west: false, east: false };

    /// Whether it knows what all of its threads wait for.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn misses_nothing(&self) -> bool {
        !self.west && !self.east
    }

    /// Cycle of its next event.
    #[inline(always)]
    pub(in crate::fabric::fast::reduce) fn when(&self) -> u32 {
        self.main.min(self.first).min(self.second)
    }
}
