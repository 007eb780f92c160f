//! What a change of the machine would buy: the step again, with one number of the machine twice as good.
//!
//! The mapping is chosen anew each time, as an architect would: a larger SRAM is of no use to a step that does not
//! fill it. Area and clock are left out: more of them is always more.

use crate::run::RunError;
use crate::simulate::Known;
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
use crate::study::{StudyStep, step};
use crate::units::{Bytes, Cycles};

/// One number, or numbers of one kind, of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// Key in the machine's file.
    pub key: &'static str,
    /// What is done to it.
    pub what: &'static str,
    apply: fn(&mut WaferSpec),
}

/// All that are tried.
pub const CHANGES: [Change; 15] = [
    change("io.bandwidth_gbit_per_s", "twice", |m| m.io.bandwidth_gbit_per_s *= 2.0),
    change("io.prefetch_mib", "twice", |m| m.io.prefetch = Bytes(m.io.prefetch.0 * 2)),
    change("store.update_gbyte_per_s", "twice", |m| m.store.update_gbyte_per_s *= 2.0),
    change("pe.sram_kib", "twice", |m| m.pe.sram = Bytes(m.pe.sram.0 * 2)),
    change("pe.sram_{read,write}_bytes_per_cycle", "twice", |m| {
        m.pe.sram_read_bytes_per_cycle *= 2.0;
        m.pe.sram_write_bytes_per_cycle *= 2.0;
    }),
    change("pe.cache_bytes", "twice", |m| m.pe.cache = Bytes(m.pe.cache.0 * 2)),
    change("pe.simd.fma_*", "twice", |m| {
        m.pe.simd.fma_16 *= 2.0;
        m.pe.simd.fma_16_32 *= 2.0;
        m.pe.simd.fma_32 *= 2.0;
    }),
    change("pe.simd.add_*", "twice", |m| {
        m.pe.simd.add_16 *= 2.0;
        m.pe.simd.add_16_32 *= 2.0;
        m.pe.simd.add_32 *= 2.0;
    }),
    change("pe.simd.special_elements_per_cycle", "twice", |m| m.pe.simd.special *= 2.0),
    change("pe.overhead.weight_trigger_cycles", "half", |m| halve(&mut m.pe.overhead.weight_trigger_cycles)),
    change("pe.overhead.control_task_cycles", "half", |m| halve(&mut m.pe.overhead.control_task_cycles)),
    change("pe.overhead.{add,fma,move}_setup_cycles", "half", |m| {
        halve(&mut m.pe.overhead.add_setup_cycles);
        halve(&mut m.pe.overhead.fma_setup_cycles);
        halve(&mut m.pe.overhead.move_setup_cycles);
    }),
    change("fabric.hop_latency_cycles", "half", |m| halve(&mut m.fabric.hop_latency_cycles)),
    change("fabric.router_buffer_wavelets", "twice", |m| m.fabric.router_buffer_wavelets *= 2),
    change("pe.input_queue_wavelets", "twice", |m| {
        m.pe.input_queue_wavelets.iter_mut().for_each(|depth| *depth *= 2);
    }),
];

const fn change(key: &'static str, what: &'static str, apply: fn(&mut WaferSpec)) -> Change {
    Change { key, what, apply }
}

/// Half as many cycles, one at least.
fn halve(cycles: &mut u32) {
    *cycles = (*cycles / 2).max(1);
}

/// A step with a change.
#[derive(Clone, Debug)]
pub struct Gain {
    /// The change.
    pub change: Change,
    /// Cycles of the step with it.
    pub cycles: Cycles,
    /// Cycles of the step without it over that.
    pub speedup: f64,
}

/// What each change buys.
#[derive(Clone, Debug)]
pub struct Bottleneck {
    /// Cycles of the step on the machine as it is.
    pub cycles: Cycles,
    /// The changes, the best first.
    pub gains: Vec<Gain>,
}

/// Simulate the step on the machine as it is, and with each change. `progress` is told how many of how many are done.
///
/// # Errors
/// [`RunError`]
pub fn bottleneck(
    workload: &WorkloadSpec,
    machine: &WaferSpec,
    progress: &dyn Fn(usize, usize),
) -> Result<Bottleneck, RunError> {
    let cycles = |step: StudyStep| Cycles(step.timeline.cycles);
    let known = Known::default();
    let before = cycles(step(workload, machine, &known)?);
    let mut gains = Vec::new();
    for change in CHANGES {
        let mut changed = machine.clone();
        (change.apply)(&mut changed);
        let after = cycles(step(workload, &changed, &known)?);
        gains.push(Gain { change, cycles: after, speedup: before.as_f64() / after.as_f64() });
        progress(gains.len(), CHANGES.len());
    }
    gains.sort_by(|a, b| b.speedup.total_cmp(&a.speedup));
    Ok(Bottleneck { cycles: before, gains })
}

impl Bottleneck {
    /// As a table, with a sentence that names the three that help most.
    pub fn text(&self, workload: &str, machine: &str) -> String {
        let helpful: Vec<String> = self
            .gains
            .iter()
            .take(3)
            .filter(|gain| gain.speedup > 1.0005)
            .map(|gain| format!("{} ({}): {:.3}x", gain.change.key, gain.change.what, gain.speedup))
            .collect();
        let helpful = if helpful.is_empty() { "none of these".to_owned() } else { helpful.join("; ") };
        let mut text = format!(
            "{workload} on {machine}: a step takes {}; what would help most: {helpful}\n\n{:42} {:>6} {:>16} {:>9}\n",
            self.cycles, "number of the machine", "", "cycles", "speedup"
        );
        for gain in &self.gains {
            text += &format!(
                "{:42} {:>6} {:>16} {:>8.3}x\n",
                gain.change.key, gain.change.what, gain.cycles.0, gain.speedup
            );
        }
        text + "\nEach line is a step of its own, simulated with one block for all that are like it, on the mapping that is \
                best with the change. Area and clock are left out.\n"
    }
}
