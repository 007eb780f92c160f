//! The GPU of the baselines: its targets on published rows, waves of tiles, and that more work is not faster.

use proptest::prelude::*;
use wafersim::baseline::device::Device;
use wafersim::baseline::gemm::{Kernels, Product, product};
use wafersim::baseline::power::Load;
use wafersim::graph::MatmulShape;
use wafersim::spec::{ArchSpec, load_arch};
use wafersim::units::Bytes;
use wafersim::validate::{Group, Report, built_in, validate};

pub(crate) fn device(name: &str) -> Device {
    match load_arch(name, &[]).unwrap_or_else(|faults| panic!("{faults}")).spec {
        ArchSpec::Gpu(spec) => Device::new(spec),
        ArchSpec::Wafer(_) => panic!("{name} is a wafer"),
    }
}

/// The tables of GPUs, held against the model.
fn report() -> Report {
    let tables: Vec<_> =
        built_in().unwrap().into_iter().filter(|(name, _)| name.starts_with("gpu_")).collect();
    validate(&tables, |name| load_arch(name, &[]).map(|arch| arch.spec).map_err(|faults| faults.to_string()))
}

fn part<'a>(report: &'a Report, name: &str) -> &'a Group {
    report.gpus.iter().find(|group| group.name == name).unwrap_or_else(|| panic!("{name}: {}", report.text()))
}

fn bf16(m: u64, n: u64, k: u64, device: &Device) -> Product {
    product(MatmulShape { batch: 1, m, k, n }, Bytes(2), &Kernels::dense(&device.spec), device, Load::Alone)
}

#[test]
fn products_take_the_published_time() {
    let report = report();
    for gpu in ["a100-80g", "h100-sxm", "h200"] {
        let all = part(&report, &format!("gpu_gemm {gpu}"));
        let large = part(&report, &format!("gpu_gemm {gpu}, m >= 512"));
        assert_eq!(all.failed, 0, "{}", report.text());
        assert!(all.rows > 900 && all.mean_error <= 0.10 && all.p95_error <= 0.25, "{}", report.text());
        assert!(large.rows > 700 && large.mean_error <= 0.08 && large.p95_error <= 0.25, "{}", report.text());
    }
}

#[test]
fn one_row_more_than_a_wave_is_a_step_on_an_a100_and_none_on_an_h100() {
    let step = |device: &Device| bf16(769, 4096, 4096, device).time.0 / bf16(768, 4096, 4096, device).time.0;
    let (a100, h100) = (step(&device("a100-80g")), step(&device("h100-sxm")));
    assert!(a100 > 1.4, "{a100}");
    assert!(h100 < 1.1, "{h100}");
}

#[test]
fn a_product_is_no_faster_than_its_bounds() {
    for name in ["a100-80g", "h100-sxm", "h200"] {
        let device = device(name);
        let spec = &device.spec;
        let peak =
            spec.peak_flop_per_s() / spec.compute.tensor_clock.0 as f64 * spec.compute.boost_clock.0 as f64;
        for (m, n, k) in [(1, 4096, 4096), (128, 12_288, 1024), (4096, 4096, 4096), (8192, 8192, 8192)] {
            let found = bf16(m, n, k, &device);
            let once = 2 * (m * k + k * n + m * n);
            assert!(found.traffic.0 >= once, "{name} {m}x{n}x{k}: {found:?}");
            let bound = (2 * m * n * k) as f64 / peak;
            assert!(
                found.time.0 > bound.max(once as f64 / (spec.memory.bandwidth_gb_per_s * 1e9)),
                "{found:?}"
            );
        }
    }
}

#[test]
fn a_long_load_is_as_slow_as_the_board_allows() {
    let mut device = device("h100-sxm");
    device.spec.power.energy_clock_exponent = 0.0;
    let shape = MatmulShape { batch: 1, m: 8192, k: 8192, n: 8192 };
    let kernels = Kernels::dense(&device.spec);
    let [alone, sustained] =
        [Load::Alone, Load::Sustained].map(|load| product(shape, Bytes(2), &kernels, &device, load));
    assert!(sustained.time.0 > 1.02 * alone.time.0, "{alone:?} {sustained:?}");
    let power = &device.spec.power;
    let dynamic = device.dynamic_j(shape.macs().flops().as_f64(), Bytes(2), sustained.traffic);
    let fixed = (device.spec.compute.graph_launch_us + device.spec.gemm.ramp_us) * 1e-6;
    let watts = power.static_w + dynamic / (sustained.time.0 - fixed);
    assert!((watts / power.board_w - 1.0).abs() < 1e-9, "{watts} W");
}

proptest! {
    #[test]
    fn more_terms_take_longer(m in 1_u64..5000, n in 64_u64..9000, k in 64_u64..9000, more in 64_u64..4000) {
        // Splits of sums jump, so a little is forgiven.
        let device = device("a100-80g");
        prop_assert!(bf16(m, n, k + more, &device).time.0 > 0.93 * bf16(m, n, k, &device).time.0);
    }

    #[test]
    fn more_rows_are_not_faster(m in 1_u64..5000, n in 64_u64..9000, k in 64_u64..9000, more in 1_u64..4000) {
        for name in ["a100-80g", "h100-sxm"] {
            let device = device(name);
            prop_assert!(bf16(m + more, n, k, &device).time.0 > 0.97 * bf16(m, n, k, &device).time.0);
        }
    }
}
