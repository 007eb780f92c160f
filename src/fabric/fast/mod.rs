//! The fast engine: what the reference engine would give back, for programs whose order of events is known.
//!
//! Rows of PEs that multiply weights (`reduce`) and that make the gradients of weights (`gradient`) are the bulk of
//! a training step. Their messages depend on each other in an order that the program fixes, whatever the weights are,
//! so that times follow from times by maxima and sums; where the order does depend on times, one compute element is run
//! event by event. Runs that differ in their weights alone go side by side, one in each lane of a vector.
//!
//! What it does not know it refuses, and the reference engine runs it.

mod alone;
mod column;
mod counts;
#[cfg(target_arch = "x86_64")]
mod fetch;
mod gradient;
mod link;
mod outcome;
mod plain;
mod range;
mod reduce;
#[cfg(target_arch = "x86_64")]
mod short256;
#[cfg(target_arch = "x86_64")]
mod short512;
mod source;
#[cfg(test)]
mod tests;
mod weights;
mod wide;

use crate::fabric::Outcome;
use crate::fabric::fast::alone::Alone;
use crate::fabric::fast::plain::Plain;
pub(super) use crate::fabric::fast::source::Fabric;
use crate::fabric::fast::source::Source;
pub(super) use crate::fabric::fast::weights::Stream;
use crate::fabric::fast::weights::Weights;
use crate::fabric::fast::wide::{LONG_LANES, Vector};
use crate::fabric::values::Tick;
use crate::program::Program;
use crate::spec::wafer::WaferSpec;

/// Runs that go side by side.
pub const LANES: usize = 32;

/// What a program is known as.
#[derive(PartialEq)]
enum Known {
    Reduce(reduce::Known),
    Gradient(gradient::Known),
}

/// Run programs that differ in their weights alone, up to [`LANES`] of them at a time; for each what
/// [`run`](crate::fabric::run) would give back. `None` where one is of a kind that this engine does not know.
pub fn run_alike(programs: &[&Program], spec: &WaferSpec) -> Option<Vec<Outcome<Tick>>> {
    if let [program] = programs
        && let Some(outcome) = column::run(program, spec)
    {
        return Some(vec![outcome]);
    }
    let known: Option<Vec<(Known, Weights<'_>)>> =
        programs.iter().map(|program| recognize(program, spec)).collect();
    let known = known?;
    let (first, _) = known.first()?;
    if known.iter().any(|(other, _)| other != first) {
        return None;
    }
    let weights: Vec<Weights<'_>> = known.iter().map(|(_, weights)| *weights).collect();
    let mut outcomes = Vec::with_capacity(programs.len());
    for (programs, weights) in programs.chunks(LANES).zip(weights.chunks(LANES)) {
        outcomes.extend(side_by_side(programs, first, weights)?);
    }
    Some(outcomes)
}

fn recognize<'a>(program: &'a Program, spec: &'a WaferSpec) -> Option<(Known, Weights<'a>)> {
    let source = Source::new(program, spec)?;
    let reduce = || reduce::recognize(&source).map(|(shape, weights)| (Known::Reduce(shape), weights));
    let gradient = || gradient::recognize(&source).map(|(shape, weights)| (Known::Gradient(shape), weights));
    reduce().or_else(gradient)
}

/// Columns of all lanes at the end.
enum Ended {
    Reduce(reduce::Ended),
    Gradient(gradient::Ended),
}

/// Run programs, one in each lane.
fn side_by_side(programs: &[&Program], known: &Known, weights: &[Weights<'_>]) -> Option<Vec<Outcome<Tick>>> {
    if weights.len() == 1 {
        return alone(programs, known, weights);
    }
    if let Some(ended) = run_short(known, weights) {
        return outcomes(programs, known, &ended);
    }
    let mut all = Vec::with_capacity(programs.len());
    for (programs, weights) in programs.chunks(LONG_LANES).zip(weights.chunks(LONG_LANES)) {
        match run_long(known, weights) {
            Some(ended) => all.extend(outcomes(programs, known, &ended)?),
            None => {
                for (programs, weights) in programs.chunks(1).zip(weights.chunks(1)) {
                    all.extend(alone(programs, known, weights)?);
                }
            }
        }
    }
    Some(all)
}

/// Run one program.
fn alone(programs: &[&Program], known: &Known, weights: &[Weights<'_>]) -> Option<Vec<Outcome<Tick>>> {
    outcomes(programs, known, &run::<Alone>(known, weights)?)
}

/// What runs give back that went side by side.
fn outcomes(programs: &[&Program], known: &Known, ended: &Ended) -> Option<Vec<Outcome<Tick>>> {
    let lanes = programs.iter().enumerate();
    lanes
        .map(|(lane, program)| match (known, ended) {
            (Known::Reduce(shape), Ended::Reduce(ended)) => reduce::outcome(program, shape, (ended, lane)),
            (Known::Gradient(shape), Ended::Gradient(ended)) => {
                gradient::outcome(program, shape, (ended, lane))
            }
            _ => None,
        })
        .collect()
}

/// Run on vectors of short numbers, if the processor has them and the cycles of a few rows fit.
fn run_short(known: &Known, weights: &[Weights<'_>]) -> Option<Ended> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            #[expect(unsafe_code, reason = "the processor has just said that it can")]
            return unsafe { run_short_512(known, weights) };
        }
        if is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "the processor has just said that it can")]
            return unsafe { run_short_256(known, weights) };
        }
    }
    None
}

/// Run on vectors of long numbers, where the processor has any that are worth it.
fn run_long(known: &Known, weights: &[Weights<'_>]) -> Option<Ended> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "the processor has just said that it can")]
            return unsafe { run_long_256(known, weights) };
        }
        None
    }
    #[cfg(not(target_arch = "x86_64"))]
    run::<Plain>(known, weights)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn run_short_512(known: &Known, weights: &[Weights<'_>]) -> Option<Ended> {
    run::<short512::Shorts>(known, weights)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_short_256(known: &Known, weights: &[Weights<'_>]) -> Option<Ended> {
    run::<short256::Pair>(known, weights)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_long_256(known: &Known, weights: &[Weights<'_>]) -> Option<Ended> {
    run::<Plain>(known, weights)
}

/// All that must be compiled anew for each kind of vectors is inlined here.
#[inline(always)]
fn run<V: Vector>(known: &Known, weights: &[Weights<'_>]) -> Option<Ended> {
    match known {
        Known::Reduce(shape) => reduce::run::<V>(shape, weights).map(Ended::Reduce),
        Known::Gradient(shape) => gradient::run::<V>(shape, weights).map(Ended::Gradient),
    }
}
