//! The smallest and the oddest kernels: one PE, columns that own nothing, odd lengths, short queues.

use wafersim::dtype::Dtype;
use wafersim::lower::kernel::bands::Bands;
use wafersim::lower::kernel::matmul::Formats;
use wafersim::lower::kernel::{bands, column};
use wafersim::program::{StreamItems, Wavelet};

use crate::support::HALF;
use crate::support::kernels::{Dense, Head, Masked, Product, cycles, go, small, wafer};

/// Both ends of a chain are one PE, which adds to nothing and sends nothing.
#[test]
fn a_chain_of_one_pe_ends() {
    let machine = small("cs3");
    let product = Product::dense(1, 1, 4, 3, 2);
    assert_eq!(go(&product.program(Masked::Reduce), &machine).counters.macs.0, 24);
    let head = Head { height: 1, tokens: 3, heads: 1, inner: vec![2], formats: HALF };
    for form in Dense::ALL {
        assert_eq!(go(&head.program(form), &machine).counters.macs.0, 18, "{form:?}");
    }
}

/// The turn to send a vector along the row passes by columns that have none.
#[test]
fn a_column_without_rows_lets_the_turn_pass() {
    let machine = small("cs3");
    for owned in [[0, 2, 1], [2, 0, 1], [2, 1, 0], [0, 0, 3], [3, 0, 0]] {
        let product = Product { owned: owned.to_vec(), ..Product::dense(3, 2, 4, 3, 1) };
        for form in Masked::ALL {
            assert_eq!(
                go(&product.program(form), &machine).counters.macs.0,
                product.macs(),
                "{owned:?} {form:?}"
            );
        }
    }
}

/// A sum that is kept in 32 bits and sent in 16 goes at a rate of 3 elements a cycle: wavelets hold 2.
#[test]
fn only_the_last_wavelet_of_a_vector_is_half_full() {
    let machine = small("cs3");
    let formats = Formats { operand: Dtype::Bf16, sum: Dtype::Fp32, reduce: Dtype::Bf16 };
    for tokens in 1..=9 {
        let product = Product { formats, ..Product::dense(4, 1, tokens, 2, 1) };
        let delivered = go(&product.program(Masked::Reduce), &machine).counters.delivered.0;
        // Each of 4 rows crosses 3 links, and 4 columns take 4 x (2 weights and a row end).
        assert_eq!(delivered, 4 * 3 * u64::from(tokens.div_ceil(2)) + 4 * 4 * 3, "{tokens} tokens");
    }
}

/// The last element, the end of its row and the end of the block are three wavelets; an output queue of
/// WSE-2 may hold two.
#[test]
fn a_row_and_its_ends_leave_through_a_short_queue() {
    let head = Head { height: 2, tokens: 2, heads: 1, inner: vec![2, 2], formats: HALF };
    for form in Dense::ALL {
        assert!(cycles(&head.program(form), &small("cs2")) > 0);
    }
}

/// Each of three rows takes its own words of a stream and no other.
#[test]
fn every_row_gets_its_share_of_a_column() {
    for elements in [1, 2, 7, 16] {
        let words = 3 * u64::from(elements).div_ceil(2);
        let stream = StreamItems::Wavelets(vec![Wavelet::default(); words as usize].into());
        let program = column::scatter("scatter", 1, 3, elements, Dtype::Bf16, vec![stream]);
        assert!(go(&program, &small("cs3")).counters.delivered.0 >= words, "{elements} elements");
    }
}

/// The words of three rows leave over the edge, one row after the other.
#[test]
fn every_row_gives_its_share_to_the_edge() {
    for elements in [1, 2, 7, 16] {
        let program = column::gather("gather", 1, 3, elements, Dtype::Fp32);
        assert_eq!(go(&program, &small("cs3")).counters.drained.0, 3 * u64::from(elements));
    }
}

/// What enters for one band serves all of them, and what leaves is one band's: another band costs the hops through its
/// rows, not its words.
#[test]
fn a_band_more_costs_its_hops() {
    let machine = wafer("cs3", &["fabric.width_pes=1", "fabric.height_pes=32", "io.prefetch_mib=1"]);
    let (rows, elements) = (4_u16, 400_u32);
    let words = usize::from(rows) * elements as usize / 2;
    let stream = || vec![StreamItems::Wavelets(vec![Wavelet::default(); words].into())];
    let spread = |bands| {
        let of = Bands { width: 1, rows, bands };
        cycles(&bands::spread("spread", of, elements, Dtype::Bf16, stream()), &machine)
    };
    let sum = |bands| {
        let of = Bands { width: 1, rows, bands };
        cycles(&bands::sum("sum", of, elements, Dtype::Bf16, Dtype::Fp32), &machine)
    };
    let rows = u64::from(rows);
    let hops = spread(2) - spread(1);
    assert_eq!(spread(8) - spread(1), 7 * hops);
    assert!(hops <= 2 * rows && spread(1) >= words as u64, "{hops} cycles for 4 rows");
    // A sum is handed on by software, some cycles a row.
    let added = sum(8) - sum(2);
    assert!(added < 6 * rows * 60, "{added} cycles for 24 rows");
    assert!(sum(8) >= 2 * words as u64);
}
