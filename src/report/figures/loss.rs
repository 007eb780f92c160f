//! Losses of trainings side by side: by step, and by the time that the machine would have taken.

use plotters::style::{Color, RGBColor};

use super::canvas::{Anchor, Canvas, HEIGHT, MARGIN, WIDTH, ink};
use super::palette::{BLUE, GREY, VERMILLION};
use super::rows::{legend, ticks};
use crate::report::ReportError;
use crate::report::format::{si_tick, tick as tick_text};

/// The loss of every step of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct LossCurve {
    /// For tables: one word.
    pub name: String,
    /// For the legend.
    pub label: String,
    /// Nats a token, step by step.
    pub losses: Vec<f64>,
    /// When each step ends, in seconds of the machine.
    pub seconds: Vec<f64>,
}

const TOP: f64 = 118.0;
const FLOOR: f64 = HEIGHT - 56.0;
const LEFT: f64 = MARGIN + 44.0;
const GAP: f64 = 64.0;
const PANEL: f64 = (WIDTH - MARGIN - LEFT - GAP) / 2.0;
const COLORS: [RGBColor; 3] = [GREY, BLUE, VERMILLION];
/// The first training is what the others are held against: a broad band behind them.
const STROKES: [u32; 3] = [5, 2, 2];

/// Two panels: losses over steps, and over simulated time. Each loss is drawn as the mean over the steps around it.
///
/// # Errors
/// [`ReportError::Figure`] where the drawing library fails.
pub fn losses(title: &str, curves: &[LossCurve]) -> Result<String, ReportError> {
    let steps = curves.iter().map(|curve| curve.losses.len()).max().unwrap_or(0);
    let window = (steps / 20).max(1);
    let smooth: Vec<Vec<f64>> = curves.iter().map(|curve| means(&curve.losses, window)).collect();
    let all = || smooth.iter().flatten().copied().filter(|loss| loss.is_finite());
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let (low, high) = if low < high { (low.floor(), high.ceil()) } else { (0.0, 1.0) };
    // A window is as wide as the nearest odd number: as many steps before a step as after it.
    let over = 2 * (window / 2) + 1;
    let each = if over > 1 { format!("the mean over the {over} steps around it") } else { "one step".into() };
    let caption = format!("Loss by step and by simulated time; each point is {each}");
    let mut canvas = Canvas::new(title, &caption);
    let names: Vec<(&str, RGBColor)> = curves
        .iter()
        .zip(COLORS.into_iter().cycle())
        .map(|(curve, color)| (curve.label.as_str(), color))
        .collect();
    legend(&mut canvas, &names, 76.0);
    let y = |loss: f64| FLOOR - (FLOOR - TOP) * (loss - low) / (high - low);
    let longest = |of: &dyn Fn(&LossCurve) -> f64| curves.iter().map(of).fold(0.0, f64::max).max(1e-30);
    let time = longest(&|curve| curve.seconds.last().copied().unwrap_or(0.0));
    let (unit, scale) = if time < 1.0 { ("ms", 1e3) } else { ("s", 1.0) };
    let panels = [
        ("training step".to_owned(), longest(&|curve| curve.losses.len() as f64)),
        (format!("simulated time in {unit}"), time * scale),
    ];
    for (panel, (label, most)) in panels.into_iter().enumerate() {
        let left = LEFT + panel as f64 * (PANEL + GAP);
        let x = |value: f64| left + PANEL * value / most;
        let label_of = if panel == 0 { si_tick } else { tick_text };
        for tick in ticks(most) {
            canvas.line((x(tick), TOP), (x(tick), FLOOR), ink(0.12), 1);
            canvas.text((x(tick), FLOOR + 13.0), Anchor::Middle, ink(0.75), &label_of(tick));
        }
        let mut grid = low;
        while grid <= high {
            canvas.line((left, y(grid)), (left + PANEL, y(grid)), ink(0.12), 1);
            canvas.text((left - 8.0, y(grid)), Anchor::End, ink(0.75), &tick_text(grid));
            grid += if high - low > 2.5 { 1.0 } else { 0.5 };
        }
        canvas.line((left, TOP), (left, FLOOR), ink(1.0), 1);
        canvas.line((left, FLOOR), (left + PANEL, FLOOR), ink(1.0), 1);
        canvas.text((left, TOP - 14.0), Anchor::Start, ink(1.0), "cross-entropy in nats a token");
        canvas.text((left + PANEL / 2.0, FLOOR + 35.0), Anchor::Middle, ink(1.0), &label);
        let styles = COLORS.into_iter().zip(STROKES).cycle();
        for ((curve, losses), (color, stroke)) in curves.iter().zip(&smooth).zip(styles) {
            let at = |step: usize| {
                let across = if panel == 0 { (step + 1) as f64 } else { curve.seconds[step] * scale };
                (x(across), y(losses[step]))
            };
            let drawn = losses.len().min(curve.seconds.len());
            canvas.curve((0..drawn).map(at).collect(), color.to_rgba(), stroke);
        }
    }
    canvas.render("loss")
}

/// The mean of each value and those up to half a window away.
fn means(values: &[f64], window: usize) -> Vec<f64> {
    let half = window / 2;
    let mean = |at: usize| {
        let around = &values[at.saturating_sub(half)..(at + half + 1).min(values.len())];
        around.iter().sum::<f64>() / around.len() as f64
    };
    (0..values.len()).map(mean).collect()
}
