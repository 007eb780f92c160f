//! What a message meets in a column: its router, and what receives it there.

use crate::fabric::fast::counts::Counts;
use crate::fabric::fast::gradient::main_thread::Mains;
use crate::fabric::fast::gradient::message::{Message, Step};
use crate::fabric::fast::gradient::shape::Costs;
use crate::fabric::fast::link::Link;
use crate::fabric::fast::source::{DEPTH, place};
use crate::fabric::fast::wide::{Vector, Wide};

/// Router and receiver of a column.
#[derive(Clone, Debug)]
pub(super) struct Router<V: Vector> {
    /// When each of the last words passed it and was taken by the receiver.
    pub(super) passed: [Wide<V>; DEPTH],
    pub(super) taken: [Wide<V>; DEPTH],
    /// Links east and west.
    pub(super) links: [Link<V>; 2],
    /// First cycle of its switch position.
    pub(super) open: Wide<V>,
    /// Cycle of the last step of the receiver.
    pub(super) received: Wide<V>,
}

impl<V: Vector> Router<V> {
    /// Nothing has passed.
    pub(super) fn new() -> Self {
        let none = Wide::all(0);
        Self {
            passed: [none; DEPTH],
            taken: [none; DEPTH],
            links: [Link::new(); 2],
            open: none,
            received: none,
        }
    }
}

/// Which way a word goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    East,
    West,
}

/// How far a message has come on one way, piece by piece.
#[derive(Clone, Debug)]
pub(super) struct Front<V> {
    /// When its words are at the router that they come to next.
    pub(super) there: Vec<[V; DEPTH]>,
    /// When they passed the one that they came to last.
    pub(super) passed: Vec<[V; DEPTH]>,
}

impl<V: Vector> Front<V> {
    /// Nothing has gone out of so many pieces.
    #[inline(always)]
    pub(super) fn new(pieces: usize) -> Self {
        let none = [V::all(0); DEPTH];
        Self { there: vec![none; pieces], passed: vec![none; pieces] }
    }
}

/// Before the first piece of a vector the main thread comes to the end of the row that gives back the vector's slot.
#[inline(always)]
pub(super) fn give_back<V: Vector>(
    message: &Message,
    piece: usize,
    mains: &mut Mains<V>,
    (column, counts): (usize, &Counts<'_, V>),
    costs: &Costs,
) {
    if let (0, Some(row)) = (piece, message.waits_for)
        && mains.done <= row
    {
        mains.row(column, counts, costs);
    }
}

/// A receiver takes the words of a step, the last of which is there from `there` on, after the cycle in which it
/// received the step before.
#[inline(always)]
pub(super) fn receive<V: Vector>(
    step: Step,
    message: &Message,
    (there, received): (V, &mut V),
    (taken, mains): (&mut Wide<V>, &mut Mains<V>),
) {
    let mut now = there.max(received.plus(1));
    if let (true, Some(row)) = (step.first, message.waits_for) {
        now = now.max(mains.ends[place(row)].get());
    }
    taken.set(now);
    *received = now;
    if let (true, Some(row)) = (step.last, message.row) {
        mains.fill(row, Wide::of(now));
    }
}
