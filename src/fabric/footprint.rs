//! Memory that the state of the engine takes.

use crate::fabric::engine::Engine;
use crate::fabric::values::Values;

/// Memory behind a vector, room for more included.
pub(crate) fn of_vec<T>(of: &Vec<T>) -> usize {
    of.capacity() * size_of::<T>()
}

impl<V: Values, O> Engine<'_, V, O> {
    /// Bytes that it holds for PEs and edge streams, without code.
    pub(crate) fn footprint(&self) -> usize {
        self.ces.footprint()
            + of_vec(&self.sources)
            + self.shared.mesh.footprint()
            + self.shared.wheel_footprint()
    }
}
