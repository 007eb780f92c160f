//! The main thread of a cell: tasks of the stream, and those of the chain between them.

use crate::fabric::fast::reduce::cell::{Cell, Context, Doing, Phase};
use crate::fabric::fast::wide::{NEVER, Vector};

impl Cell {
    /// When the main thread next changes what it does.
    pub(super) fn main_event<V: Vector>(&self, context: &Context<'_, '_, V>) -> u32 {
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
    pub(super) fn head_is_there<V: Vector>(&self, context: &Context<'_, '_, V>) -> bool {
        self.row < context.shape.rows
    }

    /// Whether the ring has room for the row that ends.
    pub(super) fn has_room<V: Vector>(&self, context: &Context<'_, '_, V>) -> bool {
        self.row - self.first.row + 1 < context.shape.costs.slots
    }

    /// When the next word of the stream is there: the first ones come as fast as the link brings them.
    pub(super) fn word_ready<V: Vector>(&self, context: &Context<'_, '_, V>) -> u32 {
        let costs = &context.shape.costs;
        if self.words < costs.stream_queue {
            self.words * costs.fabric.interval / 8 + costs.fabric.hop + costs.fabric.ramp
        } else {
            0
        }
    }

    /// What the main thread does is done in `now`: its effect, and what it does next.
    pub(super) fn advance_main<V: Vector>(&mut self, now: u32, context: &Context<'_, '_, V>) {
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
                    self.first.from = now + costs.fabric.launch + costs.fabric.start;
                    self.first.until = self.first.row + rows;
                    return self.work(now, costs.fabric.launch);
                }
                self.phase_ends(now);
            }
            Doing::Launch { second: false } if self.phase == Phase::Keep && context.meets() => {
                self.doing = Doing::Launch { second: true };
                self.second.on = true;
                self.second.from = now + costs.fabric.launch + costs.fabric.start;
                self.second.until = self.second.row + context.column().own;
                return self.work(now, costs.fabric.launch);
            }
            Doing::Launch { .. } | Doing::Rest => {}
        }
        self.pick(now, context);
    }

    /// Cycles of control.
    pub(super) fn work(&mut self, now: u32, cycles: u32) {
        self.end = now + cycles;
        self.tally.control += cycles;
    }

    /// The task of the next phase, if there is one, is active from `now` on.
    pub(super) fn phase_ends(&mut self, now: u32) {
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
    pub(super) fn pick<V: Vector>(&mut self, now: u32, context: &Context<'_, '_, V>) {
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
}
