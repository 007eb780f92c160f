//! A list of shapes in pixels, drawn as SVG at the end: painters decide where things go and cannot fail.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::INK;
use crate::report::ReportError;

/// Width of a figure in pixels.
pub(super) const WIDTH: f64 = 800.0;
/// Height that most figures keep within, in pixels; a figure ends below what is drawn.
pub(super) const HEIGHT: f64 = 480.0;
/// Largest height of a figure.
const TALLEST: f64 = 800.0;
/// Space between the frame and what is drawn.
pub(super) const MARGIN: f64 = 24.0;
/// Size of labels in pixels.
pub(super) const LABEL: f64 = 13.0;

/// Which end of a text is at its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    /// The text starts there.
    Start,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    End,
}

/// How a point looks: told apart without colour too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A square.
    Square,
    /// A triangle.
    Triangle,
}

impl Mark {
    /// Corners around a point, with a radius.
    fn corners(self, (x, y): (f64, f64), r: f64) -> Vec<(f64, f64)> {
        match self {
            Self::Square => {
                let r = r * 0.8;
                vec![(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]
            }
            Self::Triangle => vec![(x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)],
        }
    }
}

enum Shape {
    Fill { from: (f64, f64), to: (f64, f64), color: RGBAColor },
    Line { points: Vec<(f64, f64)>, color: RGBAColor, width: u32 },
    Polygon { points: Vec<(f64, f64)>, color: RGBAColor },
    Text { at: (f64, f64), text: String, anchor: Anchor, size: f64, bold: bool, color: RGBAColor },
}

/// An image under the shapes, by its address.
struct Image {
    from: (f64, f64),
    to: (f64, f64),
    address: String,
}

/// The shapes of one figure, in drawing order.
pub(super) struct Canvas {
    shapes: Vec<Shape>,
    images: Vec<Image>,
    title: String,
}

impl Canvas {
    /// A figure with its title, and under it a line that says how to read it.
    pub(super) fn new(title: &str, caption: &str) -> Self {
        let mut canvas = Self { shapes: Vec::new(), images: Vec::new(), title: title.to_owned() };
        let at = |y| (MARGIN, y);
        let title = fit(title, WIDTH - 2.0 * MARGIN, 16.0);
        let bold = Shape::Text {
            at: at(28.0),
            text: title,
            anchor: Anchor::Start,
            size: 16.0,
            bold: true,
            color: ink(1.0),
        };
        canvas.shapes.push(bold);
        canvas.text(at(49.0), Anchor::Start, ink(0.75), &fit(caption, WIDTH - 2.0 * MARGIN, LABEL));
        canvas
    }

    /// A filled rectangle; nothing when it has no area.
    pub(super) fn fill(&mut self, from: (f64, f64), to: (f64, f64), color: RGBColor) {
        self.shapes.push(Shape::Fill { from, to, color: color.to_rgba() });
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: RGBAColor, width: u32) {
        self.curve(vec![from, to], color, width);
    }

    /// Straight lines from point to point, as one stroke.
    pub(super) fn curve(&mut self, points: Vec<(f64, f64)>, color: RGBAColor, width: u32) {
        self.shapes.push(Shape::Line { points, color, width });
    }

    /// A filled outline.
    pub(super) fn area(&mut self, points: Vec<(f64, f64)>, color: RGBColor) {
        self.shapes.push(Shape::Polygon { points, color: color.to_rgba() });
    }

    /// An image, its pixels drawn as they are, under all shapes.
    pub(super) fn image(&mut self, from: (f64, f64), to: (f64, f64), address: String) {
        self.images.push(Image { from, to, address });
    }

    /// Four lines around a rectangle.
    pub(super) fn frame(&mut self, (left, top): (f64, f64), (right, floor): (f64, f64), color: RGBAColor) {
        let corners = [(left, top), (right, top), (right, floor), (left, floor), (left, top)];
        for side in corners.windows(2) {
            self.line(side[0], side[1], color, 1);
        }
    }

    /// A point.
    pub(super) fn mark(&mut self, at: (f64, f64), mark: Mark, radius: f64, color: RGBColor) {
        self.shapes.push(Shape::Polygon { points: mark.corners(at, radius), color: color.to_rgba() });
    }

    /// A label, centred vertically on its point.
    pub(super) fn text(&mut self, at: (f64, f64), anchor: Anchor, color: RGBAColor, text: &str) {
        let text = text.to_owned();
        self.shapes.push(Shape::Text { at, text, anchor, size: LABEL, bold: false, color });
    }

