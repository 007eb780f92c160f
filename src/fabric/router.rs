//! One cycle of one router: lanes take turns in sending what links, queues and credits allow.

use crate::fabric::mesh::{Mesh, NONE, Upstream};
use crate::fabric::wheel::Wheel;
use crate::ids::ColorId;
use crate::program::{Port, PortSet};

/// A message that takes effect at the start of the next cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deferred {
    /// A lane gave up a wavelet.
    Credit(Upstream),
    /// An input queue gave up a wavelet of this color slot.
    InputCredit(u32),
    /// A color slot goes to its next switch position.
    Switch(u32),
}

/// Where a forwarded wavelet leaves the mesh.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hop<W> {
    /// Into an input queue of the router's own PE.
    ToQueue { queue: u8, word: W },
    /// Over the edge.
    Drain { port: Port, word: W },
}

/// A color arrived from two directions in one cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clash {
    pub(crate) pe: u32,
    pub(crate) color: ColorId,
    pub(crate) ports: (Port, Port),
}

/// Who hears of what a router does.
pub(crate) struct Listeners<'a, W> {
    pub(crate) wheel: &'a mut Wheel,
    pub(crate) deferred: &'a mut Vec<Deferred>,
    pub(crate) hops: &'a mut Vec<Hop<W>>,
}

/// A router's cycle so far.
struct Visit {
    pe: usize,
    cycle: u64,
    /// Output ports that a wavelet went to.
    used: u8,
    /// When to look again, as far as the router knows by itself.
    next: u64,
}

/// Ports of a set, in order of their indices.
#[inline]
fn indices(set: u8) -> impl Iterator<Item = usize> {
    let mut rest = set;
    std::iter::from_fn(move || {
        let port = rest.trailing_zeros() as usize;
        // Without its lowest bit; of nothing stays nothing.
        let left = rest & rest.wrapping_sub(1);
        (std::mem::replace(&mut rest, left) != 0).then_some(port)
    })
}

const RAMP: usize = Port::Ramp as usize;

impl<W: Copy + Default> Mesh<'_, W> {
    /// Put a word into a lane, to be used from `ready` on, and wake its router then.
    #[inline]
    pub(crate) fn enter(&mut self, lane: usize, ready: u64, word: W, wheel: &mut Wheel) -> Option<Clash> {
        let at = &mut self.lanes[lane];
        let (slot, port) = (at.slot as usize, at.port);
        self.arena.push(&mut at.fifo, ready, word);
        self.high_water = self.high_water.max(at.fifo.len);
        self.filled.insert(lane);
        let state = &mut self.slots[slot];
        let (pe, last) = (state.pe, state.arrival);
        state.arrival = (ready, port);
        wheel.wake(pe as usize, ready);
        // What the compute element sends waits in a queue of its own.
        let links = port != Port::Ramp && last.1 != Port::Ramp;
        (links && last.0 == ready && last.1 != port).then(|| Clash {
            pe,
            color: self.color(slot),
            ports: (last.1, port),
        })
    }

    /// One cycle of one router; whether anything moved. Words that leave the mesh are handed back, credits
    /// are deferred.
    pub(crate) fn route(
        &mut self,
        pe: usize,
        cycle: u64,
        listeners: &mut Listeners<'_, W>,
    ) -> Result<bool, Clash> {
        let lanes = self.routers[pe].lanes();
        let turn = lanes.start + usize::from(self.routers[pe].turn);
        let mut visit = Visit { pe, cycle, used: 0, next: u64::MAX };
        // From the lane whose turn it is to the last, then from the first.
        for part in [turn..lanes.end, lanes.start..turn] {
            let mut from = part.start;
            while let Some(lane) = self.filled.next(from, part.end) {
                if let Some(to) = self.may_send(lane, &mut visit) {
                    self.send(lane, to, &mut visit, listeners)?;
                }
                from = lane + 1;
            }
        }
        if visit.next != u64::MAX {
            listeners.wheel.wake(pe, visit.next);
        }
        Ok(visit.used != 0)
    }

    /// The ports that the head of a filled lane goes to, if it can go now to all of them; notes what it
    /// waits for if not.
    #[inline]
    fn may_send(&mut self, lane: usize, visit: &mut Visit) -> Option<PortSet> {
        let lane = &self.lanes[lane];
        let (ready, _) = self.arena.head(&lane.fifo);
        if ready > visit.cycle {
            visit.next = visit.next.min(ready);
            return None;
        }
        let slot = &mut self.slots[lane.slot as usize];
        if slot.from != lane.port {
            return None;
        }
        let mut go = true;
        if slot.to.0 & visit.used != 0 {
            visit.next = visit.next.min(visit.cycle + 1);
            go = false;
        }
        for port in indices(slot.to.0 & !visit.used) {
            let room = if port == RAMP {
                slot.in_credit > 0
            } else {
                let free = self.routers[visit.pe].link_free[port];
                if free > 8 * visit.cycle + 7 {
                    visit.next = visit.next.min((free - 7).div_ceil(8));
                    go = false;
                    continue;
                }
                slot.out_lane[port] == NONE || slot.credit[port] > 0
            };
            slot.starved |= !room;
            go &= room;
        }
        go.then_some(slot.to)
    }

    /// Send the head of a lane to all of `to`.
    #[inline]
    fn send(
        &mut self,
        at: usize,
        to: PortSet,
        visit: &mut Visit,
        listeners: &mut Listeners<'_, W>,
    ) -> Result<(), Clash> {
        let lane = &mut self.lanes[at];
        let slot = lane.slot as usize;
        let word = self.arena.pop(&mut lane.fifo);
        listeners.deferred.push(Deferred::Credit(lane.upstream));
        if lane.fifo.len == 0 {
            self.filled.remove(at);
        } else {
            visit.next = visit.next.min(self.arena.head(&lane.fifo).0.max(visit.cycle + 1));
        }
        visit.used |= to.0;
        self.copied += u64::from(to.0.count_ones()) - 1;
        let router = &mut self.routers[visit.pe];
        let turn = at - router.first_lane as usize + 1;
        router.turn = if turn == usize::from(router.lanes) { 0 } else { turn as u16 };
        for port in indices(to.0) {
            if port == RAMP {
                let slot = &mut self.slots[slot];
                slot.in_credit -= 1;
                listeners.hops.push(Hop::ToQueue { queue: slot.in_queue, word });
                continue;
            }
            let free = &mut self.routers[visit.pe].link_free[port];
            *free = (8 * visit.cycle).max(*free) + self.interval;
            self.hops += 1;
            let out = self.slots[slot].out_lane[port];
            if out == NONE {
                listeners.hops.push(Hop::Drain { port: Port::ALL[port], word });
                continue;
            }
            self.slots[slot].credit[port] -= 1;
            if let Some(clash) = self.enter(out as usize, visit.cycle + self.hop, word, listeners.wheel) {
                return Err(clash);
            }
        }
        Ok(())
    }
}
