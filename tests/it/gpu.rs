//! The GPU of the baselines: its targets on published rows, waves of tiles, and that more work is not faster.

use std::sync::LazyLock;

use proptest::prelude::*;
use wafersim::baseline::device::Device;
use wafersim::baseline::gemm::{Kernels, Product, product};
use wafersim::baseline::power::Load;
use wafersim::baseline::sparse::{self, Library, Way};
use wafersim::baseline::step::{Again, Layout, Sharding, Wanted, lay_out, step};
use wafersim::graph::{MatmulShape, TrainGraph};
use wafersim::spec::{ArchSpec, arch_presets, load_arch, load_workload};
use wafersim::units::Bytes;
use wafersim::validate::{Group, Report, built_in, validate};

/// Every GPU that is built in: memory is simulated once.
static DEVICES: LazyLock<Vec<Device>> = LazyLock::new(|| {
    let gpu = |name: &str| match load_arch(name, &[]).unwrap_or_else(|faults| panic!("{faults}")).spec {
        ArchSpec::Gpu(spec) => Some(Device::new(spec)),
        ArchSpec::Wafer(_) => None,
    };
    arch_presets().into_iter().filter_map(gpu).collect()
});

pub(crate) fn device(name: &str) -> Device {
    DEVICES
        .iter()
        .find(|device| device.spec.name == name)
        .unwrap_or_else(|| panic!("no GPU `{name}`"))
        .clone()
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
fn streams_and_zeros_and_steps_are_as_published() {
    let report = report();
    for (name, mean, worst) in [
        ("gpu_stream", 0.06, 0.10),
        ("gpu_sparse24_speedup", 0.10, 0.35),
        ("gpu_spmm_speedup", 0.12, 0.40),
        ("gpu_training_step", 0.10, 0.20),
    ] {
        let found = part(&report, name);
        assert_eq!(found.failed, 0, "{}", report.text());
        assert!(found.mean_error <= mean && found.worst_error <= worst, "{}", report.text());
    }
}

#[test]
fn libraries_win_from_the_published_zeros_on() {
    // A decoding layer of a large model with few tokens (Flash-LLM, A100), and a layer of training (VENOM, RTX 3090).
    let (few, many) = (
        MatmulShape { batch: 1, m: 32, k: 9216, n: 36_864 },
        MatmulShape { batch: 1, m: 8192, k: 4096, n: 4096 },
    );
    for (gpu, shape, library, published) in [
        ("a100-80g", few, Library::FlashLlm, 55),
        ("a100-80g", few, Library::Sparta, 68),
        ("a100-80g", few, Library::Sputnik, 86),
        ("a100-80g", few, Library::Cusparse, 100),
        ("rtx3090", many, Library::Sputnik, 97),
    ] {
        let found = sparse::wins_from(shape, Bytes(2), library, &device(gpu)).unwrap_or(100);
        assert!(found.abs_diff(published) <= 10, "{gpu} {library:?}: {found} %, published {published} %");
    }
    // What lays out dense tiles saves traffic alone: nothing where arithmetic sets the pace.
    for gpu in ["a100-80g", "h100-sxm"] {
        assert_eq!(sparse::wins_from(many, Bytes(2), Library::FlashLlm, &device(gpu)), None);
    }
}

#[test]
fn zeros_of_any_pattern_do_not_speed_up_training_until_nearly_all_are() {
    let model = load_workload("llama2-7b", &[]).unwrap().spec.model;
    let graph = TrainGraph::build(&model, 1, 2048).unwrap();
    for name in ["a100-80g", "h100-sxm", "h200"] {
        let device = device(name);
        let seconds = |way| {
            let layout =
                Layout { gpus: 8, sharding: Sharding::All, micro_batches: 1, again: Again::Block, way };
            step(&graph, Bytes(2), &layout, &device).time.0
        };
        let dense = seconds(Way::Dense);
        for level in [0.5, 0.6, 0.7, 0.9] {
            let sparse = seconds(Way::Unstructured(Library::Sputnik, 1.0 - level));
            assert!(sparse > 1.3 * dense, "{name}: {level} takes {sparse} s, dense {dense} s");
        }
        // Two of four help the forward pass alone.
        let two_four = seconds(Way::TwoFour);
        assert!(two_four < dense && two_four > 0.8 * dense, "{name}: {two_four} {dense}");
    }
}

#[test]
fn a_step_does_what_the_model_asks_for_and_more_gpus_take_less() {
    let model = load_workload("llama2-7b", &[]).unwrap().spec.model;
    let (device, tokens) = (device("h100-sxm"), 4096);
    let lay = |gpus, again| {
        let wanted = Wanted {
            gpus,
            sharding: Sharding::All,
            sequences: None,
            batch: Some(64),
            again,
            way: Way::Dense,
        };
        lay_out(&wanted, Bytes(2), &device, |sequences| TrainGraph::build(&model, sequences, tokens)).unwrap()
    };
    let one = lay(1, Again::Block);
    assert!(one.layout.gpus > 1, "108 GB of states do not fit 80 GB");
    let mut last = one.step.time.0;
    for gpus in [8, 16, 32, 64] {
        let laid = lay(gpus, Again::Block);
        assert_eq!(laid.layout.gpus, gpus);
        // All sequences are done once, whatever the layout.
        let counted = f64::from(laid.layout.micro_batches * laid.sequences * gpus);
        assert_eq!(counted, 64.0, "{laid:?}");
        assert!(laid.step.time.0 < last, "{gpus}: {} after {last}", laid.step.time.0);
        let watts = laid.step.energy_j / laid.step.time.0 / f64::from(gpus);
        assert!(watts > device.spec.power.static_w && watts <= device.spec.power.board_w, "{watts} W");
        // 6 operations a parameter and token, and attention.
        let least = 6.0 * 6.6e9 * 64.0 * f64::from(tokens);
        let flops = laid.step.flops.as_f64();
        assert!(flops > least && flops < 1.3 * least, "{flops} {least}");
        last = laid.step.time.0;
    }
    assert!(lay(8, Again::Selective).step.time < lay(8, Again::Block).step.time);
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
    let fixed = device.spec.product_fixed_s();
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
