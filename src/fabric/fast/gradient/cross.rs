//! A piece of a message passes a router: a few maxima and sums for each word, in all lanes at once.

use crate::fabric::fast::gradient::main_thread::Mains;
use crate::fabric::fast::gradient::message::{Message, Piece, Word};
use crate::fabric::fast::gradient::router::{Front, Router, Way, give_back, receive};
use crate::fabric::fast::gradient::row::Row;
use crate::fabric::fast::gradient::shape::Costs;
use crate::fabric::fast::link::Free;
use crate::fabric::fast::source::DEPTH;
use crate::fabric::fast::wide::{Vector, Wide, Work};

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
        let count = words.words().len();
        let visit = Visit {
            costs,
            message,
            words,
            there: &mut front.there[nth],
            before: before.last().filter(|_| piece > 0),
            passed: &mut passed[0],
            router,
            way,
            next: next.filter(|_| !ends),
            mains,
        };
        if !words.is_whole || ends || count > WRITTEN_OUT {
            let mut crossing = Crossing::new(visit);
            for word in 0..count {
                crossing.word::<0, false>(word);
            }
            crossing.ends();
        } else if piece == 0 {
            visit.whole::<false>(count);
        } else {
            visit.whole::<true>(count);
        }
    }
}

/// Words of a piece that are written out one by one, at most.
const WRITTEN_OUT: usize = 4;

/// A piece at a router.
struct Visit<'a, V: Vector> {
    costs: &'a Costs,
    message: &'a Message,
    words: &'a Piece,
    /// When its words are there, when those of the piece before it have passed the next router, and when these pass.
    there: &'a mut [V; DEPTH],
    before: Option<&'a [V; DEPTH]>,
    passed: &'a mut [V; DEPTH],
    router: &'a mut Router<V>,
    way: Way,
    /// The router that it leaves to.
    next: Option<&'a Router<V>>,
    mains: &'a mut Mains<V>,
}

impl<V: Vector> Visit<'_, V> {
    #[inline(always)]
    fn whole<const LATER: bool>(self, words: usize) {
        match words {
            4 => V::apart(Whole::<V, 4, LATER>(self)),
            3 => V::apart(Whole::<V, 3, LATER>(self)),
            2 => V::apart(Whole::<V, 2, LATER>(self)),
            _ => V::apart(Whole::<V, 1, LATER>(self)),
        }
    }
}

/// A piece of so many words in whole steps, `LATER` than the first one of its message, that goes on.
struct Whole<'a, V: Vector, const WORDS: usize, const LATER: bool>(Visit<'a, V>);

impl<V: Vector, const WORDS: usize, const LATER: bool> Work for Whole<'_, V, WORDS, LATER> {
    #[inline(always)]
    fn run(self) {
        let mut crossing = Crossing::new(self.0);
        crossing.word::<WORDS, LATER>(0);
        if WORDS > 1 {
            crossing.word::<WORDS, LATER>(1);
        }
        if WORDS > 2 {
            crossing.word::<WORDS, LATER>(2);
        }
        if WORDS > 3 {
            crossing.word::<WORDS, LATER>(3);
        }
        crossing.ends();
    }
}

/// A piece on its way through a router.
struct Crossing<'a, V: Vector> {
    at: Visit<'a, V>,
    /// When the word before it passed, the link that it leaves by, the first cycle of the switch position, and the last
    /// step of the receiver.
    last: V,
    free: Free<V>,
    open: V,
    received: V,
}

impl<'a, V: Vector> Crossing<'a, V> {
    #[inline(always)]
    fn new(at: Visit<'a, V>) -> Self {
        Self {
            last: at.router.passed[at.words.words()[0].before].get(),
            free: at.router.links[at.way as usize].get(),
            open: at.router.open.get(),
            received: at.router.received.get(),
            at,
        }
    }

    /// A word passes, one of so many in whole steps if there is any of them.
    #[inline(always)]
    fn word<const WHOLE: usize, const LATER: bool>(&mut self, word: usize) {
        let fabric = self.at.costs.fabric;
        let Word { at, lane, queue, asks, closes, keeps, .. } = self.at.words.word::<WHOLE>(word);
        if asks {
            self.last = self.last.max(self.at.router.taken[queue].get());
        }
        let mut passes = self.last.plus(1).max(self.at.there[word]);
        // The other ones pass later than it.
        if word == 0 {
            passes = passes.max(self.open);
        }
        if let Some(next) = self.at.next {
            let room = match self.at.before {
                Some(before) if WHOLE == 0 || LATER => before[word],
                _ => next.passed[lane].get(),
            };
            passes = self.free.pass(passes.max(room.plus(1)), fabric.interval);
        }
        self.last = passes;
        self.at.passed[word] = passes;
        if keeps {
            self.at.router.passed[at].set(passes);
        }
        self.at.there[word] = passes.plus(fabric.hop);
        if closes {
            let there = passes.plus(fabric.ramp);
            let step = self.at.words.step::<WHOLE, LATER>(word);
            let receiver: (&mut Wide<V>, _) = (&mut self.at.router.taken[step.at], &mut *self.at.mains);
            receive(step, self.at.message, (there, &mut self.received), receiver);
        }
    }

    /// Keep what became of link and receiver.
    #[inline(always)]
    fn ends(self) {
        let Self { at: Visit { router, way, .. }, free, received, .. } = self;
        router.received.set(received);
        router.links[way as usize].set(free);
    }
}
