//! The controller of a pseudo-channel: it serves what is ready first and, among that, what waits longest; it collects
//! writes and drains them together; refresh goes before everything.

use super::channel::Channel;
use super::pattern::Request;
use super::timing::Timing;
use crate::spec::dram::DramSpec;

/// Cycles after which a run ends with what it has served: a memory of which nothing is left beside its refresh.
const MOST_CYCLES: u64 = 1 << 24;

/// Banks of a pseudo-channel, at most: as many as a word of the scheduler has bits.
pub(super) const MOST_BANKS: usize = 64;

/// What a run took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) served: u64,
    pub(super) cycles: u64,
    pub(super) activates: u64,
    pub(super) refreshes: u64,
}

/// State of a controller.
pub(super) struct Controller<'a> {
    timing: &'a Timing,
    one_bank: bool,
    channel: Channel,
    /// Requests that wait, oldest first.
    reads: Vec<Request>,
    writes: Vec<Request>,
    /// Requests that wait to be read, and that are collected to be written, at most.
    read_depth: usize,
    write_depth: usize,
    /// Whether writes are being drained.
    draining: bool,
    /// When the next refresh is due, and the bank that it is for.
    refresh_due: u64,
    refresh_bank: usize,
    /// Until when a refresh of all banks takes.
    blocked_until: u64,
    counts: Counts,
}

impl<'a> Controller<'a> {
    pub(super) fn new(timing: &'a Timing, spec: &DramSpec) -> Self {
        Self {
            timing,
            one_bank: spec.refresh.one_bank(),
            channel: Channel::new(spec),
            reads: Vec::new(),
            writes: Vec::new(),
            read_depth: spec.read_queue_accesses as usize,
            write_depth: spec.write_queue_accesses as usize,
            draining: false,
            refresh_due: timing.refresh_interval,
            refresh_bank: 0,
            blocked_until: 0,
            counts: Counts::default(),
        }
    }

    /// Serve all requests, as fast as the queues take them.
    pub(super) fn run(mut self, requests: impl Iterator<Item = Request>) -> Counts {
        let mut requests = requests.peekable();
        let (mut now, mut last) = (0, 0);
        loop {
            while let Some(next) = requests.peek() {
                let (queue, depth) = if next.write {
                    (&mut self.writes, self.write_depth)
                } else {
                    (&mut self.reads, self.read_depth)
                };
                if queue.len() == depth {
                    break;
                }
                queue.extend(requests.next());
            }
            if (self.reads.is_empty() && self.writes.is_empty()) || now == MOST_CYCLES {
                break;
            }
            if now >= self.blocked_until {
                self.choose_direction();
                // Row and column commands have buses of their own.
                if !self.refresh(now) {
                    self.row_command(now);
                }
                if self.column_command(now) {
                    self.counts.served += 1;
                    last = now;
                }
            }
            now += 1;
        }
        self.counts.cycles = last + self.timing.read_latency;
        self.counts
    }

    /// Writes are drained from a full queue down to a quarter, or while there is nothing to read.
    fn choose_direction(&mut self) {
        if self.reads.is_empty() || self.writes.len() == self.write_depth {
            self.draining = true;
        } else if self.writes.len() <= self.write_depth / 4 {
            self.draining = false;
        }
        self.draining &= !self.writes.is_empty();
    }

    /// What is being served.
    fn queue(&self) -> &[Request] {
        if self.draining { &self.writes } else { &self.reads }
    }

    /// Whether the row bus is taken by a refresh that is due, or by closing rows for it.
    fn refresh(&mut self, now: u64) -> bool {
        if now < self.refresh_due {
            return false;
        }
        let banks = if self.one_bank {
            self.refresh_bank..self.refresh_bank + 1
        } else {
            0..self.channel.banks.len()
        };
        let mut closed = true;
        for bank in &mut self.channel.banks[banks.clone()] {
            if bank.can_precharge(now) {
                bank.precharge(now, self.timing);
                return true;
            }
            closed &= bank.can_activate(now);
        }
        if closed {
            for bank in &mut self.channel.banks[banks] {
                bank.refresh(now, self.timing);
            }
            if !self.one_bank {
                self.blocked_until = now + self.timing.refresh;
            }
            self.refresh_bank = (self.refresh_bank + 1) % self.channel.banks.len();
            self.refresh_due += self.timing.refresh_interval;
            self.counts.refreshes += 1;
        }
        closed
    }

    /// Whether a refresh waits for this bank to be closed.
    fn wanted_by_refresh(&self, bank: usize, now: u64) -> bool {
        now >= self.refresh_due && (!self.one_bank || bank == self.refresh_bank)
    }

    /// Open a row for the request that waits longest of those whose bank can do it, or close one that none asks for.
    fn row_command(&mut self, now: u64) {
        // A bank works for the oldest request that it has, and keeps a row open that any request asks for.
        let (mut seen, mut wanted) = (0_u64, 0_u64);
        let mut oldest = [0_usize; MOST_BANKS];
        let mut count = 0;
        for (at, request) in self.queue().iter().enumerate() {
            let bit = 1 << request.bank;
            if self.channel.banks[request.bank].open == Some(request.row) {
                wanted |= bit;
            }
            if seen & bit == 0 {
                seen |= bit;
                oldest[count] = at;
                count += 1;
            }
        }
        for &at in &oldest[..count] {
            let Request { bank, row, .. } = self.queue()[at];
            if wanted & (1 << bank) != 0 || self.wanted_by_refresh(bank, now) {
                continue;
            }
            if self.channel.can_activate(bank, now, self.timing) {
                self.channel.activate(bank, row, now, self.timing);
                self.counts.activates += 1;
                return;
            }
            if self.channel.banks[bank].can_precharge(now) {
                self.channel.banks[bank].precharge(now, self.timing);
                return;
            }
        }
    }

    /// Serve the request that waits longest of those whose row is open and whose bank is ready.
    fn column_command(&mut self, now: u64) -> bool {
        let write = self.draining;
        let ready = |request: &Request| {
            self.channel.banks[request.bank].open == Some(request.row)
                && !self.wanted_by_refresh(request.bank, now)
                && self.channel.can_access(request.bank, now, write)
        };
        let Some(at) = self.queue().iter().position(ready) else { return false };
        let request = if write { self.writes.remove(at) } else { self.reads.remove(at) };
        self.channel.access(request.bank, now, write, self.timing);
        true
    }
}
