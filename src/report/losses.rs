//! Losses of trainings as tables.

use super::figures::LossCurve;
use super::format::seconds;
use super::table::csv_text;
use crate::report::ReportError;

/// A line for each step of each training: `recipe,step,seconds,loss`.
///
/// # Errors
/// [`ReportError::Csv`] where the table cannot be written.
pub fn losses_csv(curves: &[LossCurve]) -> Result<String, ReportError> {
    let head = ["recipe", "step", "simulated_seconds", "loss_nats"];
    let lines = curves.iter().flat_map(|curve| {
        curve.losses.iter().zip(&curve.seconds).enumerate().map(|(step, (loss, end))| {
            vec![curve.name.clone(), (step + 1).to_string(), end.to_string(), loss.to_string()]
        })
    });
    csv_text(&head, lines)
}

/// The first and the last losses of each training, and the time that the machine takes for it.
pub fn losses_text(curves: &[LossCurve]) -> String {
    let mut text =
        format!("{:14} {:>7} {:>10} {:>10} {:>14}\n", "recipe", "steps", "first", "last tenth", "simulated");
    for LossCurve { name, losses, seconds: ends, .. } in curves {
        let last = &losses[losses.len() - losses.len().div_ceil(10)..];
        let mean = last.iter().sum::<f64>() / last.len().max(1) as f64;
        let first = losses.first().copied().unwrap_or(f64::NAN);
        let time = seconds(ends.last().copied().unwrap_or(0.0));
        text.push_str(&format!("{name:14} {:>7} {first:>10.3} {mean:>10.3} {time:>14}\n", losses.len()));
    }
    text
}
