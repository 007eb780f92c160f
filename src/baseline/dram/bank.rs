//! A bank: the row that it has open, and when it can take each command.

use super::timing::Timing;

/// State of a bank. Times are cycles of the command clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bank {
    /// Row in its buffer.
    pub(super) open: Option<u64>,
    activate_from: u64,
    read_from: u64,
    write_from: u64,
    precharge_from: u64,
}

impl Bank {
    /// Whether it can be activated.
    pub(super) fn can_activate(&self, now: u64) -> bool {
        self.open.is_none() && now >= self.activate_from
    }

    /// Whether its row can be closed.
    pub(super) fn can_precharge(&self, now: u64) -> bool {
        self.open.is_some() && now >= self.precharge_from
    }

    /// Whether words of its open row can be read, or written.
    pub(super) fn can_access(&self, now: u64, write: bool) -> bool {
        now >= if write { self.write_from } else { self.read_from }
    }

    /// Open a row.
    pub(super) fn activate(&mut self, row: u64, now: u64, timing: &Timing) {
        self.open = Some(row);
        self.read_from = now + timing.rcd_read;
        self.write_from = now + timing.rcd_write;
        self.precharge_from = now + timing.ras;
        self.activate_from = now + timing.ras + timing.rp;
    }

    /// Read or write words of its row.
    pub(super) fn access(&mut self, now: u64, write: bool, timing: &Timing) {
        let until = now + if write { timing.write_to_precharge } else { timing.rtp };
        self.precharge_from = self.precharge_from.max(until);
    }

    /// Close its row.
    pub(super) fn precharge(&mut self, now: u64, timing: &Timing) {
        self.open = None;
        self.activate_from = self.activate_from.max(now + timing.rp);
    }

    /// Refresh it; its row is closed.
    pub(super) fn refresh(&mut self, now: u64, timing: &Timing) {
        self.activate_from = self.activate_from.max(now + timing.refresh);
    }
}
