//! What the columns of a row counted, put together as the reference engine does.

use crate::fabric::counters::{Activity, Breakdown, Counters};
use crate::fabric::values::Tick;
use crate::fabric::{Outcome, prepared};
use crate::program::{Port, Program};
use crate::units::Cycles;

/// Counts of a row of PEs in the making.
pub(super) struct Totals {
    pub(super) counters: Counters,
    per_pe: Vec<Breakdown>,
    finish: Vec<Cycles>,
    links: Vec<[u32; 4]>,
}

impl Totals {
    pub(super) fn new(width: usize) -> Self {
        Self {
            counters: Counters::default(),
            per_pe: Vec::with_capacity(width),
            finish: Vec::with_capacity(width),
            links: vec![[0; 4]; width],
        }
    }

    /// The next PE: what it did, and when it was done.
    pub(super) fn pe(&mut self, spent: Breakdown, finish: u32) {
        let finish = Cycles(u64::from(finish));
        self.per_pe.push(spent);
        self.finish.push(finish);
        self.counters.cycles = self.counters.cycles.max(finish);
    }

    /// Something left over the edge before `cycle`.
    pub(super) fn drain(&mut self, cycle: u32) {
        let cycle = Cycles(u64::from(cycle));
        self.counters.last_drained = self.counters.last_drained.max(cycle);
        self.counters.cycles = self.counters.cycles.max(cycle);
    }

    /// Wavelets over a link.
    pub(super) fn link(&mut self, pe: usize, port: Port, wavelets: u64) {
        self.links[pe][port as usize] = wavelets as u32;
    }

    /// All of it; `None` where a PE has done more than there were cycles. `depths` are those of the deepest input
    /// queue and of router buffers, both of which were full once.
    pub(super) fn finish(mut self, program: &Program, depths: (u32, u32)) -> Option<Outcome<Tick>> {
        let elapsed = self.counters.cycles.0;
        for spent in &mut self.per_pe {
            spent.add(Activity::Idle, elapsed.checked_sub(spent.total())?);
            self.counters.activity.merge(spent, 1);
        }
        (self.counters.input_high_water, self.counters.router_high_water) = depths;
        self.counters.busiest_link = prepared::busiest(program, &self.links);
        self.counters.sram_high_water = prepared::sram_high_water(program);
        let Self { counters, per_pe, finish, links } = self;
        Some(Outcome { counters, per_pe, finish, links, drained: Vec::new() })
    }
}
