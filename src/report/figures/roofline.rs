//! What each group of ops does in a second, against what arithmetic, SRAM and the wafer's links allow.

use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, LABEL, MARGIN, Mark, fit, ink, text_width};
use super::decades::{Decades, FLOOR, RIGHT, TOP};
use super::palette::{BLUE, DARK_GREY, GREEN, VERMILLION};
use crate::dtype::Dtype;
use crate::record::{OpRow, RunRecord};
use crate::report::format::{percent, si};
use crate::report::groups::largest_groups;

/// Groups that get a line of their own.
const GROUPS: usize = 12;
/// Space between two names, in pixels.
const APART: f64 = LABEL + 3.0;

/// Bytes that bound arithmetic.
struct Roof {
    name: &'static str,
    bytes_per_s: f64,
    color: RGBColor,
    mark: Mark,
}

/// A point of a group: FLOP per byte under one of the roofs.
struct Line {
    name: String,
    flop_per_s: f64,
    intensities: [Option<f64>; 2],
}

/// A group of ops is a level line with a mark for its FLOP per byte of SRAM and one for its FLOP per byte over the edge.
pub(super) fn paint(record: &RunRecord) -> Canvas {
    let machine = Machine::of(record);
    let (lines, step) = (lines(record), step(record));
    let title = format!(
        "The step does {} in a second, {} of the peak",
        si(step.flop_per_s, "FLOP"),
        percent(step.flop_per_s / machine.peak)
    );
    let mut canvas = Canvas::new(
        &title,
        "Products: FLOP per byte touched in SRAM and over the edge. Above its roof: sums in the cache",
    );
    let roofs = machine.roofs();
    key(&mut canvas, &machine, &roofs);
    let all = || lines.iter().chain([&step]);
    let frame = Decades::around(
        all().flat_map(|line| line.intensities).flatten(),
        all().map(|line| line.flop_per_s).chain([machine.peak]),
    );
    frame.draw(&mut canvas, "arithmetic intensity (FLOP per byte)", "FLOP/s of the wafer");
    for roof in &roofs {
        frame.slope(&mut canvas, roof.bytes_per_s, machine.of_format, roof.color);
    }
    frame.level(&mut canvas, machine.of_format, 2);
    frame.level(&mut canvas, machine.peak, 3);
    let names = apart(all().map(|line| frame.y(line.flop_per_s)).collect());
    for (index, (line, name)) in all().zip(names).enumerate() {
        let is_step = index == lines.len();
        let y = frame.y(line.flop_per_s);
        let places = line.intensities.map(|at| at.map(|at| frame.x(at)));
        let Some(first) = places.into_iter().flatten().reduce(f64::min) else { continue };
        canvas.curve(
            vec![(first, y), (RIGHT, y), (RIGHT + 8.0, name), (RIGHT + 12.0, name)],
            ink(if is_step { 0.6 } else { 0.25 }),
            1,
        );
        for (roof, x) in roofs.iter().zip(places) {
            let Some(x) = x else { continue };
            let color = if is_step { BLUE } else { roof.color };
            canvas.mark((x, y), roof.mark, if is_step { 9.0 } else { 6.5 }, color);
        }
        canvas.text((RIGHT + 16.0, name), Anchor::Start, ink(1.0), &fit(&line.name, 140.0, LABEL));
    }
    canvas
}

/// What the machine can do.
struct Machine {
    /// FLOP per second of all datapaths, 16-bit multiply-adds: what utilization is a share of.
    peak: f64,
    /// The same in the formats of the run.
    of_format: f64,
    sram: f64,
    edge: f64,
}

impl Machine {
    /// SRAM for multiply-adds of the run's formats, none of them cached: an operand and a sum read, a sum written.
    fn of(record: &RunRecord) -> Self {
        let (pe, training) = (&record.machine.pe, &record.workload.training);
        let second = record.summary.pe_count as f64 * record.machine.fabric.clock.0 as f64;
        let (operand, sum) = formats(record);
        let fma = match (training.precision, sum) {
            (Dtype::Fp32, _) => pe.simd.fma_32,
            (_, Dtype::Fp32) => pe.simd.fma_16_32,
            _ => pe.simd.fma_16,
        };
        let sum = sum.bytes().as_f64();
        let cycles = (operand + sum) / pe.sram_read_bytes_per_cycle + sum / pe.sram_write_bytes_per_cycle;
        Self {
            peak: 2.0 * pe.simd.fma_16 * second,
            of_format: 2.0 * fma * second,
            sram: (operand + 2.0 * sum) / cycles * second,
            edge: record.machine.io.bandwidth_gbit_per_s * 1e9 / 8.0,
        }
    }

