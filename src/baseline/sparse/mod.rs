//! Products with weights that have zeros, on a GPU: the ways that there are, and when each wins.
//!
//! A dense product multiplies the zeros. Two of every four weights are half of the work for tensor cores. Any other zeros
//! leave a list of weights, each with its place: what multiplies them on the way of ordinary arithmetic has to fetch a row
//! of operands for each weight, and what makes dense tiles out of them saves memory traffic and no arithmetic.

mod unstructured;

pub use unstructured::{Library, excess_over_two_four};

use super::device::Device;
use super::gemm::{Kernels, product};
use super::power::Load;
use crate::graph::MatmulShape;
use crate::units::{Bytes, Seconds};

/// How a product with zeros in its weights is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// As if there were no zeros.
    Dense,
    /// Two of every four weights, on tensor cores.
    TwoFour,
    /// Weights of any pattern, with a library for it; the share that is not zero.
    Unstructured(Library, f64),
}

/// A product with zeros in its weights, as the model sees it run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// From its launch to its end.
    pub time: Seconds,
    /// Between memory and the chip.
    pub traffic: Bytes,
}

/// A product `C[m, n] = A[m, k] B[k, n]` whose weights are `B`.
pub fn run(shape: MatmulShape, element: Bytes, way: Way, device: &Device, load: Load) -> Run {
    let kernels = match way {
        Way::Dense => Kernels::dense(&device.spec),
        Way::TwoFour => Kernels::two_four(&device.spec),
        Way::Unstructured(library, density) => return library.run(shape, element, density, device, load),
    };
    let found = product(shape, element, &kernels, device, load);
    Run { time: found.time, traffic: found.traffic }
}

/// Least percentage of zeros with which `library` is faster than a dense product; `None` where 99 % are not enough.
pub fn wins_from(shape: MatmulShape, element: Bytes, library: Library, device: &Device) -> Option<u32> {
    let dense = run(shape, element, Way::Dense, device, Load::Sustained).time;
    let wins = |percent: &u32| {
        let way = Way::Unstructured(library, 1.0 - f64::from(*percent) / 100.0);
        run(shape, element, way, device, Load::Sustained).time < dense
    };
    (0..100).find(wins)
}
