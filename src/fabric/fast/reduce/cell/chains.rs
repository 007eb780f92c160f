//! The chains of a cell: what each waits for, and its steps.

use crate::fabric::fast::reduce::cell::rest::Wait;
use crate::fabric::fast::reduce::cell::{Cell, Context, Doing, Phase, Place, Side};
use crate::fabric::fast::source::{before, place};
use crate::fabric::fast::wide::{NEVER, Vector};

impl Cell {
    /// What the first chain waits for; `None` where it has nothing to do or what it needs is not known yet.
    #[inline(always)]
    pub(super) fn first_step<V: Vector>(&self, context: &Context<'_, '_, V>) -> Option<Wait> {
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
            if self.phase == Phase::Keep && context.meets() {
                let full = self.first.row - self.second.row >= costs.scratch;
                wait.buffer = if full { NEVER } else { self.scratch_room };
            }
        }
        let arrives = match context.source(self.phase) {
            Some(Side::West) => self.west.arrival(context.links.west, lane, words, costs),
            Some(Side::East) => self.east.arrival(context.links.east, lane, words, costs),
            None => Some(0),
        };
        wait.input = arrives.unwrap_or(NEVER);
        let out = match self.phase {
            Phase::Down => context.links.to_west.as_deref(),
            Phase::Keep => None,
            Phase::Up => context.links.to_east.as_deref(),
        };
        if let Some(out) = out {
            let last = out.given[lane] + words - 1;
            let known = last < out.gone[lane] + costs.output;
            wait.output = if known { out.left[before(last, costs.output)].at(lane) + 1 } else { NEVER };
        }
        Some(wait)
    }

    /// The same of the second chain.
    #[inline(always)]
    pub(super) fn second_step<V: Vector>(&self, context: &Context<'_, '_, V>) -> Option<Wait> {
        let Place { lane, .. } = context.place;
        if !self.second.on || (self.second.step == 0 && self.kept() <= self.second.row) {
            return None;
        }
        let words = context.shape.steps[self.second.step];
        let input = self.east.arrival(context.links.east, lane, words, &context.shape.costs);
        Some(Wait { from: self.second.from, buffer: 0, input: input.unwrap_or(NEVER), output: 0 })
    }

    /// Rows that the first chain has kept for the second one, all before them included.
    pub(super) fn kept(&self) -> u32 {
        if self.phase == Phase::Keep { self.first.row } else { self.second.until }
    }

    pub(super) fn step_first<V: Vector>(&mut self, now: u32, context: &mut Context<'_, '_, V>) {
        let costs = &context.shape.costs;
        let Place { lane, .. } = context.place;
        let words = context.shape.steps[self.first.step];
        match context.source(self.phase) {
            Some(Side::West) => self.west.take(context.links.west, lane, words, now),
            Some(Side::East) => self.east.take(context.links.east, lane, words, now),
            None => {}
        }
        if let Some(out) = context.target(self.phase) {
            for word in out.given[lane]..out.given[lane] + words {
                out.ready[place(word)].put(lane, now + 1 + costs.fabric.ramp);
            }
            out.given[lane] += words;
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

    pub(super) fn step_second<V: Vector>(&mut self, now: u32, context: &mut Context<'_, '_, V>) {
        let Place { lane, .. } = context.place;
        let words = context.shape.steps[self.second.step];
        self.east.take(context.links.east, lane, words, now);
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
}
