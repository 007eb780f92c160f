//! Two outcomes of one program, held against each other: engines must agree to the cycle and to the counter.

use std::fmt;

use crate::fabric::Outcome;
use crate::fabric::counters::{Activity, Counters};
use crate::program::Port;

/// The first place where two outcomes differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub site: Site,
    /// What the first outcome has there.
    pub left: String,
    /// What the second one has there.
    pub right: String,
}

/// What two outcomes can differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// How many PEs there are.
    Pes,
    /// Cycles of a PE in an activity.
    Activity(usize, Activity),
    /// Cycle after the last in which a PE did something.
    Finish(usize),
    /// Wavelets of a link out of a PE.
    Link(usize, Port),
    /// A counter of the whole run, by its name in records.
    Counter(&'static str),
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pes => write!(f, "number of PEs"),
            Self::Activity(pe, activity) => write!(f, "PE {pe}, cycles of {}", activity.label()),
            Self::Finish(pe) => write!(f, "PE {pe}, cycle of its end"),
            Self::Link(pe, port) => {
                write!(f, "PE {pe}, wavelets to the {}", format!("{port:?}").to_lowercase())
            }
            Self::Counter(name) => write!(f, "counter {name}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} and {}", self.site, self.left, self.right)
    }
}

impl std::error::Error for Difference {}

/// Hold all that a run counts against another run of the same program; PEs are numbered row by row. What drained is
/// left out: runs that are compared keep none of it.
///
/// # Errors
/// The first difference: PEs before counters, since they say where.
pub fn compare<W>(left: &Outcome<W>, right: &Outcome<W>) -> Result<(), Difference> {
    differ(Site::Pes, &left.per_pe.len(), &right.per_pe.len())?;
    for (pe, (left, right)) in left.per_pe.iter().zip(&right.per_pe).enumerate() {
        for kind in Activity::ALL {
            differ(Site::Activity(pe, kind), &left.of(kind), &right.of(kind))?;
        }
    }
    for (pe, (left, right)) in left.finish.iter().zip(&right.finish).enumerate() {
        differ(Site::Finish(pe), left, right)?;
    }
    for (pe, (left, right)) in left.links.iter().zip(&right.links).enumerate() {
        for (port, (left, right)) in Port::ALL.into_iter().zip(left.iter().zip(right)) {
            differ(Site::Link(pe, port), left, right)?;
        }
    }
    counters(&left.counters, &right.counters)
}

fn counters(left: &Counters, right: &Counters) -> Result<(), Difference> {
    // All fields, so that none is forgotten.
    macro_rules! all {
        ($($field:ident),*) => {{
            let Counters { $($field),* } = left;
            $(differ(Site::Counter(stringify!($field)), $field, &right.$field)?;)*
        }};
    }
    all!(
        cycles,
        activity,
        macs,
        sent,
        copied,
        delivered,
        drained,
        last_drained,
        hops,
        input_high_water,
        router_high_water,
        busiest_link,
        sram_high_water
    );
    Ok(())
}

fn differ<T: PartialEq + fmt::Debug>(site: Site, left: &T, right: &T) -> Result<(), Difference> {
    if left == right {
        return Ok(());
    }
    Err(Difference { site, left: format!("{left:?}"), right: format!("{right:?}") })
}
