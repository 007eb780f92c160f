//! Routers and links as they stand: colors, lanes, credits, switch positions.
//!
//! A wavelet waits in a *lane*, the buffer of one color at one input port of one router; the lane of the
//! ramp port is the compute element's output queue. The sender holds the credits of the lane that it feeds,
//! so that every message (a wavelet forwards, a credit backwards) takes at least a cycle and the order in
//! which routers are visited within a cycle cannot matter.

use std::ops::Range;

use crate::fabric::fifo::{Arena, Fifo};
use crate::fabric::footprint::of_vec;
use crate::fabric::lanes::Lanes;
use crate::ids::ColorId;
use crate::program::{ColorRoute, Port, PortSet, Program, RoutePosition, neighbour};
use crate::spec::wafer::WaferSpec;

/// "No lane".
pub(crate) const NONE: u32 = u32::MAX;

/// Who gets the credit when a lane gives up a wavelet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Upstream {
    /// The color slot of a neighbour, by its output port.
    Slot { slot: u32, port: u8 },
    /// The compute element, by its output queue.
    Output { pe: u32, queue: u8 },
    /// An edge stream.
    Source(u32),
    /// Nobody sends here.
    Nobody,
}

/// One color at one input port of one router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    pub(crate) fifo: Fifo,
    pub(super) slot: u32,
    pub(super) port: Port,
    pub(crate) upstream: Upstream,
    /// Another lane of the router goes to one of its ports: it takes turns.
    pub(super) shares: bool,
}

/// One color at one router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) pe: u32,
    /// Lane that each link leads to; [`NONE`] leads over the edge.
    pub(super) out_lane: [u32; 4],
    /// Room in that lane.
    pub(super) credit: [u16; 4],
    /// Room in the input queue of the compute element.
    pub(super) in_credit: u16,
    /// Number of that queue among those of its PE.
    pub(super) in_queue: u8,
    /// Position that holds: its number, where it sends to, and the lane that it takes from ([`NONE`]: one that
    /// nobody fills).
    position: u8,
    pub(super) to: PortSet,
    pub(super) open_lane: u32,
    /// That lane waits for a credit.
    pub(super) starved: bool,
    /// Last arrival, to catch two directions in one cycle: when, and from where.
    pub(super) arrived: u32,
    pub(super) arrived_from: Port,
}

/// One router.
#[derive(Clone, Copy, Debug)]
pub(super) struct Router {
    /// Time from which each link is free, in eighths of a cycle.
    pub(super) link_free: [u64; 4],
    /// Wavelets that each link has carried.
    pub(super) carried: [u32; 4],
    pub(super) first_lane: u32,
    pub(super) lanes: u16,
    /// Lane whose turn it is.
    pub(super) turn: u16,
    /// More colors come down its ramp than it brings in a cycle.
    pub(super) crowded: bool,
}

impl Router {
    pub(super) fn lanes(&self) -> Range<usize> {
        self.first_lane as usize..self.first_lane as usize + usize::from(self.lanes)
    }
}

/// State of all routers.
pub(crate) struct Mesh<'a, W> {
    program: &'a Program,
    pub(crate) lanes: Vec<Lane>,
    /// Lanes whose head may be able to go: those that hold something, but for those that wait for a credit or
    /// for their switch position.
    pub(super) awake: Lanes,
    pub(super) slots: Vec<Slot>,
    slot_base: Vec<u32>,
    pub(super) routers: Vec<Router>,
    pub(crate) arena: Arena<W>,
    /// Time between two wavelets on one link, in eighths of a cycle.
    pub(super) interval: u64,
    /// Cycles from router to router.
    pub(super) hop: u64,
    /// Wavelets that go down a ramp in a cycle at most.
    pub(super) ramp_width: usize,
    /// What went down the ramp in the last visit of a router: input queues by their places, and words.
    pub(crate) arrivals: Vec<(u8, W)>,
    pub(crate) hops: u64,
    pub(crate) copied: u64,
    pub(crate) high_water: u16,
    /// What left over the edge, kept if asked for, and how much it was.
    pub(crate) drained: Vec<(u32, Port, W)>,
    pub(crate) drained_count: u64,
    /// Cycle after the last in which something left.
    pub(crate) last_drained: u64,
    pub(super) keep_drained: bool,
}

