//! The memory of a GPU as its commands see it: pseudo-channels, banks and the timings between commands.
//!
//! Values come from `arch/*.toml`, where each has its source; this file says what they mean.

use serde::{Deserialize, Serialize};

use super::field::{Rule, section};
use super::legal::Legal::{FromZero, Integer, Positive, Word};
use crate::units::{Bytes, Hertz};

section! {
    /// DRAM: organisation and timings of a pseudo-channel.
    pub struct DramSpec at "memory.dram" {
        /// Independent channels, each with commands and data of its own.
        pub pseudo_channels: u32 = "pseudo_channels", "", Integer(1, 65_536);
        /// Bank groups of a pseudo-channel.
        pub bank_groups: u32 = "bank_groups", "", Integer(1, 16);
        /// Banks of a group.
        pub banks_per_group: u32 = "banks_per_group", "", Integer(1, 16);
        /// What a read or write command moves.
        pub access: Bytes = "access_bytes", "B", Integer(1, 4096) => Bytes;
        /// Row that an activate opens.
        pub row: Bytes = "row_bytes", "B", Integer(1, 1_048_576) => Bytes;
        /// Clock of the commands.
        pub clock: Hertz = "command_clock_mhz", "MHz", Positive(100_000.0) => Hertz::from_mhz;
        /// Column command to column command of another bank group: the words of one fill the bus (tCCD_S).
        pub ccd_s_cycles: u32 = "ccd_s_cycles", "cycles", Integer(1, 1000);
        /// The same, same bank group (tCCD_L).
        pub ccd_l_cycles: u32 = "ccd_l_cycles", "cycles", Integer(1, 1000);
        /// Activate to read (tRCDRD).
        pub rcd_read_ns: f64 = "rcd_read_ns", "ns", FromZero(10_000.0);
        /// Activate to write (tRCDWR).
        pub rcd_write_ns: f64 = "rcd_write_ns", "ns", FromZero(10_000.0);
        /// Precharge to activate (tRP).
        pub rp_ns: f64 = "rp_ns", "ns", FromZero(10_000.0);
        /// Activate to precharge (tRAS).
        pub ras_ns: f64 = "ras_ns", "ns", FromZero(10_000.0);
        /// Read to precharge (tRTP).
        pub rtp_ns: f64 = "rtp_ns", "ns", FromZero(10_000.0);
        /// Last word written to precharge (tWR).
        pub wr_ns: f64 = "wr_ns", "ns", FromZero(10_000.0);
        /// Activate to activate of another bank group (tRRD_S).
        pub rrd_s_ns: f64 = "rrd_s_ns", "ns", FromZero(10_000.0);
        /// The same, same bank group (tRRD_L).
        pub rrd_l_ns: f64 = "rrd_l_ns", "ns", FromZero(10_000.0);
        /// Window for four activates (tFAW).
        pub faw_ns: f64 = "faw_ns", "ns", FromZero(10_000.0);
        /// Last word written to read, other bank group (tWTR_S).
        pub wtr_s_ns: f64 = "wtr_s_ns", "ns", FromZero(10_000.0);
        /// The same, same bank group (tWTR_L).
        pub wtr_l_ns: f64 = "wtr_l_ns", "ns", FromZero(10_000.0);
        /// Read command to its first word (CL).
        pub read_latency_ns: f64 = "read_latency_ns", "ns", FromZero(10_000.0);
        /// Write command to its first word (CWL).
        pub write_latency_ns: f64 = "write_latency_ns", "ns", FromZero(10_000.0);
        /// Whether a refresh command is for all banks or for one.
        pub refresh: Refresh = "refresh", "", Word(&["all-bank", "per-bank"]);
        /// Interval in which each bank is refreshed once (tREFI).
        pub refi_ns: f64 = "refi_ns", "ns", Positive(1e9);
        /// What a refresh command takes (tRFC, or tRFCpb).
        pub rfc_ns: f64 = "rfc_ns", "ns", FromZero(1e9);
        /// Accesses that wait at a pseudo-channel to be read, at most.
        pub read_queue_accesses: u32 = "read_queue_accesses", "accesses", Integer(1, 65_536);
        /// Accesses that are collected to be written, at most.
        pub write_queue_accesses: u32 = "write_queue_accesses", "accesses", Integer(1, 65_536);
    }
}

/// What a refresh command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refresh {
    /// All banks at once: nothing else happens meanwhile.
    AllBank,
    /// One bank after the other: the others go on.
    PerBank,
}

impl Refresh {
    /// Whether banks are refreshed one after the other.
    pub fn one_bank(self) -> bool {
        self == Self::PerBank
    }
}

impl DramSpec {
    /// Banks of a pseudo-channel.
    pub fn banks(&self) -> u64 {
        u64::from(self.bank_groups) * u64::from(self.banks_per_group)
    }

    /// Bytes per second with the bus of every pseudo-channel always in use.
    pub fn peak_bytes_per_s(&self) -> f64 {
        let access = f64::from(self.pseudo_channels) * self.access.as_f64();
        access * self.clock.0 as f64 / f64::from(self.ccd_s_cycles)
    }
}

/// Banks of a pseudo-channel that the model has room for.
const MOST_BANKS: u64 = 64;

/// What must hold between the values.
pub(super) const RULES: [Rule; 4] = [
    Rule {
        keys: &["memory.dram.bank_groups", "memory.dram.banks_per_group"],
        broken: |values| {
            let groups = values.find::<u64>("memory.dram.bank_groups")?;
            let banks = groups * values.find::<u64>("memory.dram.banks_per_group")?;
            (banks > MOST_BANKS).then(|| {
                (
                    format!("{banks} banks of a pseudo-channel are more than {MOST_BANKS}"),
                    "lower `memory.dram.bank_groups` or `memory.dram.banks_per_group`".to_owned(),
                )
            })
        },
    },
    Rule {
        keys: &["memory.dram.ccd_l_cycles", "memory.dram.ccd_s_cycles"],
        broken: |values| {
            let (long, short) = ("memory.dram.ccd_l_cycles", "memory.dram.ccd_s_cycles");
            (values.find::<u64>(long)? < values.find::<u64>(short)?).then(|| {
                (
                    "commands to the same bank group cannot follow faster than to another".to_owned(),
                    format!("`{long}` must not be below `{short}`"),
                )
            })
        },
    },
    Rule {
        keys: &["memory.dram.rfc_ns", "memory.dram.refi_ns", "memory.dram.refresh"],
        broken: |values| {
            let (takes, every) = ("memory.dram.rfc_ns", "memory.dram.refi_ns");
            let refresh = values.find::<Refresh>("memory.dram.refresh")?;
            let least = values.find::<f64>(takes)?;
            (refresh == Refresh::AllBank && 2.0 * least >= values.find(every)?).then(|| {
                (
                    format!("refresh of {least} ns leaves less than half of the time"),
                    format!("`{takes}` must be below half of `{every}`"),
                )
            })
        },
    },
    Rule {
        keys: &["memory.dram.row_bytes", "memory.dram.access_bytes"],
        broken: |values| {
            let (row, access) = ("memory.dram.row_bytes", "memory.dram.access_bytes");
            let (length, part) = (values.find::<u64>(row)?, values.find::<u64>(access)?);
            (length % part != 0).then(|| {
                (
                    format!("a row of {length} bytes is no multiple of an access of {part}"),
                    format!("`{row}` must be a multiple of `{access}`"),
                )
            })
        },
    },
];
