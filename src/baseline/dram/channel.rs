//! A pseudo-channel: its banks, the data bus that they share, and what commands of one bank mean for the others.

use super::bank::Bank;
use super::timing::Timing;
use crate::spec::dram::DramSpec;

/// Banks that can be activated within [`Timing::faw`].
const WINDOW: usize = 4;

/// State of a pseudo-channel.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    /// Banks; those of a group lie side by side.
    pub(super) banks: Vec<Bank>,
    per_group: usize,
    /// The last activates, oldest first, and the last of each group.
    activates: [Option<u64>; WINDOW],
    activate_of_group: Vec<Option<u64>>,
    /// From when on each group can be read and written.
    read_from: Vec<u64>,
    write_from: Vec<u64>,
}

impl Channel {
    pub(super) fn new(spec: &DramSpec) -> Self {
        let groups = spec.bank_groups as usize;
        Self {
            banks: vec![Bank::default(); spec.banks() as usize],
            per_group: spec.banks_per_group as usize,
            activates: [None; WINDOW],
            activate_of_group: vec![None; groups],
            read_from: vec![0; groups],
            write_from: vec![0; groups],
        }
    }

    /// Whether a bank can be activated, its neighbours considered.
    pub(super) fn can_activate(&self, bank: usize, now: u64, timing: &Timing) -> bool {
        let since = |at: Option<u64>, least: u64| at.is_none_or(|at| now >= at + least);
        self.banks[bank].can_activate(now)
            && since(self.activates[WINDOW - 1], timing.rrd_s)
            && since(self.activate_of_group[bank / self.per_group], timing.rrd_l)
            && since(self.activates[0], timing.faw)
    }

    /// Open a row of a bank.
    pub(super) fn activate(&mut self, bank: usize, row: u64, now: u64, timing: &Timing) {
        self.banks[bank].activate(row, now, timing);
        self.activates.rotate_left(1);
        self.activates[WINDOW - 1] = Some(now);
        self.activate_of_group[bank / self.per_group] = Some(now);
    }

    /// Whether words of a bank's open row can go over the bus.
    pub(super) fn can_access(&self, bank: usize, now: u64, write: bool) -> bool {
        let from = if write { &self.write_from } else { &self.read_from };
        now >= from[bank / self.per_group] && self.banks[bank].can_access(now, write)
    }

    /// Read or write words of a bank's open row.
    pub(super) fn access(&mut self, bank: usize, now: u64, write: bool, timing: &Timing) {
        self.banks[bank].access(now, write, timing);
        for group in 0..self.read_from.len() {
            let same = group == bank / self.per_group;
            let next = if same { timing.ccd_l } else { timing.ccd_s };
            let (read, write) = match (write, same) {
                (true, true) => (timing.write_to_read_l, next),
                (true, false) => (timing.write_to_read_s, next),
                (false, _) => (next, timing.read_to_write),
            };
            self.read_from[group] = self.read_from[group].max(now + read);
            self.write_from[group] = self.write_from[group].max(now + write);
        }
    }
}
