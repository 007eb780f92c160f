//! What goes out over a row of PEs: vectors and ends of blocks, word by word.

use crate::fabric::fast::gradient::shape::Shape;
use crate::fabric::fast::source::{DEPTH, before, place};

/// What goes out: a vector, or the wavelet that ends a block.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) words: Vec<Word>,
    /// Row of the vector.
    pub(super) row: Option<u32>,
    /// Row that the main threads do before the vector can be received.
    pub(super) waits_for: Option<u32>,
}

/// A word of it, and where times stand in the rings of a router.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    /// Its own time, and that of the word before it.
    pub(super) at: usize,
    pub(super) before: usize,
    /// Of the word that must have passed the next router, if that is not one of this message.
    pub(super) lane: usize,
    /// Of the word that must be taken before it passes, if that was not taken with the word before.
    pub(super) queue: Option<usize>,
    /// It is the first one of a step of the sender: place of the word that must have left the sender.
    pub(super) opens: Option<usize>,
    /// It is the last one of a step of the receivers.
    pub(super) closes: Option<Step>,
    /// Others will ask when it passed.
    pub(super) keeps: bool,
}

/// A step of the receivers: place of its first word, and whether it is the first or the last of its vector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) at: usize,
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

    /// Words that were sent.
    pub(super) fn sent(&self) -> u32 {
        self.words
    }

    /// The vector of a row, which is next.
    pub(super) fn vector(&mut self, row: u32) -> Message {
        let costs = &self.shape.costs;
        let waits_for = row.checked_sub(costs.slots);
        let mut message = Message { words: Vec::new(), row: Some(row), waits_for };
        let steps = &self.shape.steps;
        for (step, &words) in steps.iter().enumerate() {
            for word in 0..words {
                let opens = (word == 0).then(|| before(self.words + words - 1, costs.output));
                let (first, last) = (step == 0, step + 1 == steps.len());
                let closes = (word + 1 == words).then(|| Step { at: before(self.words, word), first, last });
                self.add_word(&mut message, Word { opens, closes, ..Word::default() });
            }
        }
        self.keep_last(&mut message);
        message
    }

    /// The wavelet that ends a block, which is next.
    pub(super) fn turn(&mut self) -> Message {
        let mut message = Message { words: Vec::new(), row: None, waits_for: None };
        self.add_word(&mut message, Word::default());
        self.opened[before(self.words, 1)] = true;
        self.keep_last(&mut message);
        message
    }

    fn add_word(&mut self, message: &mut Message, word: Word) {
        let (costs, number) = (&self.shape.costs, self.words);
        let queue = before(number, costs.queue);
        message.words.push(Word {
            at: place(number),
            before: before(number, 1),
            lane: before(number, costs.fabric.lane),
            queue: self.opened[queue].then_some(queue),
            ..word
        });
        self.opened[place(number)] = word.opens.is_some();
        self.words += 1;
    }

    /// The last words of a message are those that words of the next one ask for, the last of a piece that of the next.
    fn keep_last(&self, message: &mut Message) {
        let (lane, count) = (self.shape.costs.fabric.lane as usize, message.words.len());
        for (at, word) in message.words.iter_mut().enumerate() {
            word.keeps = at + lane >= count || at + 1 == count || (at + 1) % lane == 0;
        }
    }
}