impl<'a, W: Copy + Default> Mesh<'a, W> {
    /// Routers of `program`, which has been checked.
    pub(crate) fn new(program: &'a Program, spec: &WaferSpec, keep_drained: bool) -> Self {
        let fabric = &spec.fabric;
        let mut mesh = Self {
            program,
            lanes: Vec::new(),
            awake: Lanes::default(),
            slots: Vec::new(),
            slot_base: Vec::with_capacity(program.pe_count() + 1),
            routers: Vec::with_capacity(program.pe_count()),
            arena: Arena::default(),
            interval: u64::from(fabric.link_interval.0),
            hop: u64::from(fabric.hop_latency_cycles),
            ramp_width: spec.pe.fabric_wavelets_per_cycle as usize,
            arrivals: Vec::new(),
            hops: 0,
            copied: 0,
            high_water: 0,
            drained: Vec::new(),
            drained_count: 0,
            last_drained: 0,
            keep_drained,
        };
        for pe in 0..program.pe_count() {
            mesh.slot_base.push(mesh.slots.len() as u32);
            mesh.add_router(spec, pe);
        }
        mesh.slot_base.push(mesh.slots.len() as u32);
        for slot in 0..mesh.slots.len() {
            mesh.take_position(slot, 0);
        }
        mesh.awake = Lanes::none(mesh.lanes.len());
        mesh.lanes.shrink_to_fit();
        mesh.slots.shrink_to_fit();
        mesh.connect(fabric.router_buffer_wavelets as u16);
        mesh
    }

    /// Wavelets that the links out of each router have carried.
    pub(crate) fn carried(&self) -> Vec<[u32; 4]> {
        self.routers.iter().map(|router| router.carried).collect()
    }

    /// Bytes that it takes.
    pub(crate) fn footprint(&self) -> usize {
        of_vec(&self.lanes)
            + self.awake.footprint()
            + of_vec(&self.slots)
            + of_vec(&self.slot_base)
            + of_vec(&self.routers)
            + self.arena.footprint()
    }

    fn add_router(&mut self, spec: &WaferSpec, pe: usize) {
        let program = self.program;
        let role = program.role(pe);
        let first_lane = self.lanes.len();
        for route in &program.routes[usize::from(program.route_of[pe])] {
            let slot = self.slots.len() as u32;
            self.slots.push(Slot {
                pe: pe as u32,
                out_lane: [NONE; 4],
                credit: [0; 4],
                in_credit: 0,
                in_queue: 0,
                position: 0,
                to: PortSet::default(),
                open_lane: NONE,
                starved: false,
                arrived: u32::MAX,
                arrived_from: Port::Ramp,
            });
            let from = PortSet::of(&route.positions.iter().map(|p| p.from).collect::<Vec<_>>());
            for port in from.iter() {
                let (cap, upstream) = if port == Port::Ramp {
                    let Some(queue) = role.outputs.iter().position(|b| b.color == route.color) else {
                        continue;
                    };
                    let depth = spec.pe.output_queue_wavelets[role.outputs[queue].queue.index()];
                    (depth, Upstream::Output { pe: pe as u32, queue: queue as u8 })
                } else {
                    (spec.fabric.router_buffer_wavelets, Upstream::Nobody)
                };
                let fifo = self.arena.fifo(cap);
                self.lanes.push(Lane { fifo, slot, port, upstream, shares: false });
            }
        }
        let mut lanes_to = [0; 5];
        for lane in first_lane..self.lanes.len() {
            self.reach(lane).iter().for_each(|port| lanes_to[port as usize] += 1);
        }
        for lane in first_lane..self.lanes.len() {
            self.lanes[lane].shares = self.reach(lane).iter().any(|port| lanes_to[port as usize] > 1);
        }
        self.routers.push(Router {
            crowded: lanes_to[Port::Ramp as usize] > self.ramp_width,
            link_free: [0; 4],
            carried: [0; 4],
            first_lane: first_lane as u32,
            lanes: (self.lanes.len() - first_lane) as u16,
            turn: 0,
        });
    }

    fn connect(&mut self, depth: u16) {
        for pe in 0..self.program.pe_count() {
            for slot in self.slots_of(pe) {
                let ColorRoute { color, positions } = self.route_of(slot);
                let to = positions.iter().fold(PortSet::default(), |set, p| PortSet(set.0 | p.to.0));
                for port in to.iter().filter(|&p| p != Port::Ramp) {
                    let Some(next) = neighbour(self.program, pe, port) else { continue };
                    let Some(lane) = self.lane(next, *color, port.opposite()) else { continue };
                    self.slots[slot].out_lane[port as usize] = lane as u32;
                    self.slots[slot].credit[port as usize] = depth;
                    self.lanes[lane].upstream = Upstream::Slot { slot: slot as u32, port: port as u8 };
                }
            }
        }
    }

