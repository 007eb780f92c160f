//! A column of PEs in the middle of a phase, in all lanes at once: the order of events is the same in all of them.
//!
//! Times differ from lane to lane and the order of what happens does not: the words of a step arrive, the step is made,
//! its words leave. So a slot is a few maxima and sums on vectors of numbers for each word.
//!
//! The main thread works when the chain does not step, so it is told in **cycles of its own**: those in which no step
//! was made. On that clock a row is pushed its work after the row before it, or after the slot that it needs was given
//! back, whatever comes first or last, and the cycle of the fabric follows from the number of steps until then.

use crate::fabric::fast::LANES;
use crate::fabric::fast::reduce::cell::{Cell, Doing, Phase, Tally};
use crate::fabric::fast::reduce::inflow::{Inflow, Reached};
use crate::fabric::fast::reduce::shape::Shape;
use crate::fabric::fast::source::{DEPTH, before, place};
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::{Mask, Vector, Wide};

/// Main thread and chain of a compute element in all lanes.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// When the main thread has pushed the rows for which the ring has room, in cycles of its own.
    pushed: [Wide; DEPTH],
    /// Cycle of the last step.
    last: Wide,
    /// Cycles in which it rested for a slot, and for input and output after its last row.
    buffer: Wide,
    input: Wide,
    output: Wide,
    /// What cells counted before.
    tally: [Tally; LANES],
}

/// A piece of a slot, or all of it: the same for all columns and in all lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    piece: &'a Piece,
    /// Steps made before it.
    steps: u32,
    /// Place of its row among those that are pushed, and of the last one for which there is room.
    at: usize,
    newest: usize,
    /// It ends its slot, and there are more rows to push when that is given back.
    goes_on: bool,
    /// Place of the last row of all, if there is room for it.
    last_row: Option<usize>,
    /// Its words, and the place of the word before it.
    words: [Word; DEPTH],
    before: usize,
}

/// A word of a piece: where times stand in the rings of each [`Inflow`].
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    /// Its own ones.
    at: usize,
    /// Of the word that must go down before it leaves, if that is not one of this piece.
    lane: usize,
    /// Of the word that must be taken before it goes down.
    queue: usize,
    /// Of the word that must leave before it is given.
    output: usize,
}

/// For each word of a piece the time from which the next PE has it: at its router, or down its ramp for the first ones.
pub(super) type Arrivals<V> = [V; DEPTH];

/// As many steps of a slot as fit what lies between two compute elements.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Steps and words of the slot before it, and its own words.
    pub(super) first_step: usize,
    first_word: usize,
    pub(super) words: usize,
    /// It begins its slot; it ends it.
    opens: bool,
    closes: bool,
    /// First word of each of its steps, and the one behind its last, by their places in it.
    pub(super) steps: Vec<(usize, usize)>,
    /// Words that go down the ramp without waiting for one of the same piece to be taken.
    early: usize,
    /// Of each word: whether the word that must be taken before it goes down is the first of its step.
    asks: [bool; DEPTH],
    /// Whether a step asks when it has left; whether words of the next piece ask when it went down.
    leaves: [bool; DEPTH],
    goes_down: [bool; DEPTH],
}

/// What does not change from slot to slot.
#[derive(Clone, Debug)]
pub(super) struct Fixed<'a> {
    pub(super) shape: &'a Shape,
    pub(super) weights: &'a [Weights<'a>],
    pub(super) pieces: Vec<Piece>,
    /// Of each word of a slot: whether it is the first of its step.
    opens: Vec<bool>,
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
                    asks: [false; DEPTH],
                    leaves: [false; DEPTH],
                    goes_down: [false; DEPTH],
                }),
            }
        }
        for piece in &mut pieces {
            piece.closes = piece.first_word + piece.words == words;
            piece.early = piece.words.min(costs.queue as usize);
            for at in 0..piece.words {
                let word = piece.first_word + at;
                piece.asks[at] = opens[earlier(word, costs.queue)];
                piece.leaves[at] = steps.iter().any(|&(_, end)| earlier(end - 1, costs.output) == word);
                piece.goes_down[at] = at + 1 == piece.words || at + costs.fabric.lane as usize >= piece.words;
            }
        }
        Self { shape, weights, pieces, opens }
    }

    /// Cycles of a weight.
    #[inline(always)]
    pub(super) fn weight(&self, column: usize) -> u32 {
        self.shape.costs.weight_setup + self.shape.columns[column].weight_work
    }

    /// A piece of the slot of a row.
    #[inline(always)]
    pub(super) fn slot(&self, row: u32, piece: usize) -> Slot<'_> {
        let Shape { costs, slot_words, rows, steps, .. } = self.shape;
        let piece = &self.pieces[piece];
        let ring = costs.slots - 1;
        let pushed = |row: u32| (row % ring) as usize;
        let from = row * slot_words + piece.first_word as u32;
        let word = |word: usize| {
            let word = from + word as u32;
            Word {
                at: place(word),
                lane: before(word, costs.fabric.lane),
                queue: before(word, costs.queue),
                output: before(word, costs.output),
            }
        };
        Slot {
            piece,
            steps: row * steps.len() as u32 + piece.first_step as u32,
            at: pushed(row),
            newest: pushed(row + ring - 1),
            goes_on: piece.closes && row + ring < *rows,
            last_row: (row + ring >= *rows).then(|| pushed(rows - 1)),
            words: std::array::from_fn(word),
            before: before(from, 1),
        }
    }
}

