//! Edge streams: wavelets that enter the fabric from outside, as fast as the link takes them.

use std::marker::PhantomData;

use crate::fabric::mesh::{Mesh, Upstream};
use crate::fabric::values::Values;
use crate::fabric::wheel::Wheel;
use crate::program::{Program, StreamIter};
use crate::spec::wafer::WaferSpec;

/// The sender behind one edge stream.
#[derive(Debug)]
pub(crate) struct Source<'a, V> {
    items: StreamIter<'a>,
    lane: usize,
    pub(crate) credit: u16,
    /// Time from which the link is free, in eighths of a cycle, and what a wavelet adds to it.
    free: u64,
    interval: u64,
    hop: u64,
    values: PhantomData<V>,
}

impl<'a, V: Values> Source<'a, V> {
    /// All sources of a program, connected to the lanes that they feed.
    pub(crate) fn all(program: &'a Program, spec: &WaferSpec, mesh: &mut Mesh<'_, V::Word>) -> Vec<Self> {
        let mut sources = Vec::new();
        for stream in &program.streams {
            let Some(lane) = mesh.lane(program.pe_index(stream.at), stream.color, stream.port) else {
                continue;
            };
            mesh.lanes[lane].upstream = Upstream::Source(sources.len() as u32);
            sources.push(Self {
                items: stream.items.iter(),
                lane,
                credit: spec.fabric.router_buffer_wavelets as u16,
                free: 0,
                interval: u64::from(spec.fabric.link_interval.0),
                hop: u64::from(spec.fabric.hop_latency_cycles),
                values: PhantomData,
            });
        }
        sources
    }

    /// Whether everything was sent.
    pub(crate) fn is_done(&self) -> bool {
        self.items.is_done()
    }

    /// Send one wavelet if the link and the buffer behind it allow; whether one was sent.
    pub(crate) fn send(
        &mut self,
        cycle: u64,
        mesh: &mut Mesh<'_, V::Word>,
        wheel: &mut Wheel,
        actor: usize,
    ) -> bool {
        if self.is_done() || self.credit == 0 {
            return false;
        }
        if self.free > 8 * cycle + 7 {
            wheel.wake(actor, (self.free - 7).div_ceil(8));
            return false;
        }
        let Some(wavelet) = self.items.next() else { return false };
        self.credit -= 1;
        self.free = (8 * cycle).max(self.free) + self.interval;
        mesh.enter(self.lane, cycle + self.hop, V::word(wavelet), wheel);
        if !self.is_done() && self.credit > 0 {
            wheel.wake(actor, (self.free.max(7) - 7).div_ceil(8).max(cycle + 1));
        }
        true
    }
}
