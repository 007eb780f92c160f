//! How the words of a piece lie in its steps and where their times stand, said when the program runs or when it is compiled.

use crate::fabric::fast::reduce::shape::Shape;
use crate::fabric::fast::reduce::slot::{Fixed, Slot, Word};
use crate::fabric::fast::source::{DEPTH, Fabric, WIDE};

/// Words of a router's buffer and of an input queue in the [`Usual`] layout; its output queues hold [`DEPTH`].
const LANE: usize = DEPTH / 2;

/// The layout of a piece of a slot.
pub(super) trait Layout: Copy {
    /// Its steps, four at most, are written out one by one, and the words of one wait for no others in between.
    const USUAL: bool;
    /// Both words of a step pass as a pair.
    const PAIRS: bool;
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
    const PAIRS: bool = false;

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

/// Words in steps of two, on a machine with queues as deep as those of a CS-3: what is asked for of which word is known when
/// this is compiled, for a piece that is `FULL` or not.
///
/// Of slots of an `ODD` number of words the last step is one word, and which words are asked for differs from piece to piece:
/// there all are kept, and all ask. What stands in a ring that was not kept is of a word before, and bounds nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual<'a, const FULL: bool, const ODD: bool, const PAIRS: bool>(pub(super) &'a Slot<'a>);

impl<const FULL: bool, const ODD: bool, const PAIRS: bool> Usual<'_, FULL, ODD, PAIRS> {
    #[inline(always)]
    fn words(self) -> usize {
        if FULL { DEPTH } else { self.0.piece.words }
    }
}

impl<const FULL: bool, const ODD: bool, const PAIRS: bool> Layout for Usual<'_, FULL, ODD, PAIRS> {
    const USUAL: bool = true;
    const PAIRS: bool = PAIRS;

    #[inline(always)]
    fn steps(self) -> usize {
        self.words().div_ceil(WIDE)
    }

    #[inline(always)]
    fn step(self, step: usize) -> (usize, usize) {
        let end = (step + 1) * WIDE;
        (step * WIDE, if ODD { self.words().min(end) } else { end })
    }

    #[inline(always)]
    fn early(self) -> usize {
        LANE
    }

    #[inline(always)]
    fn lane(self, _fixed: &Fixed<'_>) -> usize {
        LANE
    }

    #[inline(always)]
    fn word(self, word: usize) -> Word {
        let Word { at, lane, .. } = self.0.words[word];
        Word {
            at,
            lane,
            queue: lane,
            output: at,
            // Later ones ask when they come to the ramp, and go down there.
            asks: word < LANE && (word.is_multiple_of(WIDE) || ODD),
            leaves: word % WIDE == WIDE - 1 || ODD,
            goes_down: word + LANE >= self.words(),
        }
    }
}

/// Whether pieces of slots lie in the [`Usual`] way.
///
/// The words of a step then pass as a **pair**: they are given and taken together, and the second one leaves as soon as the
/// link is free again, for it never waits for room. The room of the second one is there when the word before it in the next
/// router's buffer went down: a cycle after the first one of its pair, whose room this pair's first word had, or as soon
/// as it came, a hop after it left, which is before the link has brought as many words as that buffer holds. Where a slot
/// has an odd number of words, pairs of its first piece come behind others that are not their pairs, and wait for room.
pub(super) fn is_usual(shape: &Shape) -> bool {
    let costs = &shape.costs;
    let Fabric { lane, hop, interval, .. } = costs.fabric;
    let whole = shape.slot_words as usize / WIDE;
    [costs.queue, lane, costs.output].map(|depth| depth as usize) == [LANE, LANE, DEPTH]
        && shape.steps.iter().take(whole).all(|&words| words as usize == WIDE)
        && shape.steps.len() == shape.slot_words.div_ceil(WIDE as u32) as usize
        && interval >= 8
        && hop < lane
}