    /// Down to the lowest shape, and a margin.
    fn height(&self) -> f64 {
        let lowest = |shape: &Shape| match shape {
            Shape::Fill { to, .. } => to.1,
            Shape::Line { points, .. } | Shape::Polygon { points, .. } => {
                points.iter().map(|point| point.1).fold(0.0, f64::max)
            }
            Shape::Text { at, size, .. } => at.1 + size / 2.0,
        };
        let drawn = self.shapes.iter().map(lowest).filter(|y| y.is_finite()).fold(0.0, f64::max);
        (drawn + MARGIN * 0.75).ceil().clamp(2.0 * MARGIN, TALLEST)
    }

    /// The figure as SVG, `name` being its file stem. Ink becomes `currentColor`, so that a page decides
    /// whether it is dark or light; the title is repeated for screen readers.
    pub(super) fn render(self, name: &'static str) -> Result<String, ReportError> {
        let mut svg = String::new();
        let fault = |cause: String| ReportError::Figure { figure: name, cause };
        {
            let size = (WIDTH as u32, self.height() as u32);
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            for shape in &self.shapes {
                draw(&area, shape).map_err(|error| fault(error.to_string()))?;
            }
            area.present().map_err(|error| fault(error.to_string()))?;
        }
        let RGBColor(red, green, blue) = INK;
        let svg = svg.replace(&format!("#{red:02X}{green:02X}{blue:02X}"), "currentColor");
        let title = escape(&self.title);
        // Crisp edges: bars that touch show no seam where a page scales the figure.
        let attributes = format!("<svg role=\"img\" aria-label=\"{title}\" shape-rendering=\"crispEdges\" ");
        let svg = svg.replacen("<svg ", &attributes, 1);
        let images: String = self.images.iter().map(element).collect();
        let svg = svg.replacen(">\n", &format!(">\n{images}"), 1);
        Ok(svg.split_inclusive('\n').map(smooth).collect())
    }
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    shape: &Shape,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    match shape {
        Shape::Fill { from, to, color } => {
            let (from, to) = (pixel(*from), pixel(*to));
            if from.0 >= to.0 || from.1 >= to.1 {
                return Ok(());
            }
            area.draw(&Rectangle::new([from, to], color.filled()))
        }
        Shape::Line { points, color, width } => {
            let points: Vec<(i32, i32)> = points.iter().copied().map(pixel).collect();
            area.draw(&PathElement::new(points, color.stroke_width(*width)))
        }
        Shape::Polygon { points, color } => {
            let points: Vec<(i32, i32)> = points.iter().copied().map(pixel).collect();
            area.draw(&Polygon::new(points, color.filled()))
        }
        Shape::Text { at, text, anchor, size, bold, color } => {
            let style = if *bold { FontStyle::Bold } else { FontStyle::Normal };
            let horizontal = match anchor {
                Anchor::Start => HPos::Left,
                Anchor::Middle => HPos::Center,
                Anchor::End => HPos::Right,
            };
            // plotters writes size / 1.24 into the SVG.
            let font = ("sans-serif", size * 1.24).into_font().style(style);
            let style = font.color(color).pos(Pos::new(horizontal, VPos::Center));
            area.draw_text(&printable(text), &style, pixel(*at))
        }
    }
}

/// An image as SVG.
fn element(image: &Image) -> String {
    let ((left, top), (right, floor)) = (pixel(image.from), pixel(image.to));
    format!(
        "<image x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
         image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" href=\"{}\"/>\n",
        (right - left).max(1),
        (floor - top).max(1),
        image.address
    )
}

/// A line of SVG; a stroke with corners and a mark get the smooth edges that crisp bars do without.
fn smooth(line: &str) -> String {
    let corners = line.matches(',').count() > 2;
    if corners && line.starts_with("<polyline ") {
        let attributes = "<polyline shape-rendering=\"auto\" stroke-linejoin=\"round\" ";
        return line.replacen("<polyline ", attributes, 1);
    }
    line.replacen("<polygon ", "<polygon shape-rendering=\"auto\" ", 1)
}

/// Rounded once, here, so that rectangles that share an edge meet without a seam. The clamp keeps a corrupt
/// number from overflowing the backend; NaN becomes 0.
fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    let whole = |value: f64| value.round().clamp(-10_000.0, 10_000.0) as i32;
    (whole(x), whole(y))
}

/// Ink with an opacity: 1 for text, less for what stands back.
pub(super) fn ink(opacity: f64) -> RGBAColor {
    INK.mix(opacity)
}

/// Width that a text takes in pixels, estimated: the viewer chooses the font.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.58
}

/// `text`, cut with an ellipsis to what fits `width` pixels.
pub(super) fn fit(text: &str, width: f64, size: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let room = ((width / (size * 0.58)).floor() as usize).saturating_sub(1);
    let mut cut: String = text.chars().take(room).collect();
    cut.push('…');
    cut
}

/// XML has no control characters, and a label has one line.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn escape(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
