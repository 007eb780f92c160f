//! The frame that most figures share: labelled rows over one horizontal axis.

use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, HEIGHT, LABEL, MARGIN, WIDTH, fit, ink, text_width};

/// Rows of bars over an axis from 0.
pub(super) struct Rows {
    left: f64,
    right: f64,
    top: f64,
    row_height: f64,
    maximum: f64,
}

/// What the horizontal axis shows.
pub(super) struct Axis<'a> {
    /// Quantity and unit.
    pub(super) title: &'a str,
    /// Largest value that must fit.
    pub(super) maximum: f64,
    /// How a tick is written.
    pub(super) tick: &'a dyn Fn(f64) -> String,
}

impl Rows {
    /// Draws the axis, its grid and the label of each row. `top` is where the rows begin, `after` the space
    /// to leave at the right for values beside the bars.
    pub(super) fn new(canvas: &mut Canvas, labels: &[String], top: f64, after: f64, axis: &Axis<'_>) -> Self {
        const LARGEST_LABEL: f64 = 240.0;
        const LARGEST_ROW: f64 = 44.0;
        let widest = labels.iter().map(|label| text_width(label, LABEL)).fold(0.0, f64::max);
        let left = MARGIN + widest.min(LARGEST_LABEL) + 10.0;
        let bottom = HEIGHT - 56.0;
        let row_height = ((bottom - top) / labels.len().max(1) as f64).min(LARGEST_ROW);
        let maximum = if axis.maximum.is_finite() && axis.maximum > 0.0 { axis.maximum } else { 1.0 };
        let rows = Self { left, right: WIDTH - MARGIN - after, top, row_height, maximum };

        let floor = top + row_height * labels.len().max(1) as f64;
        for tick in ticks(maximum) {
            let x = rows.x(tick);
            canvas.line((x, top), (x, floor), ink(0.15), 1);
            canvas.text((x, floor + 14.0), Anchor::Middle, ink(0.75), &(axis.tick)(tick));
        }
        canvas.line((left, top), (left, floor), ink(1.0), 1);
        canvas.text(((left + rows.right) / 2.0, floor + 36.0), Anchor::Middle, ink(1.0), axis.title);
        for (index, label) in labels.iter().enumerate() {
            let at = (left - 8.0, rows.middle(index));
            canvas.text(at, Anchor::End, ink(1.0), &fit(label, LARGEST_LABEL, LABEL));
        }
        if labels.is_empty() {
            canvas.text(
                ((left + rows.right) / 2.0, rows.middle(0)),
                Anchor::Middle,
                ink(0.75),
                "nothing to show",
            );
        }
        rows
    }

    /// Where `value` is on the axis, in pixels.
    pub(super) fn x(&self, value: f64) -> f64 {
        self.left + (self.right - self.left) * value / self.maximum
    }

    /// Middle of a row, in pixels.
    pub(super) fn middle(&self, row: usize) -> f64 {
        self.top + self.row_height * (row as f64 + 0.5)
    }

    /// Half the height of a bar, in pixels.
    pub(super) fn half_bar(&self) -> f64 {
        self.row_height * 0.36
    }

    /// A bar from `from` to `to` in the units of the axis.
    pub(super) fn bar(&self, canvas: &mut Canvas, row: usize, from: f64, to: f64, color: RGBColor) {
        let (middle, half) = (self.middle(row), self.half_bar());
        canvas.fill((self.x(from), middle - half), (self.x(to), middle + half), color);
    }

    /// A text right of `value`.
    pub(super) fn beside(&self, canvas: &mut Canvas, row: usize, value: f64, text: &str) {
        canvas.text((self.x(value) + 6.0, self.middle(row)), Anchor::Start, ink(1.0), text);
    }

    /// Lower end of the rows, in pixels.
    pub(super) fn floor(&self, rows: usize) -> f64 {
        self.top + self.row_height * rows.max(1) as f64
    }
}

/// Four to nine round values from 0 to at most `maximum`.
pub(super) fn ticks(maximum: f64) -> Vec<f64> {
    let power = 10f64.powf((maximum / 4.0).log10().floor());
    let step =
        [5.0, 2.0, 1.0].into_iter().map(|k| k * power).find(|step| maximum / step >= 4.0).unwrap_or(power);
    if !step.is_finite() || step <= 0.0 {
        return vec![0.0];
    }
    (0..=9).map(|k| f64::from(k) * step).take_while(|tick| *tick <= maximum * 1.000_001).collect()
}

/// Coloured squares with their names in one or more lines; returns where the next thing may begin.
pub(super) fn legend(canvas: &mut Canvas, entries: &[(&str, RGBColor)], top: f64) -> f64 {
    let (mut x, mut y) = (MARGIN, top);
    for (name, color) in entries {
        let name = fit(name, 200.0, LABEL);
        let width = 16.0 + text_width(&name, LABEL) + 18.0;
        if x + width > WIDTH - MARGIN && x > MARGIN {
            (x, y) = (MARGIN, y + 18.0);
        }
        canvas.fill((x, y - 5.0), (x + 11.0, y + 6.0), *color);
        canvas.text((x + 16.0, y), Anchor::Start, ink(1.0), &name);
        x += width;
    }
    y + 18.0
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(2.4), [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(ticks(8.0), [0.0, 2.0, 4.0, 6.0, 8.0]);
        for maximum in [1e-9, 0.03, 1.0, 7.3, 9.99, 123.0, 8e18] {
            let count = ticks(maximum).len();
            assert!((4..=10).contains(&count), "{maximum}: {count}");
        }
    }
}
