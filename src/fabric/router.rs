//! One cycle of one router: lanes send what links, queues and credits allow.
//!
//! Lanes that want one link take turns. Where more want down the ramp than it brings in a cycle, the color that comes
//! first in the router's table goes first: so a program says what must not wait.

use std::ops::Range;

use crate::fabric::fifo::short;
use crate::fabric::mesh::{Mesh, NONE, Router, Upstream};
use crate::fabric::observe::Observer;
use crate::fabric::wheel::{Wheel, router};
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

/// A color arrived from two directions in one cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clash {
    pub(crate) pe: u32,
    pub(crate) color: ColorId,
    pub(crate) ports: (Port, Port),
}

/// A router's cycle so far.
struct Visit<'a, O> {
    pe: usize,
    cycle: u64,
    router: Router,
    /// Output ports that take no more wavelets.
    used: u8,
    /// Lanes behind this one do not get the ramp.
    ramp_until: usize,
    /// Whether a wavelet went anywhere.
    moved: bool,
    /// When to look again, as far as the router knows by itself.
    next: u64,
    wheel: &'a mut Wheel,
    deferred: &'a mut Vec<Deferred>,
    observer: &'a mut O,
}

/// Take the lowest port out of a set that is not empty.
#[inline]
fn take_port(set: &mut u8) -> usize {
    let port = set.trailing_zeros() as usize;
    *set &= *set - 1;
    port
}

const RAMP: usize = Port::Ramp as usize;

