//! Kernels on the reference engine.

use std::sync::Arc;

use wafersim::fabric::{Counters, run};
use wafersim::lower::kernel::matmul::{Feed, Form, program, timing_streams};
use wafersim::program::check;
use wafersim::units::Macs;

use crate::support::{machine, shape};

fn go(program: &wafersim::program::Program) -> Counters {
    let spec = machine();
    check(program, &spec).unwrap_or_else(|faults| panic!("{}", faults.first));
    let outcome = run(program, &spec, 1 << 30).unwrap_or_else(|fault| panic!("{fault}\n{program}"));
    let c = outcome.counters;
    assert_eq!(c.activity.total(), c.cycles.0 * program.pe_count() as u64);
    assert_eq!(c.sent.0 + c.copied.0, c.delivered.0 + c.drained.0, "no wavelet is lost");
    c
}

#[test]
fn every_form_ends_and_loses_nothing() {
    let (width, height, tokens, inner, owned) = (5, 4, 6, 3, 2);
    let shape = shape(width, height, tokens, inner, owned);
    let rows = u32::from(width) * owned;
    let counts: Arc<[u16]> = vec![inner as u16; (rows * u32::from(width)) as usize].into();
    let streams = timing_streams(&counts, width);
    let weights = u64::from(rows) * u64::from(width) * u64::from(inner);
    let macs = Macs(weights * u64::from(height) * u64::from(tokens));
    for (form, macs) in [
        (Form::Reduce(Feed::Edge(streams.clone())), macs),
        (Form::Outer(Feed::Edge(streams.clone())), macs),
        (Form::Gradient(streams), macs),
    ] {
        let counters = go(&program(&shape, &form));
        assert_eq!(counters.macs, macs);
        println!("{} {:?}", counters.cycles, counters.activity);
    }
    // Attention: as many keys as the rows of PEs have tokens.
    let keys = u32::from(height) * tokens;
    let mut shape = shape;
    shape.owned = vec![0; 5];
    for key in 0..keys {
        shape.owned[(key * 5 / keys) as usize] += 1;
    }
    let macs = Macs(u64::from(keys) * u64::from(keys) * u64::from(inner) * u64::from(width));
    let band = height;
    let held = || Feed::Held { band };
    for form in [Form::Reduce(held()), Form::Outer(held()), Form::Transposed { band }] {
        let counters = go(&program(&shape, &form));
        assert_eq!(counters.macs, macs);
        println!("{} {:?}", counters.cycles, counters.activity);
    }
}