impl Lanes {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        let none = Wide::all(0);
        Self {
            pushed: [none; DEPTH],
            last: none,
            buffer: none,
            input: none,
            output: none,
            tally: [Tally::default(); LANES],
        }
    }

    /// Go on where a cell stops.
    pub(super) fn enter(&mut self, lane: usize, cell: &Cell, column: usize, fixed: &Fixed<'_>) {
        let (costs, weight, rows) = (&fixed.shape.costs, fixed.weight(column), fixed.shape.rows);
        let next = cell.first.row;
        let slot = fixed.slot(next, 0);
        let now = cell.next_step() - slot.steps;
        let end = cell.end.wrapping_sub(slot.steps);
        let ring = costs.slots - 1;
        let work = |row: u32| weight * fixed.weights[lane].count(row, column);
        let has_room = cell.row < next + ring;
        // When the main thread would have pushed the row before its next one, had it not rested since.
        let mut pushed = match cell.doing {
            Doing::RowEnd => end - costs.row_end - work(cell.row),
            Doing::Weight => end + cell.left * weight - work(cell.row),
            // The last step gave back the slot that it waited for.
            _ if has_room && cell.row < rows => end - work(cell.row),
            _ => now - if cell.row < rows { work(cell.row) } else { 0 },
        };
        for row in next..next + ring {
            if row >= cell.row && row < rows {
                pushed += work(row) + costs.row_end;
            }
            self.pushed[(row % ring) as usize][lane] = pushed;
        }
        self.last[lane] = cell.next_step() - 1;
        self.tally[lane] = cell.tally;
        (self.buffer[lane], self.input[lane], self.output[lane]) = (0, 0, 0);
    }

    /// The cell of a lane whose chain has come to `row`, where its phase ends or which is one of those that it sends down.
    pub(super) fn leave(
        &self,
        lane: usize,
        (phase, row): (Phase, u32),
        column: usize,
        fixed: &Fixed<'_>,
    ) -> Cell {
        let (costs, weight, rows) = (&fixed.shape.costs, fixed.weight(column), fixed.shape.rows);
        let slot = fixed.slot(row, 0);
        let (last, low) = (self.last[lane], fixed.shape.columns[column].low);
        let mut cell = if phase == Phase::Down && row < low {
            Cell::within(row, low, last)
        } else {
            Cell::after(phase, row, costs.completion, last)
        };
        let Tally { input, output, buffer, .. } = &mut cell.tally;
        (*input, *output, *buffer) = (self.input[lane], self.output[lane], self.buffer[lane]);
        cell.tally = cell.tally.plus(&self.tally[lane]);
        let now = self.last[lane] + 1;
        let clock = now - slot.steps;
        let ring = costs.slots - 1;
        let pushed = |row: u32| self.pushed[(row % ring) as usize][lane];
        // Whether there is room for its next row, and what is left to do until that is pushed.
        cell.row = row;
        while cell.row < rows && cell.row < row + ring && pushed(cell.row) <= clock {
            cell.row += 1;
        }
        (cell.doing, cell.end) = (Doing::Rest, now);
        if cell.row == rows {
            return cell;
        }
        let has_room = cell.row < row + ring;
        let worked = if has_room {
            pushed(cell.row) - costs.row_end
        } else {
            self.pushed[slot.newest][lane] + weight * fixed.weights[lane].count(cell.row, column)
        };
        if worked > clock {
            let weights = worked - clock;
            cell.left = (weights - 1) / weight;
            (cell.doing, cell.end) = (Doing::Weight, now + weights - cell.left * weight);
        } else if has_room {
            (cell.doing, cell.end) = (Doing::RowEnd, now + pushed(cell.row) - clock);
        } else {
            cell.tally.buffer += clock - worked;
        }
        cell
    }

    /// A piece of a slot: its words come in from `inflow` (nothing but a constant where that is `None`) and leave to
    /// `out`; `work` are the cycles of the main thread's weights in the row that the slot makes room for. Where the next
    /// PE has the words pass link and ramp by itself, they end as ready. Only `lanes` go on, where not ALL do.
    #[inline(always)]
    pub(super) fn slot<V: Vector, const ALL: bool>(
        &mut self,
        slot: &Slot<'_>,
        (fixed, lanes): (&Fixed<'_>, Mask),
        work: V,
        mut inflow: Option<&mut Inflow>,
        (out, next_is_cell): (&mut Inflow, bool),
        words: &mut Arrivals<V>,
    ) {
        let keep = |to: &mut Wide, numbers: V| {
            to.set(if ALL { numbers } else { numbers.only(lanes, to.get()) });
        };
        let carry = |to: &mut V, number: V| *to = if ALL { number } else { number.only(lanes, *to) };
        let (costs, piece) = (&fixed.shape.costs, slot.piece);
        let (lane, nothing) = (costs.fabric.lane as usize, Wide::all(0));
        let mut free: V = out.free.get();
        let mut last: V = self.last.get();
        let mut down: V = out.down[slot.before].get();
        let mut arrived = words[piece.early - 1];
        for (at, &(first, end)) in piece.steps.iter().enumerate() {
            let mut ready = V::all(0);
            if let Some(flow) = &mut inflow {
                for (word, there) in words[..end].iter_mut().enumerate().skip(first.max(piece.early)) {
                    let Word { at, queue, .. } = slot.words[word];
                    let room: V = flow.taken[queue].get();
                    arrived = there.max(room.max(arrived).plus(1));
                    carry(there, arrived);
                    if piece.goes_down[word] {
                        keep(&mut flow.down[at], arrived);
                    }
                }
                ready = words[end - 1].plus(costs.fabric.ramp);
            }
            let room: V = out.left[slot.words[end - 1].output].get();
            let mut now = last.max(room).plus(1).max(ready);
            if at == 0 && piece.opens {
                now = now.max(self.pushed[slot.at].get::<V>().plus(slot.steps));
            }
            if let Some(last_row) = slot.last_row {
                let rests = self.pushed[last_row].get::<V>().plus(slot.steps + at as u32);
                self.account::<V, ALL>(rests.max(last.plus(1)), ready, now, lanes);
            }
            last = now;
            if let Some(flow) = &mut inflow {
                keep(&mut flow.taken[slot.words[first].at], now);
            }
            let given = now.plus(1 + costs.fabric.ramp);
            for word in first..end {
                let place = slot.words[word];
                if next_is_cell {
                    keep(&mut out.ready[place.at], given);
                    continue;
                }
                let room = if word < lane { out.down[place.lane].get() } else { words[word - lane] };
                let leaves = room.plus(1).max(given);
                let left = leaves.max(free.eighth());
                free = leaves.eightfold().max(free).plus(costs.fabric.interval);
                if piece.leaves[word] {
                    keep(&mut out.left[place.at], left);
                }
                // What is not known yet of words of this piece bounds nothing: there stands what was before.
                let room = if piece.asks[word] { &out.taken[place.queue] } else { &nothing };
                down = down.max(room.get()).plus(1).max(left.plus(costs.fabric.hop));
                carry(&mut words[word], down);
                if piece.goes_down[word] {
                    keep(&mut out.down[place.at], down);
                }
            }
        }
        keep(&mut self.last, last);
        if !next_is_cell {
            keep(&mut out.free, free);
        }
        if slot.goes_on {
            let steps = slot.steps + piece.steps.len() as u32;
            let given_back = last.plus(1) - V::all(steps);
            let worked = self.pushed[slot.newest].get::<V>() + work;
            let pushes = worked.max(given_back);
            let rested = self.buffer.get::<V>() + (pushes - worked);
            keep(&mut self.buffer, rested);
            keep(&mut self.pushed[slot.at], pushes.plus(costs.row_end));
        }
    }

    /// Cycles between `from` and the step in `now` in which nothing is left for the main thread.
    #[inline(always)]
    fn account<V: Vector, const ALL: bool>(&mut self, from: V, ready: V, now: V, lanes: Mask) {
        let until = now.max(from);
        let there = ready.max(from).min(until);
        let (input, output) = (there - from, until - there);
        let of = |cycles: V| if ALL { cycles } else { cycles.in_lanes(lanes) };
        self.input.set(self.input.get::<V>() + of(input));
        self.output.set(self.output.get::<V>() + of(output));
    }
}

impl Inflow {
    /// Every word before `row` was taken: note of each when, where lanes noted the first one of each step only.
    pub(super) fn note_all_taken(&mut self, row: u32, fixed: &Fixed<'_>) -> Reached {
        let words = fixed.shape.slot_words;
        let given = row * words;
        (self.given, self.gone) = (Wide::all(given), Wide::all(given));
        for word in given.saturating_sub(DEPTH as u32) + 1..given {
            if !fixed.opens[(word % words) as usize] {
                self.taken[place(word)] = self.taken[before(word, 1)];
            }
        }
        Reached::all(given)
    }
}
