//! Routers and links: colors, multicast, backpressure, switch positions.
//!
//! A wavelet waits in a *lane*, the buffer of one color at one input port of one router; the lane of the
//! ramp port is the compute element's output queue. The sender holds the credits of the lane that it feeds,
//! so that every message (a wavelet forwards, a credit backwards) takes at least a cycle and the order in
//! which routers are visited within a cycle cannot matter.

use crate::fabric::values::Values;
use crate::fabric::wheel::Wheel;
use crate::ids::ColorId;
use crate::program::{Port, PortSet, Program, RoutePosition, neighbour};
use crate::spec::wafer::WaferSpec;

/// "No lane", "no queue".
pub(crate) const NONE: u32 = u32::MAX;

/// A first-in first-out buffer in a shared arena.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fifo {
    base: u32,
    cap: u16,
    head: u16,
    pub(crate) len: u16,
}

/// Entries of all buffers: the cycle from which the word can be used, and the word.
#[derive(Debug)]
pub(crate) struct Arena<W>(Vec<(u64, W)>);

impl<W: Copy + Default> Arena<W> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn fifo(&mut self, cap: u32) -> Fifo {
        let base = self.0.len() as u32;
        self.0.resize(self.0.len() + cap as usize, (0, W::default()));
        Fifo { base, cap: cap as u16, head: 0, len: 0 }
    }

    #[inline]
    pub(crate) fn push(&mut self, fifo: &mut Fifo, ready: u64, word: W) {
        debug_assert!(fifo.len < fifo.cap, "credits keep a buffer from overflowing");
        let mut at = fifo.head + fifo.len;
        if at >= fifo.cap {
            at -= fifo.cap;
        }
        self.0[fifo.base as usize + usize::from(at)] = (ready, word);
        fifo.len += 1;
    }

    #[inline]
    pub(crate) fn head(&self, fifo: &Fifo) -> (u64, W) {
        self.0[fifo.base as usize + usize::from(fifo.head)]
    }

    /// The n-th entry from the head.
    #[inline]
    pub(crate) fn peek(&self, fifo: &Fifo, n: u16) -> (u64, W) {
        let mut at = fifo.head + n;
        if at >= fifo.cap {
            at -= fifo.cap;
        }
        self.0[fifo.base as usize + usize::from(at)]
    }

    #[inline]
    pub(crate) fn pop(&mut self, fifo: &mut Fifo) -> W {
        let (_, word) = self.head(fifo);
        fifo.head += 1;
        if fifo.head == fifo.cap {
            fifo.head = 0;
        }
        fifo.len -= 1;
        word
    }
}

/// Who gets the credit when a lane gives up a wavelet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Upstream {
    Slot { slot: u32, port: u8 },
    Output { pe: u32, queue: u8 },
    Source(u32),
    Nobody,
}

/// One color at one input port of one router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    pub(crate) fifo: Fifo,
    slot: u32,
    port: Port,
    pub(crate) upstream: Upstream,
}

/// One color at one router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) pe: u32,
    table: u16,
    entry: u16,
    position: u8,
    /// Some lane of this color waits for a credit.
    starved: bool,
    /// Lane that each link leads to; [`NONE`] leads over the edge.
    out_lane: [u32; 4],
    /// Room in that lane.
    credit: [u16; 4],
    /// Input queue of the compute element, as an index into the table of input queues.
    pub(crate) in_queue: u32,
    in_credit: u16,
    /// Last arrival, to catch two directions in one cycle.
    arrival: (u64, Port),
}

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

/// What a forwarded wavelet is about to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hop<W> {
    ToQueue { queue: u32, word: W },
    Drain { pe: u32, port: Port, word: W },
}

/// State of all routers.
#[derive(Debug)]
pub(crate) struct Mesh<W> {
    pub(crate) lanes: Vec<Lane>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) arena: Arena<W>,
    lane_base: Vec<u32>,
    slot_base: Vec<u32>,
    link_free: Vec<[u64; 4]>,
    next_lane: Vec<u8>,
    positions: Vec<Vec<Vec<RoutePosition>>>,
    colors: Vec<Vec<ColorId>>,
    interval: u64,
    hop: u64,
    pub(crate) hops: u64,
    pub(crate) copied: u64,
    pub(crate) high_water: u16,
}

/// A color arrived from two directions in one cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clash {
    pub(crate) pe: u32,
    pub(crate) color: ColorId,
    pub(crate) ports: (Port, Port),
}

