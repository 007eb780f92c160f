//! What goes out over a row of PEs: vectors and ends of blocks, word by word.

use crate::fabric::fast::gradient::shape::Shape;
use crate::fabric::fast::source::{DEPTH, Place, WIDE};

/// What goes out: a vector, or the wavelet that ends a block.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) pieces: Vec<Piece>,
    /// Row of the vector.
    pub(super) row: Option<u32>,
    /// Row that the main threads do before the vector can be received.
    pub(super) waits_for: Option<u32>,
}

/// As many words as a router's buffer holds, or what is left of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    words: [Word; DEPTH],
    count: usize,
    /// Whether it is steps of as many words as a step can have, but for the last one.
    pub(super) is_whole: bool,
}

impl Piece {
    /// Its words.
    pub(super) fn words(&self) -> &[Word] {
        &self.words[..self.count]
    }

    /// The step that a word closes; of a piece of so many in whole steps, the first one of a message is in its first piece, and
    /// the last one at the end of a piece.
    #[inline(always)]
    pub(super) fn step<const WHOLE: usize, const LATER: bool>(&self, word: usize) -> Step {
        let Step { at, first, last } = self.words[word % DEPTH].step;
        let can_be = |is: bool| WHOLE == 0 || is;
        Step { at, first: can_be(!LATER && word < WIDE) && first, last: can_be(word + 1 == WHOLE) && last }
    }

    /// A word; of so many in whole steps, its place says what it does, unless there are said to be none. All of them ask then:
    /// what stands where no time was kept is of a word before, and bounds nothing.
    #[inline(always)]
    pub(super) fn word<const WHOLE: usize>(&self, at: usize) -> Word {
        let word = self.words[at % DEPTH];
        if WHOLE > 0 { Word { asks: true, closes: closes(at, WHOLE), keeps: true, ..word } } else { word }
    }

    /// Whether it is in whole steps.
    fn is_whole(&self) -> bool {
        self.words().iter().enumerate().all(|(at, word)| word.closes == closes(at, self.count))
    }
}

/// Whether a word of so many in whole steps is the last one of its step.
#[inline(always)]
fn closes(at: usize, count: usize) -> bool {
    at % WIDE == WIDE - 1 || at + 1 == count
}

/// A word of it, and where times stand in the rings of a router.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    /// Its own time, and that of the word before it.
    pub(super) at: Place,
    pub(super) before: Place,
    /// Of the word that must have passed the next router, if that is not one of this message.
    pub(super) lane: Place,
    /// Of the word that must be taken before it passes; it asks for it if that was not taken with the word before.
    pub(super) queue: Place,
    pub(super) asks: bool,
    /// It is the first one of a step of the sender: place of the word that must have left the sender.
    pub(super) opens: Option<Place>,
    /// It is the last one of a step of the receivers, and which one that is.
    pub(super) closes: bool,
    step: Step,
    /// Others will ask when it passed.
    pub(super) keeps: bool,
}

/// A step of the receivers: place of its first word, and whether it is the first or the last of its vector.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) at: Place,
    pub(super) first: bool,
    pub(super) last: bool,
}

/// The words of a row of PEs in their order.
#[derive(Clone, Debug)]
pub(super) struct Words<'a> {
    shape: &'a Shape,
    /// Words that were sent; of the last ones, whether each was the first one of a step.
    words: u32,
    opened: [bool; DEPTH],
}

impl<'a> Words<'a> {
    pub(super) fn new(shape: &'a Shape) -> Self {
        Self { shape, words: 0, opened: [false; DEPTH] }
    }

    /// The vector of a row, which is next.
    pub(super) fn vector(&mut self, row: u32) -> Message {
        let costs = &self.shape.costs;
        let waits_for = row.checked_sub(costs.slots);
        let mut message = Message { pieces: Vec::new(), row: Some(row), waits_for };
        let steps = &self.shape.steps;
        for (step, &words) in steps.iter().enumerate() {
            for word in 0..words {
                let opens = (word == 0).then(|| Place::before(self.words + words - 1, costs.output));
                let (first, last) = (step == 0, step + 1 == steps.len());
                let (closes, step) =
                    (word + 1 == words, Step { at: Place::before(self.words, word), first, last });
                self.add_word(&mut message, Word { opens, closes, step, ..Word::default() });
            }
        }
        self.end(&mut message);
        message
    }

    /// The wavelet that ends a block, which is next.
    pub(super) fn turn(&mut self) -> Message {
        let mut message = Message { pieces: Vec::new(), row: None, waits_for: None };
        self.add_word(&mut message, Word::default());
        self.opened[Place::before(self.words, 1)] = true;
        self.end(&mut message);
        message
    }

    fn add_word(&mut self, message: &mut Message, word: Word) {
        let (costs, number) = (&self.shape.costs, self.words);
        let queue = Place::before(number, costs.queue);
        let word = Word {
            at: Place::of(number),
            before: Place::before(number, 1),
            lane: Place::before(number, costs.fabric.lane),
            queue,
            asks: self.opened[queue],
            ..word
        };
        let lane = costs.fabric.lane as usize;
        match message.pieces.last_mut().filter(|piece| piece.count < lane) {
            Some(piece) => {
                piece.words[piece.count] = word;
                piece.count += 1;
            }
            None => message.pieces.push(Piece { words: [word; DEPTH], count: 1, is_whole: false }),
        }
        self.opened[Place::of(number)] = word.opens.is_some();
        self.words += 1;
    }

    /// The message is whole. Its last words are those that words of the next one ask for, the last of a piece that of the
    /// next.
    fn end(&self, message: &mut Message) {
        let lane = self.shape.costs.fabric.lane as usize;
        let count: usize = message.pieces.iter().map(|piece| piece.count).sum();
        for (from, piece) in (0..).step_by(lane).zip(&mut message.pieces) {
            for at in 0..piece.count {
                piece.words[at].keeps = from + at + lane >= count || at + 1 == piece.count;
            }
            piece.is_whole = piece.is_whole();
        }
    }
}
