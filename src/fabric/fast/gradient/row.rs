//! A row of PEs, vector by vector: each goes out from the PE that has it to all others.
//!
//! A word passes a router when it is there, the one before it has passed, links and queues have room: all of that is
//! known from words before it, in the order in which they come by, whatever the weights are. A vector is received when
//! its words are there and the slot is free, that is when the main thread is done with the row so many rows before.
//!
//! A word waits for room in the next router, so a vector goes out in pieces of as many words as a router's buffer holds:
//! the second one passes a router after the first one has passed the next. Pieces of a few vectors go out behind each other,
//! so that what a column keeps is brought to the processor once for all of them.

use crate::fabric::fast::counts::Counts;
use crate::fabric::fast::gradient::Ended;
use crate::fabric::fast::gradient::main_thread::Mains;
use crate::fabric::fast::gradient::message::{Message, Word, Words};
use crate::fabric::fast::gradient::router::{Front, Router, Way, give_back, receive};
use crate::fabric::fast::gradient::shape::{Costs, Shape};
use crate::fabric::fast::range::ends_in_range;
use crate::fabric::fast::source::Place;
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::{Vector, Wide};

/// Rows whose counts are kept: those that main threads have not done, and those that set out at once.
const KEPT: usize = 16;
/// Rows whose vectors set out at once, at most.
const AT_ONCE: u32 = 4;
/// State of so many columns ahead is on its way from the second cache, or from the third.
const FETCHED: usize = 3;

/// All columns of all runs.
pub(super) struct Row<'a, V: Vector> {
    pub(super) shape: &'a Shape,
    pub(super) weights: &'a [Weights<'a>],
    pub(super) routers: Vec<Router<V>>,
    pub(super) mains: Vec<Mains<V>>,
    /// Words that were sent.
    words: Words<'a>,
    /// Rows that were sent.
    rows: u32,
    /// Weights of those that the main threads have not done.
    pub(super) counts: Counts<'a, V>,
    /// Cycle from which cycles are counted, in each lane, and how far that is before the first one that counts.
    pub(super) start: Vec<u32>,
    pub(super) margin: u32,
}

impl<'a, V: Vector> Row<'a, V> {
    pub(super) fn new(shape: &'a Shape, weights: &'a [Weights<'a>], margin: u32) -> Self {
        let width = shape.own.len();
        Self {
            shape,
            weights,
            routers: vec![Router::new(); width],
            mains: (0..width).map(|column| Mains::new(column, &shape.costs)).collect(),
            words: Words::new(shape),
            rows: 0,
            counts: Counts::new(width, KEPT, weights),
            start: vec![0; V::LANES],
            margin,
        }
    }

    /// Run to the end; how all main threads are then. `None` where that takes too long.
    #[inline(always)]
    pub(super) fn run(mut self) -> Option<Ended> {
        for (sender, &rows) in self.shape.own.iter().enumerate() {
            // One cycle before its first step.
            let mut sent = self.mains[sender].sends.get() - V::all(1);
            let end = self.rows + rows;
            loop {
                let until = end.min(self.rows + AT_ONCE);
                let mut messages: Vec<Message> =
                    (self.rows..until).map(|row| self.words.vector(row)).collect();
                if until == end {
                    messages.push(self.words.turn());
                }
                self.rows = until;
                self.counts.take_until(until);
                self.pass(&messages, sender, &mut sent);
                if until == end {
                    break;
                }
            }
            self.keep_in_range(sender)?;
        }
        for (column, mains) in self.mains.iter_mut().enumerate() {
            while mains.done < self.rows {
                mains.row(column, &self.counts, &self.shape.costs);
            }
            mains.finish_tasks();
        }
        let lanes = 0..self.weights.len();
        let ends = |mains: &Mains<V>| lanes.clone().all(|lane| ends_in_range::<V>(mains.finish(lane)));
        self.mains.iter().all(ends).then_some(())?;
        let end = |mains: &Mains<V>| {
            (0..self.weights.len()).map(|lane| mains.end(lane, self.start[lane])).collect()
        };
        let columns = self.mains.iter().map(end).collect();
        Some(Ended { columns, nonzeros: self.counts.nonzeros() })
    }

    pub(super) fn costs(&self) -> &'a Costs {
        &self.shape.costs
    }

    /// The main thread of a column takes the wavelet that ends the block of `sender` when it comes to that.
    #[inline(always)]
    fn end_block(&mut self, word: Place, sender: usize, column: usize) {
        let costs = self.costs();
        let (next, rows) = (sender + 1, self.rows);
        let goes_on = rows < self.shape.rows;
        let (router, mains) = (&mut self.routers[column], &mut self.mains[column]);
        let there = router.passed[word].get().plus(costs.fabric.ramp);
        let received: V = router.received.get();
        let head = there.max(received.plus(1));
        let (picked, turned) = if column == next {
            let weights =
                |lane: usize, row| self.weights.get(lane).map_or(0, |weights| weights.count(row, next));
            mains.pick_sender(Wide::of(head), rows, weights, costs)
        } else {
            mains.pick_turn(head, (rows, goes_on), column, &self.counts, costs)
        };
        router.taken[word] = picked;
        router.received.set(received.max(picked.get() - V::all(1)));
        if column == next || column == sender {
            router.open.set(turned.get().plus(1));
        }
    }

