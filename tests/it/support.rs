//! Machines and shapes for tests.

use wafersim::dtype::Dtype;
use wafersim::lower::kernel::matmul::{Formats, Shape};
use wafersim::spec::wafer::*;
use wafersim::units::{Bytes, EighthCycles, Hertz};

/// A machine with the queue depths and latencies of a WSE-3.
pub(crate) fn machine() -> WaferSpec {
    WaferSpec {
        name: "test".into(),
        fabric: FabricSpec {
            width_pes: 755,
            height_pes: 1170,
            clock: Hertz::from_mhz(850.0),
            colors: 24,
            hop_latency_cycles: 2,
            link_interval: EighthCycles(9),
            router_buffer_wavelets: 4,
            ramp_latency_cycles: 2,
            switch_positions: 4,
        },
        pe: PeSpec {
            sram: Bytes(48 * 1024),
            reserved: Bytes(8 * 1024),
            sram_banks: 8,
            cache: Bytes(512),
            input_queue_wavelets: vec![8, 8, 4, 4, 4, 4, 4, 4],
            output_queue_wavelets: vec![8; 8],
            microthreads: 8,
            simd: SimdSpec {
                fma_16: 8.0,
                fma_16_32: 4.0,
                fma_32: 0.5,
                add_16: 8.0,
                add_16_32: 4.0,
                add_32: 4.0,
                move_16: 8.0,
                move_32: 4.0,
                special: 1.0,
            },
            sram_read_bytes_per_cycle: 14.8,
            sram_write_bytes_per_cycle: 27.6,
            fabric_wavelets_per_cycle: 2,
            overhead: OverheadSpec {
                move_setup_cycles: 15,
                fill_setup_cycles: 8,
                add_setup_cycles: 9,
                fma_setup_cycles: 16,
                fma_32_setup_cycles: 17,
                weight_trigger_cycles: 2,
                control_task_cycles: 3,
                data_task_cycles: 31,
                local_task_cycles: 3,
                microthread_launch_cycles: 1,
                microthread_start_cycles: 3,
                completion_cycles: 3,
                scalar_cycles: 1,
            },
        },
        numerics: NumericsSpec { accumulate: None, reduce: None },
        io: IoSpec { bandwidth_gbit_per_s: 1200.0, latency_us: 5.0, prefetch: Bytes(64 << 20) },
        power: PowerSpec { system_kw: 23.0 },
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
        tokens,
        inner: vec![inner; usize::from(width)],
        owned: vec![owned; usize::from(width)],
        formats: HALF,
    }
}