impl<W: Copy + Default> Mesh<W> {
    /// Routers of `program`, which has been checked.
    pub(crate) fn new(program: &Program, spec: &WaferSpec, arena: Arena<W>) -> Self {
        let fabric = &spec.fabric;
        let mut mesh = Self {
            lanes: Vec::new(),
            slots: Vec::new(),
            arena,
            lane_base: Vec::with_capacity(program.pe_count() + 1),
            slot_base: Vec::with_capacity(program.pe_count() + 1),
            link_free: vec![[0; 4]; program.pe_count()],
            next_lane: vec![0; program.pe_count()],
            positions: program
                .routes
                .iter()
                .map(|t| t.iter().map(|r| r.positions.clone()).collect())
                .collect(),
            colors: program.routes.iter().map(|t| t.iter().map(|r| r.color).collect()).collect(),
            interval: u64::from(fabric.link_interval.0),
            hop: u64::from(fabric.hop_latency_cycles),
            hops: 0,
            copied: 0,
            high_water: 0,
        };
        for pe in 0..program.pe_count() {
            mesh.lane_base.push(mesh.lanes.len() as u32);
            mesh.slot_base.push(mesh.slots.len() as u32);
            mesh.add_router(program, spec, pe);
        }
        mesh.lane_base.push(mesh.lanes.len() as u32);
        mesh.slot_base.push(mesh.slots.len() as u32);
        mesh.connect(program, fabric.router_buffer_wavelets as u16);
        mesh
    }

    fn add_router(&mut self, program: &Program, spec: &WaferSpec, pe: usize) {
        let table = program.route_of[pe];
        let role = program.role(pe);
        for (entry, route) in program.routes[usize::from(table)].iter().enumerate() {
            let slot = self.slots.len() as u32;
            self.slots.push(Slot {
                pe: pe as u32,
                table,
                entry: entry as u16,
                position: 0,
                starved: false,
                out_lane: [NONE; 4],
                credit: [0; 4],
                in_queue: NONE,
                in_credit: 0,
                arrival: (u64::MAX, Port::Ramp),
            });
            let from = PortSet::of(&route.positions.iter().map(|p| p.from).collect::<Vec<_>>());
            for port in from.iter() {
                let (cap, upstream) = if port == Port::Ramp {
                    let Some(binding) = role.outputs.iter().find(|b| b.color == route.color) else {
                        continue;
                    };
                    let depth = spec.pe.output_queue_wavelets[binding.queue.index()];
                    (depth, Upstream::Output { pe: pe as u32, queue: binding.queue.0 })
                } else {
                    (spec.fabric.router_buffer_wavelets, Upstream::Nobody)
                };
                let fifo = self.arena.fifo(cap);
                self.lanes.push(Lane { fifo, slot, port, upstream });
            }
        }
    }

    fn connect(&mut self, program: &Program, depth: u16) {
        for pe in 0..program.pe_count() {
            for slot in self.slots_of(pe) {
                let Slot { table, entry, .. } = self.slots[slot];
                let color = self.colors[usize::from(table)][usize::from(entry)];
                let to = self.positions[usize::from(table)][usize::from(entry)]
                    .iter()
                    .fold(PortSet::default(), |set, p| PortSet(set.0 | p.to.0));
                for port in to.iter().filter(|&p| p != Port::Ramp) {
                    let Some(next) = neighbour(program, pe, port) else { continue };
                    let Some(lane) = self.lane(next, color, port.opposite()) else { continue };
                    self.slots[slot].out_lane[port as usize] = lane as u32;
                    self.slots[slot].credit[port as usize] = depth;
                    self.lanes[lane].upstream = Upstream::Slot { slot: slot as u32, port: port as u8 };
                }
            }
        }
    }

    fn slots_of(&self, pe: usize) -> std::ops::Range<usize> {
        self.slot_base[pe] as usize..self.slot_base[pe + 1] as usize
    }

    /// The color slot of a PE.
    pub(crate) fn slot(&self, pe: usize, color: ColorId) -> Option<usize> {
        self.slots_of(pe).find(|&s| {
            let slot = &self.slots[s];
            self.colors[usize::from(slot.table)][usize::from(slot.entry)] == color
        })
    }

    /// The lane of a color at a port of a PE.
    pub(crate) fn lane(&self, pe: usize, color: ColorId, port: Port) -> Option<usize> {
        let slot = self.slot(pe, color)? as u32;
        (self.lane_base[pe] as usize..self.lane_base[pe + 1] as usize)
            .find(|&l| self.lanes[l].slot == slot && self.lanes[l].port == port)
    }

    /// PE, color and port of a lane.
    pub(crate) fn place(&self, lane: &Lane) -> (usize, ColorId, Port) {
        let slot = &self.slots[lane.slot as usize];
        (slot.pe as usize, self.colors[usize::from(slot.table)][usize::from(slot.entry)], lane.port)
    }

    /// Bind a color slot to an input queue with so much room.
    pub(crate) fn bind_queue(&mut self, slot: usize, queue: u32, depth: u16) {
        self.slots[slot].in_queue = queue;
        self.slots[slot].in_credit = depth;
    }

    /// Apply a message from the cycle before; returns the PE whose router may go on.
    pub(crate) fn apply_input_credit(&mut self, slot: u32) -> Option<u32> {
        let slot = &mut self.slots[slot as usize];
        slot.in_credit += 1;
        std::mem::take(&mut slot.starved).then_some(slot.pe)
    }

