//! What is the same for all columns and in all lanes of a slot: its pieces, and where times of its words stand.

use crate::fabric::fast::reduce::layout::is_usual;
use crate::fabric::fast::reduce::shape::Shape;
use crate::fabric::fast::source::{DEPTH, Place};
use crate::fabric::fast::weights::Weights;

/// A piece of a slot, or all of it: the same for all columns and in all lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    pub(super) piece: &'a Piece,
    /// Pieces before it, of all rows.
    pub(super) number: u32,
    /// Steps made before it.
    pub(super) steps: u32,
    /// Place of its row among those that are pushed, and of the last one for which there is room.
    pub(super) at: Place,
    pub(super) newest: Place,
    /// It ends its slot, and there are more rows to push when that is given back.
    pub(super) goes_on: bool,
    /// Place of the last row of all, if there is room for it.
    pub(super) last_row: Option<Place>,
    /// Its words, the number of the first one, and the place of the word before it.
    pub(super) words: [Word; DEPTH],
    pub(super) first: u32,
    pub(super) before: Place,
    /// They are laid out in the usual way.
    pub(super) is_usual: bool,
}

impl Slot<'_> {
    /// Its words.
    pub(super) fn words(&self) -> &[Word] {
        &self.words[..self.piece.words]
    }

    /// Number of the word behind it, in all rows.
    pub(super) fn end(&self) -> u32 {
        self.first + self.piece.words as u32
    }

    /// Steps made before its slot.
    pub(super) fn steps_before(&self) -> u32 {
        self.steps - self.piece.first_step as u32
    }
}

/// A word of a piece: where times stand in the rings of each [`Inflow`](super::inflow::Inflow), and what of it is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    /// Its own ones.
    pub(super) at: Place,
    /// Of the word that must go down before it leaves, if that is not one of this piece.
    pub(super) lane: Place,
    /// Of the word that must be taken before it goes down.
    pub(super) queue: Place,
    /// Of the word that must leave before it is given.
    pub(super) output: Place,
    /// Whether the word that must be taken before it goes down is the first of its step.
    pub(super) asks: bool,
    /// Whether a step asks when it has left; whether words of the next piece ask when it went down.
    pub(super) leaves: bool,
    pub(super) goes_down: bool,
}

/// For each word of a piece the time from which the next PE has it: at its router, or down its ramp for the first ones.
pub(super) type Arrivals<V> = [V; DEPTH];

/// As many steps of a slot as fit what lies between two compute elements.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Steps and words of the slot before it, and its own words.
    pub(super) first_step: usize,
    pub(super) first_word: usize,
    pub(super) words: usize,
    /// It begins its slot; it ends it.
    pub(super) opens: bool,
    pub(super) closes: bool,
    /// First word of each of its steps, and the one behind its last, by their places in it.
    pub(super) steps: Vec<(usize, usize)>,
    /// Words that go down the ramp without waiting for one of the same piece to be taken.
    pub(super) early: usize,
    /// Which of its words are the first one of a step.
    opens_step: [bool; DEPTH],
    /// What is asked for of each of its words; their places are those in the first slot.
    asked: [Word; DEPTH],
}

impl Piece {
    /// Whether a word is the first one of a step.
    #[inline(always)]
    pub(super) fn opens_step(&self, word: usize) -> bool {
        self.opens_step[word % DEPTH]
    }
}

/// What does not change from slot to slot.
#[derive(Clone, Debug)]
pub(super) struct Fixed<'a> {
    pub(super) shape: &'a Shape,
    pub(super) weights: &'a [Weights<'a>],
    pub(super) pieces: Vec<Piece>,
    /// Of each word of a slot: whether it is the first of its step.
    pub(super) opens: Vec<bool>,
    /// Whether its pieces are laid out in the usual way.
    is_usual: bool,
}

