//! Masks as a table for people, and as JSON for scripts.

use super::{Imbalance, Row, Spread, Stats};

const FOOT: &str = "
spread     standard deviation over that of a uniform mask of the same density: 1.00 is as even as chance
busiest    non-zeros of the busiest fabric column over the mean of all, weight row by weight row, and what that
           costs against a uniform mask of the same density
";

impl Stats {
    /// As JSON, with a newline at its end.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).map_or_else(|_| String::new(), |json| json + "\n")
    }

    /// As a table: every tensor, then every target over all layers, then all.
    pub fn text(&self) -> String {
        let Self { workload, machine, columns, .. } = self;
        let mut text =
            format!("{workload} over {columns} columns of {machine}\n{}\n\n{}", self.masks, head());
        let mut layer = None;
        for row in &self.tensors {
            // A gap between layers.
            if layer.is_some() && layer != row.layer {
                text.push('\n');
            }
            layer = row.layer;
            text.push_str(&line(row));
        }
        text.push_str(&format!("\n{}\n", "-".repeat(head().lines().last().map_or(0, str::len))));
        for row in self.targets.iter().chain([&self.total]) {
            text.push_str(&line(row));
        }
        text.push_str(FOOT);
        text
    }
}

fn head() -> String {
    let spread = format!("{:>6} {:>7} {:>7} {:>7}", "min", "mean", "max", "spread");
    let [output, input] = ["non-zeros of an output", "non-zeros of an input"];
    format!(
        "{:36}  {output:^30}  {input:^30}  {:>26}\n{:10} {:>14} {:>10}  {spread}  {spread}  {:>14}  {:>14}\n",
        "", "busiest fabric column", "tensor", "out x in", "kept", "forward", "gradient"
    )
}

fn line(row: &Row) -> String {
    let name = match (row.layer, row.target) {
        (Some(layer), Some(target)) => format!("{layer:>3}  {target}"),
        _ => format!("all  {}", if row.target.is_some() { &row.name } else { "" }),
    };
    let shape = row.shape.map_or_else(String::new, |(outs, ins)| format!("{outs:>6} x {ins}"));
    let line = format!(
        "{name:10} {shape:16} {:>6.2} %  {}  {}  {}  {}",
        100.0 * row.density,
        spread(&row.by_row),
        spread(&row.by_column),
        imbalance(&row.forward),
        imbalance(&row.input_gradient)
    );
    format!("{}\n", line.trim_end())
}

fn spread(of: &Spread) -> String {
    format!("{:>6} {:>7.1} {:>7} {:>7.2}", of.min, of.mean, of.max, of.ratio())
}

fn imbalance(of: &Imbalance) -> String {
    // Adding zero turns a rounded -0.0 into +0.0.
    format!("{:>5.2} {:>+6.1} %", of.mask, (1000.0 * of.cost).round() / 10.0 + 0.0)
}
