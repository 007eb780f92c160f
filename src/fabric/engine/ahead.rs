//! What comes next is fetched into caches.
//!
//! A few thousand PEs do not fit into a core's own caches, and one visit after the other would wait for memory
//! a dozen times. Reading a word of everything that a group of visits will need, with nothing that depends on
//! what was read, lets the processor fetch all of it at once.

use std::hint::black_box;

use crate::fabric::engine::Engine;
use crate::fabric::values::Values;

/// Visits that are looked ahead at together: what they need fits the smallest cache.
pub(super) const GROUP: usize = 8;

impl<V: Values> Engine<'_, V> {
    /// Read what routers will need.
    #[inline]
    pub(super) fn look_ahead_at_routers(&self, routers: &[u32]) {
        let mesh = &self.shared.mesh;
        black_box(routers.iter().fold(0, |sum, &pe| mesh.glance(pe as usize).wrapping_add(sum)));
    }

    /// Read what compute elements, given by their actors, will need.
    #[inline]
    pub(super) fn look_ahead_at_ces(&self, actors: &[u32]) {
        let n = self.shared.program.pe_count();
        let arena = &self.shared.mesh.arena;
        let glance = |actor: u32| self.ces.glance(actor as usize - n, arena);
        black_box(actors.iter().fold(0, |sum, &actor| glance(actor).wrapping_add(sum)));
    }
}
