//! Timings of the specification as whole cycles of the command clock.

use crate::spec::dram::DramSpec;

/// Least distances between commands, in cycles of the command clock. Nanoseconds are rounded up: no memory is faster than
/// its specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Column command to column command, other bank group: the time of its words on the bus.
    pub ccd_s: u64,
    /// The same, same bank group.
    pub ccd_l: u64,
    /// Activate to read.
    pub rcd_read: u64,
    /// Activate to write.
    pub rcd_write: u64,
    /// Precharge to activate.
    pub rp: u64,
    /// Activate to precharge.
    pub ras: u64,
    /// Read to precharge.
    pub rtp: u64,
    /// Write command to precharge: latency, words, recovery.
    pub write_to_precharge: u64,
    /// Activate to activate of another bank group.
    pub rrd_s: u64,
    /// The same, same bank group.
    pub rrd_l: u64,
    /// Window in which four banks can be activated.
    pub faw: u64,
    /// Write command to read command of another bank group.
    pub write_to_read_s: u64,
    /// The same, same bank group.
    pub write_to_read_l: u64,
    /// Read command to write command.
    pub read_to_write: u64,
    /// Read command to the last of its words.
    pub read_latency: u64,
    /// Interval of refresh commands: of all banks, or of one after the other.
    pub refresh_interval: u64,
    /// What one of them takes.
    pub refresh: u64,
}

impl Timing {
    /// Those of a memory.
    pub fn new(spec: &DramSpec) -> Self {
        let clock = spec.clock.0 as f64 * 1e-9;
        let cycles = |ns: f64| (ns * clock - 1e-9).ceil().max(0.0) as u64;
        let burst = u64::from(spec.ccd_s_cycles);
        let (read, write) = (cycles(spec.read_latency_ns), cycles(spec.write_latency_ns));
        let banks = if spec.refresh.one_bank() { spec.banks() } else { 1 };
        Self {
            ccd_s: burst,
            ccd_l: u64::from(spec.ccd_l_cycles),
            rcd_read: cycles(spec.rcd_read_ns),
            rcd_write: cycles(spec.rcd_write_ns),
            rp: cycles(spec.rp_ns),
            ras: cycles(spec.ras_ns),
            rtp: cycles(spec.rtp_ns),
            write_to_precharge: write + burst + cycles(spec.wr_ns),
            rrd_s: cycles(spec.rrd_s_ns),
            rrd_l: cycles(spec.rrd_l_ns),
            faw: cycles(spec.faw_ns),
            write_to_read_s: write + burst + cycles(spec.wtr_s_ns),
            write_to_read_l: write + burst + cycles(spec.wtr_l_ns),
            // Words of the write follow those of the read after a cycle in which the bus turns round.
            read_to_write: (read + burst + 1).saturating_sub(write).max(burst),
            read_latency: read + burst,
            refresh_interval: (cycles(spec.refi_ns) / banks).max(1),
            refresh: cycles(spec.rfc_ns),
        }
    }
}