    /// Apply a link credit; returns the PE whose router may go on.
    pub(crate) fn apply_link_credit(&mut self, slot: u32, port: u8) -> Option<u32> {
        let slot = &mut self.slots[slot as usize];
        slot.credit[usize::from(port)] += 1;
        std::mem::take(&mut slot.starved).then_some(slot.pe)
    }

    /// Put a slot into its next position; returns its PE.
    pub(crate) fn apply_switch(&mut self, slot: u32) -> u32 {
        let slot = &mut self.slots[slot as usize];
        let positions = self.positions[usize::from(slot.table)][usize::from(slot.entry)].len() as u8;
        slot.position = (slot.position + 1).min(positions - 1);
        slot.pe
    }

    /// Put a word into a lane, to be used from `ready` on, and wake its router then.
    #[inline]
    pub(crate) fn enter(&mut self, lane: usize, ready: u64, word: W, wheel: &mut Wheel) -> Option<Clash> {
        let Lane { slot, port, .. } = self.lanes[lane];
        let state = &mut self.slots[slot as usize];
        let clash = (state.arrival.0 == ready
            && state.arrival.1 != port
            && port != Port::Ramp
            && state.arrival.1 != Port::Ramp)
            .then(|| Clash {
                pe: state.pe,
                color: self.colors[usize::from(state.table)][usize::from(state.entry)],
                ports: (state.arrival.1, port),
            });
        state.arrival = (ready, port);
        wheel.wake(state.pe as usize, ready);
        self.arena.push(&mut self.lanes[lane].fifo, ready, word);
        self.high_water = self.high_water.max(self.lanes[lane].fifo.len);
        clash
    }

    /// One cycle of one router: forward what can go. Deliveries are handed back, credits are deferred.
    pub(crate) fn route<V: Values<Word = W>>(
        &mut self,
        pe: usize,
        cycle: u64,
        wheel: &mut Wheel,
        deferred: &mut Vec<Deferred>,
        hops: &mut Vec<Hop<W>>,
    ) -> Result<bool, Clash> {
        let base = self.lane_base[pe] as usize;
        let count = self.lane_base[pe + 1] as usize - base;
        let first = usize::from(self.next_lane[pe]);
        let mut used = 0u8;
        let mut next = u64::MAX;
        for i in 0..count {
            let turn = if first + i >= count { first + i - count } else { first + i };
            let at = base + turn;
            let lane = self.lanes[at];
            if lane.fifo.len == 0 {
                continue;
            }
            let (ready, word) = self.arena.head(&lane.fifo);
            if ready > cycle {
                next = next.min(ready);
                continue;
            }
            let slot = &mut self.slots[lane.slot as usize];
            let position =
                self.positions[usize::from(slot.table)][usize::from(slot.entry)][usize::from(slot.position)];
            if position.from != lane.port {
                continue;
            }
            let links = &mut self.link_free[pe];
            let mut go = true;
            for port in position.to.iter() {
                if used >> port as u8 & 1 == 1 {
                    next = next.min(cycle + 1);
                    go = false;
                } else if port == Port::Ramp {
                    if slot.in_credit == 0 {
                        slot.starved = true;
                        go = false;
                    }
                } else {
                    let p = port as usize;
                    if links[p] > 8 * cycle + 7 {
                        next = next.min((links[p] - 7).div_ceil(8));
                        go = false;
                    } else if slot.out_lane[p] != NONE && slot.credit[p] == 0 {
                        slot.starved = true;
                        go = false;
                    }
                }
            }
            if !go {
                continue;
            }
            self.arena.pop(&mut self.lanes[at].fifo);
            deferred.push(Deferred::Credit(lane.upstream));
            if lane.fifo.len > 1 {
                next = next.min(self.arena.head(&self.lanes[at].fifo).0.max(cycle + 1));
            }
            used |= position.to.0;
            self.next_lane[pe] = if turn + 1 == count { 0 } else { turn as u8 + 1 };
            self.copied += u64::from(position.to.0.count_ones()) - 1;
            for port in position.to.iter() {
                let slot = &mut self.slots[lane.slot as usize];
                if port == Port::Ramp {
                    slot.in_credit -= 1;
                    hops.push(Hop::ToQueue { queue: slot.in_queue, word });
                    continue;
                }
                let p = port as usize;
                let free = &mut self.link_free[pe][p];
                *free = (8 * cycle).max(*free) + self.interval;
                self.hops += 1;
                let out = slot.out_lane[p];
                if out == NONE {
                    hops.push(Hop::Drain { pe: pe as u32, port, word });
                } else {
                    slot.credit[p] -= 1;
                    if let Some(clash) = self.enter(out as usize, cycle + self.hop, word, wheel) {
                        return Err(clash);
                    }
                }
            }
        }
        if next != u64::MAX {
            wheel.wake(pe, next);
        }
        Ok(used != 0)
    }
}
