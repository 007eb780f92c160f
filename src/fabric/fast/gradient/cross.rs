//! A piece of a message passes a router: a few maxima and sums for each word, in all lanes at once.

use crate::fabric::fast::gradient::main_thread::Mains;
use crate::fabric::fast::gradient::message::{Message, Piece, Word};
use crate::fabric::fast::gradient::router::{Front, Router, Way, give_back, receive};
use crate::fabric::fast::gradient::row::Row;
use crate::fabric::fast::gradient::shape::Costs;
use crate::fabric::fast::link::Free;
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{Vector, Wide};

impl<V: Vector> Row<'_, V> {
    /// The `nth` of the pieces that are under way, a `piece` of its message, passes a router, and leaves it on the same way
    /// unless it `ends` there.
    #[inline(always)]
    pub(super) fn cross(
        &mut self,
        message: &Message,
        (nth, piece): (usize, usize),
        (column, way, ends): (usize, Way, bool),
        front: &mut Front<V>,
    ) {
        let costs = self.costs();
        let (before, passed) = front.passed.split_at_mut(nth);
        let (router, next) = match way {
            Way::East => {
                let (here, next) = self.routers.split_at_mut(column + 1);
                (&mut here[column], next.first())
            }
            Way::West => {
                let (next, here) = self.routers.split_at_mut(column);
                (&mut here[0], next.last())
            }
        };
        let mains = &mut self.mains[column];
        give_back(message, piece, mains, (column, &self.counts), costs);
        let words = &message.pieces[piece];
        let mut crossing = Crossing {
            last: router.passed[words.words()[0].before].get(),
            free: router.links[way as usize].get(),
            open: router.open.get(),
            received: router.received.get(),
            costs,
            message,
            words,
            there: &mut front.there[nth],
            before: before.last().filter(|_| piece > 0),
            passed: &mut passed[0],
            router,
            next: next.filter(|_| !ends),
            mains,
        };
        match (words.is_whole, words.words().len()) {
            (true, 4) => {
                crossing.word::<4>(0);
                crossing.word::<4>(1);
                crossing.word::<4>(2);
                crossing.word::<4>(3);
            }
            (true, 3) => {
                crossing.word::<3>(0);
                crossing.word::<3>(1);
                crossing.word::<3>(2);
            }
            (true, 2) => {
                crossing.word::<2>(0);
                crossing.word::<2>(1);
            }
            (true, 1) => crossing.word::<1>(0),
            (_, count) => {
                for word in 0..count {
                    crossing.word::<0>(word);
                }
            }
        }
        let Crossing { free, received, router, .. } = crossing;
        router.received.set(received);
        router.links[way as usize].set(free);
    }
}

/// A piece on its way through a router.
struct Crossing<'a, V: Vector> {
    costs: &'a Costs,
    message: &'a Message,
    words: &'a Piece,
    /// When its words are there, when those of the piece before it have passed the next router, and when these pass.
    there: &'a mut [V; DEPTH],
    before: Option<&'a [V; DEPTH]>,
    passed: &'a mut [V; DEPTH],
    router: &'a mut Router<V>,
    /// The router that it leaves to.
    next: Option<&'a Router<V>>,
    mains: &'a mut Mains<V>,
    /// When the word before it passed, the link that it leaves by, the first cycle of the switch position, and the last
    /// step of the receiver.
    last: V,
    free: Free<V>,
    open: V,
    received: V,
}

impl<V: Vector> Crossing<'_, V> {
    /// A word passes, one of so many in whole steps if there is any of them.
    #[inline(always)]
    fn word<const WHOLE: usize>(&mut self, word: usize) {
        let fabric = self.costs.fabric;
        let Word { at, lane, queue, asks, closes, keeps, .. } = self.words.word::<WHOLE>(word);
        if asks {
            self.last = self.last.max(self.router.taken[queue].get());
        }
        let mut passes = self.last.plus(1).max(self.there[word]);
        // The other ones pass later than it.
        if word == 0 {
            passes = passes.max(self.open);
        }
        if let Some(next) = self.next {
            let room = match self.before {
                Some(before) => before[word],
                None => next.passed[lane].get(),
            };
            passes = self.free.pass(passes.max(room.plus(1)), fabric.interval);
        }
        self.last = passes;
        self.passed[word] = passes;
        if keeps {
            self.router.passed[at].set(passes);
        }
        self.there[word] = passes.plus(fabric.hop);
        if closes {
            let there = passes.plus(fabric.ramp);
            let step = self.words.step(word);
            let receiver: (&mut Wide<V>, _) = (&mut self.router.taken[step.at], &mut *self.mains);
            receive(step, self.message, (there, &mut self.received), receiver);
        }
    }
}