    fn slots_of(&self, pe: usize) -> Range<usize> {
        self.slot_base[pe] as usize..self.slot_base[pe + 1] as usize
    }

    /// What the program says of a color slot.
    fn route_of(&self, slot: usize) -> &'a ColorRoute {
        let pe = self.slots[slot].pe as usize;
        let table = usize::from(self.program.route_of[pe]);
        &self.program.routes[table][slot - self.slot_base[pe] as usize]
    }

    /// The ports that a lane sends to in any position.
    fn reach(&self, lane: usize) -> PortSet {
        let Lane { slot, port, .. } = self.lanes[lane];
        let positions =
            self.route_of(slot as usize).positions.iter().filter(|position| position.from == port);
        PortSet(positions.fold(0, |set, position| set | position.to.0))
    }

    /// The color of a color slot.
    pub(crate) fn color(&self, slot: usize) -> ColorId {
        self.route_of(slot).color
    }

    /// The color slot of a PE.
    pub(crate) fn slot(&self, pe: usize, color: ColorId) -> Option<usize> {
        self.slots_of(pe).find(|&slot| self.color(slot) == color)
    }

    /// The lane of a color at a port of a PE.
    pub(crate) fn lane(&self, pe: usize, color: ColorId, port: Port) -> Option<usize> {
        self.lane_of(self.slot(pe, color)?, port)
    }

    /// The lane of a color slot at a port.
    fn lane_of(&self, slot: usize, port: Port) -> Option<usize> {
        let mut lanes = self.routers[self.slots[slot].pe as usize].lanes();
        lanes.find(|&lane| self.lanes[lane].slot as usize == slot && self.lanes[lane].port == port)
    }

    /// PE, color and port of a lane.
    pub(crate) fn place(&self, lane: &Lane) -> (usize, ColorId, Port) {
        let slot = lane.slot as usize;
        (self.slots[slot].pe as usize, self.color(slot), lane.port)
    }

    /// Bind a color slot to an input queue of its PE with so much room.
    pub(crate) fn bind_queue(&mut self, slot: usize, queue: u8, depth: u16) {
        self.slots[slot].in_queue = queue;
        self.slots[slot].in_credit = depth;
    }

    /// Apply a credit for the input queue; returns the PE whose router may go on.
    pub(crate) fn apply_input_credit(&mut self, slot: u32) -> Option<u32> {
        self.slots[slot as usize].in_credit += 1;
        self.feed(slot as usize)
    }

    /// Apply a credit for a link; returns the PE whose router may go on.
    pub(crate) fn apply_link_credit(&mut self, slot: u32, port: u8) -> Option<u32> {
        self.slots[slot as usize].credit[usize::from(port)] += 1;
        self.feed(slot as usize)
    }

    /// A slot got what its open lane may have been waiting for.
    #[inline]
    fn feed(&mut self, slot: usize) -> Option<u32> {
        std::mem::take(&mut self.slots[slot].starved).then(|| self.rouse(slot))
    }

    /// Look at the open lane of a slot again; returns its PE.
    #[inline]
    fn rouse(&mut self, slot: usize) -> u32 {
        let Slot { pe, open_lane, .. } = self.slots[slot];
        if open_lane != NONE && self.lanes[open_lane as usize].fifo.len > 0 {
            self.awake.insert(open_lane as usize);
        }
        pe
    }

    /// Put a slot into its next position, if it has one; returns its PE.
    pub(crate) fn apply_switch(&mut self, slot: u32) -> u32 {
        let slot = slot as usize;
        self.take_position(slot, usize::from(self.slots[slot].position) + 1);
        self.rouse(slot)
    }

    /// Put a slot into a position, if it has that many.
    fn take_position(&mut self, slot: usize, position: usize) {
        let Some(&RoutePosition { from, to }) = self.route_of(slot).positions.get(position) else { return };
        let open = self.lane_of(slot, from);
        let slot = &mut self.slots[slot];
        slot.position = position as u8;
        slot.to = to;
        slot.open_lane = open.map_or(NONE, |lane| lane as u32);
    }
}
