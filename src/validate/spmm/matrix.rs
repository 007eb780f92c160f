//! The sparse matrices of the published measurements, bit by bit, and how they fall on tiles.

/// The pseudo-random numbers of the C library that the matrices were drawn with (GNU, additive feedback over 31
/// words), from seed 0, which it takes for 1.
struct Draw {
    state: [u32; 31],
    front: usize,
}

impl Draw {
    fn new() -> Self {
        let mut state = [1u32; 31];
        for n in 1..state.len() {
            // 16807 x mod 2^31 - 1.
            state[n] = (u64::from(state[n - 1]) * 16_807 % 0x7fff_ffff) as u32;
        }
        let mut draw = Self { state, front: 3 };
        for _ in 0..310 {
            draw.next();
        }
        draw
    }

    /// 31 bits.
    fn next(&mut self) -> u32 {
        let back = (self.front + 28) % 31;
        let sum = self.state[self.front].wrapping_add(self.state[back]);
        self.state[self.front] = sum;
        self.front = (self.front + 1) % 31;
        sum >> 1
    }
}

/// Where an `n` x `k` matrix has non-zeros.
#[derive(Debug)]
pub(super) struct Matrix {
    n: u32,
    k: u32,
    bits: Vec<u64>,
}

impl Matrix {
    /// So many percent of all places, drawn one after the other until a free one is found; a number for each
    /// value is drawn too, and where that is zero the place stays free.
    pub(super) fn draw(n: u32, k: u32, percent: u32) -> Self {
        let places = n * k;
        let mut matrix = Self { n, k, bits: vec![0; places.div_ceil(64) as usize] };
        let mut draw = Draw::new();
        for _ in 0..u64::from(percent) * u64::from(places) / 100 {
            let place = loop {
                let place = draw.next() % places;
                if !matrix.holds(place) {
                    break place;
                }
            };
            if draw.next() != 0 {
                matrix.bits[place as usize / 64] |= 1 << (place % 64);
            }
        }
        matrix
    }

    fn holds(&self, place: u32) -> bool {
        self.bits[place as usize / 64] >> (place % 64) & 1 == 1
    }

    /// Rows of each tile on `height` x `width` tiles, cut into equal ones and the last shorter: the columns in
    /// which the row has non-zeros. Tile by tile, row-major.
    pub(super) fn tiles(&self, width: u32, height: u32) -> Vec<Vec<Vec<u32>>> {
        let (rows, columns) = (self.n.div_ceil(height), self.k.div_ceil(width));
        let tile = |at: u32| {
            let (x, y) = (at % width, at / width);
            let row = |row: u32| {
                let row = y * rows + row;
                let first = (x * columns).min(self.k);
                let last = (first + columns).min(self.k);
                let held = |column: &u32| row < self.n && self.holds(row * self.k + column);
                (first..last).filter(held).map(|column| column - first).collect()
            };
            (0..rows).map(row).collect()
        };
        (0..width * height).map(tile).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_library() {
        let mut draw = Draw::new();
        let first: Vec<u32> = (0..4).map(|_| draw.next()).collect();
        assert_eq!(first, [1_804_289_383, 846_930_886, 1_681_692_777, 1_714_636_915]);
    }

    #[test]
    fn matrices_have_as_many_places_as_asked_for_and_tiles_hold_them_all() {
        let matrix = Matrix::draw(30, 50, 20);
        let tiles = matrix.tiles(7, 4);
        assert_eq!(tiles.len(), 28);
        assert_eq!(tiles.iter().flatten().flatten().count(), 300);
        assert!(tiles.iter().all(|tile| tile.len() == 8));
    }
}
