//! What several integration tests share.

pub(crate) mod kernels;
pub(crate) mod records;
pub(crate) mod schema;
pub(crate) mod tiny;
pub(crate) mod xml;

use wafersim::dtype::Dtype;
use wafersim::lower::kernel::matmul::{Formats, Shape};
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::{ArchSpec, load_arch};

/// The CS-3 preset.
pub(crate) fn machine() -> WaferSpec {
    match load_arch("cs3", &[]).unwrap().spec {
        ArchSpec::Wafer(spec) => spec,
        ArchSpec::Gpu(_) => unreachable!("cs3 is a wafer"),
    }
}

/// 16-bit formats throughout.
pub(crate) const HALF: Formats = Formats { operand: Dtype::Bf16, sum: Dtype::Bf16, reduce: Dtype::Bf16 };

/// A product on `width` x `height` PEs.
pub(crate) fn shape(width: u16, height: u16, tokens: u32, inner: u32, owned: u32) -> Shape {
    Shape {
        name: "test".into(),
        width,
        height,
        vector: tokens,
        rows_per_pe: tokens,
        inner: vec![inner; usize::from(width)],
        owned: vec![owned; usize::from(width)],
        formats: HALF,
        cache: kernels::CACHE,
        pace: kernels::PACE,
    }
}
