//! Maps of cells as PNG inside of an SVG: a byte a cell, whatever the size on the page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plotters::prelude::ViridisRGB;
use plotters::style::RGBColor;

use crate::report::ReportError;

/// Colours of a scale.
const SHADES: usize = 64;

/// An image of a byte a pixel, and the colour that each byte stands for.
pub(super) struct Raster {
    width: usize,
    palette: Vec<RGBColor>,
    pixels: Vec<u8>,
}

impl Raster {
    /// Cells of the colours that `palette` has at their indices; at most 256 colours.
    pub(super) fn of_indices(width: usize, palette: &[RGBColor], cells: impl Iterator<Item = usize>) -> Self {
        let last = palette.len().saturating_sub(1).min(255);
        Self { width, palette: palette.to_vec(), pixels: cells.map(|cell| cell.min(last) as u8).collect() }
    }

    /// Cells between `low` and `high` on a scale that grows brighter, also in print and for the colour-blind; `None` is
    /// drawn in `empty`.
    pub(super) fn of_scale(
        width: usize,
        (low, high): (f64, f64),
        empty: RGBColor,
        cells: impl Iterator<Item = Option<f64>>,
    ) -> Self {
        let palette: Vec<RGBColor> =
            (0..SHADES).map(|at| shade(at as f64 / (SHADES - 1) as f64)).chain([empty]).collect();
        let index = |cell: Option<f64>| match cell {
            Some(value) => {
                (((value - low) / (high - low)).clamp(0.0, 1.0) * (SHADES - 1) as f64).round() as usize
            }
            None => SHADES,
        };
        Self::of_indices(width, &palette, cells.map(index))
    }

    /// The scale itself, from left to right.
    pub(super) fn scale() -> Self {
        Self::of_scale(
            SHADES,
            (0.0, 1.0),
            shade(0.0),
            (0..SHADES).map(|at| Some(at as f64 / (SHADES - 1) as f64)),
        )
    }

    /// As a `data:` address.
    ///
    /// # Errors
    /// [`ReportError::Figure`] where the encoder refuses it.
    pub(super) fn address(&self, figure: &'static str) -> Result<String, ReportError> {
        let fault = |cause: png::EncodingError| ReportError::Figure { figure, cause: cause.to_string() };
        let height = self.pixels.len() / self.width.max(1);
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, height as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(
            self.palette.iter().flat_map(|color| [color.0, color.1, color.2]).collect::<Vec<u8>>(),
        );
        let mut writer = encoder.write_header().map_err(fault)?;
        writer.write_image_data(&self.pixels[..self.width * height]).map_err(fault)?;
        writer.finish().map_err(fault)?;
        Ok(format!("data:image/png;base64,{}", STANDARD.encode(bytes)))
    }
}

/// Viridis, without its darkest end: figures stand on dark pages too.
fn shade(share: f64) -> RGBColor {
    ViridisRGB::get_color_normalized(0.08 + 0.92 * share, 0.0, 1.0)
}
