//! How the words of a piece lie in its steps and where their times stand, said when the program runs or when it is compiled.

use crate::fabric::fast::reduce::shape::Shape;
use crate::fabric::fast::reduce::slot::{Fixed, Slot, Word};
use crate::fabric::fast::source::{DEPTH, Fabric, WIDE, before, place};

/// Words of a router's buffer and of an input queue in the [`Usual`] layout; its output queues hold [`DEPTH`].
const LANE: usize = DEPTH / 2;

/// The layout of a piece of a slot.
pub(super) trait Layout: Copy {
    /// Its steps, four at most, are written out one by one, and both words of each pass as a pair.
    const USUAL: bool;
    /// Steps.
    fn steps(self) -> usize;
    /// First word of a step, and the one behind its last.
    fn step(self, step: usize) -> (usize, usize);
    /// Words that go down the ramp without waiting for one of the same piece to be taken.
    fn early(self) -> usize;
    /// Words of a router's buffer.
    fn lane(self, fixed: &Fixed<'_>) -> usize;
    /// A word.
    fn word(self, word: usize) -> Word;
}

/// Any layout: as the slot says.
#[derive(Clone, Copy)]
pub(super) struct Any<'a>(pub(super) &'a Slot<'a>);

impl Layout for Any<'_> {
    const USUAL: bool = false;

    #[inline(always)]
    fn steps(self) -> usize {
        self.0.piece.steps.len()
    }

    #[inline(always)]
    fn step(self, step: usize) -> (usize, usize) {
        self.0.piece.steps[step]
    }

    #[inline(always)]
    fn early(self) -> usize {
        self.0.piece.early
    }

    #[inline(always)]
    fn lane(self, fixed: &Fixed<'_>) -> usize {
        fixed.shape.costs.fabric.lane as usize
    }

    #[inline(always)]
    fn word(self, word: usize) -> Word {
        self.0.words[word]
    }
}

/// So many words in whole steps, on a machine with queues as deep as those of a CS-3; the number of the first one. All but
/// that is known to the compiler.
#[derive(Clone, Copy)]
pub(super) struct Usual<const WORDS: usize>(pub(super) u32);

impl<const WORDS: usize> Layout for Usual<WORDS> {
    const USUAL: bool = true;

    #[inline(always)]
    fn steps(self) -> usize {
        const { assert!(WORDS <= DEPTH && WORDS.is_multiple_of(WIDE), "whole steps that are written out") }
        WORDS / WIDE
    }

    #[inline(always)]
    fn step(self, step: usize) -> (usize, usize) {
        (step * WIDE, (step + 1) * WIDE)
    }

    #[inline(always)]
    fn early(self) -> usize {
        WORDS.min(LANE)
    }

    #[inline(always)]
    fn lane(self, _fixed: &Fixed<'_>) -> usize {
        LANE
    }

    #[inline(always)]
    fn word(self, word: usize) -> Word {
        let number = self.0 + word as u32;
        let (at, earlier) = (place(number) as u8, before(number, LANE as u32) as u8);
        Word {
            at,
            lane: earlier,
            queue: earlier,
            output: at,
            // Later ones ask when they come to the ramp.
            asks: word < LANE && word.is_multiple_of(WIDE),
            leaves: word % WIDE == WIDE - 1,
            goes_down: word + LANE >= WORDS,
        }
    }
}

/// Whether pieces of slots lie in the [`Usual`] way.
///
/// Both words of a step then pass as a **pair**: they are given and taken together, and the second one leaves as soon as the
/// link is free again, for it never waits for room. The room of the second one is there when the word before it in the next
/// router's buffer went down: a cycle after the first one of its pair, whose room this pair's first word had, or as soon
/// as it came, a hop after it left, which is before the link has brought as many words as that buffer holds.
pub(super) fn is_usual(shape: &Shape) -> bool {
    let costs = &shape.costs;
    let Fabric { lane, hop, interval, .. } = costs.fabric;
    [costs.queue, lane, costs.output].map(|depth| depth as usize) == [LANE, LANE, DEPTH]
        && shape.steps.iter().all(|&words| words as usize == WIDE)
        && interval >= 8
        && hop < lane
}
