//! Buffers of wavelets: all of them in one arena, so that those of one PE lie next to each other.

use crate::fabric::footprint::of_vec;

/// A first-in first-out buffer in an [`Arena`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fifo {
    base: u32,
    cap: u16,
    head: u16,
    pub(crate) len: u16,
}

/// A word and the cycle from which it can be used; 32 bits are enough for any cycle of a run (see
/// [`crate::fabric::CYCLE_LIMIT`]). Without gaps, the buffers of a PE lie in few cache lines.
#[derive(Clone, Copy, Default)]
#[repr(C, packed)]
struct Entry<W> {
    ready: u32,
    word: W,
}

/// Entries of all buffers.
#[derive(Default)]
pub(crate) struct Arena<W>(Vec<Entry<W>>);

impl<W: Copy + Default> Arena<W> {
    /// No more buffers will come: give back the room for them.
    pub(crate) fn close(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Bytes that it takes.
    pub(crate) fn footprint(&self) -> usize {
        of_vec(&self.0)
    }

    /// A new buffer with room for `cap` words.
    pub(crate) fn fifo(&mut self, cap: u32) -> Fifo {
        let base = self.0.len() as u32;
        self.0.resize(self.0.len() + cap as usize, Entry::default());
        Fifo { base, cap: cap as u16, head: 0, len: 0 }
    }

    #[inline]
    pub(crate) fn push(&mut self, fifo: &mut Fifo, ready: u64, word: W) {
        debug_assert!(fifo.len < fifo.cap, "credits keep a buffer from overflowing");
        self.0[fifo.at(fifo.len)] = Entry { ready: short(ready), word };
        fifo.len += 1;
    }

    /// The oldest entry of a buffer that is not empty.
    #[inline]
    pub(crate) fn head(&self, fifo: &Fifo) -> (u64, W) {
        let Entry { ready, word } = self.0[fifo.base as usize + usize::from(fifo.head)];
        (u64::from(ready), word)
    }

    /// The n-th entry from the head.
    #[inline]
    pub(crate) fn peek(&self, fifo: &Fifo, n: u16) -> (u64, W) {
        let Entry { ready, word } = self.0[fifo.at(n)];
        (u64::from(ready), word)
    }

    #[inline]
    pub(crate) fn pop(&mut self, fifo: &mut Fifo) -> W {
        let (_, word) = self.head(fifo);
        fifo.head += 1;
        fifo.len -= 1;
        // An empty buffer begins anew: most hold a word or two, which then stay in one cache line.
        if fifo.head == fifo.cap || fifo.len == 0 {
            fifo.head = 0;
        }
        word
    }
}

/// A cycle in half the space. One that does not fit is later than any run lasts.
#[inline]
pub(crate) fn short(cycle: u64) -> u32 {
    cycle.min(u64::from(u32::MAX - 1)) as u32
}

impl Fifo {
    /// Index of the n-th entry from the head.
    #[inline]
    fn at(&self, n: u16) -> usize {
        let mut at = self.head + n;
        if at >= self.cap {
            at -= self.cap;
        }
        self.base as usize + usize::from(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_leave_in_the_order_in_which_they_came() {
        let mut arena = Arena::default();
        let (mut one, mut other) = (arena.fifo(3), arena.fifo(2));
        for round in 0..5 {
            arena.push(&mut one, round, 2 * round as u8);
            arena.push(&mut one, u64::MAX, 2 * round as u8 + 1);
            arena.push(&mut other, round, 99);
            assert_eq!(arena.head(&one), (round, 2 * round as u8));
            assert_eq!(arena.peek(&one, 1), (u64::from(u32::MAX - 1), 2 * round as u8 + 1));
            assert_eq!([arena.pop(&mut one), arena.pop(&mut one)], [2 * round as u8, 2 * round as u8 + 1]);
            assert_eq!(arena.pop(&mut other), 99);
        }
        assert_eq!((one.len, other.len), (0, 0));
    }
}
