//! A piece of a slot goes through a column: a few maxima and sums for each word, in all lanes at once.

use crate::fabric::fast::reduce::inflow::Inflow;
use crate::fabric::fast::reduce::lanes::Lanes;
use crate::fabric::fast::reduce::layout::{Any, Layout, Usual};
use crate::fabric::fast::reduce::slot::{Arrivals, Fixed, Slot, Word, of, of_mut};
use crate::fabric::fast::source::Fabric;
use crate::fabric::fast::wide::{self, Mask, Vector, Wide};

impl<V: Vector> Lanes<V> {
    /// A piece of a slot, as [`Self::go`] has it, in some lanes; whether the next PE `is_cell`.
    #[inline(always)]
    pub(super) fn slot(
        &mut self,
        slot: &Slot<'_>,
        (fixed, lanes): (&Fixed<'_>, Mask),
        work: V,
        inflow: Option<&mut Inflow<V>>,
        (out, is_cell): (&mut Inflow<V>, bool),
        words: &mut Arrivals<V>,
    ) {
        let (any, of) = (Any(slot), (slot, fixed, lanes));
        match (lanes == V::ALL, is_cell) {
            (true, false) => match slot.usual {
                Some(2) => self.go::<true, false, Usual<2>>(Usual(slot.first), of, work, inflow, out, words),
                Some(4) => self.go::<true, false, Usual<4>>(Usual(slot.first), of, work, inflow, out, words),
                Some(6) => self.go::<true, false, Usual<6>>(Usual(slot.first), of, work, inflow, out, words),
                Some(8) => self.go::<true, false, Usual<8>>(Usual(slot.first), of, work, inflow, out, words),
                _ => self.go::<true, false, Any<'_>>(any, of, work, inflow, out, words),
            },
            (true, true) => self.go::<true, true, Any<'_>>(any, of, work, inflow, out, words),
            (false, false) => self.go::<false, false, Any<'_>>(any, of, work, inflow, out, words),
            (false, true) => self.go::<false, true, Any<'_>>(any, of, work, inflow, out, words),
        }
    }

    /// A piece of a slot: its words come in from `inflow` (nothing but a constant where that is `None`) and leave to
    /// `out`; `work` are the cycles of the main thread's weights in the row that the slot makes room for. Where the next
    /// PE has the words pass link and ramp by itself (`CELL`), they end as ready. Only `lanes` go on, where not ALL do.
    #[inline(always)]
    fn go<const ALL: bool, const CELL: bool, L: Layout>(
        &mut self,
        layout: L,
        (slot, fixed, lanes): (&Slot<'_>, &Fixed<'_>, Mask),
        work: V,
        mut inflow: Option<&mut Inflow<V>>,
        out: &mut Inflow<V>,
        words: &mut Arrivals<V>,
    ) {
        let lanes: V::Lanes = wide::Lanes::of(lanes);
        let keep = |to: &mut Wide<V>, numbers: V| {
            to.set(if ALL { numbers } else { numbers.only(lanes, to.get()) });
        };
        let carry = |to: &mut V, number: V| *to = if ALL { number } else { number.only(lanes, *to) };
        let costs = &fixed.shape.costs;
        let Fabric { hop, ramp, interval, .. } = costs.fabric;
        let mut free = out.link.get();
        let mut last: V = self.last.get();
        let mut down: V = of(&out.down, slot.before).get();
        let mut arrived = words[layout.early() - 1];
        for step in 0..layout.steps() {
            let (first, end) = layout.step(step);
            let mut ready = V::all(0);
            if let Some(flow) = &mut inflow {
                for word in first.max(layout.early())..end {
                    let Word { at, queue, goes_down, .. } = layout.word(word);
                    arrived = words[word].max(of(&flow.taken, queue).get().max(arrived).plus(1));
                    carry(&mut words[word], arrived);
                    if goes_down {
                        keep(of_mut(&mut flow.down, at), arrived);
                    }
                }
                ready = words[end - 1].plus(ramp);
            }
            let room = of(&out.left, layout.word(end - 1).output).get();
            let mut now = last.max(room).plus(1).max(ready);
            if step == 0 && slot.piece.opens {
                now = now.max(of(&self.pushed, slot.at).get().plus(slot.steps));
            }
            if let Some(last_row) = slot.last_row {
                let rests = of(&self.pushed, last_row).get().plus(slot.steps + step as u32);
                self.account::<ALL>(rests.max(last.plus(1)), ready, now, lanes);
            }
            last = now;
            if let Some(flow) = &mut inflow {
                keep(of_mut(&mut flow.taken, layout.word(first).at), now);
            }
            let given = now.plus(1 + ramp);
            for word in first..end {
                let Word { at, lane, queue, asks, leaves, goes_down, .. } = layout.word(word);
                if CELL {
                    keep(of_mut(&mut out.ready, at), given);
                    continue;
                }
                let before = word.checked_sub(layout.lane(fixed));
                let room = before.map_or_else(|| of(&out.down, lane).get(), |word| words[word]);
                let left = free.pass(room.plus(1).max(given), interval);
                if leaves {
                    keep(of_mut(&mut out.left, at), left);
                }
                // What is not known yet of words of this piece bounds nothing: there stands what was before.
                if asks {
                    down = down.max(of(&out.taken, queue).get());
                }
                down = down.plus(1).max(left.plus(hop));
                carry(&mut words[word], down);
                if goes_down {
                    keep(of_mut(&mut out.down, at), down);
                }
            }
        }
        keep(&mut self.last, last);
        if !CELL {
            out.link.set(if ALL { free } else { free.only(lanes, out.link.get()) });
        }
        if slot.goes_on {
            let given_back = last.plus(1) - V::all(slot.steps + layout.steps() as u32);
            let worked = of(&self.pushed, slot.newest).get() + work;
            let pushes = worked.max(given_back);
            let rested = self.buffer.get() + (pushes - worked);
            keep(&mut self.buffer, rested);
            keep(of_mut(&mut self.pushed, slot.at), pushes.plus(costs.row_end));
        }
    }

    /// Cycles between `from` and the step in `now` in which nothing is left for the main thread.
    #[inline(always)]
    fn account<const ALL: bool>(&mut self, from: V, ready: V, now: V, lanes: V::Lanes) {
        let until = now.max(from);
        let there = ready.max(from).min(until);
        let (input, output) = (there - from, until - there);
        let of = |cycles: V| if ALL { cycles } else { cycles.in_lanes(lanes) };
        self.input.set(self.input.get() + of(input));
        self.output.set(self.output.get() + of(output));
    }
}