impl<W: Copy + Default> Mesh<'_, W> {
    /// Put a word into a lane, to be used from `ready` on. If it is the first, wake its router then; if not,
    /// the router knows of those before it.
    #[inline]
    pub(crate) fn enter(&mut self, lane: usize, ready: u64, word: W, wheel: &mut Wheel) -> Option<Clash> {
        let at = &mut self.lanes[lane];
        let (slot, port) = (at.slot as usize, at.port);
        self.arena.push(&mut at.fifo, ready, word);
        if port != Port::Ramp {
            self.high_water = self.high_water.max(at.fifo.len);
        }
        let first = at.fifo.len == 1;
        let state = &mut self.slots[slot];
        let (pe, last) = (state.pe, (state.arrived, state.arrived_from));
        (state.arrived, state.arrived_from) = (short(ready), port);
        if first {
            self.awake.insert(lane);
            wheel.wake(router(pe as usize), ready);
        }
        // What the compute element sends waits in a queue of its own.
        let links = port != Port::Ramp && last.1 != Port::Ramp;
        (links && last.0 == short(ready) && last.1 != port).then(|| Clash {
            pe,
            color: self.color(slot),
            ports: (last.1, port),
        })
    }

    /// One cycle of one router; whether anything moved. What goes down the ramp is in [`Self::arrivals`] then.
    /// Credits are deferred.
    pub(crate) fn route<O: Observer>(
        &mut self,
        pe: usize,
        cycle: u64,
        wheel: &mut Wheel,
        deferred: &mut Vec<Deferred>,
        observer: &mut O,
    ) -> Result<bool, Clash> {
        let state = self.routers[pe];
        let lanes = state.lanes();
        let turn = lanes.start + usize::from(state.turn);
        self.arrivals.clear();
        let (used, ramp_until, next) = (0, usize::MAX, u64::MAX);
        let mut visit = Visit {
            pe,
            cycle,
            router: state,
            used,
            ramp_until,
            moved: false,
            next,
            wheel,
            deferred,
            observer,
        };
        if state.crowded {
            visit.ramp_until = self.last_down(lanes.clone(), &mut visit);
        }
        // From the lane whose turn it is to the last, then from the first.
        let (mut from, mut end) = (turn, lanes.end);
        loop {
            while let Some(lane) = self.awake.next(from, end) {
                if let Some(to) = self.may_send(lane, &mut visit) {
                    self.send(lane, to, &mut visit)?;
                }
                from = lane + 1;
            }
            if end == turn {
                break;
            }
            (from, end) = (lanes.start, turn);
        }
        self.routers[pe] = visit.router;
        if visit.next != u64::MAX {
            visit.wheel.wake(router(pe), visit.next);
        }
        Ok(visit.moved)
    }

    /// The last lane that gets the ramp in this cycle: of those that could go, the first ones of the router's table.
    fn last_down<O>(&mut self, lanes: Range<usize>, visit: &mut Visit<'_, O>) -> usize {
        let (mut from, mut left) = (lanes.start, self.ramp_width);
        while let Some(lane) = self.awake.next(from, lanes.end) {
            left -= usize::from(self.may_send(lane, visit).is_some_and(|to| to.contains(Port::Ramp)));
            if left == 0 {
                return lane;
            }
            from = lane + 1;
        }
        usize::MAX
    }

    /// The ports that the head of a lane goes to, if it can go now to all of them. If not, either the router
    /// looks again by itself, or the lane sleeps until a credit or switch rouses it.
    #[inline]
    fn may_send<O>(&mut self, at: usize, visit: &mut Visit<'_, O>) -> Option<PortSet> {
        let lane = &self.lanes[at];
        let (ready, _) = self.arena.head(&lane.fifo);
        if ready > visit.cycle {
            visit.next = visit.next.min(ready);
            return None;
        }
        let slot = &mut self.slots[lane.slot as usize];
        if slot.open_lane as usize != at {
            self.awake.remove(at);
            return None;
        }
        let mut go = true;
        if slot.to.0 & visit.used != 0 || (at > visit.ramp_until && slot.to.contains(Port::Ramp)) {
            visit.next = visit.next.min(visit.cycle + 1);
            go = false;
        }
        let mut ports = slot.to.0 & !visit.used;
        while ports != 0 {
            let port = take_port(&mut ports);
            let room = if port == RAMP {
                slot.in_credit > 0
            } else {
                let free = visit.router.link_free[port];
                if free > 8 * visit.cycle + 7 {
                    visit.next = visit.next.min((free - 7).div_ceil(8));
                    go = false;
                }
                slot.out_lane[port] == NONE || slot.credit[port] > 0
            };
            if !room {
                let slot = lane.slot as usize;
                self.starve(at, slot);
                return None;
            }
        }
        go.then_some(slot.to)
    }

    /// Send the head of a lane to all of `to`.
    #[inline]
    fn send<O: Observer>(&mut self, at: usize, to: PortSet, visit: &mut Visit<'_, O>) -> Result<(), Clash> {
        let lane = &mut self.lanes[at];
        let slot = lane.slot as usize;
        let word = self.arena.pop(&mut lane.fifo);
        visit.deferred.push(Deferred::Credit(lane.upstream));
        let next = (lane.fifo.len > 0).then(|| self.arena.head(&lane.fifo).0.max(visit.cycle + 1));
        let mut room = true;
        let shares = lane.shares;
        visit.moved = true;
        visit.used |= to.0 & !(1 << RAMP);
        let router = &mut visit.router;
        if shares {
            let turn = at - router.first_lane as usize + 1;
            router.turn = if turn == usize::from(router.lanes) { 0 } else { turn as u16 };
        }
        let mut ports = to.0;
        while ports != 0 {
            let port = take_port(&mut ports);
            self.copied += u64::from(ports != 0);
            if port == RAMP {
                let slot = &mut self.slots[slot];
                slot.in_credit -= 1;
                room &= slot.in_credit > 0;
                self.arrivals.push((slot.in_queue, word));
                visit.used |= u8::from(self.arrivals.len() == self.ramp_width) << RAMP;
                continue;
            }
            let free = &mut visit.router.link_free[port];
            *free = (8 * visit.cycle).max(*free) + self.interval;
            visit.router.carried[port] += 1;
            self.hops += 1;
            if O::WATCHES {
                visit.observer.carried(visit.pe, Port::ALL[port], self.color(slot), visit.cycle);
            }
            let out = self.slots[slot].out_lane[port];
            if out == NONE {
                self.last_drained = visit.cycle + 1;
                self.drain(visit.pe, Port::ALL[port], word);
                continue;
            }
            let credit = &mut self.slots[slot].credit[port];
            *credit -= 1;
            room &= *credit > 0;
            if let Some(clash) = self.enter(out as usize, visit.cycle + self.hop, word, visit.wheel) {
                return Err(clash);
            }
        }
        match next {
            Some(next) if room => visit.next = visit.next.min(next),
            Some(_) => self.starve(at, slot),
            None => self.awake.remove(at),
        }
        Ok(())
    }

    /// A lane of a slot sleeps until a credit comes.
    #[inline]
    fn starve(&mut self, lane: usize, slot: usize) {
        self.slots[slot].starved = true;
        self.awake.remove(lane);
    }

    /// A word leaves over the edge.
    fn drain(&mut self, pe: usize, port: Port, word: W) {
        self.drained_count += 1;
        if self.keep_drained {
            self.drained.push((pe as u32, port, word));
        }
    }
}
