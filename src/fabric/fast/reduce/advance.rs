//! A piece of a slot goes through a column: a few maxima and sums for each word, in all lanes at once.

use crate::fabric::fast::link::Free;
use crate::fabric::fast::reduce::inflow::Inflow;
use crate::fabric::fast::reduce::lanes::Lanes;
use crate::fabric::fast::reduce::layout::Layout;
use crate::fabric::fast::reduce::slot::{Arrivals, Fixed, Slot, Word};
use crate::fabric::fast::source::Fabric;
use crate::fabric::fast::wide::{self, Mask, Vector, Wide};

impl<V: Vector> Lanes<V> {
    /// A piece of a slot: its words come in from `inflow` (nothing but a constant where that is `None`) and leave to
    /// `out`; `work` are the cycles of the main thread's weights in the row that the slot makes room for. Where the next
    /// PE `is_cell` and has the words pass link and ramp by itself, they end as ready. Only `lanes` go on, unless it is said
    /// when this is compiled that ALL do.
    #[inline(always)]
    pub(super) fn go<const ALL: bool, L: Layout>(
        &mut self,
        layout: L,
        (slot, fixed, lanes): (&Slot<'_>, &Fixed<'_>, Mask),
        work: V,
        inflow: Option<&mut Inflow<V>>,
        (out, is_cell): (&mut Inflow<V>, bool),
        words: &mut Arrivals<V>,
    ) {
        let mut passage = Passage {
            free: out.link.get(),
            last: self.last.get(),
            down: out.down[slot.before].get(),
            arrived: words[layout.early().min(slot.piece.words) - 1],
            lanes: wide::Lanes::of(lanes),
            is_cell,
            layout,
            slot,
            fixed,
            inflow,
            out,
            words,
        };
        let steps = layout.steps();
        if L::USUAL {
            passage.step::<ALL>(self, 0);
            if steps > 1 {
                passage.step::<ALL>(self, 1);
            }
            if steps > 2 {
                passage.step::<ALL>(self, 2);
            }
            if steps > 3 {
                passage.step::<ALL>(self, 3);
            }
        } else {
            for step in 0..steps {
                passage.step::<ALL>(self, step);
            }
        }
        let Passage { free, last, lanes, out, .. } = passage;
        let keep = |to: &mut Wide<V>, numbers: V| {
            to.set(if ALL { numbers } else { numbers.only(lanes, to.get()) });
        };
        keep(&mut self.last, last);
        if !is_cell {
            out.link.set(if ALL { free } else { free.only(lanes, out.link.get()) });
        }
        if slot.goes_on {
            let given_back = last.plus(1) - V::all(slot.steps + steps as u32);
            let worked = self.pushed[slot.newest].get() + work;
            let pushes = worked.max(given_back);
            let rested = self.buffer.get() + (pushes - worked);
            keep(&mut self.buffer, rested);
            keep(&mut self.pushed[slot.at], pushes.plus(fixed.shape.costs.row_end));
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

/// A piece on its way through a column.
struct Passage<'a, V: Vector, L> {
    layout: L,
    slot: &'a Slot<'a>,
    fixed: &'a Fixed<'a>,
    /// Lanes that go on, and whether the next PE has the words pass by itself.
    lanes: V::Lanes,
    is_cell: bool,
    inflow: Option<&'a mut Inflow<V>>,
    out: &'a mut Inflow<V>,
    words: &'a mut Arrivals<V>,
    /// The link that it leaves by, the last step, and the last words that went down the next ramp and this one.
    free: Free<V>,
    last: V,
    down: V,
    arrived: V,
}

impl<V: Vector, L: Layout> Passage<'_, V, L> {
    /// A step: its words arrive, it is made, its words leave.
    #[inline(always)]
    fn step<const ALL: bool>(&mut self, ce: &mut Lanes<V>, step: usize) {
        let Self { layout, slot, fixed, lanes, .. } = *self;
        let keep = |to: &mut Wide<V>, numbers: V| {
            to.set(if ALL { numbers } else { numbers.only(lanes, to.get()) });
        };
        let Fabric { hop, ramp, interval, .. } = fixed.shape.costs.fabric;
        let (first, end) = layout.step(step);
        // Written out, so that the places of both are known to the compiler where they can be.
        let second = (end - first > 1).then_some(first + 1);
        let final_word = second.unwrap_or(first);
        let mut ready = V::all(0);
        if L::USUAL || self.inflow.is_some() {
            self.comes::<ALL>(first, true);
            if let Some(second) = second {
                self.comes::<ALL>(second, !L::USUAL);
            }
            ready = self.words[final_word].plus(ramp);
        }
        let room = self.out.left[layout.word(final_word).output].get();
        let mut now = self.last.max(room).plus(1).max(ready);
        if step == 0 && slot.piece.opens {
            now = now.max(ce.pushed[slot.at].get().plus(slot.steps));
        }
        if !L::USUAL
            && let Some(last_row) = slot.last_row
        {
            let rests = ce.pushed[last_row].get().plus(slot.steps + step as u32);
            ce.account::<ALL>(rests.max(self.last.plus(1)), ready, now, lanes);
        }
        self.last = now;
        if let Some(flow) = &mut self.inflow {
            keep(&mut flow.taken[layout.word(first).at], now);
        }
        let given = now.plus(1 + ramp);
        if self.is_cell {
            keep(&mut self.out.ready[layout.word(first).at], given);
            if let Some(second) = second {
                keep(&mut self.out.ready[layout.word(second).at], given);
            }
            return;
        }
        let leaves = self.room(first).plus(1).max(given);
        match second {
            Some(second) if L::PAIRS => {
                let (left, next) = self.free.pass_both(leaves, interval);
                self.goes::<ALL>(first, left, hop);
                self.goes::<ALL>(second, next, hop);
            }
            second => {
                let left = self.free.pass(leaves, interval);
                self.goes::<ALL>(first, left, hop);
                if let Some(second) = second {
                    let left = self.free.pass(self.room(second).plus(1).max(given), interval);
                    self.goes::<ALL>(second, left, hop);
                }
            }
        }
    }

    /// A word goes down the ramp of this PE, if it had to wait for one of its piece; it `asks` when that was taken.
    #[inline(always)]
    fn comes<const ALL: bool>(&mut self, word: usize, asks: bool) {
        let Some(flow) = &mut self.inflow else { return };
        if word < self.layout.early() {
            return;
        }
        let Word { at, queue, goes_down, .. } = self.layout.word(word);
        if asks {
            self.arrived = self.arrived.max(flow.taken[queue].get());
        }
        self.arrived = self.words[word].max(self.arrived.plus(1));
        let lanes = self.lanes;
        self.words[word] = if ALL { self.arrived } else { self.arrived.only(lanes, self.words[word]) };
        if goes_down {
            let down = &mut flow.down[at];
            down.set(if ALL { self.arrived } else { self.arrived.only(lanes, down.get()) });
        }
    }

    /// When the word went down that must go before another one can leave.
    #[inline(always)]
    fn room(&self, word: usize) -> V {
        match word.checked_sub(self.layout.lane(self.fixed)) {
            Some(before) => self.words[before],
            None => self.out.down[self.layout.word(word).lane].get(),
        }
    }

    /// A word has left: it comes to the next router, and goes down there if it need not wait for one of this piece.
    #[inline(always)]
    fn goes<const ALL: bool>(&mut self, word: usize, left: V, hop: u32) {
        let lanes = self.lanes;
        let keep = |to: &mut Wide<V>, numbers: V| {
            to.set(if ALL { numbers } else { numbers.only(lanes, to.get()) });
        };
        let carry = |to: &mut V, number: V| *to = if ALL { number } else { number.only(lanes, *to) };
        let Word { at, queue, asks, leaves, goes_down, .. } = self.layout.word(word);
        if leaves {
            keep(&mut self.out.left[at], left);
        }
        // What is not known yet of words of this piece bounds nothing: there stands what was before.
        if asks {
            self.down = self.down.max(self.out.taken[queue].get());
        }
        self.down = self.down.plus(1).max(left.plus(hop));
        carry(&mut self.words[word], self.down);
        if goes_down && !(L::USUAL && word >= self.layout.early()) {
            keep(&mut self.out.down[at], self.down);
        }
    }
}