impl<'a> Fixed<'a> {
    pub(super) fn new(shape: &'a Shape, weights: &'a [Weights<'a>]) -> Self {
        let costs = &shape.costs;
        let words = shape.slot_words as usize;
        // First word of each step and the one behind its last, in the whole slot.
        let steps: Vec<(usize, usize)> = shape
            .steps
            .iter()
            .scan(0, |end, &words| {
                let first = *end;
                *end += words as usize;
                Some((first, *end))
            })
            .collect();
        // Words are numbered through all slots, which are all alike.
        let earlier = |word: usize, by: u32| (word + by as usize * (words - 1)) % words;
        let opens: Vec<bool> = (0..words).map(|word| steps.iter().any(|&(first, _)| first == word)).collect();
        let mut pieces: Vec<Piece> = Vec::new();
        for (step, &(first, end)) in steps.iter().enumerate() {
            let fits = |piece: &&mut Piece| end - piece.first_word <= costs.piece() as usize;
            match pieces.last_mut().filter(fits) {
                Some(piece) => {
                    piece.steps.push((first - piece.first_word, end - piece.first_word));
                    piece.words = end - piece.first_word;
                }
                None => pieces.push(Piece {
                    first_step: step,
                    first_word: first,
                    words: end - first,
                    opens: step == 0,
                    closes: false,
                    steps: vec![(0, end - first)],
                    early: 0,
                    opens_step: [false; DEPTH],
                    asked: [Word::default(); DEPTH],
                }),
            }
        }
        for piece in &mut pieces {
            piece.closes = piece.first_word + piece.words == words;
            piece.early = piece.words.min(costs.queue as usize);
            for (at, asked) in piece.asked.iter_mut().enumerate().take(piece.words) {
                let word = piece.first_word + at;
                asked.asks = opens[earlier(word, costs.queue)];
                asked.leaves = steps.iter().any(|&(_, end)| earlier(end - 1, costs.output) == word);
                piece.opens_step[at] = opens[word];
                asked.goes_down = at + 1 == piece.words || at + costs.fabric.lane as usize >= piece.words;
            }
        }
        Self { shape, weights, pieces, opens, is_usual: is_usual(shape) }
    }

    /// Cycles of a weight.
    #[inline(always)]
    pub(super) fn weight(&self, column: usize) -> u32 {
        self.shape.costs.weight_setup + self.shape.columns[column].weight_work
    }

    /// The piece so many pieces of all rows behind the first one, with steps counted from `first_row` on.
    #[inline(always)]
    pub(super) fn nth(&self, number: u32, first_row: u32) -> Slot<'_> {
        let pieces = self.pieces.len() as u32;
        self.slot((number / pieces, first_row), (number % pieces) as usize)
    }

    /// A piece of the slot of a row, with steps counted from `first_row` on.
    #[inline(always)]
    pub(super) fn slot(&self, (row, first_row): (u32, u32), piece: usize) -> Slot<'_> {
        let Shape { costs, slot_words, rows, steps, .. } = self.shape;
        let number = row * self.pieces.len() as u32 + piece as u32;
        let piece = &self.pieces[piece];
        let ring = costs.slots - 1;
        let pushed = |row: u32| Place::of(row % ring);
        let from = row * slot_words + piece.first_word as u32;
        let word = |at: usize| {
            let word = from + at as u32;
            Word {
                at: Place::of(word),
                lane: Place::before(word, costs.fabric.lane),
                queue: Place::before(word, costs.queue),
                output: Place::before(word, costs.output),
                ..piece.asked[at]
            }
        };
        Slot {
            piece,
            number,
            steps: (row - first_row) * steps.len() as u32 + piece.first_step as u32,
            at: pushed(row),
            newest: pushed(row + ring - 1),
            goes_on: piece.closes && row + ring < *rows,
            last_row: (row + ring >= *rows).then(|| pushed(rows - 1)),
            words: std::array::from_fn(word),
            first: from,
            before: Place::before(from, 1),
            is_usual: self.is_usual,
        }
    }
}