    /// Let messages pass all routers, outwards; `sent` is the cycle of the sender's last step.
    ///
    /// Their pieces set out one column behind each other: what a column keeps is brought to the processor once for all
    /// of them.
    #[inline(always)]
    fn pass(&mut self, messages: &[Message], sender: usize, sent: &mut V) {
        let pieces: Vec<(&Message, usize)> = messages
            .iter()
            .flat_map(|message| (0..message.pieces.len()).map(move |piece| (message, piece)))
            .collect();
        let mut fronts = [Front::new(pieces.len()), Front::new(pieces.len())];
        let farthest = self.columns(sender, Way::East).max(self.columns(sender, Way::West));
        for at in 0..farthest + pieces.len() {
            for (way, front) in [Way::East, Way::West].into_iter().zip(&mut fronts) {
                self.go_out(&pieces, (sender, way), at, front);
            }
            if let Some(&(message, piece)) = pieces.get(at) {
                self.leave(message, piece, (sender, at), sent, &mut fronts);
            }
        }
    }

    /// Columns on one side of a sender.
    fn columns(&self, sender: usize, way: Way) -> usize {
        match way {
            Way::East => self.routers.len() - sender - 1,
            Way::West => sender,
        }
    }

    /// The first piece passes the column `at` so far from the sender, each other one the column before that.
    #[inline(always)]
    fn go_out(
        &mut self,
        pieces: &[(&Message, usize)],
        (sender, way): (usize, Way),
        at: usize,
        front: &mut Front<V>,
    ) {
        let columns = self.columns(sender, way);
        let from = at.saturating_sub(columns);
        for (nth, &(message, piece)) in pieces.iter().enumerate().take(at).skip(from) {
            let distance = at - nth;
            let column = if way == Way::East { sender + distance } else { sender - distance };
            if nth == 0 {
                self.fetch(column, way);
            }
            self.cross(message, (nth, piece), (column, way, distance == columns), front);
            if message.row.is_none() {
                self.end_block(message.pieces[piece].words()[0].at, sender, column);
            }
        }
    }

    /// Have the state closer of the columns that come behind one.
    #[inline(always)]
    fn fetch(&self, column: usize, way: Way) {
        let behind = |columns: usize| match way {
            Way::East => column + columns,
            Way::West => column.wrapping_sub(columns),
        };
        if let (Some(router), Some(mains)) =
            (self.routers.get(behind(FETCHED)), self.mains.get(behind(FETCHED)))
        {
            V::fetch(router);
            V::fetch(mains);
        }
        if let Some(mains) = self.mains.get(behind(1)) {
            mains.fetch_tasks();
        }
    }

    /// A piece of a message leaves its sender on both ways, and is received there.
    #[inline(always)]
    fn leave(
        &mut self,
        message: &Message,
        piece: usize,
        (sender, nth): (usize, usize),
        sent: &mut V,
        fronts: &mut [Front<V>; 2],
    ) {
        let costs = self.costs();
        if message.row.is_none() {
            // With the last word, or when there is room. Without a word before it, it is the sender's first step.
            let word = message.pieces[piece].words()[0].at as u32;
            let room = self.routers[sender].passed[Place::before(word, costs.output)].get().plus(1);
            let last = if self.shape.own[sender] == 0 { sent.plus(1) } else { *sent };
            *sent = last.max(room);
        }
        give_back(message, piece, &mut self.mains[sender], (sender, &self.counts), costs);
        let words = message.pieces[piece].words().iter().enumerate();
        for (word, &Word { at, before, lane, queue, asks, opens, closes, .. }) in words {
            let router = &self.routers[sender];
            if let Some(room) = opens {
                *sent = sent.max(router.passed[room].get()).plus(1);
            }
            let last: V = router.passed[before].get();
            let mut passes = sent.plus(1 + costs.fabric.ramp).max(last.plus(1)).max(router.open.get());
            if asks {
                passes = passes.max(router.taken[queue].get().plus(1));
            }
            for (way, next) in [(Way::East, sender + 1), (Way::West, sender.wrapping_sub(1))] {
                let Some(next) = self.routers.get(next) else { continue };
                let earlier = nth
                    .checked_sub(1)
                    .filter(|_| piece > 0)
                    .map(|nth| fronts[way as usize].passed[nth][word]);
                let room = match earlier {
                    Some(earlier) => earlier,
                    None => next.passed[lane].get(),
                };
                passes = passes.max(room.plus(1)).max(router.links[way as usize].get().from());
            }
            let router = &mut self.routers[sender];
            for way in [Way::East, Way::West] {
                let mut free = router.links[way as usize].get();
                free.pass(passes, costs.fabric.interval);
                router.links[way as usize].set(free);
                fronts[way as usize].there[nth][word] = passes.plus(costs.fabric.hop);
            }
            router.passed[at].set(passes);
            if closes {
                let there = passes.plus(costs.fabric.ramp);
                let step = message.pieces[piece].step::<0, false>(word);
                let mut received: V = router.received.get();
                let receiver = (&mut router.taken[step.at], &mut self.mains[sender]);
                receive(step, message, (there, &mut received), receiver);
                router.received.set(received);
            }
        }
        if message.row.is_none() {
            self.end_block(message.pieces[piece].words()[0].at, sender, sender);
        }
    }
}
