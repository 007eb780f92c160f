//! The code that takes a piece of a slot through a column: written for its layout where that is the usual one, for any other
//! where it is not, where only some lanes go on, and at the ends of the row and of the run.

use crate::fabric::fast::reduce::inflow::Inflow;
use crate::fabric::fast::reduce::lanes::Lanes;
use crate::fabric::fast::reduce::layout::{Any, Layout, Usual};
use crate::fabric::fast::reduce::slot::{Arrivals, Fixed, Slot};
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{Mask, Vector, Work};

/// A piece of a slot in a column, in all lanes.
struct Visit<'a, V: Vector> {
    ce: &'a mut Lanes<V>,
    slot: &'a Slot<'a>,
    fixed: &'a Fixed<'a>,
    /// Cycles of the main thread's weights in the row that the slot makes room for.
    work: V,
    inflow: &'a mut Inflow<V>,
    out: &'a mut Inflow<V>,
    words: &'a mut Arrivals<V>,
}

/// The same, in a layout.
struct Laid<'a, V: Vector, L>(Visit<'a, V>, L);

impl<V: Vector, L: Layout> Work for Laid<'_, V, L> {
    #[inline(always)]
    fn run(self) {
        let Self(Visit { ce, slot, fixed, work, inflow, out, words }, layout) = self;
        ce.go::<true, L>(layout, (slot, fixed, V::ALL), work, Some(inflow), (out, false), words);
    }
}

impl<V: Vector> Visit<'_, V> {
    #[inline(always)]
    fn usual<const ODD: bool, const PAIRS: bool>(self) {
        let slot = self.slot;
        if slot.piece.words == DEPTH {
            V::apart(Laid(self, Usual::<true, ODD, PAIRS>(slot)));
        } else {
            V::apart(Laid(self, Usual::<false, ODD, PAIRS>(slot)));
        }
    }
}

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
        match inflow {
            Some(inflow) if slot.is_usual && lanes == V::ALL && !is_cell && slot.last_row.is_none() => {
                let visit = Visit { ce: self, slot, fixed, work, inflow, out, words };
                match (fixed.shape.slot_words % 2 == 1, slot.piece.opens) {
                    (false, _) => visit.usual::<false, true>(),
                    (true, true) => visit.usual::<true, false>(),
                    (true, false) => visit.usual::<true, true>(),
                }
            }
            inflow => {
                let of = (slot, fixed, lanes);
                self.go::<false, Any<'_>>(Any(slot), of, work, inflow, (out, is_cell), words);
            }
        }
    }
}
