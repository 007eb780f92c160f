//! Memory that the state of the engine takes.

use crate::fabric::engine::Engine;
use crate::fabric::values::Values;

/// Memory behind a vector, room for more included.
pub(crate) fn of_vec<T>(of: &Vec<T>) -> usize {
    of.capacity() * size_of::<T>()
}

/// Memory behind a slice in a box.
pub(crate) fn of_box<T>(of: &[T]) -> usize {
    size_of_val(of)
}

impl<V: Values> Engine<'_, V> {
    /// Bytes that it holds for PEs and edge streams, without code.
    pub(crate) fn footprint(&self) -> usize {
        let behind: usize = self.ces.iter().map(|ce| ce.footprint()).sum();
        of_vec(&self.ces)
            + behind
            + of_vec(&self.sources)
            + self.shared.mesh.footprint()
            + self.shared.wheel_footprint()
    }
}
