//! What comes next is fetched into caches.
//!
//! A few thousand PEs do not fit into a core's own caches, and one visit after the other would wait for memory
//! a dozen times. Reading a word of everything that a group of visits will need, with nothing that depends on
//! what was read, lets the processor fetch all of it at once.

use std::hint::black_box;

use crate::fabric::engine::Engine;
use crate::fabric::mesh::Upstream;
use crate::fabric::router::Deferred;
use crate::fabric::values::Values;
use crate::fabric::wheel::router;

/// Visits that are looked ahead at together: what they need fits the smallest cache.
pub(super) const GROUP: usize = 16;

impl<V: Values> Engine<'_, V> {
    /// Read what the visits of routers and compute elements will need.
    #[inline]
    pub(super) fn look_ahead(&self, actors: &[u32]) {
        let mesh = &self.shared.mesh;
        let mut sum = 0_u32;
        for &actor in actors {
            let pe = actor as usize / 2;
            let read = if actor as usize == router(pe) { mesh.glance(pe) } else { self.ces.glance(pe, mesh) };
            sum = sum.wrapping_add(read);
        }
        black_box(sum);
    }

    /// Read what messages will change.
    #[inline]
    pub(super) fn look_ahead_at_messages(&self, messages: &[Deferred]) {
        let mesh = &self.shared.mesh;
        let mut sum = 0_u32;
        for &message in messages {
            sum = sum.wrapping_add(match message {
                Deferred::Credit(Upstream::Slot { slot, .. }) | Deferred::InputCredit(slot) => {
                    mesh.glance_at_slot(slot)
                }
                Deferred::Credit(Upstream::Output { pe, .. }) => self.ces.glance_at_output(pe as usize),
                _ => 0,
            });
        }
        black_box(sum);
    }
}