    fn roofs(&self) -> [Roof; 2] {
        [
            Roof { name: "SRAM", bytes_per_s: self.sram, color: VERMILLION, mark: Mark::Square },
            Roof { name: "edge of the wafer", bytes_per_s: self.edge, color: GREEN, mark: Mark::Triangle },
        ]
    }
}

/// Bytes of an operand, and the format of sums in SRAM.
fn formats(record: &RunRecord) -> (f64, Dtype) {
    let precision = record.workload.training.precision;
    (precision.bytes().as_f64(), record.machine.numerics.accumulate.unwrap_or(precision))
}

/// The groups that do products, most cycles first.
fn lines(record: &RunRecord) -> Vec<Line> {
    let clock = record.machine.fabric.clock.0 as f64;
    let groups = largest_groups(record, usize::MAX);
    let products = groups.iter().filter(|group| group.flops > 0.0 && group.cycles > 0.0).take(GROUPS);
    products
        .map(|group| Line {
            name: group.name.clone(),
            flop_per_s: group.flops / group.cycles * clock,
            intensities: [touched(record), over(group.flops, group.bytes_in.max(group.bytes_out))],
        })
        .collect()
}

/// The work of the model, over the time of the step.
fn step(record: &RunRecord) -> Line {
    let sum = |of: fn(&OpRow) -> f64| record.ops.iter().map(of).sum::<f64>();
    let edge = sum(|op| op.bytes_in.as_f64()).max(sum(|op| op.bytes_out.as_f64()));
    let flops = record.summary.flops_effective.as_f64();
    Line {
        name: "whole step".to_owned(),
        flop_per_s: flops / record.summary.step_seconds.max(f64::MIN_POSITIVE),
        intensities: [touched(record), over(flops, edge)],
    }
}

/// Two operations for an operand and a sum read, and the sum written.
fn touched(record: &RunRecord) -> Option<f64> {
    let (operand, sum) = formats(record);
    over(2.0, operand + 2.0 * sum.bytes().as_f64())
}

fn over(flops: f64, bytes: f64) -> Option<f64> {
    (bytes > 0.0 && flops > 0.0).then(|| flops / bytes)
}

/// What marks and lines stand for.
fn key(canvas: &mut Canvas, machine: &Machine, roofs: &[Roof; 2]) {
    let mut x = MARGIN;
    for roof in roofs {
        canvas.mark((x + 6.0, 77.0), roof.mark, 6.5, roof.color);
        let name = format!("{}, {}", roof.name, si(roof.bytes_per_s, "B/s"));
        canvas.text((x + 18.0, 77.0), Anchor::Start, ink(1.0), &name);
        x += 18.0 + text_width(&name, LABEL) + 16.0;
    }
    canvas.line((x, 77.0), (x + 16.0, 77.0), DARK_GREY.into(), 3);
    let mut name = format!("peak, {}", si(machine.peak, "FLOP/s"));
    if machine.of_format < machine.peak {
        name += &format!("; {} in this format", si(machine.of_format, ""));
    }
    canvas.text((x + 22.0, 77.0), Anchor::Start, ink(1.0), &name);
}

/// Places for names as near to their lines as they may be without touching each other or leaving the figure.
fn apart(lines: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by(|&a, &b| lines[a].total_cmp(&lines[b]));
    let mut names = lines;
    let mut free = TOP;
    for &line in &order {
        names[line] = names[line].max(free);
        free = names[line] + APART;
    }
    let mut free = FLOOR;
    for &line in order.iter().rev() {
        names[line] = names[line].min(free);
        free = names[line] - APART;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_distance() {
        let names = apart(vec![200.0, 200.0, 201.0, FLOOR, FLOOR + 90.0]);
        let mut sorted = names.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= APART), "{names:?}");
        assert!(sorted.iter().all(|y| (TOP..=FLOOR).contains(y)), "{names:?}");
    }
}
