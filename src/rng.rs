//! Seeded random streams: the same numbers on every machine, in every run and at any thread count.
//!
//! A stream is named by a pair (seed, stream number). ChaCha8, which has such pairs built in, derives the
//! start state; the numbers themselves come from four interleaved xoshiro256++ generators (Blackman and
//! Vigna, "Scrambled linear pseudorandom number generators", 2021), which a compiler turns into vector
//! instructions. Streams of different names are independent for every practical purpose: their start states
//! are 1024 bits of cipher output each.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Generators that run side by side.
pub const LANES: usize = 4;

/// A stream of random words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Word `w` of the state of lane `l` is `state[w][l]`.
    state: [[u64; LANES]; 4],
}

impl Stream {
    /// Stream number `stream` of `seed`, from its start.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut cipher = ChaCha8Rng::from_seed(key);
        cipher.set_stream(stream);
        Self { state: std::array::from_fn(|_| std::array::from_fn(|_| cipher.next_u64())) }
    }

    /// The next word of every lane. Inlined, so that it is compiled for the vectors of its caller.
    #[inline(always)]
    pub fn next_words(&mut self) -> [u64; LANES] {
        let [a, b, c, d] = &mut self.state;
        let mut words = [0; LANES];
        for lane in 0..LANES {
            words[lane] = a[lane].wrapping_add(d[lane]).rotate_left(23).wrapping_add(a[lane]);
            let shifted = b[lane] << 17;
            c[lane] ^= a[lane];
            d[lane] ^= b[lane];
            b[lane] ^= c[lane];
            a[lane] ^= d[lane];
            c[lane] ^= shifted;
            d[lane] = d[lane].rotate_left(45);
        }
        words
    }
}

/// Maps a random word onto `0..bound` (0 where `bound` is 0).
///
/// A value's probability differs from 1/`bound` by less than 2^-64, too little for any run to notice.
#[inline]
pub fn scale(word: u64, bound: u64) -> u64 {
    ((u128::from(word) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_follow_the_published_generator() {
        let start = [[1, 5, 0, 1], [2, 6, 0, 2], [3, 7, 1, 3], [4, 8, 0, 4]];
        let mut stream = Stream { state: start };
        let first: Vec<u64> = (0..6).map(|_| stream.next_words()[0]).collect();
        // The first words after the state (1, 2, 3, 4), as the authors' C code prints them.
        let published = [
            41943041,
            58720359,
            3588806011781223,
            3591011842654386,
            9228616714210784205,
            9973669472204895162,
        ];
        assert_eq!(first, published);

        let mut again = Stream { state: start };
        for word in published {
            let words = again.next_words();
            assert_eq!((words[0], words[3]), (word, word), "lanes of equal state stay equal");
            assert_ne!(words[0], words[1]);
        }
    }

    #[test]
    fn streams_are_pinned_and_distinct() {
        assert_eq!(Stream::new(1, 2), Stream::new(1, 2));
        let words = |seed, stream| Stream::new(seed, stream).next_words();
        assert_ne!(words(1, 2), words(2, 1));
        assert_ne!(words(1, 2), words(1, 3));
        let pinned = [8679787929761385936, 17817538460655534919, 3563475224488432878, 6290214935826095200];
        assert_eq!(words(0, 0), pinned, "a change here changes every mask of every record");
    }

    #[test]
    fn scaling_reaches_both_ends() {
        assert_eq!(scale(0, 10), 0);
        assert_eq!(scale(u64::MAX, 10), 9);
        assert_eq!(scale(1 << 63, 10), 5);
        assert_eq!(scale(u64::MAX, 0), 0);
    }
}
